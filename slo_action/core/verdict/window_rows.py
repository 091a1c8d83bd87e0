"""The rows of the truth table that the observation window decides."""

from collections.abc import Callable

from slo_action.core.model import (
    Cause,
    Outcome,
    Verdict,
)
from slo_action.core.observation.real_traffic import OnNoData, TrafficVerdict
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.verdict.facts import Facts, Row
from slo_action.core.verdict.outcome_groups import CONFIG_OUTCOMES, PATH_OUTCOMES
from slo_action.core.verdict.triggers import blamed_outcome
from slo_action.core.verdict.window_facts import (
    degraded,
    failure_summary,
    is_pre_existing,
    latency_summary,
    missed_latency,
    over_slo,
    over_trigger,
    percent_words,
    rate_details,
    silence_of,
    silenced,
    unsure,
)


def _window(fits: Callable[[Window], object]) -> Callable[[Facts], bool]:
    """Return a condition that looks at the window only; false where there was none."""
    return lambda facts: facts.window is not None and bool(fits(facts.window))


def _ended(window: Window, *ends: WindowEnd) -> bool:
    return window.end in ends


def _blames(window: Window, outcomes: frozenset[Outcome]) -> bool:
    failed = _ended(window, WindowEnd.OUTAGE, WindowEnd.BREACHED) or over_trigger(window)
    return failed and blamed_outcome(window) in outcomes


def _silenced_by(window: Window, *outcomes: Outcome) -> bool:
    stats = silenced(window)
    if stats is None:
        return False
    sample = stats.last_neutral
    return not outcomes or (sample is not None and sample.outcome in outcomes)


def _no_traffic(window: Window, meaning: OnNoData) -> bool:
    expected = window.policy.traffic.on_no_data is meaning and bool(window.readings)
    return expected and window.traffic.verdict is TrafficVerdict.NO_DATA


def _of(tell: Callable[[Window], str]) -> Callable[[Facts], str]:
    """Return a reason that is told by the window; the row fits only where there is one."""
    return lambda facts: tell(facts.window) if facts.window else ""


def _reason_silenced(window: Window) -> str:
    stats = silenced(window)
    if stats is None:
        return "could not tell"
    asked, unheard = stats.rate.valid + stats.unusable, silence_of(stats, window)
    last = stats.last_neutral
    if not stats.unusable:
        return _reason_paused(window, stats)
    excused = "; the control did not answer either, so the fault may be the runner's network"
    tail = f", and nothing was heard in the last {unheard:.0f} s"
    return (
        f"could not tell: {stats.unusable} of {asked} answers of {stats.stream.name} say nothing"
        f"{tail if unheard >= window.policy.outage_seconds else ''}"
        f"{f'; last: {last.detail}' if last else ''}{excused if stats.excused else ''}"
    )


def _reason_paused(window: Window, stats: StreamStats) -> str:
    """Every answer told something, but there were too few."""
    name, unheard = stats.stream.name, silence_of(stats, window)
    told = f"could not tell: only {stats.rate.valid} answers of {name} count"
    if unheard >= window.policy.outage_seconds:
        told = f"could not tell: nothing was heard of {name} in the last {unheard:.0f} s"
    return told + _why_seldom(window, stats)


def _why_seldom(window: Window, stats: StreamStats) -> str:
    limited = (t for t in window.stream_stats.values() if t.outcomes.get(Outcome.RATE_LIMITED))
    pausing = next((t for t in limited if not t.stream.is_journey), None)
    if pausing and pausing.last_neutral:
        last = pausing.last_neutral.detail
        return f"; all probes paused, as {pausing.stream.name} was rate limited; last: {last}"
    late = f"; {stats.missed} of its probes were not sent, as the runner was late"
    return late if stats.missed else ""


def _reason_unsure(window: Window) -> str:
    stats = unsure(window)
    return f"could not tell: {rate_details(stats.stream.name, stats.rate, window)}" if stats else ""


def _reason_versions(window: Window) -> str:
    identity = window.identity
    failed = window.other_version
    if window.took_over:
        return f"another deploy took over: version {failed} answers since the gate was met"
    return (
        f"two versions answer at once: {identity.bad} of {identity.valid} answers came from "
        f"version {failed}"
    )


def _reason_sick(window: Window) -> str:
    name = window.sick_machines[0]
    told = rate_details(name, window.stream_stats[name].rate, window)
    return f"a machine fails and the balancer hides it: {told}"


def _reason_over_slo(window: Window) -> str:
    stats = over_slo(window)
    told = rate_details(stats.stream.name, stats.rate, window) if stats else ""
    return f"the error rate misses its SLO of {percent_words(window.policy.rates.slo)}: {told}"


def _reason_slow(window: Window) -> str:
    stats = missed_latency(window)
    return latency_summary(stats) if stats else ""


def _reason_degraded(window: Window) -> str:
    stats = degraded(window)
    shown = stats.last_good if stats else None
    return f"{stats.stream.name} calls itself degraded: {shown.detail}" if stats and shown else ""


def _reason_pre_existing(window: Window) -> str:
    return f"{failure_summary(window)}; but the deploy did not cause it: {window.traffic.sentence}"


