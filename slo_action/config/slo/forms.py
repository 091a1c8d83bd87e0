"""What may be written in slo.yml, key by key. The JSON Schema is generated from these forms.

None everywhere means that nothing is said, so that defaults can fill it in.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from slo_action.config.slo.values import (
    App,
    Below,
    Confidence,
    Cron,
    Duration,
    EndpointName,
    HeaderName,
    Instant,
    JourneyName,
    Json,
    JsonPath,
    Line,
    Name,
    Number,
    OptionalPath,
    Path,
    Pattern,
    Positive,
    Rate,
    Ratio,
    RequestHeader,
    Statuses,
    StepUrl,
    Url,
)
from slo_action.core.journey.journeys import Journey
from slo_action.core.policy.numbers import POLICY_NUMBERS, Kind
from slo_action.core.text.quoting import quoted

OWN_KEY = "x-"
"""How keys begin that are the user's own, such as anchors."""


class Form(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )


class TargetsForm(Form):
    """What a service promises."""

    availability: Ratio | None = None
    error_rate: Ratio | None = None
    job_success_rate: Ratio | None = None
    response_time_p95: Positive | None = None
    api_response_time_p95: Positive | None = None
    stats_response_time_p95: Positive | None = None
    search_response_time_p90: Positive | None = None


class MonitoringForm(Form):
    """How the routine monitor probes; the grace period holds for `verify` too."""

    interval: Positive | None = None
    timeout: Positive | None = None
    grace_period: Duration | None = None
    health_interval: Positive | None = None
    health_timeout: Positive | None = None
    search_interval: Positive | None = None
    search_timeout: Positive | None = None
    stats_interval: Positive | None = None
    stats_timeout: Positive | None = None


_POLICY_TYPES: Mapping[Kind, Any] = {
    Kind.DURATION: Duration,
    Kind.POSITIVE_DURATION: Positive,
    Kind.RATE: Rate,
    Kind.CONFIDENCE: Confidence,
    Kind.COUNT: Annotated[int, Field(ge=1)],
    Kind.LATE_START: Literal["warn", "rollback"],
}
RATES = "error_rate"
"""The key of `policy:` below which the keys of RatesForm stand."""


def policy_docs(below: str = "") -> dict[str, str]:
    """Return keys of `policy:`, or of a mapping in it, and their docs; a mapping has none."""
    docs: dict[str, str] = {}
    for number in POLICY_NUMBERS:
        above, _, last = number.key.rpartition(".")
        if number.doc and above == below:
            docs[last] = number.doc
        elif above and not below:
            docs.setdefault(above, "")
    return docs


def _policy_fields(below: str = "", **inner: Any) -> dict[str, Any]:  # noqa: ANN401 - forms
    kinds = {number.key: _POLICY_TYPES[number.kind] for number in POLICY_NUMBERS}
    keys = {key: f"{below}.{key}" if below else key for key in policy_docs(below)}
    return {key: ((inner.get(key) or kinds[path]) | None, None) for key, path in keys.items()}


if TYPE_CHECKING:

    class RatesForm(Form):
        """Error rates: what is promised, what is warned of, what is rolled back."""

    class PolicyForm(Form):
        """The numbers that judge a deploy."""
else:
    RatesForm = create_model(
        "RatesForm",
        __base__=Form,
        __doc__="Error rates: what is promised, what is warned of, what is rolled back.",
        __module__=__name__,
        **_policy_fields(RATES),
    )
    PolicyForm = create_model(
        "PolicyForm",
        __base__=Form,
        __doc__="The numbers that judge a deploy.",
        __module__=__name__,
        **_policy_fields(error_rate=RatesForm),
    )


class CaptureForm(Form):
    """Where a journey takes a value from: one of both."""

    json_path: JsonPath | None = Field(None, alias="json")
    header: HeaderName | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "CaptureForm":
        if (self.json_path is None) == (self.header is None):
            raise ValueError("write either json: and a path, or header: and a name")
        return self


class AssertionForm(Form):
    """One demand on an answer."""

    status: Statuses | None = None
    json_path: JsonPath | None = Field(None, alias="json")
    header: HeaderName | None = None
    body_matches: Pattern | None = None
    body_lacks: Pattern | None = None
    certificate_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    equals: Json = None
    not_equals: Json = None
    matches: Pattern | None = None
    exists: bool | None = None
    above: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _one_demand(self) -> "AssertionForm":
        subjects = self.model_fields_set & SUBJECTS
        conditions = self.model_fields_set & CONDITIONS
        empty = {
            one for one in subjects | (conditions - _MAY_BE_NULL) if getattr(self, one) is None
        }
        if empty:
            raise ValueError(f"write a value behind {_listed(empty)}")
        if len(subjects) != 1:
            raise ValueError(f"write one of {_listed(SUBJECTS)} in each assertion")
        wanted = 1 if subjects <= {"json_path", "header"} else 0
        if len(conditions) != wanted:
            more = f"one of {_listed(CONDITIONS)}" if wanted else "nothing"
            raise ValueError(f"write {more} beside {_listed(subjects)}")
        return self


