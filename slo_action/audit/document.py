"""The audit record as a published document: required fields first, then optional ones.

Only the first few fields are required on reading, so a short record is valid. What we write holds
all of them.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from slo_action.config.text.units import parse_instant
from slo_action.core.decision.decide import Action
from slo_action.core.model import (
    Cause,
    Ending,
    Hopeless,
    Mode,
    ObservationKind,
    Outcome,
    Phases,
    Release,
    RunIdentity,
    Trigger,
    Verdict,
    Witness,
)
from slo_action.core.observation.real_traffic import TrafficReading
from slo_action.core.observation.window import WindowEnd
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import Status
from slo_action.core.release.baseline import Prepared
from slo_action.core.release.fleet import Fleet
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.stats.latency import LatencyObjective, LatencyState
from slo_action.core.stats.rate_test import Breach
from slo_action.core.text.quantities import instant_text

SCHEMA_PATH = Path(__file__).parent.parent / "schemas" / "audit-record.schema.json"


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(instant_text, return_type=str),
]
PreciseInstant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(lambda at: at.isoformat(), return_type=str),
]


class AuditModel(BaseModel):
    """A part of the document; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)

    @classmethod
    def of(cls, source: object, **others: object) -> Self:
        """Return the part whose fields are attributes of `source`, but for those in `others`."""
        same = {name: getattr(source, name) for name in cls.model_fields if name not in others}
        return cls.model_validate({**same, **others})


class HealthChecks(AuditModel):
    """The summary of the health gate; `duration` is a text such as `45s`."""

    attempts: int = Field(ge=0)
    success_count: int = Field(ge=0)
    duration: str = Field(pattern=r"^(\d+(\.\d+)?(ms|s|m|h|d))+$")


class Tool(AuditModel):
    """What wrote the record."""

    name: Literal["slo-verify"] = "slo-verify"
    version: str


class SampleEntry(AuditModel):
    """One probe. Headers and body are in the proofs.

    Of `total_seconds`, `observer_delay_seconds` are this host's own, and `fallback_seconds` were
    spent on `failed_addresses` before another one answered: neither is the service's.
    """

    witness: Witness
    url: str
    at: PreciseInstant
    outcome: Outcome
    detail: str
    status: int | None
    total_seconds: float
    phases: Phases
    version: str | None
    retry_after_seconds: float | None
    address: str | None
    addresses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    machine: str = ""
    observer_delay_seconds: float = 0.0
    fallback_seconds: float = 0.0
    failed_addresses: tuple[str, ...] = ()


class ObservationEntry(AuditModel):
    """Everything asked at one instant; seconds since the deploy.

    `hopeless` is the platform's report that no machine of the release can become healthy; `spared`
    are machines whose failures its own checks do not confirm.
    """

    kind: ObservationKind
    started_seconds: float
    ended_seconds: float
    control_alive: bool | None
    hopeless: Hopeless | None = None
    spared: tuple[str, ...] = ()
    samples: tuple[SampleEntry, ...] = Field(min_length=1)


class Watch(AuditModel):
    """Everything a health gate saw, in order; a replay needs no more."""

    begun_seconds: float
    observations: tuple[ObservationEntry, ...]


class LatencyEntry(AuditModel):
    """Answers by what they took, first and slow-start ones left out.

    `over` counts those above each limit in seconds. A percentile is by nearest rank, null where `n`
    cannot carry it, -1 where its rank falls on an answer that never came.
    """

    n: int
    cold_n: int
    over: dict[str, int]
    percentiles_ms: dict[str, float | None]
    objective: str | None
    state: LatencyState | None


class StreamEntry(AuditModel):
    """One series of probes and what it showed. `interval` is the 95 % any-time interval.

    `own_objective` is what its answers may take, null where the policy says it.
    """

    name: str
    witness: Witness
    machine: str
    url: str
    tells_version: bool
    own_objective: LatencyObjective | None = None
    valid: int
    bad: int
    neutral: int
    missed: int
    interval: tuple[float, float]
    breach: Breach | None
    refuted_seconds: float | None
    refuted_at_end: bool
    outcomes: dict[Outcome, int]
    latency: LatencyEntry
    sentence: str


