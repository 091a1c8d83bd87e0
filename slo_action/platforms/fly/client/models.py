"""The parts of Fly.io's JSON that are read, each of which may be missing, null or of another type.

Shapes: superfly/fly-go, machine_types.go and resource_releases.go. What is malformed reads as if
it were missing, a malformed element of a list as if it were not in it. All texts are untrusted.
"""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core.core_schema import ValidationInfo


def _each(value: object, handler: ValidatorFunctionWrapHandler) -> list[object]:
    """Keep the elements that are well-formed."""
    kept: list[object] = []
    for element in value if isinstance(value, list) else []:
        try:
            kept += handler([element])
        except ValidationError:
            continue
    return kept


def _each_value(value: object, handler: ValidatorFunctionWrapHandler) -> dict[str, object]:
    """Keep the entries that are well-formed."""
    kept: dict[str, object] = {}
    for key, element in value.items() if isinstance(value, dict) else []:
        try:
            kept |= handler({key: element})
        except ValidationError:
            continue
    return kept


class LenientModel(BaseModel):
    """Something Fly tells; each field falls back to its default."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(
        cls, value: object, handler: ValidatorFunctionWrapHandler, about: ValidationInfo
    ) -> object:
        try:
            return handler(value)
        except ValidationError:
            field = cls.model_fields[about.field_name or ""]
            return field.get_default(call_default_factory=True, validated_data={})


_T = TypeVar("_T")
Each = Annotated[list[_T], WrapValidator(_each)]
EachValue = Annotated[dict[str, _T], WrapValidator(_each_value)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Code = Annotated[int, Field(ge=-(2**31), le=2**32)]


class ImageRef(LenientModel):
    """The image that a machine truly runs."""

    registry: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""


class FlyService(LenientModel):
    """What the proxy routes to. `autostart` None is on: that is the default."""

    autostart: bool | None = None
    checks: Each[dict[str, object]] = []


class Restart(LenientModel):
    """When a machine's process is started again; no policy is `on-failure`."""

    policy: str = ""
    max_retries: Count | None = None


class MachineConfig(LenientModel):
    """A machine's configuration."""

    image: str = ""
    metadata: EachValue[str] = {}
    services: Each[FlyService] = []
    checks: EachValue[dict[str, object]] = {}
    restart: Restart = Restart()
    standbys: Each[str] = []


class FlyCheckStatus(LenientModel):
    """What one of the platform's checks found last."""

    name: str = ""
    status: str = ""
    output: str = ""


class ExitEvent(LenientModel):
    """How a process ended; `guest_exit_code` is the app's own."""

    exit_code: Code | None = None
    guest_exit_code: Code | None = None
    oom_killed: bool = False
    requested_stop: bool = False
    restarting: bool = False


class MonitorEvent(LenientModel):
    """The newer place of an exit event."""

    exit_event: ExitEvent | None = None


class EventRequest(LenientModel):
    """What led to an event."""

    exit_event: ExitEvent | None = None
    monitor_event: MonitorEvent = Field(
        MonitorEvent(), validation_alias=AliasChoices("MonitorEvent", "monitor_event")
    )
    restart_count: Count | None = None

    @property
    def ended(self) -> ExitEvent | None:
        """How the process ended, wherever that is told."""
        return self.monitor_event.exit_event or self.exit_event


class Event(LenientModel):
    """Something that happened to a machine. `timestamp` is in milliseconds since 1970."""

    type: str = ""
    status: str = ""
    source: str = ""
    timestamp: Count = 0
    request: EventRequest = EventRequest()

    @property
    def at(self) -> datetime | None:
        """When it was; None where that cannot be read."""
        try:
            return datetime.fromtimestamp(self.timestamp / 1000, UTC) if self.timestamp else None
        except (ValueError, OverflowError, OSError):
            return None


class FlyMachine(LenientModel):
    """A machine. Without a reachable host `config` is missing, and parts of it are elsewhere."""

    id: str = ""
    state: str = ""
    region: str = ""
    instance_id: str = ""
    image_ref: ImageRef = ImageRef()
    full_config: MachineConfig | None = Field(None, validation_alias="config")
    incomplete_config: MachineConfig | None = None
    events: Each[Event] = []
    checks: Each[FlyCheckStatus] = []
    host_status: str = "ok"
    cordoned: bool = False

    @property
    def config(self) -> MachineConfig:
        """Its configuration, as far as it is known."""
        return self.full_config or self.incomplete_config or MachineConfig()


class ReleaseImage(LenientModel):
    """A release's image; the tag may mean another one by now."""

    digest: str = ""


class ReleaseUser(LenientModel):
    """Who released."""

    name: str = ""
    email: str = ""


class FlyRelease(LenientModel):
    """A release of the ledger; the fields that are not documented may be missing."""

    id: str = ""
    version: Count = 0
    description: str = ""
    reason: str = ""
    status: str = ""
    image_ref: str = Field("", validation_alias="imageRef")
    image: ReleaseImage = ReleaseImage()
    definition: dict[str, object] | None = Field(None, validation_alias="configDefinition")
    user: ReleaseUser = ReleaseUser()
    created_at: datetime | None = Field(None, validation_alias="createdAt")


class LeaseTerms(LenientModel):
    """What a lease was granted for; `expires_at` is in seconds since 1970."""

    nonce: str = ""
    expires_at: Count = 0
    owner: str = ""


class LeaseAnswer(LenientModel):
    """The answer to whoever wants a lease."""

    granted: LeaseTerms = Field(LeaseTerms(), validation_alias="data")


class AppOrganization(LenientModel):
    """Whose app it is."""

    name: str = ""
    slug: str = ""
    internal_numeric_id: str = ""
    id: str = ""


class FlyApp(LenientModel):
    """An app."""

    id: str = ""
    name: str = ""
    status: str = ""
    network: str = ""
    organization: AppOrganization = AppOrganization()


_M = TypeVar("_M", bound=LenientModel)


def read(model: type[_M], raw: object) -> _M:
    """Return whatever can be read of `raw`; never raises."""
    return model.model_validate(raw if isinstance(raw, dict) else {})
