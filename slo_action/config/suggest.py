"""`did you mean`: the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the known names, led by the nearest one where one is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def shown_value(value: object, limit: int = 80) -> str:
    """Return a scalar as people wrote it, cut; what could be endless is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if abs(value) < 10**18 else "a huge number"
    if not isinstance(value, str):
        return (
            "nothing" if value is None else f"a {'list' if isinstance(value, list) else 'mapping'}"
        )
    return value if len(value) <= limit else f"{value[:limit]}…"
