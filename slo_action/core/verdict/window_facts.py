"""What a window shows: facts for the truth table, and sentences about them."""

from collections.abc import Sequence
from fractions import Fraction

from slo_action.core.model import Outcome
from slo_action.core.observation.real_traffic import TrafficVerdict
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.streams import Stream
from slo_action.core.observation.window import POOLED, Window, WindowEnd
from slo_action.core.release.baseline import Baseline
from slo_action.core.stats.binomial import binomial_at_most, hypergeometric_at_least
from slo_action.core.stats.latency import LatencyState
from slo_action.core.stats.rate_test import BreachRule, RateTest
from slo_action.core.text.quantities import (
    duration_words,
    failed_share,
    milliseconds_words,
    percent_range,
    percent_words,
    rounded_percent,
)

_EDGE = 1e-9
_CHANCE = 0.05
_BY_CHANCE = 0.2
_USABLE = 0.7
"""The share of the time that needs usable answers; the first answers and a pause or two aside."""


def endpoints(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams of what users ask."""
    return tuple(stats for stats in window.stream_stats.values() if stats.stream.is_endpoint)


def journeys(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams of users' journeys."""
    return tuple(stats for stats in window.stream_stats.values() if stats.stream.is_journey)


def failed_streams(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams that failed the window; all endpoints in an outage, or where pooled."""
    if window.end is WindowEnd.OUTAGE:
        return endpoints(window)
    names = window.breached
    found = [t for t in window.stream_stats.values() if t.stream.name in names]
    if POOLED in names:
        found += [t for t in endpoints(window) if t.rate.bad and t not in found]
    return tuple(found) or tuple(t for t in endpoints(window) if t.rate.over_trigger())


def over_trigger(window: Window) -> bool:
    """Return whether the plain rule alone fails the window at its end: without confidence."""
    plain = not window.policy.rates.confidence
    over = any(stats.rate.over_trigger() for stats in endpoints(window))
    return plain and window.end is WindowEnd.OVER and over


def has_failed(window: Window) -> bool:
    """Return whether the window had an outage or an error-rate breach."""
    return window.end in (WindowEnd.OUTAGE, WindowEnd.BREACHED) or over_trigger(window)


def is_pre_existing(window: Window) -> bool:
    """Return whether a trigger fired, and real traffic failed as much before the deploy."""
    failed = has_failed(window) or window.end is WindowEnd.TRAFFIC
    return failed and window.traffic.verdict is TrafficVerdict.PRE_EXISTING


def unsure(window: Window) -> StreamStats | None:
    """Return the endpoint that is furthest from ruling the trigger out; None where all do.

    With too few probes of its own, an endpoint may be judged with all others, unless it stands out
    from them. Not so under the plain rule.
    """
    rates = window.policy.rates
    if not rates.confidence or window.end is not WindowEnd.OVER:
        return None
    pooled = window.pooled is not None and window.pooled.refuted_at_end()
    open_ones = [
        stats
        for stats in endpoints(window)
        if not stats.rate.refuted_at_end()
        and not (pooled and stats.rate.valid and not _stands_out(stats, window))
    ]
    return max(open_ones, key=lambda stats: _share(stats.rate), default=None)


def _stands_out(stats: StreamStats, window: Window) -> bool:
    """Return whether it surely misses the SLO itself, and by more than all endpoints do.

    Such a share of all failures may come by chance in 1 of 5 windows. Before probes came faster in
    doubt, others did not count.
    """
    rates, rate = window.policy.rates, stats.rate
    surely_over = _surely_over(rate, float(rates.slo))
    if not (surely_over and rates.adaptive):
        return surely_over
    bad, valid = window.endpoint_counts
    return hypergeometric_at_least(rate.bad, rate.valid, bad, valid) <= _BY_CHANCE


def unheard(window: Window) -> StreamStats | None:
    """Return an endpoint that was not heard for too long to be passed; None where none is.

    Too long is the last stretch, as long as an outage takes, or 30 % of the time in all. For
    a journey it is all of it: where no run of it gave a usable answer.
    """
    if window.end is not WindowEnd.OVER:
        return None
    watched = window.ends_seconds - window.counts_from_seconds
    for stats in endpoints(window):
        lost, usable = unheard_seconds(stats, window), stats.rate.valid_weight * stats.seconds_apart
        if lost >= window.policy.outage_seconds or usable < _USABLE * watched:
            return stats
    unheard_of = (t for t in journeys(window) if t.unusable and not t.rate.valid)
    return next(unheard_of, None)


def late_summary(window: Window) -> str | None:
    """Return how late this host was; None where it was not with most of the answers."""
    limit, delay = window.policy.max_observer_delay_seconds, window.observer_delay
    late, median = delay.over_limit(limit), delay.percentile(Fraction(1, 2))
    if window.end is not WindowEnd.OVER or median is None or late <= delay.n / 2:
        return None
    return (
        f"inconclusive because this runner was too busy: {late} of {delay.n} probes were sent or "
        f"read more than {duration_words(limit)} late, {duration_words(round(median, 1))} in the "
        "median"
    )


def unheard_seconds(stats: StreamStats, window: Window) -> float:
    """Return for how many seconds up to the end an endpoint was not heard."""
    return window.ends_seconds - max(stats.last_heard, window.counts_from_seconds)


def over_slo(window: Window) -> StreamStats | None:
    """Return the endpoint that misses the error-rate SLO most; None where the SLO is met.

    The SLO is one of all endpoints pooled. A single one misses it only where that is no chance:
    with 150 probes, two failures are more than 1 %. A journey is one by itself.
    """
    if window.end is not WindowEnd.OVER:
        return None
    slo = float(window.policy.rates.slo)
    stream_stats = endpoints(window)
    bad, valid = _weights(window)
    missed = [t for t in stream_stats if _surely_over(t.rate, slo)]
    if bad > slo * valid + _EDGE:
        missed = [t for t in stream_stats if t.rate.bad]
    missed += [t for t in journeys(window) if _surely_over(t.rate, slo)]
    return max(missed, key=lambda stats: _share(stats.rate), default=None)


def _weights(window: Window) -> tuple[float, float]:
    """Return failed and valid answers of all endpoints, by the time they stand for."""
    rates = [stats.rate for stats in endpoints(window)]
    return sum(rate.bad_weight for rate in rates), sum(rate.valid_weight for rate in rates)


def _surely_over(rate: RateTest, limit: float) -> bool:
    """Return whether this many failures would be rarer than 1 in 20 at the limit itself."""
    return rate.bad > 0 and 1.0 - binomial_at_most(rate.bad - 1, rate.valid, limit) <= _CHANCE


def degraded(window: Window) -> StreamStats | None:
    """Return an endpoint whose latest good answer calls itself degraded; None where none does."""
    for stats in endpoints(window):
        if stats.last_good and stats.last_good.outcome is Outcome.DEGRADED_BODY:
            return stats
    return None


def missed_latency(window: Window) -> StreamStats | None:
    """Return what surely misses its response-time SLO; None where nothing does."""
    for stats in (*endpoints(window), *journeys(window)):
        if stats.goal and stats.latency.judge(stats.goal) is LatencyState.MISSED:
            return stats
    return None


def _share(rate: RateTest) -> float:
    return rate.bad / rate.valid if rate.valid else 1.0


def requests_failed(stream: Stream | None, rate: RateTest, window: Window) -> str:
    """Return how many requests failed: `1 in 3 requests to /api failed (18 of 52, limit 5 %)`.

    Without a `stream` it is about all endpoints pooled.
    """
    limit = f"limit {percent_words(window.policy.rates.trigger)}"
    what, bad, valid = _requests(stream), rate.bad, rate.valid
    if not valid:
        return f"none of the {what} got an answer that counts"
    if not bad:
        return f"none of {valid} {what} failed ({limit})"
    if bad == valid:
        return f"all {valid} {what} failed ({limit})"
    return f"{failed_share(bad, valid)} {what} failed ({bad} of {valid}, {limit})"


def _requests(stream: Stream | None) -> str:
    if stream is None:
        return f"requests to {POOLED}"
    if stream.is_journey:
        return f"runs of {stream.name}"
    if stream.machine:
        return f"requests to machine {stream.machine}"
    name = stream.name
    return f"requests to {name if name.startswith('/') else f'the {name} endpoint'}"


def failure_summary(window: Window, since: str = "deploy") -> str:
    """Return what failed, how often, against which limit, since when, and how it failed last.

    `since` names what second zero was.
    """
    streams = failed_streams(window)
    shown = next((s.last_failure for s in reversed(streams) if s.last_failure), None)
    last = f": {shown.detail}" if shown else ""
    if window.end is WindowEnd.OUTAGE:
        names = " and ".join(stats.stream.name for stats in streams)
        began = _began(window, streams, window.outage_since or 0.0)
        limit = f"limit {window.policy.outage_seconds:g} s"
        return f"every request to {names} failed since {began} after the {since} ({limit}){last}"
    if not streams:
        return "the error rate is above the trigger"
    worst = max(streams, key=lambda stats: _share(stats.rate))
    if window.breached == (POOLED,) and window.pooled:
        what = requests_failed(None, window.pooled, window)
        return f"{what}{_failing_since(window, streams, window.pooled, since)}{last}"
    last = f": {worst.last_failure.detail}" if worst.last_failure else last
    others = [
        f"{s.stream.name} ({s.rate.bad} of {s.rate.valid})" for s in streams if s is not worst
    ]
    also = f"; also {', '.join(others)}" if others else ""
    what = requests_failed(worst.stream, worst.rate, window)
    return f"{what}{_failing_since(window, (worst,), worst.rate, since)}{also}{last}"


def _failing_since(
    window: Window, streams: Sequence[StreamStats], rate: RateTest, since: str
) -> str:
    if rate.breach is None:
        return ""
    began = _began(window, streams, rate.breach.bad_since_seconds)
    return f", failing since {began} after the {since}"


def _began(window: Window, streams: Sequence[StreamStats], since_seconds: float) -> str:
    """Return when the first failure came that counts, from a given second on.

    What failed before failures count may have failed longer.
    """
    failed = (at for stats in streams for at in stats.failed_seconds if at > since_seconds - _EDGE)
    first, counted = min(failed, default=since_seconds), window.counts_from_seconds
    early = first < counted + window.policy.rates.block_seconds
    if early and any(stats.early_failures for stats in streams):
        return f"the first {counted:.0f} s"
    return f"{first:.0f} s"


def before_summary(baseline: Baseline, streams: Sequence[StreamStats] = ()) -> str:
    """Return what failed before the deploy, of these streams or of all."""
    names = {stats.stream.name for stats in streams}
    return " and ".join(
        f"{before.bad} of {before.valid} answers of {before.name} failed"
        for before in baseline.streams
        if before.bad and (not names or before.name in names)
    )


def window_summary(window: Window) -> str:
    """Return what the whole window showed, in one clause."""
    rates = [stats.rate for stats in endpoints(window)]
    bad, valid = sum(rate.bad for rate in rates), sum(rate.valid for rate in rates)
    found = [f"{bad or 'none'} of {valid} requests failed" if valid else "no request was answered"]
    found += [
        f"{s.rate.bad or 'none'} of {s.rate.valid} runs of {s.stream.name} failed"
        for s in journeys(window)
    ]
    return " and ".join(found)


def unheard_summary(stats: StreamStats, window: Window, same_network: str) -> str:
    """Return why too few answers of an endpoint count; `same_network` where the control failed."""
    name, lost = stats.stream.name, unheard_seconds(stats, window)
    seconds = f"the last {lost:.0f} s" if lost >= window.policy.outage_seconds else ""
    if stats.unusable:
        last = f"; last: {stats.last_neutral.detail}" if stats.last_neutral else ""
        return (
            f"inconclusive because {stats.unusable} of {stats.rate.valid + stats.unusable} answers "
            f"from {name} say nothing about the service{f', all of {seconds}' if seconds else ''}"
            f"{last}{same_network if stats.excused else ''}"
        )
    few = f"only {stats.rate.valid} answers from {name} count"
    return (
        f"inconclusive because {f'{name} gave no answer in {seconds}' if seconds else few}"
        f"{_why_few_answers(window, stats)}"
    )


def _why_few_answers(window: Window, stats: StreamStats) -> str:
    limited = (s for s in window.stream_stats.values() if s.outcomes.get(Outcome.RATE_LIMITED))
    pausing = next((s for s in limited if not s.stream.is_journey), None)
    if pausing and pausing.last_neutral:
        last = pausing.last_neutral.detail
        return f"; all probes paused, as {pausing.stream.name} was rate limited; last: {last}"
    missed = stats.missed
    return f"; {missed} of its probes were not sent, as the runner was late" if missed else ""


def latency_summary(stats: StreamStats) -> str:
    """Return how the response-time SLO was missed, by counts."""
    goal, latency = stats.goal, stats.latency
    if goal is None:
        return ""
    over, limit = latency.over[goal.limit_seconds], milliseconds_words(goal.limit_seconds)
    return (
        f"{stats.stream.name} misses its response-time SLO {goal.name} < {limit}: {over} of "
        f"{latency.n} answers took longer, {percent_words(1 - goal.quantile)} may"
    )


def alert_summary(window: Window) -> str:
    """Return a sentence where all endpoints fail above the alert threshold; else nothing.

    A single failure of three hundred probes is no alert: it takes two.
    """
    found = [stats for stats in endpoints(window) if stats.rate.bad]
    bad, valid = _weights(window)
    limit = window.policy.alert_ratio
    enough = sum(stats.rate.bad for stats in found) > 1 and bad > limit * valid + _EDGE
    if window.end is not WindowEnd.OVER or not enough:
        return ""
    failed = " and ".join(requests_failed(s.stream, s.rate, window) for s in found)
    return f"errors above the alert threshold of {percent_words(limit)}: {failed}"


def rate_details(name: str, rate: RateTest, window: Window) -> str:
    """Return the statistics of a stream: counts, interval, and the status of the trigger."""
    by_time = failure_share_by_time(rate)
    share = f"{failure_share(rate)}; 95 % any-time interval {interval_text(rate)}"
    timed = f"; by time {by_time}" if by_time else ""
    status = trigger_status(rate, window)
    return f"{name}: {rate.bad} of {rate.valid} failed ({share}{timed}); {status}"


def failure_share(rate: RateTest) -> str:
    """Return which share of the answers failed."""
    return rounded_percent(rate.bad / rate.valid) if rate.valid else "no answer"


def failure_share_by_time(rate: RateTest) -> str:
    """Return the failing share of the time; empty where that of the answers is the same.

    What fails is asked more often for a while, so its answers overstate it.
    """
    share = rounded_percent(time_share(rate))
    return "" if not rate.valid or share == failure_share(rate) else share


def time_share(rate: RateTest) -> float:
    """Return the failing share of the time, as a ratio; 0 where nothing was answered."""
    return rate.bad_weight / rate.valid_weight if rate.valid_weight else 0.0


def interval_text(rate: RateTest) -> str:
    """Return the 95 % any-time interval of the share of answers."""
    return percent_range(*rate.interval())


def trigger_status(rate: RateTest, window: Window) -> str:
    """Return whether the trigger fired, when and why, or whether it is ruled out."""
    rates, breach = window.policy.rates, rate.breach
    trigger, slo = percent_words(rates.trigger), percent_words(rates.slo)
    if breach is None:
        return _refutation(rate, trigger, window)
    at = f"{breach.heard_seconds:.0f} s"
    if breach.rule is BreachRule.PLAIN:
        return f"more than {trigger} of all planned probes failed by {at}"
    since = f" since {breach.bad_since_seconds:.0f} s" if breach.rule is BreachRule.CHANGE else ""
    sure = percent_words(rates.confidence)
    return f"failing nearer {trigger} than {slo}{since} with {sure} confidence by {at}"


def _refutation(rate: RateTest, trigger: str, window: Window) -> str:
    over = window.end is WindowEnd.OVER
    if rate.refuted_seconds is not None:
        return f"trigger {trigger} ruled out at {rate.refuted_seconds:.0f} s"
    if rate.least_bad > 1:  # too few answers rule nothing out
        return "did not fire the trigger"
    if over and rate.refuted_at_end():
        return f"trigger {trigger} ruled out at the end"
    if over and rate.over_trigger():
        return f"over the trigger of {trigger}, but too few answers to be sure"
    return f"trigger {trigger} not ruled out"
