"""The little PromQL that the source speaks, answered as Prometheus 2.42 answers it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import nan

Labels = Mapping[str, str]
Vector = list[tuple[Labels, float]]

_LOOKBACK_SECONDS = 300.0
_STRING = r'"(?:[^"\\]|\\.)*"'
_BRACES = rf"\{{(?:[^{{}}\"]|{_STRING})*\}}"
_SELECTOR = rf"([\w:]+(?:{_BRACES})?|{_BRACES})"
_MATCHER = re.compile(rf"(\w+)(=~|!~|=)({_STRING})")
_OR = " or "
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
    operands = _operands(query)
    if len(operands) == 1:
        raise BadQueryError(f"parse error: unexpected query {query}")
    vectors = [evaluate(operand, series, time) for operand in operands]
    found: dict[frozenset[tuple[str, str]], list[tuple[Labels, float]]] = {}
    for vector in vectors:  # the right side's elements count where the left has no such labels
        left = set(found)
        for labels, value in vector:
            key = frozenset((name, text) for name, text in labels.items() if name != "__name__")
            if key not in left:
                found.setdefault(key, []).append((labels, value))
    return [element for elements in found.values() for element in elements]


def _operands(query: str) -> list[str]:
    """Split at each `or` that stands in no string and no brackets."""
    bare = re.sub(_STRING, lambda found: "_" * len(found[0]), query)
    depths = list(accumulate((c in "({[") - (c in ")}]") for c in bare))
    cuts = [at for at in range(len(bare)) if bare.startswith(_OR, at) and depths[at] == 0]
    starts = [0, *(at + len(_OR) for at in cuts)]
    return [query[start:end] for start, end in zip(starts, [*cuts, None], strict=True)]


def _selected(selector: str, series: Iterable[Series]) -> list[Series]:
    name, _, inner = selector.partition("{")
    matchers = _MATCHER.findall(inner)
    if not name and _fits({}, matchers):
        raise BadQueryError("vector selector must contain at least one non-empty matcher")
    return [
        one
        for one in series
        if name in ("", one.name) and _fits({"__name__": one.name, **one.labels}, matchers)
    ]


def _fits(labels: Labels, matchers: Iterable[tuple[str, str, str]]) -> bool:
    for label, operator, literal in matchers:
        value = re.sub(r"\\(.)", r"\1", literal[1:-1])
        found = labels.get(label, "")
        equal = found == value if operator == "=" else bool(re.fullmatch(value, found))
        if equal is (operator == "!~"):
            return False
    return True


def _instant(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    found = [(one, one.at(time)) for one in _selected(match[1], series)]
    equal = match[2]
    return [
        ({"__name__": one.name, **one.labels}, pair[1])
        for one, pair in found
        if pair and (equal is None or pair[1] == float(equal))
    ]


def _top(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    vector = evaluate(match[2], series, time)
    return sorted(vector, key=lambda element: -element[1])[: int(match[1])]


def _group(match: re.Match[str], series: Sequence[Series], time: float) -> Vector:
    by = match[1].split(", ")
    groups = {
        tuple((label, labels[label]) for label in by if label in labels)
        for labels, _ in evaluate(match[2], series, time)
    }
    return [(dict(group), 1.0) for group in sorted(groups)]


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
    value = _interpolated(sorted(counts.items()), float(match[1])) if counts else nan
    return [({}, value / float(match[4] or 1))] if counts else []


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
    (rf"{_SELECTOR}(?: == (\d+))?", _instant),
    (r"topk\((\d+), (.+)\)", _top),
    (r"group by \(([\w, ]+)\) \((.+)\)", _group),
    (rf"max\(timestamp\({_SELECTOR}\)\)", _newest),
    (rf"max\(count_over_time\({_RANGE}\)\)", _samples),
    (rf"sum\(increase\({_RANGE}\)\)( or vector\(0\))?", _sum_increase),
    (
        rf"histogram_quantile\(([\d.]+), sum by \(le\) \(increase\({_RANGE}\)\)\)(?: / (\d+))?",
        _quantile,
    ),
)
