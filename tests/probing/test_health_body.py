"""Reading what a health endpoint says of its service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.health_body import BodyHealth, read_health

GOOD, WARN, BAD = BodyHealth.HEALTHY, BodyHealth.DEGRADED, BodyHealth.UNHEALTHY


WORDS: list[tuple[BodyHealth | None, list[object]]] = [
    (GOOD, ["ok", "up", "healthy", "pass", "serving", "OK", " Up ", True]),
    (WARN, ["warn", "degraded", "Degraded"]),
    (BAD, ["fail", "down", "unhealthy", "error", "NOT_SERVING", False]),
    (None, ["", "great", 200, None, [], {}, 1.5]),
]


@pytest.mark.parametrize(
    ("status", "health"), [(word, health) for health, words in WORDS for word in words]
)
def test_the_status_word_decides(status: object, health: BodyHealth | None) -> None:
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


def test_an_unknown_word_leaves_a_note() -> None:
    reading = read_health({"status": "purple"})

    assert reading.notes == ('the body\'s status is "purple", which judges nothing here',)


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
