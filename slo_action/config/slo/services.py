"""Forms of slo.yml to the core's nouns, defaults filled in."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

from slo_action.config.slo.forms import (
    AssertionForm,
    CaptureForm,
    DefaultsForm,
    EndpointForm,
    Form,
    JourneyForm,
    MaintenanceForm,
    ServiceForm,
    StepForm,
    TargetsForm,
)
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.journey.templates import asserted_names, undefined
from slo_action.core.lint.rule import Key
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import DEFAULTS, POLICY_NUMBERS, PolicyOverrides, policy_with
from slo_action.core.policy.policy import Policy
from slo_action.core.request_options import RequestOptions
from slo_action.core.slo.services import (
    NAMED_ENDPOINTS,
    Endpoint,
    Maintenance,
    Service,
    Targets,
)
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.text.quantities import percent_words

_P95, _P90 = Fraction(95, 100), Fraction(90, 100)
_WITNESSES = {
    "health": Witness.HEALTH,
    "build": Witness.VERSION,
    "search": Witness.SEARCH,
    "stats": Witness.STATS,
}
_OBJECTIVES = {
    "health": ("p95", _P95, "response_time_p95"),
    "search": ("p90", _P90, "search_response_time_p90"),
    "stats": ("p95", _P95, "stats_response_time_p95"),
}
_TEXTS = ("schedule", "platform", "app", "fly_config", "team")


def service_of(
    form: ServiceForm, defaults: Sequence[DefaultsForm], policy: PolicyOverrides
) -> Service:
    """Return the service; `defaults` come nearest first, and `policy` after them."""
    forms = (form, *defaults)
    targets = [one.slo_targets for one in forms if one.slo_targets]
    return Service(
        name=form.service,
        url=form.url,
        endpoints=_endpoints(forms, targets),
        targets=Targets(**{name: _first(targets, name) for name in Targets.__dataclass_fields__}),
        grace=_first([one.monitoring for one in forms], "grace_period"),
        notify=tuple(_first(forms, "notify") or ()),
        maintenance=tuple(map(maintenance_of, _first(forms, "maintenance") or ())),
        journeys=tuple(map(_journey, _first(forms, "journeys") or ())),
        request=_request(*forms),
        policy=_policy(forms, policy),
        **{name: _first(forms, name) or "" for name in _TEXTS},
    )


def _first(forms: Sequence[Form | None], key: str) -> Any:  # noqa: ANN401 - each key has its own type
    """Return the first value of a key; None where no form has one."""
    for form in forms:
        value = getattr(form, key, None)
        if value is not None:
            return value
    return None


def _request(*forms: DefaultsForm | EndpointForm) -> RequestOptions:
    found = RequestOptions()
    for form in reversed(forms):
        if form.request:
            found = RequestOptions(**form.request.model_dump(exclude_none=True)).over(found)
    return found


def _policy(forms: Sequence[DefaultsForm], below: PolicyOverrides) -> PolicyOverrides:
    change = below
    for one in reversed(forms):
        if one.slo_targets:
            change = target_overrides(one.slo_targets).over(change)
        if one.policy:
            change = policy_overrides(one.policy).over(change)
    return change


def policy_overrides(form: Form) -> PolicyOverrides:
    """Return what a `policy:` mapping says."""
    found: dict[str, object] = {}
    for number in POLICY_NUMBERS:
        written: object = form if number.doc else None
        for key in number.key.split("."):
            written = None if written is None else getattr(written, key)
        found[number.name] = number.value_of(written)
    return PolicyOverrides(**found)


def target_overrides(targets: TargetsForm) -> PolicyOverrides:
    """Return what a service's own objectives change, as `verify` reads them."""
    return PolicyOverrides(
        slo=targets.error_rate or None,
        health_limit=_seconds(targets.response_time_p95),
        search_limit=_seconds(targets.search_response_time_p90),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _endpoints(
    forms: Sequence[DefaultsForm], targets: Sequence[TargetsForm]
) -> tuple[Endpoint, ...]:
    monitoring = [one.monitoring for one in forms if one.monitoring]
    assertions = [one.assertions for one in forms if one.assertions]
    interval, timeout = _first(monitoring, "interval"), _first(monitoring, "timeout")
    found = []
    for name, witness in _WITNESSES.items():
        path = _first(forms, f"{name}_endpoint") or ("/healthz" if name == "health" else "")
        if path:
            percentile, quantile, key = _OBJECTIVES.get(name, ("", _P95, ""))
            found.append(
                Endpoint(
                    name=name,
                    path=path,
                    witness=witness,
                    interval=_first(monitoring, f"{name}_interval") or interval,
                    timeout=_first(monitoring, f"{name}_timeout") or timeout,
                    objective=_objective(percentile, quantile, _first(targets, key)),
                    assertions=tuple(map(_assertion, _first(assertions, name) or ())),
                )
            )
    own: Sequence[EndpointForm] = _first(forms, "endpoints") or ()
    limit = _first(targets, "api_response_time_p95")
    found += [
        Endpoint(
            name=one.name,
            path=one.path,
            witness=Witness.API,
            interval=one.interval or interval,
            timeout=one.timeout or timeout,
            objective=_objective("p95", _P95, one.response_time_p95 or limit),
            assertions=tuple(map(_assertion, one.assertions or ())),
            request=_request(one),
        )
        for one in own
    ]
    return tuple(found)


def _objective(name: str, quantile: Fraction, limit: timedelta | None) -> LatencyObjective | None:
    if limit is None:
        return None
    return LatencyObjective(name=name, quantile=quantile, limit_seconds=limit.total_seconds())


_SUBJECTS = {
    "status": (Subject.STATUS, Condition.ONE_OF),
    "body_matches": (Subject.BODY, Condition.MATCHES),
    "body_lacks": (Subject.BODY, Condition.LACKS),
    "certificate_days": (Subject.CERTIFICATE, Condition.ABOVE),
}


def _assertion(form: AssertionForm) -> Assertion:
    given = form.model_fields_set
    for key, (subject, condition) in _SUBJECTS.items():
        if key in given:
            return Assertion(subject=subject, condition=condition, expected=getattr(form, key))
    if "exists" in given:
        condition, expected = (Condition.EXISTS if form.exists else Condition.ABSENT), None
    else:
        condition = next(one for one in Condition if one in given)
        expected = getattr(form, condition)
    return Assertion(
        subject=Subject.JSON if "json_path" in given else Subject.HEADER,
        condition=condition,
        name=form.json_path or form.header or "",
        expected=expected,
    )


def _journey(form: JourneyForm) -> Journey:
    return Journey(
        name=form.name,
        steps=tuple(map(_step, form.steps)),
        timeout_seconds=_seconds(form.timeout) or Journey(name="", steps=()).timeout_seconds,
        interval_seconds=_seconds(form.interval),
        objective=_objective("p95", _P95, form.response_time_p95),
    )


def _step(form: StepForm) -> JourneyStep:
    unset = JourneyStep(name="", target="")
    return JourneyStep(
        name=form.name,
        target=form.path or form.url or "",
        method=form.method or unset.method,
        headers=form.headers or {},
        json=form.json_body,
        form=form.form,
        body=form.body or "",
        timeout_seconds=_seconds(form.timeout) or unset.timeout_seconds,
        think_seconds=_seconds(form.think_time) or 0.0,
        assertions=tuple(map(_assertion, form.assertions or ())),
        captures=tuple(_capture(name, one) for name, one in (form.capture or {}).items()),
    )


def _capture(variable: str, form: CaptureForm) -> Capture:
    named = ((Subject.JSON, form.json_path), (Subject.HEADER, form.header))
    sources = (*named, (Subject.COOKIE, form.cookie))
    subject, name = next((one for one in sources if one[1]), (Subject.BODY, ""))
    pattern = form.body_matches or form.matches or ""
    return Capture(variable=variable, subject=subject, name=name or "", pattern=pattern)


def maintenance_of(form: MaintenanceForm) -> Maintenance:
    """Return the time in which failures are expected."""
    given = form.model_dump(exclude_none=True)
    return Maintenance(**{**given, "services": tuple(form.services or ())})


POLICY_FORM = "write slo at most as large as rollback; slo_targets.error_rate counts as slo"


def unfit_policy(overrides: PolicyOverrides) -> str:
    """Return why its numbers do not fit together; empty where they do."""
    try:
        policy_with(overrides, Policy())
    except ValueError as error:
        whole = overrides.over(DEFAULTS)
        slo, rollback = whole["slo"], whole["rollback"]
        if slo > rollback:
            promised, limit = percent_words(slo), percent_words(rollback)
            return f"promises an error rate of {promised}, and {limit} rolls back"
        return str(error)
    return ""


def unset_variables(service: Service) -> Iterator[tuple[Key, str, str]]:
    """Yield every variable that has no value where it is used: its key, what is wrong, the form."""
    for number, journey in enumerate(service.journeys):
        for key, name, defined in undefined(journey):
            hint = did_you_mean(name, defined)
            accepted = f"capture it in an earlier step, or write ${{secrets.NAME}}; {hint}"
            problem = f"uses ${{{name}}}, which no step captures before it"
            yield ("journeys", number, *key), problem, accepted
    own = 0
    for endpoint in service.endpoints:
        where: Key = ("assertions", endpoint.name)
        if endpoint.name not in NAMED_ENDPOINTS:
            where, own = ("endpoints", own, "assertions"), own + 1
        for number, assertion in enumerate(endpoint.assertions):
            for name in sorted(asserted_names(assertion)):
                accepted = "write the value itself: only journeys have variables"
                yield (*where, number), f"uses ${{{name}}}", accepted
