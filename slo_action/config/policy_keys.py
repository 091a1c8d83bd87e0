"""One `policy:` mapping of slo.yml: its keys, and how their values are read."""

from collections.abc import Callable, Mapping
from fractions import Fraction

from slo_action.config.units import parse_duration, parse_ratio
from slo_action.core.facts import OnLateStart


def _text(value: object) -> str:
    """YAML's aliases can make a small file's list endless as text; a flag is no number."""
    fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if fits else ""


def _seconds(value: object) -> float:
    return parse_duration(_text(value)).total_seconds()


def _some_seconds(value: object) -> float:
    seconds = _seconds(value)
    if not seconds:
        raise ValueError("write a duration above zero, such as 90s")
    return seconds


def _ratio(value: object) -> Fraction:
    ratio = parse_ratio(_text(value))
    if not 0 < ratio < 1:
        raise ValueError("write a rate above 0% and below 100%, such as 5%")
    return ratio


def _confidence(value: object) -> float:
    ratio = parse_ratio(_text(value))
    if ratio > Fraction(9999, 10000):
        raise ValueError("write a confidence up to 99.99%, such as 99%, or 0% for the plain rule")
    return float(ratio)


def _on_late_start(value: object) -> OnLateStart:
    try:
        return OnLateStart(_text(value))
    except ValueError:
        raise ValueError(f"write {' or '.join(OnLateStart)}") from None


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("write a whole number above zero")
    return value


KEYS: Mapping[str, Callable[[object], object]] = {
    "health_deadline": _some_seconds,
    "grace": _seconds,
    "observe": _seconds,
    "confidence": _confidence,
    "on_late_start": _on_late_start,
    "outage_after": _some_seconds,
    "min_requests": _count,
}
"""The keys of a `policy:` mapping beside `error_rate`: what reads a value or raises ValueError."""
RATE_KEYS: Mapping[str, Callable[[object], object]] = {
    "slo": _ratio,
    "alert": _ratio,
    "rollback": _ratio,
}
"""The keys of `policy.error_rate`."""
