"""Reading what a health endpoint says of its service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.answer.health_body import read_health, read_page
from slo_action.core.answer.health_words import BodyHealth
from tests.hostile import TEXTS

GOOD, WARN, BAD = BodyHealth.HEALTHY, BodyHealth.DEGRADED, BodyHealth.UNHEALTHY


STATUSES: list[tuple[BodyHealth | None, list[object]]] = [
    (GOOD, ["ok", "up", "healthy", "pass", "serving", "OK", " Up ", True, 200]),
    (WARN, ["warn", "degraded", "Degraded", "purple"]),
    (BAD, ["fail", "down", "unhealthy", "error", "NOT_SERVING", False]),
    (None, ["", None, [], {}, 1.5]),
]


@pytest.mark.parametrize(
    ("status", "health"), [(status, health) for health, statuses in STATUSES for status in statuses]
)
def test_the_status_decides(status: object, health: BodyHealth | None) -> None:
    assert read_health({"status": status}).health is health


@pytest.mark.parametrize(
    ("document", "health"),
    [
        ({"status": "ok", "checks": {"db": "fail"}}, WARN),
        ({"status": "ok", "checks": {"db": "warn"}}, GOOD),
        ({"status": "ok", "checks": {"db": False, "cache": True}}, WARN),
        ({"status": "fail", "checks": {"db": "ok"}}, BAD),
        ({"status": "degraded", "checks": {"db": "fail"}}, WARN),
        ({"checks": {"db": "ok", "cache": "ok"}}, GOOD),
        ({"checks": {"db": "ok", "cache": "warn"}}, WARN),
        ({"checks": {"db": {"status": "fail"}, "cache": "warn"}}, BAD),
        ({"checks": {"db:connections": [{"status": "pass"}, {"status": "fail"}]}}, BAD),
        ({"checks": [{"name": "db", "status": "down"}]}, BAD),
        ({"checks": {"db": {"checks": {"disk": "fail"}}}}, BAD),
        ({"status": "UP", "components": {"db": {"status": "DOWN"}}}, WARN),
        ({"checks": {"db": "purple", "cache": 3}}, None),
        ({"checks": {}}, None),
        ({"checks": "ok"}, None),
        ({"checks": [[[[[["fail"]]]]]]}, None),
        ({"Status": "Unhealthy"}, BAD),
        ({}, None),
        ([], None),
        (None, None),
        ("Healthy", GOOD),
        ("Degraded", WARN),
        ("Hello", None),
    ],
)
def test_the_checks_decide_only_where_the_status_does_not(
    document: object, health: BodyHealth | None
) -> None:
    assert read_health(document).health is health


def test_the_failing_checks_are_named_but_not_all_of_many() -> None:
    checks = dict.fromkeys(("db", "cache", "queue", "mail", "disk"), "fail")

    detail = read_health({"status": "ok", "checks": checks}).detail

    assert '"db", "cache", "queue" and 2 more' in detail


def test_an_unclear_word_is_degraded_and_leaves_a_note_where_the_checks_are_clear() -> None:
    alone = read_health({"status": "purple"})
    beside = read_health({"status": "purple", "checks": {"db": "ok"}})

    words = 'says status "purple", which is not a known status: '
    fix = "assert in slo.yml what it should be"
    assert (alone.health, alone.detail) == (WARN, words + fix)
    note = 'the body says status "purple", which is not a known status'
    assert (beside.health, beside.notes) == (GOOD, (note,))


_KEYS = st.sampled_from(["status", "checks", "name", "components"]) | st.text(max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
    max_leaves=40,
)


@given(_JSON)
def test_no_document_makes_the_reader_raise_or_say_what_cannot_be_written(
    document: object,
) -> None:
    reading = read_health(document)

    "".join((reading.detail, *reading.notes)).encode()
    assert "\n" not in reading.detail


@pytest.mark.parametrize(
    "title",
    [
        "Maintenance",
        "Site Maintenance",
        "Scheduled maintenance",
        "Under maintenance",
        "Down for maintenance",
        "Acme is down for scheduled maintenance.",
        "The site is currently under maintenance",
        "Website under maintenance | Acme",
        "Maintenance mode - Acme",
        "Briefly unavailable for scheduled maintenance. Check back in a minute.",
        "We'll be back soon!",
        "We’ll be right back",
        "We&#8217;ll be back soon!",
        "Acme will be back at 9:00",
        "Service Unavailable",
        "503 Service Temporarily Unavailable",
        "HTTP Status 503 – Service Unavailable",
        "shop.example | 502: Bad gateway",
        "504 Gateway Time-out",
        "Unavailable",
        "This service is temporarily unavailable",
        "Application Error",
        "500 Internal Server Error",
        "Out of service",
    ],
)
def test_a_title_that_says_nothing_but_that_it_is_closed_is_unhealthy(title: str) -> None:
    reading = read_page(f"<!doctype html><title>{title}</title>")

    assert reading.health is BodyHealth.UNHEALTHY
    assert reading.detail.startswith("shows a page titled")


@pytest.mark.parametrize(
    "title",
    [
        "Acme Maintenance Services - home",
        "Maintenance - Acme Car Care",
        "Home | Maintenance & repair",
        "Maintenance plans",
        "Scheduled Maintenance Software | Acme",
        "Acme Scheduled Maintenance",
        "Planned maintenance calendar",
        "Elevators that are never out of service again",
        "How to fix 502 bad gateway in nginx",
        "What an internal server error means",
        "Products unavailable in stores",
        "Shop",
        "",
    ],
)
def test_a_title_that_speaks_of_such_things_is_not(title: str) -> None:
    assert read_page(f"<html><title>{title}</title>").health is None


@given(TEXTS)
def test_no_title_breaks_the_reading_of_a_page(title: str) -> None:
    read_page(f"<html><title>{title}</title>")


@pytest.mark.parametrize("name", ["maintenance_mode", "readOnly", "debug", "feature-x enabled"])
@pytest.mark.parametrize("value", [True, False])
def test_how_something_is_set_is_not_how_it_is(name: str, value: bool) -> None:
    nested = {"checks": {"app": {"checks": {name: value}}}}

    assert read_health({"checks": {name: value}}).health is None
    assert read_health(nested).health is None
    assert read_health({"status": "ok", "checks": {name: value}}).health is GOOD


def test_a_text_of_a_switch_is_read_and_a_truth_value_of_anything_else() -> None:
    assert read_health({"checks": {"maintenance": "fail"}}).health is BAD
    assert read_health({"checks": {"model": False}}).health is BAD
