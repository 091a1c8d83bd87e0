"""The event that started the workflow, as GitHub left it in a file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

Keys = tuple[str, ...]


def first_in_event(event_path: Path | None, ways: Iterable[Keys]) -> str:
    """Return the first text that the event holds at one of these ways; empty where it has none."""
    event = _read(event_path) if event_path else {}
    return next(filter(None, (_dig(event, way) for way in ways)), "")


def base_sha(event_path: Path | None) -> str:
    """Return the commit that a change under review is to be merged into; empty without one."""
    return first_in_event(event_path, _BASES)


_BASES = (("pull_request", "base", "sha"), ("merge_group", "base_sha"))


def is_from_fork(event_path: Path | None) -> bool:
    """Return True if a pull request may come from a fork.

    So may the one of a workflow that runs after another one, on what a pull request made. An event
    that cannot be read, or does not name both repositories, may be such a one. Without an event,
    as on a laptop, there is none.
    """
    if event_path is None:
        return False
    event = _read(event_path)
    if not isinstance(event, Mapping):
        return True
    return any(_may_be_fork(event[kind], *sides) for kind, sides in _SIDES.items() if kind in event)


def _may_be_fork(change: object, theirs: Keys, ours: Keys) -> bool:
    name = _dig(change, theirs)
    return not name or name != _dig(change, ours)


_SIDES: Mapping[str, tuple[Keys, Keys]] = {
    "pull_request": (("head", "repo", "full_name"), ("base", "repo", "full_name")),
    "workflow_run": (("head_repository", "full_name"), ("repository", "full_name")),
}


def _read(path: Path) -> object:
    """Return what the file holds, None where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _dig(value: object, keys: Keys) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
