"""What a new slo.yml changes, as text: looser first, counted, and inert whatever a file holds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from slo_action.core.model import Level
from slo_action.core.slo_diff.change import Change, Direction, Limit
from slo_action.core.slo_diff.impact import POLICY, Impact, Unit
from slo_action.render.lint.slo_diff import (
    NO_HISTORY,
    counted,
    impact_text,
    looser_annotation,
    slo_diff_lines,
    slo_diff_section,
    unread_line,
)
from tests.hostile import CANARY, CORPUS, TEXTS
from tests.worlds.rendered import rendered

LOOSER = Change(
    service="shop",
    what="health p95",
    before="500 ms",
    after="800 ms",
    direction=Direction.LOOSER,
    effect="of 100 answers, 5 may take longer",
    limit=Limit(measured="health p95", before=0.5, after=0.8, at_least=False),
)
STRICTER = Change(
    service="",
    what="policy: grace",
    before="30 s (default)",
    after="10 s",
    direction=Direction.STRICTER,
)
NEUTRAL = Change(
    service="shop", what="app", before="shop", after="store", direction=Direction.NEUTRAL
)
CHANGES = (NEUTRAL, STRICTER, LOOSER)
DAYS = Impact(
    service="shop", what="health p95", unit=Unit.DAY, compared=30, only_after=3, only_before=0
)
REPLAYED = replace(DAYS, what=POLICY, unit=Unit.DEPLOY, compared=12, only_after=1, unknown=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((), "no effective change"),
        ((LOOSER,), "1 looser"),
        (CHANGES, "1 looser, 1 stricter, 1 neutral"),
        ((NEUTRAL, NEUTRAL), "2 neutral"),
    ],
)
def test_the_heading_counts_changes_by_direction(changes: tuple[Change, ...], words: str) -> None:
    assert counted(changes) == words
    assert rendered(slo_diff_section("slo.yml", changes)).headings == [f"slo.yml: {words}"]


def test_looser_changes_come_first_and_carry_a_mark() -> None:
    page = rendered(slo_diff_section("slo.yml", CHANGES))

    assert page.rows == [
        ["", "service", "what", "before → after", "means"],
        ["⚠️\u00a0looser", "shop", "health p95", "500\u00a0ms → 800\u00a0ms", LOOSER.effect],
        ["stricter", "whole file", "policy: grace", "30\u00a0s (default) → 10\u00a0s", ""],
        ["neutral", "shop", "app", "shop → store", ""],
    ]


def test_a_number_stays_on_one_line_with_its_unit() -> None:
    change = replace(LOOSER, effect="43.2 min → 3 h 36 min, 5 % of 12 hours, 2 d")
    page = rendered(slo_diff_section("slo.yml", [change]))

    assert page.rows[1][4] == (
        "43.2\u00a0min → 3\u00a0h 36\u00a0min, 5\u00a0% of 12 hours, 2\u00a0d"
    )


def test_what_the_past_says_stands_beside_its_change() -> None:
    page = rendered(slo_diff_section("slo.yml", CHANGES, [DAYS, REPLAYED]))

    assert page.rows[1][4] == (
        "of 100 answers, 5 may take longer; "
        "3 of the last 30 days would have passed only under the new one"
    )
    assert (
        "shop, recorded deploys judged by both policies: 1 of the last 12 verified deploys would "
        "have passed only under the new one; 2 could not be judged"
    ) in page.prose
    assert NO_HISTORY not in page.prose


@pytest.mark.parametrize(
    ("changes", "is_told"), [((LOOSER,), True), ((STRICTER, NEUTRAL), False), ((), False)]
)
def test_that_there_is_no_history_is_reported_where_it_would_matter(
    changes: tuple[Change, ...], *, is_told: bool
) -> None:
    assert (NO_HISTORY in slo_diff_section("slo.yml", changes)) is is_told
    assert (NO_HISTORY in slo_diff_lines("slo.yml", changes)) is is_told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "3 of the last 30 days would have passed only under the new one"),
        (
            {"only_after": 0, "only_before": 2},
            "2 of the last 30 days would have passed only under the old one",
        ),
        ({"only_after": 0}, "the last 30 days would have come out the same"),
        ({"compared": 1, "only_after": 0}, "the last 1 day would have come out the same"),
        (
            {"only_before": 1},
            "3 of the last 30 days would have passed only under the new one, 1 only under the old",
        ),
        ({"compared": 0, "only_after": 0, "unknown": 4}, "4 could not be judged"),
    ],
)
def test_the_past_is_reported_in_a_sentence(changes: dict[str, Any], words: str) -> None:
    assert impact_text(replace(DAYS, **changes)) == words


def test_the_log_has_a_line_for_each_change() -> None:
    assert slo_diff_lines("slo.yml", CHANGES, [DAYS]) == (
        "slo.yml: 1 looser, 1 stricter, 1 neutral",
        f"looser: shop: health p95 500 ms → 800 ms ({LOOSER.effect}; {impact_text(DAYS)})",
        "stricter: whole file: policy: grace 30 s (default) → 10 s",
        "neutral: shop: app shop → store",
    )


def test_one_notice_names_a_few_of_the_looser_changes() -> None:
    (reported,) = looser_annotation("ops/slo.yml", [*CHANGES, *[LOOSER] * 6])

    assert (reported.level, reported.path, reported.title) == (
        Level.NOTICE, "ops/slo.yml", "7 looser than before",
    )  # fmt: skip
    assert reported.message.split("\n") == [
        *["shop: health p95 500 ms → 800 ms"] * 5,
        "and 2 more, in the job summary",
    ]


def test_without_a_looser_change_there_is_no_notice() -> None:
    assert looser_annotation("slo.yml", (STRICTER, NEUTRAL)) == ()


def test_a_base_file_that_cannot_be_read_is_one_line() -> None:
    line = unread_line("slo.yml", "HTTP 403; give the job `permissions: contents: read`")

    assert line == (
        "slo.yml: the changes cannot be shown: HTTP 403; give the job `permissions: contents: read`"
    )


def test_a_file_that_changes_everywhere_has_a_short_section() -> None:
    changes = [LOOSER] * 10_000
    section = slo_diff_section("slo.yml", changes)

    assert len(rendered(section).rows) == 101
    assert "9900 more are in the log." in section
    assert slo_diff_lines("slo.yml", changes)[1001] == "9000 more changes are not shown"


def hostile(text: str) -> Change:
    return replace(LOOSER, service=text, what=text, before=text, after=text, effect=text)


def inert(text: str) -> None:
    """The page has the shape of one with plain words, and nothing of the text acts."""
    replay = replace(REPLAYED, service=text)
    page = rendered(slo_diff_section(text, [hostile(text)], [replay]))
    plain = replace(REPLAYED, service="words")
    shape = rendered(slo_diff_section("words", [hostile("words")], [plain]))

    assert page.elements == shape.elements
    assert [len(row) for row in page.rows] == [len(row) for row in shape.rows]
    assert page.unclosed == []


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_stays_text(text: str) -> None:
    inert(text)


@given(TEXTS)
def test_any_text_stays_text(text: str) -> None:
    inert(text or "x")


def test_long_texts_are_shortened() -> None:
    long = hostile(CANARY * 1000)
    (reported,) = looser_annotation("slo.yml", [long])

    assert len(reported.message) < 1000
    assert len(slo_diff_section("slo.yml", [long])) < 3000
