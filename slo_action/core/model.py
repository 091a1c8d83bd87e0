"""The nouns of a verification. Every one is frozen, inert, and knows its units."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from slo_action.core.journey.journeys import Assertion, Journey
from slo_action.core.request_options import DEFAULT_OPTIONS, RequestOptions
from slo_action.core.stats.latency import LatencyObjective

MAX_OBSERVER_DELAY_SECONDS = 1.0
"""How late this host may be, by default, before a timeout says nothing of the service."""


class Mode(StrEnum):
    """What a run does."""

    VERIFY = "verify"
    PREPARE = "prepare"
    ROLLBACK = "rollback"
    CHECK = "check"


class Outcome(StrEnum):
    """What one probe found. The codes appear in samples, proofs and the audit record."""

    OK = "ok"
    DEGRADED_BODY = "degraded_body"
    UNHEALTHY_BODY = "unhealthy_body"
    ASSERTION_FAILED = "assertion_failed"
    CAPTURE_FAILED = "capture_failed"
    WRONG_VERSION = "wrong_version"
    SLOW = "slow"
    HTTP_5XX = "http_5xx"
    HTTP_4XX = "http_4xx"
    REDIRECT = "redirect"
    RATE_LIMITED = "rate_limited"
    WAF_CHALLENGE = "waf_challenge"
    CACHED = "cached"
    QUERY_REFUSED = "query_refused"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_TIMEOUT = "dns_timeout"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_EXPIRING = "tls_expiring"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_OTHER = "tls_other"
    READ_TIMEOUT = "read_timeout"
    RESET = "reset"
    PROTOCOL_ERROR = "protocol_error"
    BODY_TOO_LARGE = "body_too_large"
    BODY_UNREADABLE = "body_unreadable"
    OBSERVER_LATE = "observer_late"
    UNKNOWN = "unknown"

    @property
    def is_good(self) -> bool:
        """True where the service answered as a live service does (degraded counts as alive)."""
        return self in _GOOD

    @property
    def is_neutral(self) -> bool:
        """True where nothing was learned about the service: it counts neither way."""
        return self in _NEUTRAL

    @property
    def is_bad(self) -> bool:
        """True where the fault can be the service's."""
        return not (self.is_good or self.is_neutral)

    @property
    def is_unanswered(self) -> bool:
        """True where no HTTP answer came back, so the fault may be ours: ask the control."""
        return self in _UNANSWERED


_GOOD = frozenset({Outcome.OK, Outcome.DEGRADED_BODY})
_NEUTRAL = frozenset(
    {
        Outcome.UNKNOWN,
        Outcome.RATE_LIMITED,
        Outcome.WAF_CHALLENGE,
        Outcome.CACHED,
        Outcome.QUERY_REFUSED,
        Outcome.OBSERVER_LATE,
    },
)
_UNANSWERED = frozenset(
    {
        Outcome.DNS_NXDOMAIN,
        Outcome.DNS_TIMEOUT,
        Outcome.CONNECT_REFUSED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.READ_TIMEOUT,
        Outcome.RESET,
    },
)


class Witness(StrEnum):
    """What a probe asks. A verdict names what it could not consult."""

    HEALTH = "health"
    VERSION = "version"
    API = "api"
    SEARCH = "search"
    STATS = "stats"
    JOURNEY = "journey"
    PLATFORM = "platform"
    CONTROL = "control"