SUBJECTS = frozenset(
    {"status", "json_path", "header", "body_matches", "body_lacks", "certificate_days"}
)
_MAY_BE_NULL = frozenset({"equals", "not_equals"})
CONDITIONS = frozenset({"equals", "not_equals", "matches", "exists", "above", "below"})


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(name.replace("json_path", "json") for name in names))


class EndpointForm(Form):
    """A path of the user's own."""

    name: EndpointName
    path: Path
    interval: Positive | None = None
    timeout: Positive | None = None
    response_time_p95: Positive | None = None
    assertions: list[AssertionForm] | None = None


class OwnAssertionsForm(Form):
    """Demands on the endpoints that have keys of their own."""

    health: list[AssertionForm] | None = None
    build: list[AssertionForm] | None = None
    search: list[AssertionForm] | None = None
    stats: list[AssertionForm] | None = None


class StepForm(Form):
    """One request of a journey."""

    name: Name
    path: Path | None = None
    url: StepUrl | None = None
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = None
    headers: dict[RequestHeader, str] | None = None
    json_body: Json = Field(None, alias="json")
    form: dict[str, str] | None = None
    body: str | None = None
    timeout: Positive | None = None
    think_time: Duration | None = None
    assertions: list[AssertionForm] | None = None
    capture: dict[str, CaptureForm] | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "StepForm":
        if (self.path is None) == (self.url is None):
            raise ValueError("write either path: or url:")
        if len(self.model_fields_set & {"json_body", "form", "body"}) > 1:
            raise ValueError("write one of json, form and body")
        wrong = next((name for name in self.capture or {} if not _VARIABLE.fullmatch(name)), None)
        if wrong is not None:
            raise ValueError("name variables by letters, digits and underscores, such as cart_id")
        return self


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class JourneyForm(Form):
    """A user's way through the service."""

    name: JourneyName
    interval: Positive | None = None
    timeout: Positive | None = None
    response_time_p95: Positive | None = None
    steps: Annotated[list[StepForm], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _time_to_think(self) -> "JourneyForm":
        thinking = sum((step.think_time or timedelta() for step in self.steps), timedelta())
        if thinking >= (self.timeout or _JOURNEY_TIMEOUT):
            raise ValueError("write a timeout above the sum of the steps' think_time")
        return self


_JOURNEY_TIMEOUT = timedelta(seconds=Journey(name="", steps=()).timeout_seconds)


class MaintenanceForm(Form):
    """A time in which failures are expected: once, or again and again."""

    name: Line
    start: Instant | None = None
    end: Instant | None = None
    schedule: Cron | None = None
    duration: Positive | None = None
    services: list[Name] | None = None

    @model_validator(mode="after")
    def _once_or_again(self) -> "MaintenanceForm":
        said = frozenset(self.model_fields_set & {"start", "end", "schedule", "duration"})
        if said not in ({"start", "end"}, {"schedule", "duration"}):
            raise ValueError("write either start: and end:, or schedule: and duration:")
        if self.start and self.end and self.start >= self.end:
            raise ValueError("write a start before the end")
        return self


_MOST_ENTRIES = 20


def _once(*keys: str) -> AfterValidator:
    """Entries that share one of the keys would be counted together."""

    def check(entries: list[Any]) -> list[Any]:
        for key in keys:
            counts = Counter(getattr(entry, key) for entry in entries)
            twice = next((value for value, count in counts.items() if count > 1), None)
            if twice is not None:
                raise ValueError(f"write each {key} once: {quoted(twice)} is there twice")
        return entries

    return AfterValidator(check)


class DefaultsForm(Form):
    """What holds for every service that does not say otherwise."""

    health_endpoint: Path | None = None
    build_endpoint: OptionalPath | None = None
    search_endpoint: OptionalPath | None = None
    stats_endpoint: OptionalPath | None = None
    schedule: Cron | None = None
    slo_targets: TargetsForm | None = None
    monitoring: MonitoringForm | None = None
    policy: PolicyForm | None = None
    platform: Literal["auto", "fly", "command", "none"] | None = None
    app: App | None = None
    fly_config: Below | None = None
    team: Name | None = None
    notify: list[Line] | None = None
    maintenance: list[MaintenanceForm] | None = None
    endpoints: Annotated[list[EndpointForm], Field(max_length=20), _once("name", "path")] | None = (
        None
    )
    assertions: OwnAssertionsForm | None = None
    journeys: (
        Annotated[list[JourneyForm], Field(max_length=_MOST_ENTRIES), _once("name")] | None
    ) = None


class ServiceForm(DefaultsForm):
    """One service, in the SLO document's words and more."""

    service: Name
    url: Url


class TeamForm(Form):
    """Who answers for services."""

    notify: list[Line] | None = None


class MatrixForm(Form):
    """A file that is one mapping. `services` is read by itself, so that one mistake is its own."""

    services: list[ServiceForm] | None = None
    defaults: DefaultsForm | None = None
    policy: PolicyForm | None = None
    include: Line | list[Line] | None = None
    teams: dict[str, TeamForm] | None = None
    notify: list[Line] | None = None
    maintenance: list[MaintenanceForm] | None = None
