"""Exact and any-time statements about a failure rate, from two integers: bad answers of valid."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil, exp, inf, lgamma, log, log1p, pi

_BISECTIONS = 60
_MOST_PROBES = 1 << 30


def log_e(bad: int, valid: int, null: float, alternatives: Sequence[float]) -> float:
    """Return the log of the mean likelihood ratio of the alternatives against the null rate.

    With every alternative on one side of the null, log(1/alpha) is reached under it at any time
    with a chance of alpha at most (Ville), so it may be watched as the answers come.
    """
    terms = [_log_ratio(bad, valid - bad, null, rate) for rate in alternatives]
    return log_mean_exp(terms)


def _log_ratio(bad: int, good: int, null: float, rate: float) -> float:
    if (rate == 0 and bad) or (rate == 1 and good):
        return -inf
    ratio = bad * log(rate / null) if bad else 0.0
    return ratio + (good * (log1p(-rate) - log1p(-null)) if good else 0.0)


def log_mean_exp(terms: Sequence[float]) -> float:
    """Return log(mean(exp(term))); -inf where there are no terms."""
    top = max(terms, default=-inf)
    if top == -inf:
        return -inf
    return top + log(sum(exp(term - top) for term in terms) / len(terms))


@lru_cache(maxsize=4096)
def enough_to_refute(
    bad: int, null: float, alternatives: tuple[float, ...], confidence: float
) -> int:
    """Return how many valid answers rule out the null where `bad` of them are bad, at any time.

    The alternatives lie below the null. 2**30 where no number that fits does.
    """
    wanted = -log1p(-confidence)
    low, high = bad, max(1, bad)
    while log_e(bad, high, null, alternatives) < wanted:
        low, high = high, 2 * high
        if high > _MOST_PROBES:
            return _MOST_PROBES
    while high - low > 1:
        middle = (low + high) // 2
        if log_e(bad, middle, null, alternatives) < wanted:
            low = middle
        else:
            high = middle
    return high


def any_time_interval(bad: int, valid: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the rates that the Beta(1/2, 1/2) mixture has not ruled out at any time.

    Wider than an interval for a count that was fixed in advance, and valid at every look.
    """
    if valid == 0:
        return 0.0, 1.0
    good = valid - bad
    mixture = lgamma(bad + 0.5) + lgamma(good + 0.5) - lgamma(valid + 1.0) - log(pi)
    limit = mixture + log1p(-confidence)
    observed = bad / valid

    def is_refuted(rate: float) -> bool:
        likelihood = (bad * log(rate) if bad else 0.0) + (good * log1p(-rate) if good else 0.0)
        return likelihood <= limit

    lower = _edge(is_refuted, 0.0, observed) if bad else 0.0
    upper = _edge(is_refuted, 1.0, observed) if good else 1.0
    return lower, upper


def _edge(is_refuted: Callable[[float], bool], outside: float, inside: float) -> float:
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def binomial_at_most(k: int, n: int, p: float) -> float:
    """Return P(Bin(n, p) <= k), summed from its largest term until the rest is too small to see."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    if k >= ceil(n * p):
        return 1.0 - _tail(n - k - 1, n, 1 - p)
    return min(1.0, _tail(k, n, p))


def hypergeometric_at_least(k: int, drawn: int, bad: int, total: int) -> float:
    """Return the chance that `drawn` of `total` answers, `bad` of them bad, hold k bad or more."""

    def log_chance(j: int) -> float:
        return _log_choose(drawn, j) + _log_choose(total - drawn, bad - j)

    least, most = max(0, bad - (total - drawn)), min(bad, drawn)
    whole = _log_choose(total, bad)
    found = range(max(k, least), most + 1)
    return min(1.0, sum(exp(log_chance(j) - whole) for j in found))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _tail(k: int, n: int, p: float) -> float:
    """Sum P(Bin(n, p) = j) over j = k, k-1 .. 0, for k below about the mean: terms only shrink."""
    term = exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))
    total, odds = 0.0, (1 - p) / p
    for j in range(k, -1, -1):
        total += term
        if term < total * 1e-17:
            break
        term *= j / (n - j + 1) * odds
    return total
