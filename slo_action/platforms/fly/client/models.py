"""Fly.io's JSON, parsed once: any part may be missing, null or of another type.

Shapes: superfly/fly-go, machine_types.go and resource_releases.go. What is malformed reads as if
it were missing, a malformed element of a list as if it were not in it. All texts are untrusted.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import ValidationInfo

from slo_action.core.model import Release
from slo_action.core.text.go_durations import go_seconds

Json = Mapping[str, object]

_COMPLETE = frozenset({"complete", "succeeded"})
_MOST_DIGITS = 15
_TOLERANCE_SECONDS = 1.0


def _each(value: object, handler: ValidatorFunctionWrapHandler) -> list[object]:
    """Keep the elements that are well-formed."""
    kept: list[object] = []
    for element in value if isinstance(value, list) else []:
        with suppress(ValidationError):
            kept += handler([element])
    return kept


def _each_value(value: object, handler: ValidatorFunctionWrapHandler) -> dict[str, object]:
    """Keep the entries that are well-formed."""
    kept: dict[str, object] = {}
    for key, element in value.items() if isinstance(value, dict) else []:
        with suppress(ValidationError):
            kept |= handler({key: element})
    return kept


def _seconds(value: object) -> float:
    """Read a duration as Go writes it (`1m30s`), or a number of nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value / 1_000_000_000
    seconds = go_seconds(value)
    if seconds is None:
        raise ValueError("no duration")
    return float(seconds)


class LenientModel(BaseModel):
    """A part of Fly's JSON; each field falls back to its default."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, coerce_numbers_to_str=True, populate_by_name=True
    )

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

    @classmethod
    def read(cls, value: object) -> Self:
        """Return whatever can be read of some JSON; never raises."""
        return cls.model_validate(value if isinstance(value, Mapping | cls) else {})


class RawModel(LenientModel):
    """What is also kept as Fly sent it, to be sent back, sealed or shown."""

    _raw: Json = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, Mapping):
            made._raw = value  # noqa: SLF001 - it is one of us
        return made

    @property
    def raw(self) -> Json:
        """The JSON object as it was; it may hold credentials."""
        return self._raw


_T = TypeVar("_T")
Each = Annotated[list[_T], WrapValidator(_each)]
EachValue = Annotated[dict[str, _T], WrapValidator(_each_value)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Code = Annotated[int, Field(ge=-(2**31), le=2**32)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
UtcTime = Annotated[
    datetime | None,
    AfterValidator(lambda at: at.replace(tzinfo=UTC) if at and at.tzinfo is None else at),
]


class ImageRef(LenientModel):
    """The image that a machine truly runs."""

    registry: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""

    @property
    def by_digest(self) -> str:
        """The image's name with its digest; empty where a part is missing."""
        is_whole = self.registry and self.repository and self.digest
        return f"{self.registry}/{self.repository}@{self.digest}" if is_whole else ""

    @property
    def by_tag(self) -> str:
        """The image's name with its tag; empty where a part is missing."""
        is_whole = self.registry and self.repository and self.tag
        return f"{self.registry}/{self.repository}:{self.tag}" if is_whole else ""


class CheckConfig(LenientModel):
    """A check that a machine is configured with."""

    grace_seconds: Seconds = Field(1.0, validation_alias="grace_period")
    interval_seconds: Seconds = Field(15.0, validation_alias="interval")


class FlyService(LenientModel):
    """What the proxy routes to. `autostart` None is on: that is the default."""

    autostart: bool | None = None
    checks: Each[CheckConfig] = []


