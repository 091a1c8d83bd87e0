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


_ANY = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|h|m|s))+)")


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
