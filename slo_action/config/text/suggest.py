"""`did you mean`: the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the known names, led by the nearest one where one is near."""
    ordered = sorted(names)
    near = get_close_matches(name, ordered, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    rest = len(ordered) - _MOST_NAMES
    more = f" and {rest} more" if rest > 0 else ""
    return f"{hint}known: {', '.join(ordered[:_MOST_NAMES]) or 'none'}{more}"


_MOST_NAMES = 60
