"""Text with a unit to exact values. A bare number is refused where a unit matters."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

DURATION_FORMS = "write a duration with a unit, such as 90s, 5m, 1h30m or 500ms"
RATIO_FORMS = "write a ratio such as 99.9% or 0.999"
INSTANT_FORMS = "write a time with its zone, such as 2025-08-23T08:38:00Z"

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_RATIO = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%?)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration; each unit at most once, largest first not required.

    Raises ValueError with the accepted forms.
    """
    cleaned = text.strip().lower()
    if not _DURATION.fullmatch(cleaned):
        raise ValueError(DURATION_FORMS)
    parts = _PART.findall(cleaned)
    if len({unit for _, unit in parts}) != len(parts):
        raise ValueError(DURATION_FORMS)
    try:
        milliseconds = sum(Fraction(number) * _UNITS[unit] for number, unit in parts)
        return timedelta(milliseconds=float(milliseconds))
    except (OverflowError, ValueError):
        raise ValueError(DURATION_FORMS) from None


def parse_ratio(text: str) -> Fraction:
    """Return the exact ratio in [0, 1]; a leading `<` as in `<1%` is allowed.

    Raises ValueError with the accepted forms or with the range.
    """
    match = _RATIO.fullmatch(text.strip().removeprefix("<").strip())
    if match is None:
        raise ValueError(RATIO_FORMS)
    try:
        ratio = Fraction(match["number"]) / (100 if match["percent"] else 1)
    except ValueError:  # Python reads no number of thousands of digits
        raise ValueError(RATIO_FORMS) from None
    if ratio > 1:
        raise ValueError(f"a ratio lies between 0% and 100%; {RATIO_FORMS}")
    return ratio


def parse_confidence(text: str) -> Fraction:
    """Return how sure a judgement must be, a ratio in [0, 0.9999]. Raises ValueError as a ratio."""
    ratio = parse_ratio(text)
    if ratio > _MOST_CONFIDENT:
        raise ValueError("write a confidence up to 99.99%, such as 99%, or 0% for the plain rule")
    return ratio


_MOST_CONFIDENT = Fraction(9999, 10000)


def parse_instant(text: str) -> datetime:
    """Return an aware UTC datetime. Raises ValueError with the accepted form."""
    try:
        instant = datetime.fromisoformat(text.strip())
        utc = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(INSTANT_FORMS) from None
    if instant.tzinfo is None:
        raise ValueError(f"the zone is missing; {INSTANT_FORMS}")
    return utc


def parse_flag(text: str) -> bool:
    """Return a YAML 1.2 boolean. Raises ValueError for anything else."""
    cleaned = text.strip().lower()
    if cleaned not in ("true", "false"):
        raise ValueError("write true or false")
    return cleaned == "true"
