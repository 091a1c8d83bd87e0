"""What may be written in slo.yml, key by key. The JSON Schema is generated from these forms.

None everywhere means that the key is not set, so that defaults can fill it in.
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
    CookieName,
    Cron,
    Duration,
    EndpointName,
    EndpointPath,
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
    Target,
    Url,
    request_option,
)
from slo_action.config.text.request_options import REQUEST_OPTIONS
from slo_action.core.journey.journeys import Journey
from slo_action.core.journey.templates import RUN_VALUES
from slo_action.core.policy.numbers import POLICY_NUMBERS, Kind
from slo_action.core.text.quoting import quoted

OWN_KEY = "x-"
"""How keys begin that are the user's own, such as anchors."""


def _optional(description: str) -> Any:  # noqa: ANN401 - the default of a field of any type
    return Field(None, description=description)


class Form(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )


class TargetsForm(Form):
    """What a service promises."""

    availability: Ratio | None = _optional("Share of time in which the health endpoint is healthy.")
    error_rate: Ratio | None = _optional("Largest share of answers that may fail.")
    job_success_rate: Ratio | None = _optional("Share of a job's runs that succeed.")
    response_time_p95: Positive | None = _optional(
        "Limit for the health endpoint's p95 response time."
    )
    api_response_time_p95: Positive | None = _optional(
        "The same for your own endpoints without a limit of their own."
    )
    stats_response_time_p95: Positive | None = _optional("The same for the stats endpoint.")
    search_response_time_p90: Positive | None = _optional(
        "Limit for the search endpoint's p90 response time."
    )


class MonitoringForm(Form):
    """How the routine monitor probes; the grace period holds for `verify` too."""

    interval: Positive | None = _optional("Time between two probes of an endpoint.")
    timeout: Positive | None = _optional("Timeout of a probe.")
    grace_period: Duration | None = _optional("Failures this soon after a start do not count.")
    health_interval: Positive | None = _optional("`interval` of the health endpoint.")
    health_timeout: Positive | None = _optional("`timeout` of the health endpoint.")
    search_interval: Positive | None = _optional("`interval` of the search endpoint.")
    search_timeout: Positive | None = _optional("`timeout` of the search endpoint.")
    stats_interval: Positive | None = _optional("`interval` of the stats endpoint.")
    stats_timeout: Positive | None = _optional("`timeout` of the stats endpoint.")


_POLICY_TYPES: Mapping[Kind, Any] = {
    Kind.DURATION: Duration,
    Kind.POSITIVE_DURATION: Positive,
    Kind.RATE: Rate,
    Kind.CONFIDENCE: Confidence,
    Kind.COUNT: Annotated[int, Field(ge=1)],
    Kind.LATE_START: Literal["warn", "rollback"],
}
_RATES = "error_rate"
"""The key of `policy:` below which the keys of RatesForm stand."""


def _policy_fields(below: str = "") -> dict[str, Any]:
    """Return the fields of `policy:`, or of a mapping in it, from the declared numbers."""
    return {
        number.name: (_POLICY_TYPES[number.kind] | None, _optional(number.doc))
        for number in POLICY_NUMBERS
        if number.doc and number.key.rpartition(".")[0] == below
    }


RatesForm = create_model(
    "RatesForm",
    __base__=Form,
    __doc__="Error rates: SLO, warning, rollback.",
    __module__=__name__,
    **_policy_fields(_RATES),
)
_RATES_FIELD = _optional("Error-rate thresholds: SLO, alert and rollback.")
if TYPE_CHECKING:

    class PolicyForm(Form):
        """Thresholds and times by which a deploy is judged."""
else:
    PolicyForm = create_model(
        "PolicyForm",
        __base__=Form,
        __doc__="Thresholds and times by which a deploy is judged.",
        __module__=__name__,
        **{**_policy_fields(), _RATES: (RatesForm | None, _RATES_FIELD)},
    )


if TYPE_CHECKING:

    class RequestForm(Form):
        """How it is asked."""
else:
    RequestForm = create_model(
        "RequestForm",
        __base__=Form,
        __doc__="How it is asked: what is sent, and over which connection.",
        __module__=__name__,
        **{
            name: (request_option(option) | None, _optional(option.meaning))
            for name, option in REQUEST_OPTIONS.items()
        },
    )


