"""One row for each stream of a window: its failures, and how long its answers took."""

from fractions import Fraction
from math import isinf

from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import POOLED, Window
from slo_action.core.stats.latency import LatencyCounter, LatencyState, PercentileConfidence
from slo_action.core.stats.rate_test import RateTest
from slo_action.core.text.quantities import percent_words
from slo_action.core.verdict.window_facts import (
    failure_share,
    failure_share_by_time,
    interval_text,
    trigger_status,
)
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table

_NAME_LIMIT = 120
_QUANTILES = (Fraction(1, 2), Fraction(95, 100), Fraction(99, 100))
_STATES = {
    LatencyState.MET: "✅\u00a0met",
    LatencyState.MISSED: "⚠️\u00a0missed",
    LatencyState.UNPROVEN: "over it, but that may be chance",
    LatencyState.NOT_ENOUGH: "not enough data",
}


def streams_table(window: Window) -> str:
    """Return the failures of each stream, then the latencies of each."""
    return f"{_rates_table(window)}\n\n{_latency_table(window)}"


def _rates_table(window: Window) -> str:
    trigger = percent_words(window.policy.rates.trigger)
    header = ("stream", "failed", "says nothing", "95\u00a0% interval", f"trigger {trigger}")
    rows = [
        _rate_row(t.stream.name, t.rate, t.unusable, window) for t in window.stream_stats.values()
    ]
    if window.pooled:
        silent = sum(t.unusable for t in window.stream_stats.values() if t.stream.is_endpoint)
        rows.append(_rate_row(POOLED, window.pooled, silent, window))
    return table(header, rows)


def _rate_row(name: str, rate: RateTest, silent: int, window: Window) -> tuple[str, ...]:
    trigger = percent_words(window.policy.rates.trigger)
    timed = f"; by time {failure_share_by_time(rate)}" if failure_share_by_time(rate) else ""
    failed = f"{rate.bad} of {rate.valid} ({failure_share(rate)}{timed})"
    return (
        code(shortened(name, _NAME_LIMIT)),
        failed.replace(" %", "\u00a0%"),
        str(silent),
        interval_text(rate).replace(" %", "\u00a0%"),
        markdown(_standing(rate, window, trigger)),
    )


def _standing(rate: RateTest, window: Window, trigger: str) -> str:
    """The column's head names the trigger already."""
    told = trigger_status(rate, window).removeprefix(f"trigger {trigger} ")
    return f"❌ {told}" if rate.breach else told


def _latency_table(window: Window) -> str:
    header = ("stream", "timed", "p50", "p95", "p99", "objective", "cold, not judged")
    return table(header, map(_latency_row, window.stream_stats.values()))


def _latency_row(stats: StreamStats) -> tuple[str, ...]:
    latency = stats.latency
    lost = f", {latency.unanswered} timed out" if latency.unanswered else ""
    return (
        code(shortened(stats.stream.name, _NAME_LIMIT)),
        f"{latency.n}{lost}",
        *(percentile_words(latency, quantile) for quantile in _QUANTILES),
        _objective(stats),
        f"{latency.cold_n}, up to {_milliseconds(latency.cold_max_seconds)}"
        if latency.cold_n
        else "0",
    )


def percentile_words(latency: LatencyCounter, quantile: Fraction) -> str:
    """Return a percentile as firmly as its number of answers allows; `≈` is low confidence."""
    told, seconds = latency.percentile_confidence(quantile), latency.percentile(quantile)
    if told is PercentileConfidence.NONE or seconds is None:
        return "not enough data"
    about = "≈\u00a0" if told is PercentileConfidence.LOW_CONFIDENCE else ""
    return f"{about}{_milliseconds(seconds)}"


def _milliseconds(seconds: float) -> str:
    return "timeout" if isinf(seconds) else f"{1000 * seconds:.0f}\u00a0ms"


def _objective(stats: StreamStats) -> str:
    goal = stats.goal
    if goal is None:
        return "none"
    over = stats.latency.over_limit(goal.limit_seconds)
    allowed = f"{goal.name} &lt; {_milliseconds(goal.limit_seconds)}"
    return f"{allowed}: {_STATES[stats.latency.judge(goal)]} ({over} over)"
