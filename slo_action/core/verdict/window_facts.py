"""What a window shows, as facts a row can ask for, and as sentences a person can check."""

from fractions import Fraction

from slo_action.core.model import Outcome
from slo_action.core.observation.real_traffic import TrafficVerdict
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import POOLED, Window, WindowEnd
from slo_action.core.stats.latency import LatencyState
from slo_action.core.stats.rate_test import BreachRule, RateTest, binomial_at_most

_EDGE = 1e-9
_CHANCE = 0.05
_HEARD = 0.7
"""The share of the time that must be heard of; the first answers and a pause or two aside."""


def endpoints(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams of what users ask."""
    return tuple(stats for stats in window.stream_stats.values() if stats.stream.is_endpoint)


def journeys(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams of users' journeys."""
    return tuple(stats for stats in window.stream_stats.values() if stats.stream.is_journey)


def failed_streams(window: Window) -> tuple[StreamStats, ...]:
    """Return the streams whose failures convict; all endpoints in an outage, or where pooled."""
    if window.end is WindowEnd.OUTAGE:
        return endpoints(window)
    names = window.breached
    found = [t for t in window.stream_stats.values() if t.stream.name in names]
    if POOLED in names:
        found += [t for t in endpoints(window) if t.rate.bad and t not in found]
    return tuple(found) or tuple(t for t in endpoints(window) if t.rate.over_trigger())


def over_trigger(window: Window) -> bool:
    """Tell whether the plain rule alone convicts at the end: without confidence, it decides."""
    plain = not window.policy.rates.confidence
    over = any(stats.rate.over_trigger() for stats in endpoints(window))
    return plain and window.end is WindowEnd.OVER and over


def is_pre_existing(window: Window) -> bool:
    """Tell whether a trigger fired for what users suffered before the deploy, too."""
    failed = window.end in (WindowEnd.OUTAGE, WindowEnd.BREACHED, WindowEnd.TRAFFIC)
    known = window.traffic.verdict is TrafficVerdict.PRE_EXISTING
    return known and (failed or over_trigger(window))


def unsure(window: Window) -> StreamStats | None:
    """Return the endpoint that is furthest from refuting the trigger; None where all refute it.

    With too few probes of its own, an endpoint may lean on all of them together, unless it surely
    misses the SLO itself. The plain rule knows no such thing.
    """
    rates = window.policy.rates
    if not rates.confidence or window.end is not WindowEnd.OVER:
        return None
    together = window.pooled is not None and window.pooled.refuted_at_end()
    open_ones = [
        stats
        for stats in endpoints(window)
        if not stats.rate.refuted_at_end()
        and not (together and stats.rate.valid and not _surely_over(stats.rate, float(rates.slo)))
    ]
    return max(open_ones, key=lambda stats: _share(stats.rate), default=None)


def silenced(window: Window) -> StreamStats | None:
    """Return an endpoint that was not heard for too long to be passed; None where none is.

    Too long is the last stretch, as long as an outage takes, or a quarter of the time in all. For
    a journey it is all of it: where every run of it told nothing.
    """
    if window.end is not WindowEnd.OVER:
        return None
    for stats in endpoints(window):
        unheard, watched = silence_of(stats, window), _watched(window)
        if unheard >= window.policy.outage_seconds or _heard(stats) < _HEARD * watched:
            return stats
    unheard_of = (t for t in journeys(window) if t.unusable and not t.rate.valid)
    return next(unheard_of, None)


def silence_of(stats: StreamStats, window: Window) -> float:
    """Return for how many seconds up to the end an endpoint was not heard."""
    return window.ends_seconds - max(stats.last_heard, window.counts_from_seconds)


def _watched(window: Window) -> float:
    return window.ends_seconds - window.counts_from_seconds


def _heard(stats: StreamStats) -> float:
    """Return the seconds that an endpoint's answers stand for."""
    return stats.rate.valid_weight * stats.seconds_apart


def over_slo(window: Window) -> StreamStats | None:
    """Return the endpoint that misses the error-rate SLO most; None where the SLO is met.

    The SLO is one of all endpoints together. A single one misses it only where that is no chance:
    with 150 probes, two failures are more than 1 %. A journey is one by itself.
    """
    if window.end is not WindowEnd.OVER:
        return None
    slo = float(window.policy.rates.slo)
    stream_stats = endpoints(window)
    bad, valid = (
        sum(t.rate.bad_weight for t in stream_stats),
        sum(t.rate.valid_weight for t in stream_stats),
    )
    missed = [t for t in stream_stats if _surely_over(t.rate, slo)]
    if bad > slo * valid + _EDGE:
        missed = [t for t in stream_stats if t.rate.bad]
    missed += [t for t in journeys(window) if _surely_over(t.rate, slo)]
    return max(missed, key=lambda stats: _share(stats.rate), default=None)


def alert_summary(window: Window) -> str:
    """Return a sentence where all endpoints together fail above the alert threshold; else nothing.

    A single failure of three hundred probes is no alert: it takes two.
    """
    stream_stats = endpoints(window)
    bad, valid = (
        sum(t.rate.bad_weight for t in stream_stats),
        sum(t.rate.valid_weight for t in stream_stats),
    )
    count, limit = sum(t.rate.bad for t in stream_stats), window.policy.alert_ratio
    if window.end is not WindowEnd.OVER or count <= 1 or bad <= limit * valid + _EDGE:
        return ""
    told = [rate_details(t.stream.name, t.rate, window) for t in stream_stats if t.rate.bad]
    return f"errors above the alert threshold of {percent_words(limit)}: {' and '.join(told)}"


def _surely_over(rate: RateTest, limit: float) -> bool:
    """Tell whether this many failures would be rarer than 1 in 20 at the limit itself."""
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


def window_summary(window: Window) -> str:
    """Return what the whole window showed, in one clause."""
    told = [rate_details(t.stream.name, t.rate, window) for t in endpoints(window)]
    if window.pooled and any(not t.rate.refuted_at_end() for t in endpoints(window)):
        told.append(rate_details(POOLED, window.pooled, window))
    told += [f"{t.stream.name}: {t.rate.bad} of {t.rate.valid} failed" for t in journeys(window)]
    return " and ".join(told) or "nothing was observed"


def rate_details(name: str, rate: RateTest, window: Window) -> str:
    """Return the sentence a person can check: counts, interval, and where the trigger stands."""
    share = f"{failure_share(rate)}; 95 % any-time interval {interval_text(rate)}{_timed(rate)}"
    return f"{name}: {rate.bad} of {rate.valid} failed ({share}); {trigger_status(rate, window)}"


def failure_share(rate: RateTest) -> str:
    """Return which share of the answers failed."""
    return f"{100 * rate.bad / rate.valid:.1f} %" if rate.valid else "no answer"


def failure_share_by_time(rate: RateTest) -> str:
    """Return the failing share of the time; empty where that of the answers is the same.

    What fails is asked more often for a while, so its answers overstate it.
    """
    told = f"{100 * time_share(rate):.1f} %"
    return "" if not rate.valid or told == failure_share(rate) else told


def _timed(rate: RateTest) -> str:
    return f"; by time {failure_share_by_time(rate)}" if failure_share_by_time(rate) else ""


def time_share(rate: RateTest) -> float:
    """Return the failing share of the time, as a ratio; 0 where nothing was answered."""
    return rate.bad_weight / rate.valid_weight if rate.valid_weight else 0.0


def interval_text(rate: RateTest) -> str:
    """Return the 95 % any-time interval of the share of answers."""
    low, high = rate.interval()
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def percent_words(ratio: float | Fraction) -> str:
    """Return a limit or a confidence in percent, without needless digits."""
    return f"{100 * float(ratio):g} %"


def trigger_status(rate: RateTest, window: Window) -> str:
    """Return where the trigger stands: what convicted and when, or whether it is refuted."""
    rates = window.policy.rates
    trigger, slo = percent_words(rates.trigger), percent_words(rates.slo)
    breach = rate.breach
    if breach is None:
        return _refutation(rate, trigger, window)
    at = f"{breach.heard_seconds:.0f} s"
    if breach.rule is BreachRule.PLAIN:
        return f"more than {trigger} of all planned probes failed by {at}"
    since = f" since {breach.bad_since_seconds:.0f} s" if breach.rule is BreachRule.CHANGE else ""
    sure = percent_words(rates.confidence)
    return f"{sure} sure by {at} that it is nearer the trigger of {trigger} than {slo}{since}"


def _refutation(rate: RateTest, trigger: str, window: Window) -> str:
    if rate.refuted_seconds is not None:
        return f"trigger {trigger} refuted at {rate.refuted_seconds:.0f} s"
    if rate.least_bad > 1:  # of too few answers to refute anything
        return "did not convict"
    if window.end is WindowEnd.OVER and rate.refuted_at_end():
        return f"trigger {trigger} refuted at the end"
    if window.end is WindowEnd.OVER and rate.over_trigger():
        return f"over the trigger of {trigger}, but too few answers to be sure"
    return f"trigger {trigger} not refuted"


def failure_summary(window: Window) -> str:
    """Return why the window convicts, with the latest failure."""
    stream_stats = failed_streams(window)
    shown = next((t.last_failure for t in reversed(stream_stats) if t.last_failure), None)
    last = f"; last: {shown.detail}" if shown else ""
    if window.end is WindowEnd.OUTAGE:
        since = window.outage_since
        names = " and ".join(stats.stream.name for stats in stream_stats)
        return f"nothing answers well since {since or 0:.0f} s after the deploy ({names}){last}"
    if window.breached == (POOLED,) and window.pooled:
        return f"{rate_details(POOLED, window.pooled, window)}{last}"
    told = " and ".join(rate_details(t.stream.name, t.rate, window) for t in stream_stats)
    return f"{told}{last}"


def latency_summary(stats: StreamStats) -> str:
    """Return how the response-time SLO was missed, by counts."""
    goal, latency = stats.goal, stats.latency
    if goal is None:
        return ""
    over, limit = latency.over[goal.limit_seconds], f"{1000 * goal.limit_seconds:.0f} ms"
    allowed = percent_words(1 - goal.quantile)
    return (
        f"{stats.stream.name} misses its response-time SLO {goal.name} < {limit}: {over} of "
        f"{latency.n} answers took longer, {allowed} may"
    )
