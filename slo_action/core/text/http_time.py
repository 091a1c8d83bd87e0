"""Times in HTTP headers: dates, and how long to wait before asking again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MOST_DIGITS = 9


def http_date(text: str) -> datetime | None:
    """Return a header's date; None for anything else. One without a zone is UTC."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it is missing or malformed."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return float(text)
    until = http_date(text)
    return None if until is None else max(0.0, (until - now).total_seconds())