CONVICTING_ROWS: tuple[Row, ...] = (
    Row(
        name="pre-existing",
        when="window: a trigger fired, but real traffic failed as much before the deploy",
        fits=_window(is_pre_existing),
        verdict=Verdict.DEGRADED,
        cause=Cause.PRE_EXISTING,
        reason=_of(_reason_pre_existing),
    ),
    Row(
        name="window-path",
        when="window: outage or error-rate breach, mostly by TLS or DNS",
        fits=_window(lambda window: _blames(window, PATH_OUTCOMES)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.PATH,
        reason=_of(failure_summary),
    ),
    Row(
        name="window-config",
        when="window: an endpoint that never answered well, mostly by 4xx, redirects or endless "
        "bodies",
        fits=_window(lambda window: _blames(window, CONFIG_OUTCOMES)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.CONFIG,
        reason=_of(failure_summary),
    ),
    Row(
        name="window-outage",
        when="window: every endpoint bad for 15 s, the control alive",
        fits=_window(lambda window: _ended(window, WindowEnd.OUTAGE)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_of(failure_summary),
    ),
    Row(
        name="window-breach",
        when="window: the error-rate trigger fired on an endpoint, on all pooled, on a journey, or "
        "on a machine while users notice",
        fits=_window(lambda window: _ended(window, WindowEnd.BREACHED) or over_trigger(window)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_of(failure_summary),
    ),
    Row(
        name="window-traffic",
        when="window: real users' requests fail above the trigger",
        fits=_window(lambda window: _ended(window, WindowEnd.TRAFFIC)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.APP,
        reason=_of(lambda window: window.traffic.sentence),
    ),
    Row(
        name="window-superseded",
        when="window: the expected version answered, then only another one",
        fits=_window(lambda w: _ended(w, WindowEnd.VERSION) and w.took_over),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.SUPERSEDED,
        reason=_of(_reason_versions),
    ),
    Row(
        name="window-mixed",
        when="window: the expected version and another one answer in turn",
        fits=_window(lambda window: _ended(window, WindowEnd.VERSION)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.WRONG_VERSION,
        reason=_of(_reason_versions),
    ),
    Row(
        name="no-traffic-fail",
        when="window: the metric source has no data, `on-no-data: fail`",
        fits=_window(lambda window: _no_traffic(window, OnNoData.FAIL)),
        verdict=Verdict.UNHEALTHY,
        cause=Cause.OBSERVER,
        reason=_of(lambda window: window.traffic.sentence),
    ),
)
"""A trigger fired, or another version answers."""

UNSURE_ROWS: tuple[Row, ...] = (
    Row(
        name="window-cached",
        when="window: a cache answered for too much of the time",
        fits=_window(lambda window: _silenced_by(window, Outcome.CACHED)),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.CONFIG,
        reason=_of(_reason_silenced),
    ),
    Row(
        name="window-challenge",
        when="window: a firewall challenged for too much of the time",
        fits=_window(lambda window: _silenced_by(window, Outcome.WAF_CHALLENGE)),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.PATH,
        reason=_of(_reason_silenced),
    ),
    Row(
        name="window-silent",
        when="window: for too much of the time, or at the end, probes were limited, failed on our "
        "side, or found the control dead",
        fits=_window(_silenced_by),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.OBSERVER,
        reason=_of(_reason_silenced),
    ),
    Row(
        name="window-unsure",
        when="window: the trigger neither fired nor was refuted",
        fits=_window(unsure),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.APP,
        reason=_of(_reason_unsure),
    ),
    Row(
        name="no-traffic-inconclusive",
        when="window: the metric source has no data, `on-no-data: inconclusive`",
        fits=_window(lambda window: _no_traffic(window, OnNoData.INCONCLUSIVE)),
        verdict=Verdict.INCONCLUSIVE,
        cause=Cause.OBSERVER,
        reason=_of(lambda window: window.traffic.sentence),
    ),
)
"""Nothing convicts, and too little was heard to pass it."""

DEGRADED_ROWS: tuple[Row, ...] = (
    Row(
        name="window-machine",
        when="window: a machine fails, and the balancer hides it from users",
        fits=_window(lambda window: window.sick_machines),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_of(_reason_sick),
    ),
    Row(
        name="window-slo",
        when="window: the error-rate SLO is missed, and no trigger fired",
        fits=_window(over_slo),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_of(_reason_over_slo),
    ),
    Row(
        name="window-traffic-slo",
        when="window: real users' requests fail above the SLO, below the trigger",
        fits=_window(lambda window: window.traffic.verdict is TrafficVerdict.ELEVATED),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_of(lambda window: window.traffic.sentence),
    ),
    Row(
        name="traffic-pre-existing",
        when="window: real users' requests fail above the trigger, as they did before the deploy",
        fits=_window(lambda window: window.traffic.verdict is TrafficVerdict.PRE_EXISTING),
        verdict=Verdict.DEGRADED,
        cause=Cause.PRE_EXISTING,
        reason=_of(lambda window: window.traffic.sentence),
    ),
    Row(
        name="window-slow",
        when="window: a response-time SLO is missed",
        fits=_window(missed_latency),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_of(_reason_slow),
    ),
    Row(
        name="window-degraded",
        when="window: the latest good answer of an endpoint calls itself degraded",
        fits=_window(degraded),
        verdict=Verdict.DEGRADED,
        cause=Cause.APP,
        reason=_of(_reason_degraded),
    ),
)
"""An SLO is missed, and no trigger fired."""