class WindowEntry(AuditModel):
    """The observation window.

    Each of `rows` is one thing that happened, in order, as words: ticket, tickets sent by then,
    when it was taken, when it was heard, outcome, seconds; then version, retry-after, asked and
    late where they are known. `rows_left_out` counts those beyond what a record holds.
    """

    begun_seconds: float
    ends_seconds: float
    ended_seconds: float
    closed_seconds: float | None
    grace_seconds: float
    ready_by_seconds: float
    interval_seconds: float
    controlled: bool
    end: WindowEnd | None
    streams: tuple[StreamEntry, ...]
    traffic: tuple[TrafficReading, ...]
    traffic_sentence: str
    rows: tuple[str, ...]
    rows_left_out: int


class DecisionEntry(AuditModel):
    """What was decided and why."""

    action: Action
    why: str
    target: str | None
    superseded: bool
    rehearsed: bool = False


class StepEntry(AuditModel):
    """One step of the rollback, with the end of its output."""

    name: str
    succeeded: bool
    duration_seconds: float
    detail: str
    output: str
    changed_nothing: bool = False
    taken_over: bool = False
    late: bool = False


class VerificationEntry(AuditModel):
    """The same gate on what was restored."""

    rejected_version: str | None
    watch: Watch
    window: WindowEntry | None = None
    released: Release | None = None
    fleet: Fleet | None = None
    verdict: Verdict
    cause: Cause
    reason: str


class RemedyEntry(AuditModel):
    """One machine that was started again before a rollback was thought of."""

    machine: str
    step: StepEntry
    verification: VerificationEntry | None


class RollbackEntry(AuditModel):
    """What was done to restore a release."""

    target: str | None
    rolled_back_to: str | None
    steps: tuple[StepEntry, ...]
    verification: VerificationEntry | None


class RequestEntry(AuditModel):
    """How the probes of a stream were sent; no value that may be secret.

    `headers` are names. `client_cert`, `ca_bundle` and `proxy` say whether there was one.
    """

    method: str
    headers: tuple[str, ...]
    body_bytes: int = Field(ge=0)
    expected_status: tuple[str, ...]
    host: str
    resolve: tuple[str, ...]
    client_cert: bool
    ca_bundle: bool
    proxy: bool
    cache_buster: bool


class EvidenceEntry(AuditModel):
    """A file of the evidence and its digest."""

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class AuditDocument(AuditModel):
    """The audit record. `policy_digest` is the SHA-256 of the policy's canonical JSON.

    `released` is the platform's newest release at the beginning, `fleet` its last word before
    anything was changed, `prepared` what was known before the deploy, `plan` what a rollback did or
    would have done, `wake` the request that started a service at rest, `asked` how each stream was
    asked, by its name, those left out that were asked as usual.
    """

    model_config = ConfigDict(title="slo-verify audit record")

    schema_version: Literal[1] = 1
    timestamp: Instant
    deployment_id: str
    service: str
    version: str
    status: Status
    health_checks: HealthChecks
    rollback_triggered: bool
    approver: str

    tool: Tool | None = None
    run: RunIdentity | None = None
    url: str | None = None
    deployed_at: PreciseInstant | None = None
    verdict: Verdict | None = None
    cause: Cause | None = None
    reason: str | None = None
    row: str | None = None
    triggers: tuple[Trigger, ...] = ()
    ending: Ending | None = None
    exit_code: int | None = None
    live_version: str | None = None
    policy: Policy | None = None
    policy_digest: str | None = Field(default=None, pattern="^sha256:[0-9a-f]{64}$")
    watch: Watch | None = None
    window: WindowEntry | None = None
    recheck: Watch | None = None
    mode: Mode = Mode.VERIFY
    released: Release | None = None
    fleet: Fleet | None = None
    prepared: Prepared | None = None
    wake: SampleEntry | None = None
    unseen: str = ""
    remedy: RemedyEntry | None = None
    decision: DecisionEntry | None = None
    plan: RollbackPlan | None = None
    rollback: RollbackEntry | None = None
    unconsulted: tuple[str, ...] = ()
    interrupted: str = ""
    asked: dict[str, RequestEntry] = {}
    evidence: tuple[EvidenceEntry, ...] = ()


def generated_schema() -> dict[str, Any]:
    """Return the schema that the models give; the committed file must equal it."""
    schema = AuditDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
