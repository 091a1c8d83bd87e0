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
    """Tell whether a pull request comes from another repository, whose author may be anybody."""
    event = _event(event_path)
    theirs, ours = (_dig(event, ("pull_request", side, "repo", "full_name")) for side in _SIDES)
    return bool(ours) and theirs != ours


_SIDES = ("head", "base")


def _event(path: Path | None) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}


def _dig(value: object, keys: Keys) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