class Verdict(StrEnum):
    """Worst wins, in the order unhealthy, inconclusive, degraded, healthy."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """What the evidence blames. Only app and platform may lead to a rollback."""

    NONE = "none"
    APP = "app"
    PLATFORM = "platform"
    PATH = "path"
    OBSERVER = "observer"
    CONFIG = "config"
    PRE_EXISTING = "pre-existing"
    WRONG_VERSION = "wrong-version"
    SUPERSEDED = "superseded"


class Trigger(StrEnum):
    """The four rollback triggers."""

    HEALTH_CHECK_FAILURE = "health-check-failure"
    ERROR_RATE_BREACH = "error-rate-breach"
    RESPONSE_TIME_DEGRADATION = "response-time-degradation"
    SERVICE_UNAVAILABILITY = "service-unavailability"


class Ending(StrEnum):
    """How a run ended; each has its own headline."""

    VERIFIED = "verified"
    ROLLED_BACK_VERIFIED = "rolled-back-verified"
    ROLLED_BACK_UNHEALTHY = "rolled-back-unhealthy"
    ROLLBACK_FAILED = "rollback-failed"
    NOT_ROLLED_BACK = "not-rolled-back"
    UNDECIDED = "undecided"


class ObservationKind(StrEnum):
    """An attempt counts; a peek only ends a wait; a warm-up is an attempt that failed in grace."""

    ATTEMPT = "attempt"
    PEEK = "peek"
    WARMUP = "warmup"


class ObservationResult(StrEnum):
    """What an observation says of the service; neutral says nothing."""

    PASSED = "passed"
    FAILED = "failed"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Where one probe's time went, in seconds; None where the probe never got that far.

    The names and their limits are those of blackbox_exporter's probe_http_duration_seconds.
    """

    resolve_seconds: float | None = None
    connect_seconds: float | None = None
    tls_seconds: float | None = None
    processing_seconds: float | None = None
    transfer_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The answer as it was received, for the proofs. All of it is untrusted.

    `body` is decoded and capped text; `body_truncated` says that more was sent than is kept.
    """

    http_version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: str
    body_bytes: int
    body_truncated: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name; None if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRule:
    """Which version must answer, and which must not; None means no such demand.

    A verified rollback rejects the failed version: the platform may name its target by a name that
    the service does not use of itself.
    """

    expected: str | None = None
    rejected: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request to send. `url` holds no credentials; `authorization` is a header value or None.

    `request` says how it is asked, secrets filled in. `headers` are sent besides, such as those
    that reach one `machine`, which is empty where a balancer chooses. An answer must hold all
    `assertions`; one on the status replaces the demand for 200. `objective` is what its answers may
    take, None where the policy says it. With a `journey` it is no request but a run of its steps
    below `url`, within `timeout_seconds`.
    """

    witness: Witness
    url: str
    timeout_seconds: float = 6.0
    slow_after_seconds: float | None = 5.0
    body_limit_bytes: int = 64 * 1024
    authorization: str | None = None
    version_rule: VersionRule | None = None
    reads_health: bool = True
    follows_same_host: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    request: RequestOptions = DEFAULT_OPTIONS
    machine: str = ""
    assertions: tuple[Assertion, ...] = ()
    objective: LatencyObjective | None = None
    journey: Journey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one probe found.

    `detail` is a fact as text and may quote the target: untrusted. `url` is already redacted.
    `total_seconds` runs from the start of name resolution to the last byte. `version` is what the
    answer says of itself, None if nothing. `address` is the one connected to, `addresses` all that
    the name has, such as `AAAA ::1`; none for an IP literal. `notes` are remarks that change no
    outcome. `machine` names the one that was asked; empty where a balancer chose.

    Of `total_seconds`, `observer_delay_seconds` lay in no phase, because this host was busy, and
    `fallback_seconds` were spent on the `failed_addresses`, such as `AAAA ::1: no answer, a
    fault of the path`, before another one answered: neither is the service's.
    """

    witness: Witness
    url: str
    at: datetime
    outcome: Outcome
    detail: str
    total_seconds: float
    phases: Phases = Phases()
    status: int | None = None
    version: str | None = None
    retry_after_seconds: float | None = None
    address: str | None = None
    addresses: tuple[str, ...] = ()
    response: Response | None = None
    notes: tuple[str, ...] = ()
    machine: str = ""
    observer_delay_seconds: float = 0.0
    fallback_seconds: float = 0.0
    failed_addresses: tuple[str, ...] = ()

    @property
    def is_closed_unanswered(self) -> bool:
        """True where the connection was closed before the first byte of an answer.

        So do servers that want another protocol or a client certificate.
        """
        is_unanswered = self.status is None and self.phases.transfer_seconds is None
        return self.outcome is Outcome.RESET and is_unanswered

    @property
    def service_seconds(self) -> float:
        """The part of `total_seconds` that is the service's and its network's."""
        return max(0.0, self.total_seconds - self.observer_delay_seconds - self.fallback_seconds)


class HopelessReason(StrEnum):
    """Why no machine of a release can become healthy."""

    EXITED = "exited"
    NOT_LIVE = "not-live"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopeless:
    """The platform status that makes waiting useless."""

    why: HopelessReason
    words: str


@dataclass(frozen=True, kw_only=True)  # no slots: its result is asked for again and again
class Observation:
    """Everything asked at once, at one instant of the schedule.

    Times are seconds since the deploy. `control_alive` is None where the control was not asked
    or there is none; it is asked when the service did not answer at all. `hopeless` is the
    platform status why no machine of the release can become healthy; None where one may. `spared`
    are machines whose failures the platform's own checks do not confirm.
    """

    kind: ObservationKind
    started_seconds: float
    ended_seconds: float
    samples: tuple[Sample, ...]
    control_alive: bool | None = None
    hopeless: Hopeless | None = None
    spared: tuple[str, ...] = ()

    @cached_property
    def deciding(self) -> Sample:
        """The sample that decides the result: the first bad one, else neutral, else degraded.

        A machine that failed and answered well when it was asked again at once is not bad: with
        thirty machines, one stray failure of a hundred would fail every fourth attempt. Nor is one
        that only our own probes find bad: the window judges what users see of it.
        """
        return min(self._counted, key=_severity)

    @property
    def failures(self) -> tuple[Sample, ...]:
        """The bad samples that count."""
        return tuple(sample for sample in self._counted if sample.outcome.is_bad)

    @property
    def _counted(self) -> tuple[Sample, ...]:
        excused = {s.machine for s in self.samples if s.machine and s.outcome.is_good}
        excused |= set(self.spared)
        return tuple(s for s in self.samples if s.machine not in excused or s.outcome.is_good)

    @cached_property
    def result(self) -> ObservationResult:
        """A failure without any answer, while the control is down too, is neutral."""
        outcome = self.deciding.outcome
        if outcome.is_good:
            return ObservationResult.PASSED
        if outcome.is_neutral or (outcome.is_unanswered and self.control_alive is False):
            return ObservationResult.NEUTRAL
        return ObservationResult.FAILED

    @property
    def version(self) -> str | None:
        """The version that answered: by the version endpoint, else by the health endpoint."""
        public = (sample for sample in self.samples if sample.version and not sample.machine)
        versions = {sample.witness: sample.version for sample in public}
        return versions.get(Witness.VERSION) or versions.get(Witness.HEALTH)


def _severity(sample: Sample) -> int:
    """Order samples by what they say: a broken service outranks an old one that answers."""
    if sample.outcome is Outcome.WRONG_VERSION:
        return 1
    if sample.outcome.is_bad:
        return 0
    if sample.outcome.is_neutral:
        return 2
    return 3 if sample.outcome is Outcome.DEGRADED_BODY else 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version a platform can name. `version` is the platform's name of it.

    `digest` is its image's, empty where the platform names no images. `remark` is what should be
    said of it as a target, such as that it was never verified.
    """

    version: str
    digest: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStep:
    """One thing a platform did to restore a release. `output` is captured text: untrusted.

    `changed_nothing` is True for a failed step before which, and by which, nothing was changed;
    `taken_over` for one that ended because another deploy began; `late` for one that ended because
    its time was over, and nothing had failed.
    """

    name: str
    succeeded: bool
    duration_seconds: float
    detail: str
    output: str = ""
    changed_nothing: bool = False
    taken_over: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Which workflow run this is; every field is empty on a laptop."""

    repository: str = ""
    run_id: str = ""
    run_attempt: str = ""
    sha: str = ""
    actor: str = ""
    workflow: str = ""
    job: str = ""
    server_url: str = ""

    @property
    def page(self) -> str:
        """The run's page, empty on a laptop."""
        if not (self.repository and self.run_id):
            return ""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}"


class Level(StrEnum):
    """How loud an annotation is."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message beside the run, or beside a line of a file (both count from 1)."""

    level: Level
    title: str
    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