class CaptureForm(Form):
    """Where a journey takes a value from."""

    json_path: JsonPath | None = Field(
        None, alias="json", description="The JSON path of the value."
    )
    header: HeaderName | None = _optional("The header that has the value.")
    cookie: CookieName | None = _optional("The cookie that has the value.")
    body_matches: Pattern | None = _optional(
        "A regular expression: the value is what its first group matches in the body."
    )
    matches: Pattern | None = _optional(
        "Beside `json`, `header` or `cookie`: the same, of that value."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CaptureForm":
        sources = sum(getattr(self, one) is not None for one in _SOURCES)
        if sources + (self.body_matches is not None) != 1:
            raise ValueError("write one of body_matches, cookie, header, json")
        if self.matches is not None and not sources:
            raise ValueError("write matches beside cookie, header or json; body_matches is enough")
        return self


_SOURCES = ("json_path", "header", "cookie")


class AssertionForm(Form):
    """One assertion on an answer."""

    status: Statuses | None = _optional("A status such as 200 or 2xx, or a list of them.")
    json_path: JsonPath | None = Field(
        None, alias="json", description="A JSON path, such as `$.status`; with one condition."
    )
    header: HeaderName | None = _optional("A header's name; with one condition.")
    body_matches: Pattern | None = _optional("A regular expression that must match in the body.")
    body_lacks: Pattern | None = _optional("A regular expression that must not match in the body.")
    certificate_days: Annotated[int, Field(ge=0, le=3650)] | None = _optional(
        "The certificate is valid for at least that many days more; less fails the run, and rolls nothing back."
    )
    equals: Json = _optional("The value itself.")
    not_equals: Json = _optional("Any value but this.")
    matches: Pattern | None = _optional(
        "A regular expression that must match in the value, as text."
    )
    exists: bool | None = _optional("Whether there is such a value at all.")
    above: Number | None = _optional("The value must be above this number.")
    below: Number | None = _optional("The value must be below this number.")

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

    name: EndpointName = Field(description="Its name.")
    path: EndpointPath = Field(description="Its path.")
    interval: Positive | None = _optional("Time between two probes of the routine monitor.")
    timeout: Positive | None = _optional("Timeout of a probe of the routine monitor.")
    response_time_p95: Positive | None = _optional("Limit for its p95 response time.")
    assertions: list[AssertionForm] | None = _optional("Assertions on its answers.")
    request: RequestForm | None = _optional("How it is asked, where that differs from the service.")


class OwnAssertionsForm(Form):
    """Assertions on the endpoints that have keys of their own."""

    health: list[AssertionForm] | None = _optional("Assertions on the health endpoint's answer.")
    build: list[AssertionForm] | None = _optional("Assertions on the build endpoint's answer.")
    search: list[AssertionForm] | None = _optional("Assertions on the search endpoint's answer.")
    stats: list[AssertionForm] | None = _optional("Assertions on the stats endpoint's answer.")


class StepForm(Form):
    """One request of a journey."""

    name: Name = Field(description="Its name.")
    path: Path | None = _optional("A path below the service's address.")
    url: StepUrl | None = _optional(
        "A whole address instead, or `${name}`: a captured link to the same origin."
    )
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = _optional(
        "Default `GET`."
    )
    headers: dict[RequestHeader, str] | None = _optional("Headers to send.")
    json_body: Json = Field(None, alias="json", description="A JSON body.")
    form: dict[str, str] | None = _optional("A form's fields as the body, urlencoded.")
    body: str | None = _optional("Text as the body.")
    timeout: Positive | None = _optional("Timeout of the request; default 6 s.")
    think_time: Duration | None = _optional("Time to wait before the request.")
    assertions: list[AssertionForm] | None = _optional("Assertions on the answer; default any 2xx.")
    capture: dict[str, CaptureForm] | None = _optional(
        "Values of the answer that its assertions and later steps use as `${name}`."
    )

    @model_validator(mode="after")
    def _one_target(self) -> "StepForm":
        if (self.path is None) == (self.url is None):
            raise ValueError("write either path: or url:")
        if len(self.model_fields_set & {"json_body", "form", "body"}) > 1:
            raise ValueError("write one of json, form and body")
        wrong = next((name for name in self.capture or {} if not _VARIABLE.fullmatch(name)), None)
        if wrong is not None:
            raise ValueError("name variables by letters, digits and underscores, such as cart_id")
        taken = next((name for name in self.capture or {} if name in RUN_VALUES), None)
        if taken is not None:
            raise ValueError(f"name it otherwise: ${{{taken}}} is set by each run itself")
        return self


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class JourneyForm(Form):
    """A user's way through the service."""

    name: JourneyName = Field(description="Its name.")
    interval: Positive | None = _optional("Time between two runs of the routine monitor.")
    timeout: Positive | None = _optional("Timeout of the whole run, think time included.")
    response_time_p95: Positive | None = _optional(
        "Limit for the p95 of its response times, summed over a run."
    )
    steps: Annotated[list[StepForm], Field(min_length=1, max_length=50)] = Field(
        description="Its requests, in their order."
    )

    @model_validator(mode="after")
    def _time_to_think(self) -> "JourneyForm":
        thinking = sum((step.think_time or timedelta() for step in self.steps), timedelta())
        if thinking >= (self.timeout or _JOURNEY_TIMEOUT):
            raise ValueError("write a timeout above the sum of the steps' think_time")
        return self


_JOURNEY_TIMEOUT = timedelta(seconds=Journey(name="", steps=()).timeout_seconds)


class MaintenanceForm(Form):
    """A time in which failures are expected: once, or again and again."""

    name: Line = Field(description="Its name.")
    start: Instant | None = _optional("When it starts.")
    end: Instant | None = _optional("When it ends.")
    schedule: Cron | None = _optional("Cron schedule of its starts, in UTC.")
    duration: Positive | None = _optional("How long each takes.")
    services: list[Name] | None = _optional(
        "At the top of the file: the services it is about; default all."
    )

    @model_validator(mode="after")
    def _once_or_again(self) -> "MaintenanceForm":
        given = frozenset(self.model_fields_set & {"start", "end", "schedule", "duration"})
        if given not in ({"start", "end"}, {"schedule", "duration"}):
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
                raise ValueError(f"write each {key} once: {quoted(twice)} appears twice")
        return entries

    return AfterValidator(check)


class DefaultsForm(Form):
    """What holds for every service that does not set it."""

    health_endpoint: EndpointPath | None = _optional("Health endpoint; default `/healthz`.")
    build_endpoint: OptionalPath | None = _optional(
        "Endpoint that reports the running version, such as `/__build`."
    )
    search_endpoint: OptionalPath | None = _optional(
        "Search endpoint, asked in the observation window."
    )
    stats_endpoint: OptionalPath | None = _optional(
        "Stats endpoint, asked in the observation window."
    )
    schedule: Cron | None = _optional("Cron schedule of a job, in UTC.")
    slo_targets: TargetsForm | None = _optional("The service's SLOs.")
    monitoring: MonitoringForm | None = _optional(
        "How the routine monitor probes; `verify` takes the grace period."
    )
    policy: PolicyForm | None = _optional("Thresholds and times by which its deploys are judged.")
    platform: Literal["auto", "fly", "command", "none"] | None = _optional(
        "Where it runs: `auto`, `fly`, `command` or `none`."
    )
    app: App | None = _optional("The platform's name of it; default its own name.")
    fly_config: Below | None = _optional("Its fly.toml, below the workspace, for `mode: check`.")
    team: Name | None = _optional("The team that owns it.")
    notify: list[Target] | None = _optional("Its notification targets.")
    maintenance: list[MaintenanceForm] | None = _optional(
        "Times in which its failures are expected."
    )
    endpoints: Annotated[list[EndpointForm], Field(max_length=20), _once("name", "path")] | None = (
        _optional("Endpoints of your own, asked in the observation window.")
    )
    assertions: OwnAssertionsForm | None = _optional("Assertions on its endpoints' answers.")
    journeys: (
        Annotated[list[JourneyForm], Field(max_length=_MOST_ENTRIES), _once("name")] | None
    ) = _optional("User journeys through the service, step by step.")
    request: RequestForm | None = _optional(
        "How the service is asked; method, body and statuses are the health endpoint's."
    )


class ServiceForm(DefaultsForm):
    """One service."""

    service: Name = Field(description="Its name, by which the input `service` selects it.")
    url: Url = Field(description="Its base address.")


class TeamForm(Form):
    """A team that owns services."""

    notify: list[Target] | None = _optional("The team's notification targets.")


class MatrixForm(Form):
    """A file that is one mapping. `services` is read by itself, so that one mistake is its own."""

    services: list[ServiceForm] | None = _optional("The services, a list.")
    defaults: DefaultsForm | None = _optional(
        "Defaults of every service of this file, and of those it includes."
    )
    policy: PolicyForm | None = _optional(
        "Thresholds and times by which deploys are judged, for all services."
    )
    include: Line | list[Line] | None = _optional(
        "Other files, relative to this one; `*` matches any name."
    )
    teams: dict[str, TeamForm] | None = _optional("Teams that own services, by name.")
    notify: list[Target] | None = _optional("Notification targets of all services that name none.")
    maintenance: list[MaintenanceForm] | None = _optional(
        "Times in which failures are expected, for all services or those it names."
    )
