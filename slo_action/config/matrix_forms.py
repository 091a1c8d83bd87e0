"""What may be written in slo.yml, key by key. The JSON Schema is generated from these forms.

None everywhere means that nothing is said, so that defaults can fill it in.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from slo_action.config.units import parse_duration, parse_instant, parse_ratio
from slo_action.config.url import parse_url
from slo_action.core.facts import OnLateStart

OWN_KEY = "x-"
"""How keys begin that are the user's own, such as anchors."""

_MOST_CONFIDENT = Fraction(9999, 10000)
_DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_RATIO_PATTERN = r"^<?\s*(0*(100(\.0+)?|\d{1,2}(\.\d+)?)\s*%|0*(0(\.\d+)?|1(\.0+)?))$"
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CRON = re.compile(r"(?:[0-9A-Za-z*/,#L?-]{1,80}[ ]+){4}[0-9A-Za-z*/,#L?-]{1,80}")


def _scalar(value: object) -> str:
    """YAML's aliases can make a small file's list endless as text; a flag is no number."""
    fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if fits else ""


@lru_cache(maxsize=1024)
def _duration_of(text: str) -> timedelta:
    return parse_duration(text)


@lru_cache(maxsize=1024)
def _ratio_of(text: str) -> Fraction:
    return parse_ratio(text)


def _duration(value: object) -> timedelta:
    return _duration_of(_scalar(value))


def _positive(value: object) -> timedelta:
    duration = _duration(value)
    if not duration:
        raise ValueError("write a duration above zero, such as 15s")
    return duration


def _ratio(value: object) -> Fraction:
    return _ratio_of(_scalar(value))


def _rate(value: object) -> Fraction:
    ratio = _ratio(value)
    if not 0 < ratio < 1:
        raise ValueError("write a rate above 0% and below 100%, such as 5%")
    return ratio


def _confidence(value: object) -> Fraction:
    ratio = _ratio(value)
    if ratio > _MOST_CONFIDENT:
        raise ValueError("write a confidence up to 99.99%, such as 99%, or 0% for the plain rule")
    return ratio


def _line(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write text")
    if any(ord(character) < ord(" ") for character in value):
        raise ValueError("write one line of text")
    return value.strip()


def _name(value: object) -> str:
    name = _line(value)
    if name.startswith("-") or "," in name or name == "all":
        raise ValueError("write a name without commas that does not begin with a dash, nor is all")
    return name


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError("write a path that starts with one slash, such as /healthz")
    return value


def _optional_path(value: object) -> str:
    return "" if value == "" else _path(value)


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write an address, such as https://dashboard.example.com")  # noqa: TRY004
    parse_url(value, allow_link_local=True)
    return value


def _instant(value: object) -> datetime:
    return parse_instant(_scalar(value))


def _header(value: object) -> str:
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        raise ValueError("write a header's name, such as Content-Type")
    return value


def _cron(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not _CRON.fullmatch(text):
        raise ValueError('write five cron fields in UTC, in quotes, such as "0 */1 * * *"')
    return text


def _below(value: object) -> str:
    text = _line(value)
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("write a path below the workspace, such as apps/shop/fly.toml")
    return text


def _app(value: object) -> str:
    if not isinstance(value, str) or not _APP.fullmatch(value):
        raise ValueError("write the app's name: small letters, digits and dashes, such as shop-api")
    return value


def _step_url(value: object) -> str:
    text = _line(value)
    if not _STEP_URL.fullmatch(text):
        raise ValueError("write https://, or a variable such as ${next}, and the rest of it")
    return text


def _status(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    statuses = tuple(_scalar(one) for one in listed[:_MOST_STATUSES])
    if not statuses or not all(_STATUS.fullmatch(one) for one in statuses):
        raise ValueError("write a status such as 200 or 2xx, or a list of them")
    return statuses


_PATH = re.compile(r"/(?!/)[^\s\x00-\x1f]*")
_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_STEP_URL = re.compile(r"(https?://|\$\{)[^\s\x00-\x1f]{0,2000}")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)")
_MOST_STATUSES = 20

Read = Callable[[object], object]


def _text_schema(**more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


_DURATION_SCHEMA = _text_schema(pattern=_DURATION_PATTERN, examples=["15s", "500ms", "1h30m"])
_RATIO_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": _RATIO_PATTERN},
            {"type": "number", "minimum": 0, "maximum": 1},
        ],
        "examples": ["99.9%", "<1%", 0.999],
    }
)
_LINE = r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$"
_NAME = r"^(?!\s*(-|all\s*$))[^\x00-\x1f,]*[^\s\x00-\x1f,][^\x00-\x1f,]*$"

