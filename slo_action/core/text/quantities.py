"""Amounts as text, with their unit: the one place that formats them."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import isinf

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SHORT_SECONDS = 120
"""Below it people say 90 s, not 1 min 30 s."""
_MOSTLY = 0.4
"""A larger share is given in percent: 2 of 3 is no `1 in` anything."""
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))


def percent_words(share: Fraction | float) -> str:
    """Return a ratio as a percentage to ten digits: `99.9 %`."""
    return f"{100 * float(share):.10g} %"


def rounded_percent(share: Fraction | float) -> str:
    """Return a measured ratio as a percentage with one decimal: `34.6 %`."""
    return f"{100 * float(share):.1f} %"


def failed_share(bad: float, valid: float) -> str:
    """Return a share as people say it, to stand before a plural: `1 in 3`, `67 % of`."""
    if bad > _MOSTLY * valid:
        return f"{100 * bad / valid:.0f} % of"
    return f"1 in {valid / bad:.0f}"


def percent_range(low: float, high: float) -> str:
    """Return an interval of ratios with one decimal: `0.4–3.2 %`."""
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def size_words(size_bytes: int) -> str:
    """Return a limit in whole units: `64 KiB`, `8 MiB`."""
    mebi = 1024 * 1024
    return f"{size_bytes // mebi} MiB" if size_bytes >= mebi else f"{size_bytes // 1024} KiB"


def milliseconds_words(seconds: float) -> str:
    """Return a response time in whole milliseconds: `182 ms`; infinity is `timeout`."""
    return "timeout" if isinf(seconds) else f"{1000 * seconds:.0f} ms"


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


def exact_duration(duration: timedelta) -> str:
    """Return a duration as slo.yml writes it, to the microsecond: `90s`, `5.001s`, `2m30s`."""
    if duration < timedelta(seconds=1):
        return f"{_digits(duration / timedelta(milliseconds=1))}ms"
    parts, rest = [], duration
    long = duration >= timedelta(seconds=_SHORT_SECONDS)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")) if long else ():
        whole, rest = divmod(rest, timedelta(seconds=size))
        parts += [f"{whole}{unit}"] if whole else []
    return "".join([*parts, *([f"{_digits(rest.total_seconds())}s"] if rest else [])])


def _digits(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def rounded_duration(seconds: float) -> str:
    """Return a duration as the audit record writes it: `45s`, `1m30s`; below ten seconds `4.3s`."""
    if seconds < 10:  # noqa: PLR2004 - from ten seconds on, tenths are noise
        return f"{seconds:.1f}s".replace(".0s", "s")
    minutes, left = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def instant_text(instant: datetime) -> str:
    """Return a time as whole seconds in UTC: `2025-08-23T08:38:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def about_minutes(seconds: float) -> str:
    """Return a budget to three digits, from an hour on to the minute: `43.2 min`, `3 h 36 min`."""
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.3g} min"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count_words(count: float) -> str:
    """Return a count with its thousands parted; a part of one to three digits."""
    return f"{round(count):,}" if count >= 1 or not count else f"{count:.3g}"
