"""Forms of slo.yml to the core's nouns, defaults filled in."""

from collections.abc import Sequence
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
    MonitoringForm,
    OwnAssertionsForm,
    ServiceForm,
    StepForm,
    TargetsForm,
)
from slo_action.core.journey.assertions import Assertion, Condition, Subject
from slo_action.core.journey.journeys import Capture, Journey, JourneyStep
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import DEFAULTS, POLICY_NUMBERS, PolicyOverrides, policy_with
from slo_action.core.policy.policy import Policy
from slo_action.core.slo.services import Endpoint, Maintenance, Service, Targets
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.text.quantities import percent_words

_P95 = Fraction(95, 100)
_P90 = Fraction(90, 100)


def service_of(
    form: ServiceForm, defaults: Sequence[DefaultsForm], policy: PolicyOverrides
) -> Service:
    """Return the service; `defaults` come nearest first, and `policy` after them."""
    said = (form, *defaults)
    assertions = [one.assertions or OwnAssertionsForm() for one in said]
    targets = [one.slo_targets or _NO_TARGETS for one in said]
    monitoring = [one.monitoring or _NO_MONITORING for one in said]
    return Service(
        name=form.service,
        url=form.url,
        endpoints=_endpoints(said, targets, monitoring, assertions),
        targets=Targets(
            availability=_said(targets, "availability"),
            error_rate=_said(targets, "error_rate"),
            job_success_rate=_said(targets, "job_success_rate"),
        ),
        grace=_said(monitoring, "grace_period"),
        schedule=_said(said, "schedule") or "",
        platform=_said(said, "platform") or "",
        app=_said(said, "app") or "",
        fly_config=_said(said, "fly_config") or "",
        team=_said(said, "team") or "",
        notify=tuple(_said(said, "notify") or ()),
        maintenance=tuple(map(maintenance_of, _said(said, "maintenance") or ())),
        journeys=tuple(map(_journey, _said(said, "journeys") or ())),
        policy=_policy(said, policy),
    )


_NO_TARGETS = TargetsForm()
_NO_MONITORING = MonitoringForm()


def _said(forms: Sequence[Form], key: str) -> Any:  # noqa: ANN401 - each key has its own type
    """Return the first that is said of a key; None where no form has it, or none says it."""
    for form in forms:
        value = getattr(form, key, None)
        if value is not None:
            return value
    return None


def _policy(said: Sequence[DefaultsForm], below: PolicyOverrides) -> PolicyOverrides:
    change = below
    for one in reversed(said):
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
    said: Sequence[DefaultsForm],
    targets: Sequence[TargetsForm],
    monitoring: Sequence[MonitoringForm],
    assertions: Sequence[OwnAssertionsForm],
) -> tuple[Endpoint, ...]:
    interval = _said(monitoring, "interval")
    timeout = _said(monitoring, "timeout")
    limits = {
        Witness.HEALTH: ("p95", _P95, _said(targets, "response_time_p95")),
        Witness.SEARCH: ("p90", _P90, _said(targets, "search_response_time_p90")),
        Witness.STATS: ("p95", _P95, _said(targets, "stats_response_time_p95")),
    }
    found: list[Endpoint] = []
    for name, witness in _NAMED.items():
        path = _said(said, f"{name}_endpoint")
        if not path and witness is not Witness.HEALTH:
            continue
        own = _said(monitoring, f"{name}_interval")
        patience = _said(monitoring, f"{name}_timeout")
        demands = _said(assertions, name)
        found.append(
            Endpoint(
                name=name,
                path=path or "/healthz",
                witness=witness,
                interval=own or interval,
                timeout=patience or timeout,
                objective=_objective(*limits.get(witness, ("", _P95, None))),
                assertions=tuple(map(_assertion, demands or ())),
            )
        )
    api = _said(targets, "api_response_time_p95")
    listed = _said(said, "endpoints") or ()
    return (*found, *(_own(form, api, interval, timeout) for form in listed))


_NAMED = {
    "health": Witness.HEALTH,
    "build": Witness.VERSION,
    "search": Witness.SEARCH,
    "stats": Witness.STATS,
}


def _own(
    form: EndpointForm,
    limit: timedelta | None,
    interval: timedelta | None,
    timeout: timedelta | None,
) -> Endpoint:
    return Endpoint(
        name=form.name,
        path=form.path,
        witness=Witness.API,
        interval=form.interval or interval,
        timeout=form.timeout or timeout,
        objective=_objective("p95", _P95, form.response_time_p95 or limit),
        assertions=tuple(map(_assertion, form.assertions or ())),
    )


def _objective(name: str, quantile: Fraction, limit: timedelta | None) -> LatencyObjective | None:
    if limit is None:
        return None
    return LatencyObjective(name=name, quantile=quantile, limit_seconds=limit.total_seconds())


def _assertion(form: AssertionForm) -> Assertion:
    plain: dict[str, tuple[Subject, Condition]] = {
        "status": (Subject.STATUS, Condition.ONE_OF),
        "body_matches": (Subject.BODY, Condition.MATCHES),
        "body_lacks": (Subject.BODY, Condition.LACKS),
        "certificate_days": (Subject.CERTIFICATE, Condition.ABOVE),
    }
    for key, (subject, condition) in plain.items():
        if key in form.model_fields_set:
            return Assertion(subject=subject, condition=condition, expected=getattr(form, key))
    condition, expected = _condition(form)
    is_json = "json_path" in form.model_fields_set
    return Assertion(
        subject=Subject.JSON if is_json else Subject.HEADER,
        condition=condition,
        name=(form.json_path if is_json else form.header) or "",
        expected=expected,
    )


def _condition(form: AssertionForm) -> tuple[Condition, Any]:
    if "exists" in form.model_fields_set:
        return (Condition.EXISTS if form.exists else Condition.ABSENT), None
    known = (name for name in form.model_fields_set if name in set(Condition))
    name = next(known)
    return Condition(name), getattr(form, name)


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
    subject = Subject.HEADER if form.json_path is None else Subject.JSON
    return Capture(variable=variable, subject=subject, name=form.json_path or form.header or "")


def maintenance_of(form: MaintenanceForm) -> Maintenance:
    """Return the time in which failures are expected."""
    return Maintenance(
        name=form.name,
        start=form.start,
        end=form.end,
        schedule=form.schedule or "",
        duration=form.duration,
        services=tuple(form.services or ()),
    )


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