class MachineConfig(RawModel):
    """A machine's configuration; falsy where nothing of it is known.

    No `restart_policy` is `on-failure`.
    """

    image: str = ""
    metadata: EachValue[str] = {}
    services: Each[FlyService] = []
    check_map: EachValue[CheckConfig] = Field({}, validation_alias="checks")
    restart_policy: str = Field("", validation_alias=AliasPath("restart", "policy"))
    restart_retries: Count | None = Field(
        None, validation_alias=AliasPath("restart", "max_retries")
    )
    standbys: Each[str] = []
    mounts: Each[dict[str, object]] = []

    def __bool__(self) -> bool:
        """Return whether anything is configured."""
        return bool(self.raw)

    @property
    def group(self) -> str:
        """The process group; `process_group` is its older name."""
        return self.metadata.get("fly_process_group") or self.metadata.get("process_group", "")

    @property
    def release(self) -> str:
        """The release that it was deployed by, such as `v42`; empty where it names none."""
        version = self.metadata.get("fly_release_version", "")
        return f"v{version}" if version.isascii() and version.isdigit() else ""

    @property
    def volumes(self) -> frozenset[str]:
        """The volumes that it mounts."""
        return frozenset(str(mount.get("volume", "")) for mount in self.mounts)

    @property
    def checks(self) -> tuple[CheckConfig, ...]:
        """All checks: the services', and those beside them."""
        of_services = (check for service in self.services for check in service.checks)
        return (*of_services, *self.check_map.values())

    @property
    def grace_seconds(self) -> float:
        """The longest grace period of a check."""
        return max((check.grace_seconds for check in self.checks), default=0.0)

    @property
    def interval_seconds(self) -> float:
        """The longest interval of a check."""
        return max((check.interval_seconds for check in self.checks), default=0.0)


class MachineVersion(LenientModel):
    """An earlier configuration of a machine; versions sort by time (ULID)."""

    version: str = ""
    config: MachineConfig = Field(MachineConfig(), validation_alias="user_config")


class FlyCheckStatus(LenientModel):
    """The latest result of one of the platform's checks."""

    name: str = ""
    status: str = ""
    output: str = ""
    updated_at: datetime | None = None


class ExitEvent(LenientModel):
    """How a process ended; `guest_exit_code` is the app's own."""

    exit_code: Code | None = None
    guest_exit_code: Code | None = None
    oom_killed: bool = False
    requested_stop: bool = False
    restarting: bool = False


class Event(LenientModel):
    """Something that happened to a machine. `timestamp` is in milliseconds since 1970."""

    type: str = ""
    status: str = ""
    source: str = ""
    timestamp: Count = 0
    exit_event: ExitEvent | None = Field(None, validation_alias=AliasPath("request", "exit_event"))
    monitor_exit_event: ExitEvent | None = Field(
        None,
        validation_alias=AliasChoices(
            AliasPath("request", "MonitorEvent", "exit_event"),
            AliasPath("request", "monitor_event", "exit_event"),
        ),
    )
    restart_count: Count | None = Field(
        None, validation_alias=AliasPath("request", "restart_count")
    )

    @property
    def ended(self) -> ExitEvent | None:
        """How the process ended, in its newer place or its older one."""
        return self.monitor_exit_event or self.exit_event

    @property
    def at(self) -> datetime | None:
        """When it was; None where that cannot be read."""
        try:
            return datetime.fromtimestamp(self.timestamp / 1000, UTC) if self.timestamp else None
        except (ValueError, OverflowError, OSError):
            return None


class FlyMachine(RawModel):
    """A machine. Without a reachable host `whole_config` is empty, and parts of it are elsewhere.

    `nonce` is the lease's, empty where none is held.
    """

    id: str = ""
    name: str = ""
    state: str = ""
    region: str = ""
    instance_id: str = ""
    image_ref: ImageRef = ImageRef()
    whole_config: MachineConfig = Field(MachineConfig(), validation_alias="config")
    incomplete_config: MachineConfig = MachineConfig()
    events: Each[Event] = []
    checks: Each[FlyCheckStatus] = []
    host_status: str = "ok"
    cordoned: bool = False
    nonce: str = Field(
        "", validation_alias=AliasChoices("nonce", AliasPath("lease", "nonce")), repr=False
    )

    @property
    def config(self) -> MachineConfig:
        """Its configuration, as far as it is known."""
        return self.whole_config or self.incomplete_config

    @property
    def newest_events(self) -> list[Event]:
        """The events by time, newest first; those of one instant in the platform's order."""
        return sorted(self.events, key=lambda event: -event.timestamp)

    @property
    def newest_start(self) -> float | None:
        """When it started last, in seconds since 1970; None where no event says so."""
        starts = [event.timestamp for event in self.events if event.type == "start"]
        return max(starts) / 1000 if any(starts) else None

    @property
    def checks_are_fresh(self) -> bool:
        """True where no check is older than the newest start, by the platform's own times."""
        started = self.newest_start
        times = (check.updated_at for check in self.checks)
        return started is None or all(
            at is None or at.timestamp() >= started - _TOLERANCE_SECONDS for at in times
        )


