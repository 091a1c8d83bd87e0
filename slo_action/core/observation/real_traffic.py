"""What a metric source says of real users' traffic, and what that is evidence of."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import isfinite, sqrt

from slo_action.core.stats.binomial import binomial_at_most
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.core.text.quantities import milliseconds_words, percent_words, rounded_percent
from slo_action.core.text.quoting import printable

_LOOKS = 20
"""A five-minute watch looks every 15 s; each look gets its share of the error we allow."""
_MOST_EVIDENCE = 10_000
"""More requests than these change no answer, only the time it takes."""
_LEAST_ODDS = 1e-6
_RATES = RatePolicy()


class TrafficState(StrEnum):
    """What came back. No two of them are the same thing, and only two are numbers."""

    MEASURED = "measured"
    ZERO = "zero"
    NO_SERIES = "no-series"
    NOT_A_NUMBER = "not-a-number"
    NO_RATIO = "no-ratio"
    UNREACHABLE = "unreachable"


class OnNoData(StrEnum):
    """What a source without data means."""

    SYNTHETIC = "synthetic"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    PASS = "pass"  # noqa: S105 - a value of the policy


class TrafficVerdict(StrEnum):
    """What the traffic is evidence of. Only a breach speaks for a rollback."""

    BREACH = "breach"
    ELEVATED = "elevated"
    FINE = "fine"
    PRE_EXISTING = "pre-existing"
    TOO_FEW = "too-few"
    NO_DATA = "no-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReading:
    """One look at the source. `requests` and `errors` count since the deploy; None: not known.

    They were counted from `counted_from_seconds` to `newest_scrape_seconds`, which saw `scrapes`
    samples. `errors_before` and `requests_before` are the same of a window before the deploy.
    Percentiles are seconds, as the source estimates them; None where it has none. `detail` says
    what happened and may quote the source: untrusted. Times are seconds since the deploy.
    `clock_skew_seconds` is positive where the source's clock is ahead of ours.
    """

    state: TrafficState
    at_seconds: float
    detail: str
    requests: float | None = None
    errors: float | None = None
    requests_before: float | None = None
    errors_before: float | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    p99_seconds: float | None = None
    counted_from_seconds: float | None = None
    newest_scrape_seconds: float | None = None
    scrapes: int | None = None
    clock_skew_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    """When real traffic decides. A `confidence` of 0 is the plain rule, without any test."""

    min_requests: int = 20
    min_errors: int = 3
    slo: Fraction = _RATES.slo
    trigger: Fraction = _RATES.trigger
    confidence: float = _RATES.confidence
    on_no_data: OnNoData = OnNoData.SYNTHETIC

    def __post_init__(self) -> None:
        if not (0 < self.slo <= self.trigger < 1 and 0 <= self.confidence < 1):
            raise ValueError("a traffic policy needs 0 < slo <= trigger < 1, confidence below 1")
        if not (self.min_requests >= 1 and self.min_errors >= 1):
            raise ValueError("a traffic policy needs at least one request, and one error")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficFinding:
    """What a reading is evidence of. `reason` and `sentence` may quote the source: untrusted.

    `reason` says how much failed against which limit, `sentence` the statistics behind it, too.
    Counts are whole and None without data. `chance` is how likely a service halfway between SLO and
    trigger shows this many errors; None where it was not asked.
    """

    verdict: TrafficVerdict
    reason: str
    sentence: str
    requests: int | None = None
    errors: int | None = None
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class _Count:
    errors: int
    requests: int

    @property
    def rate(self) -> Fraction:
        """Exact: 40 of 800 is not above 5 %, and a float 0.05 is."""
        return Fraction(self.errors, self.requests) if self.requests else Fraction(0)


def judge_traffic(
    reading: TrafficReading | None, policy: TrafficPolicy, now: float | None = None
) -> TrafficFinding:
    """Return what the newest reading is evidence of.

    `now` is seconds since the deploy, for the sentence; None is the time of the look.

    A breach is a rate above the trigger, with the minimums met, that a service at
    r0 = sqrt(SLO x trigger) would show with a chance of at most (1 - confidence) / 20. The null is
    r0 and not the trigger, as for our own probes: evidence that p exceeds 5 % itself takes two to
    four times as long. The 20 pays for looking again every 15 s of the window (Bonferroni).

    Harm is pre-existing where the rate was above the trigger before the deploy, with the same
    minimums, and the deploy did not add more than the trigger to it.
    """
    count, why = None, "the metric source has not answered yet"
    if reading is not None:
        why = f"no count of real traffic ({reading.state}): {printable(reading.detail)}"
        if reading.state in (TrafficState.MEASURED, TrafficState.ZERO):
            count = _count(reading.errors, reading.requests)
    if reading is None or count is None:
        return TrafficFinding(verdict=TrafficVerdict.NO_DATA, reason=why, sentence=why)
    before = _count(reading.errors_before, reading.requests_before)
    chance = _chance(_proven(count, reading.scrapes), _null(policy))
    verdict = _judged(count, before, chance, policy)
    counted = _counts_text(count, reading, reading.at_seconds if now is None else now)
    return TrafficFinding(
        verdict=verdict,
        reason=f"{counted}, limit {percent_words(policy.trigger)}",
        sentence=counted + _statistics(verdict, before, chance, policy),
        requests=count.requests,
        errors=count.errors,
        chance=chance,
    )


def _judged(
    count: _Count, before: _Count | None, chance: float, policy: TrafficPolicy
) -> TrafficVerdict:
    if count.requests < policy.min_requests:
        return TrafficVerdict.TOO_FEW
    if count.rate <= policy.slo:
        return TrafficVerdict.FINE
    if not _is_harm(count, policy):
        return TrafficVerdict.ELEVATED
    if before is not None and _is_harm(before, policy):
        worse = count.rate - before.rate > policy.trigger
        if not (worse and _chance(count, float(before.rate)) <= _alpha(policy)):
            return TrafficVerdict.PRE_EXISTING
    return TrafficVerdict.BREACH if chance <= _alpha(policy) else TrafficVerdict.ELEVATED


def _is_harm(count: _Count, policy: TrafficPolicy) -> bool:
    return (
        count.requests >= policy.min_requests
        and count.errors >= policy.min_errors
        and count.rate > policy.trigger
    )


def _alpha(policy: TrafficPolicy) -> float:
    return (1 - policy.confidence) / _LOOKS if policy.confidence > 0 else 1.0


def _null(policy: TrafficPolicy) -> float:
    return sqrt(policy.slo * policy.trigger)


def _count(errors: float | None, requests: float | None) -> _Count | None:
    """Return whole counts: a source extrapolates to the edges of its window, so it has halves."""
    if errors is None or requests is None or not (isfinite(errors) and isfinite(requests)):
        return None
    if errors < 0 or requests < 0:
        return None
    whole = round(requests)
    return _Count(min(round(errors), whole), whole)


def _proven(count: _Count, scrapes: int | None) -> _Count:
    """Return what was truly seen: n scrapes see n - 1 intervals, the rest is extrapolated."""
    if scrapes is None or scrapes < 1:
        return count
    return _Count(
        count.errors * (scrapes - 1) // scrapes, -(-count.requests * (scrapes - 1) // scrapes)
    )


def _chance(count: _Count, rate: float) -> float:
    """Return P(Binomial(requests, rate) >= errors), by the successes: it loses no digits so."""
    requests = min(count.requests, _MOST_EVIDENCE)
    errors = count.errors * requests // count.requests if count.requests else 0
    return binomial_at_most(requests - errors, requests, 1 - rate)


def _counts_text(count: _Count, reading: TrafficReading, now: float) -> str:
    rate = f" ({rounded_percent(count.rate)})" if count.requests else ""
    counted = f"{count.errors} of {count.requests} requests of real traffic failed{rate}"
    said = counted + _span(reading, now)
    p95 = reading.p95_seconds
    if p95 is None or not isfinite(p95) or not count.requests:
        return said
    return f"{said}; p95 {milliseconds_words(p95)} (estimate from buckets)"


def _span(reading: TrafficReading, now: float) -> str:
    start, end = reading.counted_from_seconds, reading.newest_scrape_seconds
    if start is None or end is None:
        return f" as of {max(0.0, now - reading.at_seconds):.0f} s ago"
    return f" in the {end - start:.0f} s up to {max(0.0, now - end):.0f} s ago"


def _statistics(
    verdict: TrafficVerdict, before: _Count | None, chance: float, policy: TrafficPolicy
) -> str:
    match verdict:
        case TrafficVerdict.TOO_FEW:
            usual = "" if before is None else f" ({before.requests} before the deploy)"
            return f"; fewer than {policy.min_requests} requests decide nothing{usual}"
        case TrafficVerdict.BREACH:
            null = rounded_percent(_null(policy))
            odds = f"{chance:.1g}" if chance >= _LEAST_ODDS else f"below {_LEAST_ODDS:g}"
            return f"; at a true rate of {null} the chance of that is {odds}"
        case TrafficVerdict.PRE_EXISTING if before is not None:
            return (
                f"; before the deploy it was {before.errors} of {before.requests}"
                f" ({rounded_percent(before.rate)})"
            )
        case _:
            return ""
