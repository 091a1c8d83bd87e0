"""The event that started the workflow, as GitHub left it in a file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

Keys = tuple[str, ...]


def told_by_event(event_path: Path | None, ways: Iterable[Keys]) -> str:
    """Return the first text that the event holds at one of these ways; empty where it has none."""
    event = _event(event_path)
    return next(filter(None, (_dig(event, way) for way in ways)), "")


def base_sha(event_path: Path | None) -> str:
    """Return the commit that a change under review is to be merged into; empty without one."""
    return told_by_event(event_path, _BASES)


_BASES = (("pull_request", "base", "sha"), ("merge_group", "base_sha"))


def is_from_fork(event_path: Path | None) -> bool:
    """Tell whether a pull request comes from another repository, whose author may be anybody.

    So may the one of a workflow that runs after another one, on what a pull request made.
    """
    event = _event(event_path)
    pairs = ((_dig(event, theirs), _dig(event, ours)) for theirs, ours in _SIDES)
    return any(bool(ours) and theirs != ours for theirs, ours in pairs)


_SIDES = (
    (("pull_request", "head", "repo", "full_name"), ("pull_request", "base", "repo", "full_name")),
    (
        ("workflow_run", "head_repository", "full_name"),
        ("workflow_run", "repository", "full_name"),
    ),
)


def _event(path: Path | None) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}


def _dig(value: object, keys: Keys) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
