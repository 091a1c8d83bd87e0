"""Every field of slo.yml that is compared: its label, format, direction and effect.

An endpoint, a journey, a step or a target less is looser, and so are longer intervals, limits and
grace, and more maintenance. Where a service is, who runs it and who is notified are neither, except
that no recipient is left.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from operator import attrgetter
from typing import Any

from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.model import Witness
from slo_action.core.observation.streams import DEFAULT_OBJECTIVES
from slo_action.core.policy.numbers import (
    NUMBERS_BY_NAME,
    POLICY_NUMBERS,
    Comparison,
    PolicyNumber,
    effect_of,
    less_is_looser,
    more_is_looser,
)
from slo_action.core.slo.services import Endpoint, Maintenance
from slo_action.core.slo_diff.change import NOT_SET, Compared, Field, Items
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.text.quantities import (
    about_minutes,
    count_words,
    duration_words,
    percent_words,
)

_DEFAULT_OBJECTIVES: Mapping[Witness | None, LatencyObjective] = dict(DEFAULT_OBJECTIVES)
_MONTH_SECONDS, _DAY_SECONDS = 30 * 86_400, 86_400


_budget = effect_of(
    "downtime budget of 30 days: {} → {}",
    lambda share: about_minutes(float(1 - share) * _MONTH_SECONDS),
)
_errors = effect_of(
    "of 10,000 requests, {} → {} may fail", lambda share: count_words(float(10_000 * share))
)
_runs = effect_of(
    "of 1,000 runs, {} → {} may fail", lambda share: count_words(float(1_000 * (1 - share)))
)
_no_answer = effect_of("no answer within {} → {} is a failure", duration_words)
_probes_a_day = effect_of(
    "{} → {} probes a day",
    lambda each: count_words(_DAY_SECONDS / _seconds(each)) if each else "no",
)


def _target(name: str, order: Comparison, effect: Callable[[Fraction, Fraction], str]) -> Field:
    label = name.replace("_", " ")
    return _whole(
        label,
        percent_words,
        "promised",
        get=lambda service: getattr(service.targets, name),
        order=order,
        effect=effect,
        default=lambda _service, policy: policy.get("slo") if name == "error_rate" else None,
        measured=label,
    )


def _seconds(duration: timedelta | float) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _duration(label: str, name: str, effect: Callable[[Any, Any], str]) -> Field:
    return Field(
        label=label,
        get=attrgetter(name),
        format=duration_words,
        order=more_is_looser,
        effect=effect,
    )


def _objective(before: Endpoint | Journey, after: Endpoint | Journey) -> Field:
    """Compare objectives on response times, of which another version may have another quantile.

    A deploy has the default objective where none is set: to drop a laxer one is not looser.
    """
    stream = stream_of(after) if isinstance(after, Endpoint) else f"journey {after.name}"
    old, new = before.objective, after.objective
    same = old is None or new is None or _kind(old) == _kind(new)
    name = next((goal.name for goal in (new, old) if goal), "")
    return _whole(
        name if same else "response time",
        _limit_text if same else _objective_text,
        "promised",
        get=attrgetter("objective"),
        order=_objective_order,
        effect=_slower,
        default=lambda one, _policy: _DEFAULT_OBJECTIVES.get(getattr(one, "witness", None)),
        measured=f"{stream} {name}" if same else "",
        number=lambda goal: float(goal.limit_seconds),
    )


def stream_of(endpoint: Endpoint) -> str:
    """Return the name under which a window keeps what an endpoint answered."""
    return endpoint.path if endpoint.witness is Witness.API else endpoint.witness.value


_kind = attrgetter("name", "quantile")


def _limit_text(goal: LatencyObjective) -> str:
    return duration_words(goal.limit_seconds)


def _objective_text(goal: LatencyObjective) -> str:
    return f"{goal.name} ({percent_words(goal.quantile)}) {_limit_text(goal)}"


def _objective_order(before: LatencyObjective, after: LatencyObjective) -> int:
    """A higher limit lets more pass, as a smaller share that must keep it does."""
    limit = more_is_looser(before.limit_seconds, after.limit_seconds)
    share = less_is_looser(before.quantile, after.quantile)
    return 0 if limit * share < 0 else limit or share


def _slower(before: LatencyObjective, after: LatencyObjective) -> str:
    old, new = (float(100 * (1 - goal.quantile)) for goal in (before, after))
    share = f"{old:g}" if old == new else f"{old:g} → {new:g}"
    return f"of 100 answers, {share} may take longer"


_SUBJECTS = {
    Subject.STATUS: "status",
    Subject.BODY: "body",
    Subject.CERTIFICATE: "certificate",
    Subject.JSON: "JSON {}",
    Subject.HEADER: "header {}",
    Subject.COOKIE: "cookie {}",
}
_CONDITIONS = {
    Condition.ONE_OF: "is",
    Condition.EQUALS: "equals",
    Condition.NOT_EQUALS: "does not equal",
    Condition.MATCHES: "matches",
    Condition.LACKS: "lacks",
    Condition.EXISTS: "exists",
    Condition.ABSENT: "is absent",
    Condition.ABOVE: "is above",
    Condition.BELOW: "is below",
}


def assertion_text(assertion: Assertion) -> str:
    """Return the assertion as a phrase, such as `JSON $.status equals "ok"`. Untrusted."""
    value = assertion.expected
    text = (
        " or ".join(map(str, value))
        if isinstance(value, tuple)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
    if assertion.subject is Subject.CERTIFICATE:
        return f"certificate valid for {text} days more"
    phrase = _SUBJECTS[assertion.subject].format(assertion.name)
    phrase = f"{phrase} {_CONDITIONS[assertion.condition]}"
    return phrase if value is None else f"{phrase} {text}"


def _assertion_order(before: Assertion, after: Assertion) -> int:
    """A lower bound that falls, an upper one that rises, and more statuses let more pass."""
    if before.condition is not after.condition:
        return 0
    old, new = before.expected, after.expected
    if before.condition is Condition.ONE_OF and isinstance(old, tuple) and isinstance(new, tuple):
        return (set(old) < set(new)) - (set(new) < set(old))
    if isinstance(old, int | float) and isinstance(new, int | float):
        more = more_is_looser(old, new)
        return {Condition.ABOVE: -more, Condition.BELOW: more}.get(before.condition, 0)
    return 0


_ASSERTIONS = Items(
    get=attrgetter("assertions"),
    key=attrgetter("subject", "name"),
    whole=Field(label="{where} assertion", format=assertion_text, order=_assertion_order, absent=1),
)


def _length(body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body, default=str)
    return f"{len(text)} characters"


def _sent(label: str, name: str, format: Callable[..., str]) -> Field:  # noqa: A002 - as Field's
    """Values may hold secrets: only names and lengths are shown."""
    return Field(
        label=label,
        get=attrgetter(name),
        format=format,
        effect=lambda _before, _after: "sends something else",
    )


def _names(values: dict[str, str]) -> str:
    return ", ".join(values) or "none"


def _request(step: JourneyStep) -> str:
    return f"{step.method} {step.target}"


def _capture(capture: Capture) -> str:
    source = f"{capture.variable} from {_SUBJECTS[capture.subject].format(capture.name)}"
    return f"{source} matching {json.dumps(capture.pattern)}" if capture.pattern else source


def _step_count(journey: Journey) -> str:
    return f"{len(journey.steps)} step{'' if len(journey.steps) == 1 else 's'}"


def _step_names(journey: Journey) -> list[str]:
    return [step.name for step in journey.steps]


def _step_order(before: Journey, after: Journey) -> Field | None:
    is_same_set = sorted(_step_names(before)) == sorted(_step_names(after))
    field = Field(label="order of steps", get=_step_names, format=", ".join)
    return field if is_same_set else None


def _whole(label: str, format: Callable[..., str], verb: str, **more: Any) -> Field:  # noqa: A002, ANN401 - as Field's
    removed, added = f"no longer {verb}", f"{verb} from now on"
    return Field(label=label, format=format, absent=1, removed=removed, added=added, **more)


_STEP_FIELDS: tuple[Compared, ...] = (
    Field(label="request", get=_request),
    _sent("headers", "headers", _names),
    _sent("JSON", "json", _length),
    _sent("form", "form", _names),
    _sent("body", "body", _length),
    _duration("timeout", "timeout_seconds", _no_answer),
    Field(label="think time", get=attrgetter("think_seconds"), format=duration_words),
    _ASSERTIONS,
    Items(
        get=attrgetter("captures"),
        key=attrgetter("variable"),
        whole=Field(label="{where} capture", format=_capture),
    ),
)
_JOURNEY_FIELDS: tuple[Compared, ...] = (
    _duration("interval", "interval_seconds", _probes_a_day),
    _duration("timeout", "timeout_seconds", _no_answer),
    _objective,
    Items(
        get=attrgetter("steps"),
        whole=_whole("{where}, step {name}", _request, "run"),
        where="{where}, step {name}",
        fields=_STEP_FIELDS,
    ),
    _step_order,
)
_REQUEST = _sent("request", "request", lambda options: "; ".join(options.shown) or NOT_SET)
_ENDPOINT_FIELDS: tuple[Compared, ...] = (
    Field(label="path", get=attrgetter("path")),
    Field(label="kind", get=attrgetter("witness")),
    _duration("interval", "interval", _probes_a_day),
    _duration("timeout", "timeout", _no_answer),
    _objective,
    _ASSERTIONS,
    _REQUEST,
)


def _maintenance_text(one: Maintenance) -> str:
    parts = (
        f"{one.schedule} UTC" if one.schedule else "",
        f"{_instant(one.start)} to {_instant(one.end)}" if one.start or one.end else "",
        f"for {duration_words(one.duration)}" if one.duration else "",
        f"on {', '.join(one.services)}" if one.services else "",
    )
    return " ".join(filter(None, parts)) or NOT_SET


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S %Z") if at else NOT_SET


def _maintenance_order(before: Maintenance, after: Maintenance) -> int:
    """Only what contains the other, or lasts longer by the same schedule, is surely more."""
    if before.services != after.services or before.schedule != after.schedule:
        return 0
    if before.duration and after.duration:
        return more_is_looser(before.duration, after.duration)
    return _contains(after, before) - _contains(before, after)


def _contains(outer: Maintenance, inner: Maintenance) -> bool:
    if not (outer.start and outer.end and inner.start and inner.end):
        return False
    is_same = (outer.start, outer.end) == (inner.start, inner.end)
    return not is_same and outer.start <= inner.start and inner.end <= outer.end


def _notify(label: str) -> Field:
    return Field(
        label=label,
        get=attrgetter("notify"),
        format=", ".join,
        absent=1,
        removed="no recipients any more",
    )


SERVICE_FIELDS: tuple[Compared, ...] = (
    *(
        Field(label=name, get=attrgetter(name))
        for name in ("url", "schedule", "platform", "app", "fly_config", "team")
    ),
    _target("availability", less_is_looser, _budget),
    _target("error_rate", more_is_looser, _errors),
    _target("job_success_rate", less_is_looser, _runs),
    Items(
        get=attrgetter("endpoints"),
        whole=_whole("endpoint {name}", attrgetter("path"), "monitored"),
        where="{name}",
        fields=_ENDPOINT_FIELDS,
    ),
    Field(
        label="grace",
        get=lambda service: None if service.grace is None else _seconds(service.grace),
        format=duration_words,
        order=more_is_looser,
        effect=NUMBERS_BY_NAME["grace"].effect,
        default=lambda _service, policy: policy.get("grace"),
    ),
    Items(
        get=attrgetter("journeys"),
        whole=_whole("journey {name}", _step_count, "run"),
        where="journey {name}",
        fields=_JOURNEY_FIELDS,
    ),
    _REQUEST,
    _notify("notify"),
    Items(
        get=attrgetter("maintenance"),
        whole=Field(
            label="maintenance {name}",
            format=_maintenance_text,
            order=_maintenance_order,
            absent=-1,
            removed="failures then count again",
            added="failures then are expected",
        ),
    ),
)


def _number(number: PolicyNumber) -> Field:
    return Field(
        label=f"policy: {number.label or number.name.replace('_', ' ')}",
        get=lambda overrides: overrides.get(number.name),
        format=number.text,
        order=number.order,
        effect=number.effect,
        default=lambda _holder, policy: policy.get(number.name),
    )


POLICY_FIELDS = {number.name: _number(number) for number in POLICY_NUMBERS}
"""The numbers that judge a deploy, by their names."""
SERVICE = _whole("service", attrgetter("url"), "monitored")
TEAMS = Items(
    get=lambda slo_yml: slo_yml.teams.values(),
    whole=Field(label="team {name}", format=lambda team: ", ".join(team.notify) or "no recipients"),
    where="team {name}:",
    fields=(_notify("notify"),),
)
