"""Amounts as people read them, with their unit."""

from datetime import timedelta
from fractions import Fraction

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SHORT_SECONDS = 120
"""Below it people say 90 s, not 1 min 30 s."""
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))


def percent_words(share: Fraction | float) -> str:
    """Return a ratio as a percentage to ten digits: `99.9 %`."""
    return f"{100 * float(share):.10g} %"


def duration_words(duration: timedelta | float) -> str:
    """Return a duration (or seconds) to the microsecond: `500 ms`, `90 s`, `1 h 30 min`."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if 0 < seconds < 1:
        return f"{1000 * seconds:.10g} ms"
    if seconds < _SHORT_SECONDS:
        return f"{seconds:.10g} s"
    parts, rest = [], seconds
    for size, unit in _UNITS:
        whole, rest = divmod(rest, size)
        parts += [f"{whole:.0f} {unit}"] if whole else []
    rest = round(rest, 6)
    return " ".join([*parts, *([f"{rest:.8g} s"] if rest else [])])


def about_minutes(seconds: float) -> str:
    """Return a budget to three digits, from an hour on to the minute: `43.2 min`, `3 h 36 min`."""
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.3g} min"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count_words(count: float) -> str:
    """Return a count with its thousands parted; a part of one to three digits."""
    return f"{round(count):,}" if count >= 1 or not count else f"{count:.3g}"
