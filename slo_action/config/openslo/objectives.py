"""One OpenSLO SLO to our objectives. What is ambiguous is skipped, and reported."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from slo_action.config.openslo.annotations import is_field, own_annotations
from slo_action.config.openslo.document import (
    Found,
    KeyMistake,
    OpenSloModel,
    ReadObjective,
    SkippedObjective,
    plain_number,
)
from slo_action.config.openslo.metrics import (
    counts_requests,
    is_within_limit,
    metric_names,
    quantile_of,
    times_requests,
)
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.slo.openslo import (
    ENDPOINT_TARGET,
    LATENCY_TARGETS,
    LATENCY_WINDOW,
    RATIO_WINDOWS,
)
from slo_action.core.text.quoting import quoted

_UNIT_NAMES = {
    "s": re.compile(r"_seconds(?:_|\b)"),
    "ms": re.compile(r"_(?:ms|millis|milliseconds)(?:_|\b)|Msec\b"),
}
_UNITS = {"s": Decimal(1), "ms": Decimal("0.001")}
_LONGEST_SECONDS = 86_400
_MOST_NAMES = 3
_P90, _P95 = Decimal("0.9"), Decimal("0.95")
_SEARCH = re.compile("(?<![a-z])search(?![a-z])")
_STATS = re.compile("(?<![a-z])stats(?![a-z])")
_SAY = "say which with the annotation slo-verify.objective"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Objective:
    """An entry of `objectives`, its SLO, and what it measures; `asked` is our annotation."""

    slo: OpenSloModel
    entry: OpenSloModel
    indicator: OpenSloModel
    asked: str


def read_slo(slo: OpenSloModel, indicators: Mapping[str, OpenSloModel]) -> Iterator[Found]:
    """Return what the SLO promises, what of it has no counterpart, and what is wrong with it.

    `indicators` are the SLIs of all documents, by name.
    """
    asked = own_annotations(slo).get("objective")
    if asked and not _is_supported(asked.text):
        accepted = did_you_mean(asked.text, (*RATIO_WINDOWS, *LATENCY_TARGETS))
        yield asked.mistake("not an objective of slo-verify", accepted)
        return
    objectives = tuple(slo.at("spec", "objectives").entries())
    if not objectives:
        key = slo.at("spec", "objectives").key
        yield KeyMistake(key, "an SLO has no objectives", "write a list with a `target`")
    for entry in objectives:
        yield from _read_entry(slo, entry, indicators, asked.text if asked else "")
    yield from _asides(slo.at("spec"), asked.text if asked else "")


def _is_supported(objective: str) -> bool:
    if objective.startswith("endpoints."):
        return objective.endswith(f".{ENDPOINT_TARGET}") and is_field(objective)
    return objective in RATIO_WINDOWS or objective in LATENCY_TARGETS


def _read_entry(
    slo: OpenSloModel, entry: OpenSloModel, indicators: Mapping[str, OpenSloModel], asked: str
) -> Iterator[Found]:
    indicator = _indicator(entry, indicators) or _indicator(slo.at("spec"), indicators)
    objective = _Objective(
        slo=slo,
        entry=entry,
        indicator=indicator or OpenSloModel(key=entry.key, content=None),
        asked=asked,
    )
    ratio = asked or (indicator and _ratio_field(indicator)) or ""
    if indicator is None and not asked:
        yield _left(entry, "its indicator is in none of these documents")
    elif ratio in RATIO_WINDOWS:
        yield _ratio(objective, ratio)
    elif asked or _threshold(objective.indicator).content is not None:
        yield from _latency(objective)
    else:
        yield _left(entry, _why_no_ratio(objective.indicator))
    if entry.at("compositeWeight").content is not None:
        yield _left(entry.at("compositeWeight"), "every objective is judged separately")


def _indicator(part: OpenSloModel, indicators: Mapping[str, OpenSloModel]) -> OpenSloModel | None:
    """Return the SLI's `spec`."""
    if part.at("indicator").content is not None:
        return part.at("indicator", "spec")
    named = indicators.get(part.at("indicatorRef").text)
    return named.at("spec") if named else None


def _ratio_field(indicator: OpenSloModel) -> str:
    """Return the objective that a ratio is about; empty where it could be another."""
    ratio = indicator.at("ratioMetric")
    queries = _texts(ratio)
    if is_within_limit(queries) or not counts_requests(queries):
        return ""
    good, bad = (isinstance(ratio.at(name).content, dict) for name in ("good", "bad"))
    if good:
        return "availability"
    return "error_rate" if bad else ""


def _why_no_ratio(indicator: OpenSloModel) -> str:
    ratio = indicator.at("ratioMetric")
    if ratio.content is None:
        return "an indicator is a ratioMetric or a thresholdMetric here"
    if ratio.at("raw").content is not None:
        return f"a raw ratio may be about anything; {_SAY}"
    queries = _texts(ratio)
    if is_within_limit(queries):
        return (
            f"a ratio of requests within a limit is a latency; write a thresholdMetric, or {_SAY}"
        )
    return f"{_named(queries)} not count HTTP requests for certain; {_SAY}"


def _named(queries: tuple[str, ...]) -> str:
    names = metric_names(queries)
    if not names:
        return "its queries name no metric, and do"
    return f"{', '.join(map(quoted, names[:_MOST_NAMES]))} {'does' if len(names) == 1 else 'do'}"


