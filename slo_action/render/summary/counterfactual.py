"""What would have changed the verdict: computed by judging again with other counts."""

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
from slo_action.core.text.quantities import percent_words
from slo_action.core.verdict.judge import Judgement, judge
from slo_action.core.verdict.window_facts import (
    endpoints,
    failed_streams,
    missed_latency,
)
from slo_action.render.text.escape import code, shortened

_MOST_STREAMS = 6
_MOST_FAILURES = 60
_MOST_ANSWERS = 1 << 12
_NAME_LIMIT = 120


def otherwise(record: AuditRecord) -> tuple[str, ...]:
    """Return sentences as Markdown; none where nothing can be said that is surely true."""
    window = record.window
    if window is None or window.end is None or not _is_of_counts(record, window):
        return ()
    if window.end is not WindowEnd.OVER:
        return tuple(_of_a_breach(window))
    if record.judgement.verdict is Verdict.INCONCLUSIVE:
        return tuple(_of_doubt(window))
    if record.judgement.verdict is Verdict.UNHEALTHY:
        return ()
    stream_stats = sorted(endpoints(window), key=lambda stats: -stats.rate.bad)[:_MOST_STREAMS]
    worse = (_with_more(record, window, stats) for stats in stream_stats)
    better = (_with_fewer(record, window, stats) for stats in stream_stats)
    told = (
        *_grouped(stream_stats, [*better], "Any one"),
        *_grouped(stream_stats, [*worse], "Any one"),
    )
    return (*_of_slowness(record, window), *told)


def _grouped(
    stream_stats: Sequence[StreamStats], sentences: Sequence[str], which: str
) -> Iterator[str]:
    """Return each sentence once, after the names of the streams it is true of."""
    names: dict[str, list[str]] = {}
    for stats, sentence in zip(stream_stats, sentences, strict=True):
        names.setdefault(sentence, []).append(_name(stats))
    for told, of in names.items():
        if told:
            some = f"{which} of {', '.join(of)}" if len(of) > 1 else of[0]
            yield f"{some}: {told}"


def _is_of_counts(record: AuditRecord, window: Window) -> bool:
    """The same counts must give the same verdict, or others prove nothing of it."""
    return _judged(record, window).row == record.judgement.row


def _judged(record: AuditRecord, window: Window) -> Judgement:
    policy = record.policy
    return judge(
        record.gate,
        rule=policy.rule,
        on_late_start=policy.on_late_start,
        window=window,
        recheck=record.recheck,
        context=record.context,
    )


def _with_more(record: AuditRecord, window: Window, stats: StreamStats) -> str:
    """Tell at how many more failures the verdict gets another one, and which.

    They are taken to come at once: spread out, they may speak for a breach sooner.
    """
    before = record.judgement.verdict
    steps: list[str] = []
    for more in range(1, min(_MOST_FAILURES, stats.good) + 1):
        verdict = _judged(record, _with_failures(window, stats, more)).verdict
        if verdict is not before:
            least = "" if verdict is Verdict.UNHEALTHY else "at least "
            steps.append(f"{more}{'' if steps else _made(more)} {least}{code(verdict)}")
        before = verdict
        if verdict is Verdict.UNHEALTHY:
            break
    return f"{', '.join(steps)}." if steps else ""


def _made(more: int) -> str:
    return f" more failure{'s' if more > 1 else ''} would have made it"


def _with_fewer(record: AuditRecord, window: Window, stats: StreamStats) -> str:
    if record.judgement.row != "window-slo":
        return ""
    for fewer in range(1, min(_MOST_FAILURES, stats.rate.bad) + 1):
        other = _changed(window, stats, partial(_spare, fewer))
        verdict = _judged(record, other).verdict
        if verdict is Verdict.HEALTHY:
            return f"{fewer} fewer would have left it {code(verdict)}."
    return ""


def _spare(fewer: int, rate: RateTest) -> None:
    rate.bad_weight -= fewer * rate.bad_weight / rate.bad
    rate.bad -= fewer


def _of_slowness(record: AuditRecord, window: Window) -> Iterator[str]:
    stats = missed_latency(window)
    if record.judgement.row != "window-slow" or stats is None or stats.goal is None:
        return
    limit, latency = stats.goal.limit_seconds, copy(stats.latency)
    over = latency.over_limit(limit)
    for fewer in range(1, over + 1):
        latency.over = {**latency.over, limit: over - fewer}
        if latency.judge(stats.goal) is not LatencyState.MISSED:
            yield (
                f"{_name(stats)}: {fewer} fewer answers above {1000 * limit:.0f} ms would not "
                "have been a missed SLO."
            )
            return


def _with_failures(window: Window, stats: StreamStats, more: int) -> Window:
    """Return a window in which the last `more` good answers of the stream are bad."""
    return _changed(window, stats, lambda rate: _fail(rate, window.ended_seconds, more))


def _fail(rate: RateTest, at: float, more: int) -> None:
    for _ in range(more):
        rate.valid -= 1
        rate.valid_weight -= 1.0
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
    """Tell how many more good answers would have refuted the trigger."""
    trigger = percent_words(window.policy.rates.trigger)
    stream_stats = endpoints(window)[:_MOST_STREAMS]
    wanted = [_enough(stats.rate) for stats in stream_stats]
    told = [
        f"{more} more good answers would have refuted the trigger of {trigger}." if more else ""
        for more in wanted
    ]
    yield from _grouped(stream_stats, told, "Each")


def _enough(rate: RateTest) -> int:
    """Return how many more good answers refute; 0 where none are needed, or no number does."""
    low, high = 0, 1
    if _refutes(rate, 0):
        return 0
    while not _refutes(rate, high):
        low, high = high, 2 * high
        if high > _MOST_ANSWERS:
            return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _refutes(rate, middle) else (middle, high)
    return high


def _refutes(rate: RateTest, more: int) -> bool:
    other = copy(rate)
    other.valid += more
    other.valid_weight += more
    return other.refuted_at_end()


def _of_a_breach(window: Window) -> Iterator[str]:
    if window.end is WindowEnd.OUTAGE and not window.breached:
        yield "A good answer of any endpoint in those seconds would have put it off."
    if window.end is WindowEnd.BREACHED and not window.rows_left_out and _is_by_evidence(window):
        with suppress(LookupError, ValueError):
            yield _by_the_plain_rule(window)


def _is_by_evidence(window: Window) -> bool:
    breaches = [stats.rate.breach for stats in failed_streams(window) if stats.rate.breach]
    return bool(breaches) and all(breach.rule is not BreachRule.PLAIN for breach in breaches)


def _by_the_plain_rule(window: Window) -> str:
    """Judge the same answers by the count alone, without any evidence."""
    rates = replace(window.policy.rates, confidence=0.0)
    plain = replayed_under(
        window,
        replace(window.policy, rates=rates),
        grace_seconds=window.grace_seconds,
        ready_by_seconds=window.ready_by_seconds,
    )
    rule = f"The plain rule alone (more than {percent_words(rates.trigger)} of the planned probes)"
    if plain.end is None or plain.end is WindowEnd.OVER:
        return (
            f"{rule} had not convicted by {window.ended_seconds:.0f} s; it would have watched on."
        )
    return f"{rule} had fired by {plain.ended_seconds:.0f} s."


def _name(stats: StreamStats) -> str:
    return code(shortened(stats.stream.name, _NAME_LIMIT))
