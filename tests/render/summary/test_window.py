"""What the summary shows of an observation window."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome
from slo_action.core.observation.policy import WindowPolicy, restored_policy
from slo_action.core.observation.real_traffic import (
    OnNoData,
    TrafficPolicy,
    TrafficReading,
    TrafficState,
    TrafficVerdict,
)
from slo_action.core.observation.window import Window
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.quoting import printable
from slo_action.render.summary.summary import LIMIT_BYTES, summary
from tests.builders import World, always, between, observed, rolled_back, watched
from tests.hostile import CORPUS, TEXTS
from tests.sizes import sized
from tests.worlds.rendered import Page, rendered

OK = always(Outcome.OK)
BURST = {"/api": between(100.0, 104.0)}
CHART = re.compile(r"```mermaid\n(.*?)\n```", re.DOTALL)
_MINUTE = WindowPolicy(length_seconds=60.0)


def text_of(run: AuditRecord) -> str:
    return summary(run, audit_document(run))


def shown(world: World | dict[str, World], **changes: Any) -> Page:
    return rendered(text_of(observed(watched(world, **changes))))


def charts(text: str) -> list[str]:
    return CHART.findall(text)


def numbers(chart: str, series: str) -> list[int]:
    (found,) = re.findall(rf"^    {series} \[(.*)\]$", chart, re.MULTILINE)
    return [int(number) for number in found.split(", ")]


def reading(**changes: Any) -> TrafficReading:
    values: dict[str, Any] = {
        "state": TrafficState.MEASURED,
        "at_seconds": 295.0,
        "detail": "answered",
        "requests": 1840.0,
        "errors": 6.0,
        "p95_seconds": 0.31,
        "newest_scrape_seconds": 287.0,
        "clock_skew_seconds": 2.0,
    }
    return TrafficReading(**{**values, **changes})


def empty_reading() -> TrafficReading:
    return reading(state=TrafficState.UNREACHABLE, requests=None, errors=None, detail="refused")


def with_traffic(*readings: TrafficReading, policy: WindowPolicy | None = None) -> Window:
    window = watched(OK, policy=policy)
    window.readings.extend(readings)
    return window


def test_a_run_without_a_window_has_none_of_its_sections() -> None:
    text = text_of(rolled_back())

    assert not charts(text)
    assert not {"Observation window", "Real traffic", "What would"} & set(rendered(text).headings)


def test_the_window_stands_before_what_the_gate_saw() -> None:
    window = with_traffic(reading())

    assert rendered(text_of(observed(window))).headings[1:5] == [
        "Observation window",
        "What would have changed the verdict",
        "Real traffic",
        "Health gate",
    ]


def test_the_verdict_of_the_gate_alone_is_provisional() -> None:
    expected = "Provisional verdict of the health gate at 10.2 s: <code>healthy</code>."

    assert expected in text_of(observed(watched({"/api": between(60.0, 1e9)})))


def test_the_timeline_has_a_square_for_each_stretch_and_its_seconds() -> None:
    page = shown(BURST)
    answers, latency = page.code[0].splitlines()

    assert answers.removeprefix("answers  ").count("🟩") == 19
    assert answers.count("🟥") == 1
    assert len(latency.removeprefix("latency  ")) == 40
    assert "10 s to 300 s after the deploy, 14.5 s a square" in page.prose
    assert "█ = 100 ms" in page.prose


def test_a_stretch_without_data_is_neither_good_nor_bad() -> None:
    answers, latency = shown(between(150.0, 1e9, Outcome.CACHED)).code[0].splitlines()

    assert answers.endswith("⬜" * 10)
    assert latency.endswith("·" * 20)
    assert "🟥" not in answers


def test_a_window_that_slows_down_is_seen_to() -> None:
    _, latency = shown(OK, took=lambda at: 0.05 if at < 150 else 0.5).code[0].splitlines()

    assert latency.count("▁") > 10
    assert latency.endswith("█" * 10)


def test_the_charts_and_the_table_hold_the_same_numbers() -> None:
    text = text_of(observed(watched(BURST)))
    failed, latency = charts(text)
    header = ["seconds", "good", "failed", "neutral", "median", "slowest"]
    rows = rendered(text).rows
    table = rows[rows.index(header) + 1 :][:20]

    assert numbers(failed, "bar") == [int(row[2]) for row in table]
    assert sum(numbers(failed, "bar")) == 7
    assert numbers(latency, "bar") == [int(row[5].split("\u00a0")[0]) for row in table]
    assert numbers(latency, "line") == [int(row[4].split("\u00a0")[0]) for row in table]


def test_failures_are_drawn_only_where_there_were_any() -> None:
    (chart,) = charts(text_of(observed(watched(OK))))

    assert 'title "Good answers' in chart


@settings(max_examples=sized(8, 50))
@given(st.floats(0.0, 300.0), st.floats(0.0, 300.0), st.sampled_from(Outcome))
def test_every_chart_is_one_that_mermaid_reads(begin: float, end: float, outcome: Outcome) -> None:
    text = text_of(observed(watched(between(begin, end, outcome))))

    for chart in charts(text):
        init, kind, title, horizontal, vertical, *series = chart.split("\n")
        points = re.fullmatch(r'    x-axis "seconds" \[("\d+"(?:, "\d+")*)\]', horizontal)
        assert init.startswith("%%{init: {")
        assert init.endswith("}}}%%")
        assert kind == "xychart-beta"
        assert re.fullmatch(r'    title "[\w :()]+"', title)
        assert re.fullmatch(r'    y-axis "\w+" 0 --> [1-9]\d*', vertical)
        assert points
        for line in series:
            assert re.fullmatch(r"    (bar|line) \[\d+(, \d+)*\]", line)
            assert line.count(",") == points[1].count(",")


def test_a_stream_is_a_row_with_its_counts_and_where_the_trigger_stands() -> None:
    rows = shown(BURST, endpoints=("/api", "health@9080e1")).rows

    assert ["stream", "failed", "neutral", "95\u00a0% interval", "trigger 5 %"] in rows
    (own,) = [row for row in rows if row[0] == "/api" and len(row) == 5]
    assert re.fullmatch(r"\d+ of \d+ \(\d\.\d\u00a0%; by time \d\.\d\u00a0%\)", own[1])
    named = {row[0].replace("\u200b", "") for row in rows if len(row) == 5}
    assert {"health", "health@9080e1", "all endpoints"} <= named


def test_a_breach_stands_out() -> None:
    (own,) = [
        row
        for row in shown({"/api": between(100.0, 1e9)}).rows
        if row[0] == "/api" and len(row) == 5
    ]

    assert own[4].startswith("❌ ")


def test_a_percentile_is_shown_as_firmly_as_its_number_of_answers_allows() -> None:
    page = shown(OK, policy=_MINUTE, begun=10.0)
    (own,) = [row for row in page.rows if row[0] == "health" and len(row) == 7]

    assert own[1:5] == ["74", "50\u00a0ms", "50\u00a0ms", "not enough data"]
    assert own[5] == "p95 < 500\u00a0ms: ✅\u00a0met (0 over)"
    assert own[6] == "1, up to 50\u00a0ms"


@pytest.mark.parametrize(
    ("took", "found"), [(0.6, "⚠️\u00a0missed"), (0.05, "✅\u00a0met")], ids=["slow", "quick"]
)
def test_an_objective_is_shown_as_met_or_missed(took: float, found: str) -> None:
    (own,) = [row for row in shown(OK, took=took).rows if row[0] == "health" and len(row) == 7]

    assert found in own[5]


def test_timeouts_are_shown_beside_the_answers() -> None:
    page = shown({"health": between(100.0, 130.0, Outcome.READ_TIMEOUT)})
    (own,) = [row for row in page.rows if row[0] == "health" and len(row) == 7]

    assert "timed out" in own[1]
    assert own[3] == "timeout"


def test_timeouts_of_the_runners_network_are_listed_as_not_counted() -> None:
    page = shown(
        between(90.0, 1e9, Outcome.CONNECT_TIMEOUT), controlled=True, alive=lambda at: at < 90
    )

    assert "timeouts not counted: the control endpoint did not answer either" in page.prose


@pytest.mark.parametrize(
    ("world", "changes", "words"),
    [
        (between(100.0, 103.0, Outcome.RATE_LIMITED), {}, "429 Too Many Requests"),
        (
            {"journey buy": between(100.0, 150.0, Outcome.RATE_LIMITED)},
            {"endpoints": ("journey buy",)},
            "runs of journeys met a 429 Too Many Requests: the journey waited",
        ),
        (
            between(0.0, 20.0),
            {"grace_seconds": 30.0},
            "failures not counted: before its first good answer",
        ),
        (between(100.0, 101.0, Outcome.WRONG_VERSION), {"version": "v1"}, "answers came from"),
        (BURST, {}, ": last failure "),
    ],
)
def test_what_does_not_count_is_listed(
    world: World | dict[str, World], changes: dict[str, Any], words: str
) -> None:
    assert words in shown(world, **changes).prose


def test_the_minute_after_a_rollback_is_shown_with_the_rollback() -> None:
    run = rolled_back()
    assert run.rollback is not None
    assert run.rollback.verification is not None
    window = watched(OK, policy=restored_policy(WindowPolicy()), begun=1.0)
    verification = replace(run.rollback.verification, window=window)
    text = text_of(replace(run, rollback=replace(run.rollback, verification=verification)))

    after = text.partition("### Rollback")[2]
    assert "after the rollback, complete" in after
    assert not charts(text)


def test_real_traffic_is_shown_with_its_numbers() -> None:
    page = rendered(text_of(observed(with_traffic(reading()))))

    assert "✅ Within the SLO" in page.prose
    assert [
        "at 295\u00a0s",
        "measured",
        "6 of 1840 (0.3\u00a0%)",
        "unknown",
        "310\u00a0ms",
        "8\u00a0s",
        "+2\u00a0s",
    ] in page.rows


def test_a_source_without_data_is_shown_with_what_that_means() -> None:
    found = {
        text_of(observed(with_traffic(empty_reading(), policy=WindowPolicy(traffic=policy))))
        .partition("### Real traffic\n\n")[2]
        .splitlines()[0]
        for policy in (TrafficPolicy(on_no_data=meaning) for meaning in OnNoData)
    }

    assert all(line.startswith("**No data") for line in found)
    assert len(found) == len(OnNoData)


def test_a_newest_reading_without_numbers_does_not_hide_the_one_before() -> None:
    text = text_of(observed(with_traffic(reading(), empty_reading())))

    assert "about the one before it" in text
    assert TrafficVerdict.FINE is with_traffic(reading(), empty_reading()).traffic.verdict


def full_of(text: str) -> AuditRecord:
    """A run whose window says `text` wherever untrusted text can stand."""
    world = {f"/{text}": between(30.0, 33.0), "health": between(40.0, 41.5, Outcome.CACHED)}
    window = watched(
        world,
        policy=_MINUTE,
        endpoints=(f"/{text}", f"health@{text}"),
        detail=text,
        version=printable(text),
        notes=(text,),
    )
    window.other_version = text
    window.readings.append(
        reading(state=TrafficState.NO_SERIES, requests=None, errors=None, detail=text)
    )
    return observed(window)


@cache
def full_page(text: str) -> tuple[str, Page]:
    source = text_of(full_of(text))
    return source, rendered(source)


def is_inert(text: str) -> None:
    (whole, page), (plain_source, plain) = full_page(text), full_page("words")

    assert page.elements == plain.elements
    assert [len(row) for row in page.rows] == [len(row) for row in plain.rows]
    assert page.unclosed == []
    source = whole.partition("<details><summary>Audit")[0]
    assert charts(source) == charts(plain_source)
    assert not re.search(r"https?:|www\.|\w@\w", source.replace("https&#58;", ""))


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_hostile_text_is_inert(number: int) -> None:
    is_inert(CORPUS[number])


@settings(max_examples=sized(5, 50))
@given(TEXTS)
def test_any_text_is_inert(text: str) -> None:
    is_inert(text)


def test_endless_names_fit() -> None:
    run = full_of("x" * 200_000)

    assert len(summary(run, {}).encode()) <= LIMIT_BYTES
    assert rendered(summary(run, {})).unclosed == []
