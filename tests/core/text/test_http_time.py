"""Dates and waits in HTTP headers."""

from datetime import UTC, datetime

import pytest

from slo_action.core.text.http_time import http_date, retry_after_seconds

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 13:00:10 +0100", 10.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 400, None),
        ("\u0663", None),
    ],
)
def test_a_wait_is_a_number_of_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Tue, 24 Nov 2026 12:00:00 -0000") == NOW
    assert http_date("yesterday") is None
