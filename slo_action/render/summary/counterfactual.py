"""What would have changed the verdict: computed by judging again with other counts."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial

from slo_action.core.model import Verdict
from slo_action.core.observation.replay import replayed_under
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.record.record import AuditRecord
from slo_action.core.stats.latency import LatencyState
from slo_action.core.stats.rate_test import BreachRule, RateTest
from slo_action.core.text.quantities import milliseconds_words, percent_words
from slo_action.core.verdict.judge import Judgement
from slo_action.core.verdict.window_facts import endpoints, failed_streams, missed_latency
from slo_action.render.text.escape import NAME_LIMIT, code, shortened

_MOST_STREAMS = 6
_MOST_FAILURES = 60
_MOST_ANSWERS = 1 << 12


def counterfactuals(record: AuditRecord) -> tuple[str, ...]:
    """Return sentences as Markdown; none where nothing can be proven."""
    window = record.window
    if window is None or window.end is None:
        return ()
    if _judged(record, window).row != record.judgement.row:  # then other counts prove nothing
        return ()
    if window.end is not WindowEnd.OVER:
        return tuple(_of_a_breach(window))
    if record.judgement.verdict is Verdict.INCONCLUSIVE:
        return tuple(_of_doubt(window))
    if record.judgement.verdict is Verdict.UNHEALTHY:
        return ()
    stream_stats = sorted(endpoints(window), key=lambda stats: -stats.rate.bad)[:_MOST_STREAMS]
    better = [_with_fewer(record, window, stats) for stats in stream_stats]
    worse = [_with_more(record, window, stats) for stats in stream_stats]
    return (
        *_of_latency(record, window),
        *_grouped(stream_stats, better, "Any one"),
        *_grouped(stream_stats, worse, "Any one"),
    )


def _grouped(
    stream_stats: Sequence[StreamStats], sentences: Sequence[str], which: str
) -> Iterator[str]:
    """Return each sentence once, after the names of the streams it is true of."""
    names: dict[str, list[str]] = {}
    for stats, sentence in zip(stream_stats, sentences, strict=True):
        names.setdefault(sentence, []).append(_name(stats))
    for sentence, of in names.items():
        if sentence:
            some = f"{which} of {', '.join(of)}" if len(of) > 1 else of[0]
            yield f"{some}: {sentence}"


def _judged(record: AuditRecord, window: Window) -> Judgement:
    return record.policy.judge(
        record.gate, window=window, recheck=record.recheck, context=record.context
    )


def _with_more(record: AuditRecord, window: Window, stats: StreamStats) -> str:
    """Return at how many more failures the verdict changes, and to which.

    They are taken to come at once: spread out, they may be a breach sooner.
    """
    before = record.judgement.verdict
    steps: list[str] = []
    for more in range(1, min(_MOST_FAILURES, stats.good) + 1):
        change = partial(_add_failures, more, window.ended_seconds)
        verdict = _judged(record, _changed(window, stats, change)).verdict
        if verdict is not before:
            least = "" if verdict is Verdict.UNHEALTHY else "at least "
            failures = f" more failure{'s' * (more > 1)} would have made it"
            steps.append(f"{more}{'' if steps else failures} {least}{code(verdict)}")
        before = verdict
        if verdict is Verdict.UNHEALTHY:
            break
    return f"{', '.join(steps)}." if steps else ""


def _with_fewer(record: AuditRecord, window: Window, stats: StreamStats) -> str:
    if record.judgement.row != "window-slo":
        return ""
    for fewer in range(1, min(_MOST_FAILURES, stats.rate.bad) + 1):
        other = _changed(window, stats, partial(_remove_failures, fewer))
        if _judged(record, other).verdict is Verdict.HEALTHY:
            return f"{fewer} fewer would have left it {code(Verdict.HEALTHY)}."
    return ""


def _remove_failures(fewer: int, rate: RateTest) -> None:
    rate.bad_weight -= fewer * rate.bad_weight / rate.bad
    rate.bad -= fewer


def _of_latency(record: AuditRecord, window: Window) -> Iterator[str]:
    stats = missed_latency(window)
    if record.judgement.row != "window-slow" or stats is None or stats.goal is None:
        return
    limit, latency = stats.goal.limit_seconds, copy(stats.latency)
    over = latency.over_limit(limit)
    for fewer in range(1, over + 1):
        latency.over = {**latency.over, limit: over - fewer}
        if latency.judge(stats.goal) is not LatencyState.MISSED:
            slow = f"{fewer} fewer answers above {milliseconds_words(limit)}"
            yield f"{_name(stats)}: {slow} would not have missed the SLO."
            return


def _add_failures(more: int, at: float, rate: RateTest) -> None:
    """Make the last `more` good answers bad."""
    for _ in range(more):
        rate.valid -= 1
        rate.valid_weight -= 1.0
        rate.squared_weights -= 1.0
        rate.sent(at)
        rate.answered(at, at, bad=True)


def _changed(window: Window, stats: StreamStats, change: Callable[[RateTest], None]) -> Window:
    """Return a window in which `change` has been made to a stream, and to all of them pooled."""
    other, own = copy(window), copy(stats)
    own.rate = deepcopy(stats.rate)
    other.pooled = deepcopy(window.pooled)
    other.stream_stats = {**window.stream_stats, stats.stream.name: own}
    for rate in (own.rate, other.pooled):
        if rate is not None:
            change(rate)
    if other.breached:
        other.end = WindowEnd.BREACHED
    return other


def _of_doubt(window: Window) -> Iterator[str]:
    """Return how many more good answers would have ruled out the trigger."""
    trigger = percent_words(window.policy.rates.trigger)
    stream_stats = endpoints(window)[:_MOST_STREAMS]
    missing = [_enough(stats.rate) for stats in stream_stats]
    refuted = f"more good answers would have ruled out the trigger of {trigger}."
    sentences = [f"{more} {refuted}" if more else "" for more in missing]
    yield from _grouped(stream_stats, sentences, "Each")


def _enough(rate: RateTest) -> int:
    """Return how many more good answers rule it out; 0 where none are needed, or no number does."""
    if _refutes(rate, 0):
        return 0
    counts = range(1, _MOST_ANSWERS + 1)
    index = bisect_left(counts, True, key=partial(_refutes, rate))
    return counts[index] if index < len(counts) else 0


def _refutes(rate: RateTest, more: int) -> bool:
    other = copy(rate)
    other.valid += more
    other.valid_weight += more
    other.squared_weights += more
    return other.refuted_at_end()


def _of_a_breach(window: Window) -> Iterator[str]:
    if window.end is WindowEnd.OUTAGE and not window.breached:
        yield "A good answer from any endpoint in those seconds would have delayed it."
    is_replayable = window.end is WindowEnd.BREACHED and not window.rows_left_out
    rules = {stats.rate.breach.rule for stats in failed_streams(window) if stats.rate.breach}
    if is_replayable and rules and BreachRule.PLAIN not in rules:
        with suppress(LookupError, ValueError):
            yield _by_count_alone(window)


def _by_count_alone(window: Window) -> str:
    """Judge the same answers by the count of failures alone."""
    rates = replace(window.policy.rates, confidence=0.0)
    plain = replayed_under(
        window,
        replace(window.policy, rates=rates),
        grace_seconds=window.grace_seconds,
        ready_by_seconds=window.ready_by_seconds,
    )
    limit = percent_words(rates.trigger)
    rule = f"Without significance (more than {limit} of the planned probes failed), the trigger"
    if plain.end is None or plain.end is WindowEnd.OVER:
        return f"{rule} would not have fired by {window.ended_seconds:.0f} s."
    return f"{rule} would have fired by {plain.ended_seconds:.0f} s."


def _name(stats: StreamStats) -> str:
    return code(shortened(stats.stream.name, NAME_LIMIT))