class FlyRelease(LenientModel):
    """A release in Fly's list; the fields that are not documented may be missing.

    `definition` is its whole fly.toml, None where it is unknown; it may hold credentials. `status`
    is in small letters. `digest` is its image's, empty where only a tag is known, which may mean
    another image by now.
    """

    id: str = ""
    version: Count = 0
    status: Annotated[str, AfterValidator(str.lower)] = ""
    image: str = Field("", validation_alias="imageRef")
    digest: str = Field("", validation_alias=AliasPath("image", "digest"), validate_default=True)
    definition: dict[str, object] | None = Field(
        None, validation_alias="configDefinition", repr=False
    )
    reason: str = ""
    description: str = ""
    stable: bool = False
    user_id: str = Field("", validation_alias=AliasPath("user", "id"))
    user: str = Field("", validation_alias=AliasPath("user", "name"))
    created_at: UtcTime = Field(None, validation_alias="createdAt")

    @field_validator("digest", mode="after")
    @classmethod
    def _digest_in_name(cls, digest: str, about: ValidationInfo) -> str:
        return digest or digest_in(about.data.get("image", ""))

    @property
    def name(self) -> str:
        """The release's name, such as `v42`."""
        return f"v{self.version}"

    @property
    def is_complete(self) -> bool:
        """True where its deploy ended well: not failed, interrupted, pending or running."""
        return self.status in _COMPLETE

    @property
    def release(self) -> Release:
        """What the core calls it; version 0 is one of which only the image is known."""
        return Release(version=self.name if self.version else "", digest=self.digest)

    def is_release(self, release: Release) -> bool:
        """Return whether it is that release: by its version, or without one by its image."""
        if release.version:
            return self.name == release.version
        return bool(self.digest) and self.digest == release.digest

    @property
    def has_release_command(self) -> bool:
        """True where its definition has a release command."""
        deploy = (self.definition or {}).get("deploy")
        return isinstance(deploy, Mapping) and bool(deploy.get("release_command"))

    @property
    def groups(self) -> frozenset[str] | None:
        """The process groups of its definition; None where that is unknown."""
        if self.definition is None:
            return None
        processes = self.definition.get("processes")
        return frozenset((isinstance(processes, Mapping) and processes) or {"app"})


class LeaseAnswer(LenientModel):
    """The answer to a request for a lease."""

    nonce: str = Field("", validation_alias=AliasPath("data", "nonce"), repr=False)


class FlyApp(LenientModel):
    """An app as GraphQL describes it, and the organization that owns it."""

    id: str = ""
    name: str = ""
    status: str = ""
    deployed: bool = False
    hostname: str = ""
    network: str = ""
    url: str = Field("", validation_alias="appUrl")
    platform_version: str = Field("", validation_alias="platformVersion")
    role: str = Field("", validation_alias=AliasPath("role", "name"))
    owner_slug: str = Field("", validation_alias=AliasPath("organization", "slug"))
    owner_id: str = Field("", validation_alias=AliasPath("organization", "id"))
    owner_number: str = Field("", validation_alias=AliasPath("organization", "internalNumericId"))
    owner_pays: bool = Field(False, validation_alias=AliasPath("organization", "paidPlan"))

    @property
    def is_postgres(self) -> bool:
        """True for one of Fly's Postgres apps, whose machines no deploy manages."""
        return self.role == "postgres_cluster"


def digest_in(image: str) -> str:
    """Return the digest that an image's name carries; empty where it names a tag only."""
    return image.partition("@")[2]


def release_number(version: str) -> int | None:
    """Return 42 for `v42` and `42`; None for what is no release's name."""
    digits = version.removeprefix("v")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_number else None
