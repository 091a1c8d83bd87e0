"""Durations as Go writes them, such as `1m30s`: fly.toml and the platform's API use them.

Source: time.ParseDuration, without signs. What is absurdly long counts as no duration.
"""

import re
from fractions import Fraction

_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|h|m|s)")
_WHOLE = re.compile(rf"(?:{_PART.pattern}){{1,8}}")
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_SECOND = 1_000_000_000
"""In nanoseconds."""

_ANY = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|h|m|s))+)")


def is_go_duration(value: object) -> bool:
    """Return whether Go reads it at all, be it signed, absurdly long or in both of Go's micros."""
    return isinstance(value, str) and _ANY.fullmatch(value) is not None


def go_seconds(value: object) -> Fraction | None:
    """Return a duration in seconds, exactly; None for anything else."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        return None
    return sum(
        (Fraction(number) * _SECONDS[unit] for number, unit in _PART.findall(value)), Fraction(0)
    )


def go_text(seconds: Fraction) -> str:
    """Return a duration as people write it, such as `90s` or `500ms`; exact to the nanosecond."""
    for unit, per_second in (("s", 1), ("ms", 1000), ("us", 10**6)):
        if (seconds * per_second).denominator == 1:
            return f"{seconds * per_second}{unit}"
    return f"{round(seconds * 10**9)}ns"


def go_printed(value: object) -> object:
    """Return a duration as Go prints it: `1m0s` for `60s`, or for as many nanoseconds.

    What is no duration stays as it is.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return _printed(value) if value >= 0 else value
    seconds = go_seconds(value)
    return value if seconds is None else _printed(round(seconds * _SECOND))


def _printed(nanoseconds: int) -> str:
    """Follow time.Duration.String: the largest unit below a second, else hours to seconds."""
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < 1_000 * size:
            return f"{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    larger = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{larger}{_decimal(rest, _SECOND)}s"


def _decimal(nanoseconds: int, unit: int) -> str:
    whole, rest = divmod(nanoseconds, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
