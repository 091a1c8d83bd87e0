"""`did you mean`: the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the known names, led by the nearest one where one is near."""
    ordered = sorted(names)
    near = get_close_matches(name, ordered, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    rest = len(ordered) - _MOST_NAMES
    more = f" and {rest} more" if rest > 0 else ""
    return f"{hint}known: {', '.join(ordered[:_MOST_NAMES]) or 'none'}{more}"


_MOST_NAMES = 60


def shown_value(value: object, longest: int = 80) -> str:
    """Return a scalar as people wrote it; what is long or could be endless is only named.

    Nothing is ever cut in two: half a secret would pass the scrubber that looks for all of it.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if abs(value) < 10**18 else "a huge number"
    if isinstance(value, str):
        return value if len(value) <= longest else f"a text of {len(value)} characters"
    return "nothing" if value is None else f"a {'list' if isinstance(value, list) else 'mapping'}"