def _ratio(objective: _Objective, field: str) -> Found:
    target = _target(objective.entry)
    if not isinstance(target, Decimal):
        return target
    least = field == "error_rate"
    value = 1 - target if least else target
    return ReadObjective(
        key=objective.entry.key,
        field=f"slo_targets.{field}",
        value=value,
        least=least,
        text=plain_number(value),
    )


def _target(entry: OpenSloModel) -> Decimal | KeyMistake:
    """Return the ratio in [0, 1]."""
    percent, ratio = entry.at("targetPercent"), entry.at("target")
    if percent.content is not None and ratio.content is not None:
        return percent.mistake("a target twice", "write target or targetPercent, not both")
    part, scale = (percent, 100) if ratio.content is None and percent.content else (ratio, 1)
    number = part.number
    if number is None or not 0 <= number <= scale:
        return part.mistake("no target", "write a ratio such as 0.999, or targetPercent: 99.9")
    return number / scale


def _threshold(indicator: OpenSloModel) -> OpenSloModel:
    threshold = indicator.at("thresholdMetric")
    return threshold if threshold.content is not None else indicator.at("rawMetric")


def _latency(objective: _Objective) -> Iterator[Found]:
    target = _target(objective.entry)
    if isinstance(target, KeyMistake):
        yield target
        return
    queries = _texts(_threshold(objective.indicator))
    if not (objective.asked or times_requests(queries)):
        yield _left(objective.entry, f"{_named(queries)} not time HTTP requests; {_SAY}")
        return
    asked = quantile_of(queries)
    quantile = Decimal(asked) if asked else target
    field = objective.asked or _latency_field(objective, quantile)
    limit = _limit(objective)
    if isinstance(limit, SkippedObjective):
        yield limit
    elif field is None:
        yield _left(objective.entry, f"p{plain_number(quantile * 100)} has no counterpart; {_SAY}")
    else:
        yield ReadObjective(
            key=objective.entry.key,
            field=field if "." in field else f"slo_targets.{field}",
            value=limit,
            least=True,
            text=f"{plain_number(limit)}s",
        )
        if quantile != target:
            yield _left(objective.entry.at("target"), "the quantile is the query's")


def _latency_field(objective: _Objective, quantile: Decimal) -> str | None:
    slo = objective.slo
    names = (slo.at("metadata", "name").text, slo.at("metadata", "displayName").text)
    texts = " ".join((*names, *_texts(objective.indicator))).lower()
    if _SEARCH.search(texts):
        return "search_response_time_p90" if quantile == _P90 else None
    return "response_time_p95" if quantile == _P95 and not _STATS.search(texts) else None


def _limit(objective: _Objective) -> Decimal | SkippedObjective:
    """Return the seconds that an answer may take."""
    op, value = objective.entry.at("op"), objective.entry.at("value")
    if op.text not in ("lte", "lt"):
        return _left(objective.entry, "a response time has `op: lte` or `op: lt`, and a `value`")
    unit = _unit(objective)
    if unit is None:
        return _left(value, "unknown unit: set it with the annotation slo-verify.unit: s or ms")
    seconds = value.number and value.number * unit
    if not seconds or not 0 < seconds <= _LONGEST_SECONDS:
        return _left(objective.entry, "a response time needs a `value` of at most a day")
    return seconds


def _unit(objective: _Objective) -> Decimal | None:
    unit = own_annotations(objective.slo).get("unit")
    if unit is not None:
        return _UNITS.get(unit.text)
    queries = "\n".join(_texts(_threshold(objective.indicator)))
    units = [unit for name, unit in _UNITS.items() if _UNIT_NAMES[name].search(queries)]
    return units[0] if len(units) == 1 else None


def _texts(part: OpenSloModel) -> tuple[str, ...]:
    """Return the queries of a metric; what they are called is the data source's affair."""
    sources = (part, *(inner for _, inner in part.pairs()))
    specs = [source.at("metricSource", "spec") for source in sources]
    return tuple(text.text for spec in specs for _, text in spec.pairs() if text.text)


def _asides(spec: OpenSloModel, asked: str) -> Iterator[SkippedObjective]:
    """Return what an SLO says beside its objectives. A window of ours is understood."""
    ours = RATIO_WINDOWS.get(asked, LATENCY_WINDOW) if asked else ""
    for window in spec.at("timeWindow").entries():
        if window.at("duration").text != ours:
            yield _left(window, "the observation time is set by `policy`")
    method = spec.at("budgetingMethod")
    if method.text not in ("", "Occurrences"):
        yield _left(method, "every probe counts, as with Occurrences")
    for alert in spec.at("alertPolicies").entries():
        yield _left(alert, "recipients are set by `notify`")


def _left(part: OpenSloModel, why: str) -> SkippedObjective:
    """Name the key, and of an entry of a list what it is called."""
    *_, above, last = part.key
    name = f"{above}[{last}]" if isinstance(last, int) else last
    texts = (part.text, part.at("displayName").text, part.at("duration").text)
    label = next((text for text in texts if text), "")
    return SkippedObjective(key=part.key, what=f"{name}: {label}" if label else name, why=why)