Duration = Annotated[timedelta, PlainValidator(_duration), _DURATION_SCHEMA]
Positive = Annotated[timedelta, PlainValidator(_positive), _DURATION_SCHEMA]
Ratio = Annotated[Fraction, PlainValidator(_ratio), _RATIO_SCHEMA]
Rate = Annotated[Fraction, PlainValidator(_rate), _RATIO_SCHEMA]
Confidence = Annotated[Fraction, PlainValidator(_confidence), _RATIO_SCHEMA]
Line = Annotated[str, PlainValidator(_line), _text_schema(pattern=_LINE)]
Name = Annotated[str, PlainValidator(_name), _text_schema(pattern=_NAME)]
Path = Annotated[str, PlainValidator(_path), _text_schema(pattern=r"^/(?!/)[^\s]*$")]
OptionalPath = Annotated[
    str, PlainValidator(_optional_path), _text_schema(pattern=r"^(/(?!/)[^\s]*)?$")
]
Url = Annotated[str, PlainValidator(_url), _text_schema(pattern="^https?://", format="uri")]
Instant = Annotated[datetime, PlainValidator(_instant), _text_schema(format="date-time")]
HeaderName = Annotated[str, PlainValidator(_header), _text_schema(pattern=_HEADER.pattern)]
Cron = Annotated[str, PlainValidator(_cron), _text_schema(examples=["0 */1 * * *"])]
Below = Annotated[str, PlainValidator(_below), _text_schema(pattern=_LINE)]
App = Annotated[str, PlainValidator(_app), _text_schema(pattern=f"^{_APP.pattern}$")]
StepUrl = Annotated[
    str, PlainValidator(_step_url), _text_schema(pattern=r"^(https?://|\$\{)[^\s]{0,2000}$")
]
_ONE_STATUS = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[1-5]([0-9]{2}|xx)$"},
    ]
}
Statuses = Annotated[
    tuple[str, ...],
    PlainValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                *_ONE_STATUS["anyOf"],
                {"type": "array", "items": _ONE_STATUS, "minItems": 1, "maxItems": _MOST_STATUSES},
            ]
        }
    ),
]


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


class RatesForm(Form):
    """Error rates: what is promised, what is warned of, what is rolled back."""

    slo: Rate | None = None
    alert: Rate | None = None
    rollback: Rate | None = None


class PolicyForm(Form):
    """The numbers that judge a deploy."""

    health_deadline: Positive | None = None
    grace: Duration | None = None
    observe: Duration | None = None
    confidence: Confidence | None = None
    error_rate: RatesForm | None = None
    on_late_start: Literal["warn", "rollback"] | None = None
    outage_after: Positive | None = None
    min_requests: Annotated[int, Field(ge=1)] | None = None

    @property
    def late_start(self) -> OnLateStart | None:
        """The same as the core's word."""
        return None if self.on_late_start is None else OnLateStart(self.on_late_start)


class CaptureForm(Form):
    """Where a journey takes a value from: one of both."""

    json_path: Line | None = Field(None, alias="json")
    header: HeaderName | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "CaptureForm":
        if (self.json_path is None) == (self.header is None):
            raise ValueError("write either json: and a path, or header: and a name")
        return self


class AssertionForm(Form):
    """One demand on an answer."""

    status: Statuses | None = None
    json_path: Line | None = Field(None, alias="json")
    header: HeaderName | None = None
    body_matches: Line | None = None
    body_lacks: Line | None = None
    certificate_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    equals: Any = None
    not_equals: Any = None
    matches: Line | None = None
    exists: bool | None = None
    above: float | int | None = None
    below: float | int | None = None

    @model_validator(mode="after")
    def _one_demand(self) -> "AssertionForm":
        subjects = self.model_fields_set & SUBJECTS
        conditions = self.model_fields_set & CONDITIONS
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
CONDITIONS = frozenset({"equals", "not_equals", "matches", "exists", "above", "below"})


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(name.replace("json_path", "json") for name in names))


class EndpointForm(Form):
    """A path of the user's own."""

    name: Name
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
    headers: dict[HeaderName, str] | None = None
    json_body: Any = Field(None, alias="json")
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

    name: Name
    interval: Positive | None = None
    timeout: Positive | None = None
    response_time_p95: Positive | None = None
    steps: Annotated[list[StepForm], Field(min_length=1, max_length=50)]


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
    endpoints: Annotated[list[EndpointForm], Field(max_length=20)] | None = None
    assertions: OwnAssertionsForm | None = None
    journeys: Annotated[list[JourneyForm], Field(max_length=20)] | None = None


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
