"""The little PromQL that the source speaks, answered as Prometheus 2.42 answers it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan

Labels = Mapping[str, str]
Vector = list[tuple[Labels, float]]

_LOOKBACK_SECONDS = 300.0
_SELECTOR = r"(\w+(?:\{[^{}]*\})?)"
_MATCHER = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"')
_RANGE = rf"{_SELECTOR}\[(\d+)s\]"


@dataclass
class Series:
    """Samples in the order of their times; None is a staleness marker."""

    name: str
    labels: Labels
    samples: list[tuple[float, float | None]] = field(default_factory=list)

    def at(self, time: float) -> tuple[float, float] | None:
        """Return the newest sample that an instant query sees."""
        seen = [pair for pair in self.samples if time - _LOOKBACK_SECONDS < pair[0] <= time]
        if not seen or seen[-1][1] is None:
            return None
        return seen[-1][0], seen[-1][1]

    def within(self, time: float, seconds: float) -> list[tuple[float, float]]:
        window = (pair for pair in self.samples if time - seconds <= pair[0] <= time)
        return [(at, value) for at, value in window if value is not None]


class BadQueryError(Exception):
    """What Prometheus would not parse."""


def evaluate(query: str, series: Sequence[Series], time: float) -> Vector:
    """Return the instant vector of a query at a time."""
    for pattern, answer in _ANSWERS:
        match = re.fullmatch(pattern, query)
        if match:
            return answer(match, series, time)
    raise BadQueryError(f"parse error: unexpected query {query}")


def _selected(selector: str, series: Iterable[Series]) -> list[Series]:
    name, _, inner = selector.partition("{")
    matchers = _MATCHER.findall(inner)
    return [one for one in series if one.name == name and _fits(one.labels, matchers)]


def _fits(labels: Labels, matchers: Iterable[tuple[str, str, str]]) -> bool:
    for label, operator, text in matchers:
        value = re.sub(r"\\(.)", r"\1", text)
        found = labels.get(label, "")
        if not (found == value if operator == "=" else re.fullmatch(value, found)):
            return False
    return True


def _group(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    by = match[1].split(", ")
    groups = {
        tuple((label, one.labels[label]) for label in by if label in one.labels)
        for selector in match[2].split(" or ")
        for one in _selected(selector, series)
        if one.at(time)
    }
    return [(dict(group), 1.0) for group in sorted(groups)]


def _count(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    living = [one for one in _selected(match[1], series) if one.at(time)]
    return [({}, float(len(living)))] if living else []


def _newest(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    times = [pair[0] for one in _selected(match[1], series) if (pair := one.at(time))]
    return [({}, max(times))] if times else []


def _samples(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    counts = [len(one.within(time, float(match[2]))) for one in _selected(match[1], series)]
    return [({}, float(max(counts)))] if any(counts) else []


def _sum_increase(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    found = [increase(one, time, float(match[2])) for one in _selected(match[1], series)]
    values = [value for value in found if value is not None]
    if not values and match.lastindex == 3:
        return [({}, 0.0)]
    return [({}, sum(values))] if values else []


def increase(one: Series, time: float, seconds: float) -> float | None:
    """As promql/functions.go extrapolatedRate does it: resets added, edges extrapolated."""
    samples = one.within(time, seconds)
    if len(samples) < 2:
        return None
    values = [value for _, value in samples]
    total = values[-1] - values[0] + sum(old for old, new in pairwise(values) if new < old)
    covered = samples[-1][0] - samples[0][0]
    average = covered / (len(samples) - 1)
    to_start, to_end = samples[0][0] - (time - seconds), time - samples[-1][0]
    if total > 0 and values[0] >= 0:
        to_start = min(to_start, covered * values[0] / total)
    edges = sum(edge if edge < 1.1 * average else average / 2 for edge in (to_start, to_end))
    return total * (covered + edges) / covered


def _quantile(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    counts: dict[float, float] = {}
    for one in _selected(match[2], series):
        grown = increase(one, time, float(match[3]))
        if grown is not None:
            le = float(one.labels["le"])
            counts[le] = counts.get(le, 0.0) + grown
    return [({}, _interpolated(sorted(counts.items()), float(match[1])))] if counts else []


def _interpolated(buckets: list[tuple[float, float]], q: float) -> float:
    total = buckets[-1][1]
    if not total:
        return nan
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= q * total:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (q * total - below) / (count - below)
        lower, below = upper, count
    return lower


_ANSWERS: tuple[tuple[str, Callable[[re.Match[str], Sequence[Series], float], Vector]], ...] = (
    (r"group by \(([\w, ]+)\) \((.+)\)", _group),
    (rf"count\({_SELECTOR}\)", _count),
    (rf"max\(timestamp\({_SELECTOR}\)\)", _newest),
    (rf"max\(count_over_time\({_RANGE}\)\)", _samples),
    (rf"sum\(increase\({_RANGE}\)\)( or vector\(0\))?", _sum_increase),
    (rf"histogram_quantile\(([\d.]+), sum by \(le\) \(increase\({_RANGE}\)\)\)", _quantile),
)
