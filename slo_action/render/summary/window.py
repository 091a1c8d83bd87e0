"""What the job summary shows of an observation window: streams, remarks, charts, real traffic."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from slo_action.core.model import Outcome
from slo_action.core.observation.real_traffic import OnNoData, TrafficReading, TrafficVerdict
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import POOLED, Window, WindowEnd
from slo_action.core.stats.latency import LatencyCounter, LatencyState, PercentileConfidence
from slo_action.core.stats.rate_test import RateTest
from slo_action.core.text.quantities import milliseconds_words, percent_words, rounded_percent
from slo_action.core.verdict.window_facts import (
    failure_share,
    failure_share_by_time,
    interval_text,
    trigger_status,
)
from slo_action.render.summary.chart import charts, timeline
from slo_action.render.text.escape import DETAIL_LIMIT, NAME_LIMIT, code, markdown, shortened
from slo_action.render.text.markdown import bullets, paragraphs, table, unbroken

_SENTENCE_LIMIT = 600
_QUANTILES = (Fraction(1, 2), Fraction(95, 100), Fraction(99, 100))
_LATENCIES = ("stream", "answers", "p50", "p95", "p99", "objective", "cold, not judged")
_ENDS = {
    WindowEnd.OVER: "complete",
    WindowEnd.BREACHED: "ended early: the error-rate trigger fired",
    WindowEnd.OUTAGE: "ended early: complete outage",
    WindowEnd.VERSION: "ended early: another version answers",
    WindowEnd.TRAFFIC: "ended early: user traffic fails",
    None: "stopped before its end",
}
_STATES = {
    LatencyState.MET: "✅\u00a0met",
    LatencyState.MISSED: "⚠️\u00a0missed",
    LatencyState.UNPROVEN: "over it, but not significantly",
    LatencyState.NOT_ENOUGH: "not enough data",
}


def window_section(window: Window, *, since: str = "deploy", charted: bool = True) -> str:
    """Return timeline, streams, remarks and charts as Markdown, without a heading.

    `since` names what second zero was. The charts are left out where not `charted`.
    """
    return paragraphs(
        _span(window, since),
        timeline(window, since),
        _rates_table(window),
        table(_LATENCIES, map(_latency_row, window.stream_stats.values())),
        bullets(line for remark in _REMARKS for line in remark(window)),
        charts(window.timeline.buckets(), since) if charted else "",
    )


def _span(window: Window, since: str) -> str:
    answers = sum(sum(stats.outcomes.values()) for stats in window.stream_stats.values())
    failed, valid = window.endpoint_counts
    seconds = window.ended_seconds if window.end else window.ends_seconds
    until = f"{seconds:.0f} s" if window.end else f"{seconds:.0f} s (planned)"
    end = _ENDS[window.end]
    if window.end is WindowEnd.BREACHED and window.ended_seconds >= window.ends_seconds:
        end = "complete; the error-rate trigger fired at its end"
    return (
        f"From {window.begun_seconds:.0f} s to {until} after the {since}, {end}. "
        f"{answers} answers; {failed} of the {valid} that count failed."
    )


def _rates_table(window: Window) -> str:
    trigger = percent_words(window.policy.rates.trigger)
    header = ("stream", "failed", "neutral", "95\u00a0% interval", f"trigger {trigger}")
    stream_stats = window.stream_stats.values()
    rows = [_rate_row(t.stream.name, t.rate, t.unusable, window) for t in stream_stats]
    if window.pooled:
        neutral = sum(t.unusable for t in stream_stats if t.stream.is_endpoint)
        rows.append(_rate_row(POOLED, window.pooled, neutral, window))
    return table(header, rows)


def _rate_row(name: str, rate: RateTest, neutral: int, window: Window) -> tuple[str, ...]:
    trigger = percent_words(window.policy.rates.trigger)
    timed = f"; by time {failure_share_by_time(rate)}" if failure_share_by_time(rate) else ""
    standing = trigger_status(rate, window).removeprefix(f"trigger {trigger} ")
    return (
        _name(name),
        f"{rate.bad} of {rate.valid} ({failure_share(rate)}{timed})".replace(" %", "\u00a0%"),
        str(neutral),
        interval_text(rate).replace(" %", "\u00a0%"),
        markdown(f"❌ {standing}" if rate.breach else standing),
    )


def _latency_row(stats: StreamStats) -> tuple[str, ...]:
    latency = stats.latency
    timeouts = f", {latency.unanswered} timed out" if latency.unanswered else ""
    cold = f"{latency.cold_n}, up to {unbroken(milliseconds_words(latency.cold_max_seconds))}"
    return (
        _name(stats.stream.name),
        f"{latency.n}{timeouts}",
        *(percentile_words(latency, quantile) for quantile in _QUANTILES),
        _objective(stats),
        cold if latency.cold_n else "0",
    )


def percentile_words(latency: LatencyCounter, quantile: Fraction) -> str:
    """Return a percentile as firmly as its number of answers allows; `≈` is low confidence."""
    confidence, seconds = latency.percentile_confidence(quantile), latency.percentile(quantile)
    if confidence is PercentileConfidence.NONE or seconds is None:
        return "not enough data"
    about = "≈ " if confidence is PercentileConfidence.LOW_CONFIDENCE else ""
    return unbroken(f"{about}{milliseconds_words(seconds)}")


def _objective(stats: StreamStats) -> str:
    goal = stats.goal
    if goal is None:
        return "none"
    limit = unbroken(milliseconds_words(goal.limit_seconds))
    over = stats.latency.over_limit(goal.limit_seconds)
    return f"{goal.name} &lt; {limit}: {_STATES[stats.latency.judge(goal)]} ({over} over)"


def _name(stream: str) -> str:
    return code(shortened(stream, NAME_LIMIT))


def _failures(window: Window) -> Iterator[str]:
    for stats in window.stream_stats.values():
        sample = stats.last_failure
        if sample is not None:
            detail = code(shortened(sample.detail, DETAIL_LIMIT))
            yield f"{_name(stats.stream.name)}: last failure {code(sample.outcome)}, {detail}"


def _not_counted(window: Window) -> Iterator[str]:
    for stats in window.stream_stats.values():
        name = _name(stats.stream.name)
        if stats.excused:
            yield (
                f"{name}: {stats.excused} timeouts not counted: the control endpoint did not "
                "answer either."
            )
        if stats.early_failures > 0:
            yield (
                f"{name}: {stats.early_failures} failures not counted: before its first good "
                "answer, or in the grace period."
            )


def _other_version(window: Window) -> Iterator[str]:
    if window.identity.bad:
        version = code(shortened(window.other_version or "unknown", DETAIL_LIMIT))
        yield f"{window.identity.bad} of {window.identity.valid} answers came from {version}."


def _rate_limited(window: Window) -> Iterator[str]:
    stream_stats = window.stream_stats.values()
    if limited := _limits(t for t in stream_stats if not t.stream.is_journey):
        yield f"{limited} answers were 429 Too Many Requests: probing paused after each."
    if limited := _limits(t for t in stream_stats if t.stream.is_journey):
        yield f"{limited} runs of journeys met a 429 Too Many Requests: the journey waited."


def _limits(stream_stats: Iterable[StreamStats]) -> int:
    return sum(stats.outcomes.get(Outcome.RATE_LIMITED, 0) for stats in stream_stats)


def _not_sent(window: Window) -> Iterator[str]:
    if missed := sum(stats.missed for stats in window.stream_stats.values()):
        yield f"{missed} probes were not sent because the runner was late; they do not count."
    if window.rows_left_out:
        yield f"{window.rows_left_out} answers are recorded only as sums."


_REMARKS: tuple[Callable[[Window], Iterator[str]], ...] = (
    _failures,
    _not_counted,
    _other_version,
    _rate_limited,
    _not_sent,
)
"""Failures first, then what was not counted, and why."""

_TRAFFIC = {
    TrafficVerdict.BREACH: "❌ Above the rollback trigger",
    TrafficVerdict.ELEVATED: "⚠️ Above the SLO, not significantly above the trigger",
    TrafficVerdict.FINE: "✅ Within the SLO",
    TrafficVerdict.PRE_EXISTING: "⚠️ Failed as much before the deploy",
    TrafficVerdict.TOO_FEW: "Too few requests to judge; probes decide",
}
_NO_DATA = {
    OnNoData.SYNTHETIC: "No data, so probes alone decide",
    OnNoData.INCONCLUSIVE: "No data, so the result cannot be healthy",
    OnNoData.FAIL: "No data, which this policy counts as a failure",
    OnNoData.PASS: "No data, which this policy counts as a pass",
}


def traffic_section(window: Window) -> str:
    """Return the newest reading of real traffic as Markdown; empty without a source."""
    if not window.readings:
        return ""
    finding, newest = window.traffic, window.readings[-1]
    no_data = _NO_DATA[window.policy.traffic.on_no_data]
    sentence = markdown(shortened(finding.sentence, _SENTENCE_LIMIT))
    numbers = ""
    if newest.requests is not None:
        header = ("newest reading", "state", "failed", "before the deploy", "p95", "lag", "skew")
        numbers = table(header, [_traffic_row(newest)])
    elif finding.verdict is not TrafficVerdict.NO_DATA:
        numbers = "The newest reading has no numbers; the sentence is about the one before it."
    meaning = f"**{_TRAFFIC.get(finding.verdict, no_data)}**: {sentence}."
    return paragraphs("### Real traffic", meaning, numbers)


def _traffic_row(reading: TrafficReading) -> tuple[str, ...]:
    at, newest = reading.at_seconds, reading.newest_scrape_seconds
    p95, skew = reading.p95_seconds, reading.clock_skew_seconds
    return (
        f"at {unbroken(f'{at:.0f} s')}",
        code(reading.state),
        _share(reading.errors, reading.requests),
        _share(reading.errors_before, reading.requests_before),
        "unknown" if p95 is None else unbroken(milliseconds_words(p95)),
        "unknown" if newest is None else unbroken(f"{at - newest:.0f} s"),
        "unknown" if skew is None else unbroken(f"{skew:+.0f} s"),
    )


def _share(errors: float | None, requests: float | None) -> str:
    if errors is None or requests is None:
        return "unknown"
    share = f" ({unbroken(rounded_percent(errors / requests))})" if requests > 0 else ""
    return f"{errors:.0f} of {requests:.0f}{share}"
