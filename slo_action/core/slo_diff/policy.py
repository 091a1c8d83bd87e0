"""How the judging numbers of two versions of slo.yml differ, and which of them asks for less.

Why a number is looser:

    health_deadline  more: a deploy that gets healthy later still passes
    grace            more: more early failures do not count
    observe          less: what fails later than that is not seen
    confidence       more: a conviction before the end needs more evidence. From or to 0 % it is
                     neither: the plain rule of probes is looser, that of real traffic stricter
    slo              more: the evidence must exceed sqrt(slo x rollback)
    alert            more: it warns later
    rollback         more: it convicts later
    on_late_start    warn: what was rolled back passes as degraded
    outage_after     more: a whole outage convicts later
    min_requests     more: real traffic below that convicts nobody
    health_limit     more: slower answers pass
    search_limit     more: slower answers pass
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from slo_action.core.model import Witness
from slo_action.core.policy.overrides import PolicyOverrides
from slo_action.core.policy.policy import Policy
from slo_action.core.slo_diff.change import (
    Change,
    Fact,
    Fallback,
    compared,
    less_is_looser,
    more_is_looser,
)
from slo_action.core.text.quantities import duration_words, percent_words
from slo_action.core.verdict.facts import OnLateStart


def _stated(policy: Policy) -> PolicyOverrides:
    gate, window = policy.gate, policy.window
    health, search = window.objective(Witness.HEALTH), window.objective(Witness.SEARCH)
    return PolicyOverrides(
        health_deadline=gate.deadline_seconds,
        grace=gate.grace_seconds,
        observe=window.length_seconds,
        confidence=window.rates.confidence,
        slo=window.rates.slo,
        alert=Fraction(str(window.alert_ratio)),
        rollback=window.rates.trigger,
        on_late_start=policy.on_late_start,
        outage_after=window.outage_seconds,
        min_requests=window.traffic.min_requests,
        health_limit=health.limit_seconds if health else None,
        search_limit=search.limit_seconds if search else None,
    )


DEFAULTS = _stated(Policy())
"""What holds where no file says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPair:
    """The policies of one service, or of a file, in both versions."""

    before: PolicyOverrides
    after: PolicyOverrides


FILE_DEFAULTS = PolicyPair(before=DEFAULTS, after=DEFAULTS)


def policy_changes(
    service: str,
    own: PolicyPair,
    below: PolicyPair = FILE_DEFAULTS,
    leave_out: frozenset[str] = frozenset(),
) -> Iterator[Change]:
    """Yield what differs. `below` is what holds where nothing is said; `leave_out` names fields."""
    for name, fact in POLICY_FACTS.items():
        if name not in leave_out:
            fallback = Fallback(
                before=getattr(below.before, name), after=getattr(below.after, name)
            )
            before, after = getattr(own.before, name), getattr(own.after, name)
            yield from compared(service, fact, before, after, fallback)


def same_fields(one: PolicyOverrides, values: PolicyOverrides) -> frozenset[str]:
    """Return the fields in which both say the same."""
    names = (each.name for each in fields(PolicyOverrides))
    return frozenset(name for name in names if getattr(one, name) == getattr(values, name))


def _confidence_order(before: float, after: float) -> int:
    return more_is_looser(before, after) if before and after else 0


def _late_order(before: OnLateStart, after: OnLateStart) -> int:
    return (after is OnLateStart.WARN) - (before is OnLateStart.WARN)


def _deadline(before: float, after: float) -> str:
    return f"a deploy has {duration_words(before)} → {duration_words(after)} to get healthy"


def grace_means(before: float, after: float) -> str:
    """Return what another grace period means; both in seconds."""
    old, new = duration_words(before), duration_words(after)
    return f"failures do not count in the first {old} → {new} after a deploy"


def _observe(before: float, after: float) -> str:
    if not after:
        return "nothing is observed after the health gate"
    return (
        f"a failure is seen until {duration_words(before)} → {duration_words(after)} after a deploy"
    )


def _confidence(before: float, after: float) -> str:
    if not (before and after):
        return "another rule: 0 % counts failures and tests nothing"
    old, new = percent_words(round(1 - before, 12)), percent_words(round(1 - after, 12))
    return f"each test convicts by chance in at most {old} → {new} of windows"


def _rollback(before: Fraction, after: Fraction) -> str:
    old, new = (f"{float(1000 * share):.4g}" for share in (before, after))
    return f"a deploy is convicted above {old} → {new} failures in 1,000 probes"


def _late(_before: OnLateStart, after: OnLateStart) -> str:
    passes = after is OnLateStart.WARN
    return f"what gets healthy after the deadline is {'degraded' if passes else 'rolled back'}"


def _outage(before: float, after: float) -> str:
    return f"a whole outage convicts after {duration_words(before)} → {duration_words(after)}"


def _requests(before: int, after: int) -> str:
    return f"real traffic convicts from {before:,} → {after:,} requests on"


def _limit_fact(what: str) -> Fact:
    return Fact(what=what, words=duration_words, order=more_is_looser)


POLICY_FACTS = {
    "health_deadline": Fact(
        what="policy: health deadline", words=duration_words, order=more_is_looser, means=_deadline
    ),
    "grace": Fact(
        what="policy: grace", words=duration_words, order=more_is_looser, means=grace_means
    ),
    "observe": Fact(
        what="policy: observe", words=duration_words, order=less_is_looser, means=_observe
    ),
    "confidence": Fact(
        what="policy: confidence", words=percent_words, order=_confidence_order, means=_confidence
    ),
    "slo": Fact(what="policy: error-rate SLO", words=percent_words, order=more_is_looser),
    "alert": Fact(what="policy: error-rate alert", words=percent_words, order=more_is_looser),
    "rollback": Fact(
        what="policy: error rate of a rollback",
        words=percent_words,
        order=more_is_looser,
        means=_rollback,
    ),
    "on_late_start": Fact(what="policy: on late start", order=_late_order, means=_late),
    "outage_after": Fact(
        what="policy: outage after", words=duration_words, order=more_is_looser, means=_outage
    ),
    "min_requests": Fact(
        what="policy: minimum of requests",
        words="{:,}".format,
        order=more_is_looser,
        means=_requests,
    ),
    "health_limit": _limit_fact("policy: health response time"),
    "search_limit": _limit_fact("policy: search response time"),
}
"""How each field of PolicyChange is told; a test holds the two together."""
