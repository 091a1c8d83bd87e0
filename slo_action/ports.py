"""What the modes need of the world: Protocols, no code."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from slo_action.core.model import Annotation, Probe, Release, RollbackStep, Sample
from slo_action.core.observation.real_traffic import TrafficReading
from slo_action.core.release.baseline import Proof
from slo_action.core.release.fleet import Fleet
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.release.track_record import PastVerdict
from slo_action.errors import Mistake


class Clock(Protocol):
    """Time, injected. Tests give a virtual one that never waits."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime; for records, never for durations."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back; only differences mean anything."""
        ...

    def sleep_until(self, instant: float) -> None:
        """Wait until `monotonic()` reaches `instant`; return at once if it already has."""
        ...


class Prober(Protocol):
    """Asks once. Never raises for what the target did, never retries."""

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Send all probes at once; return their samples in the same order.

        Returns after the longest of the probes' own timeouts at the latest.
        """
        ...


class CompletedProbe(NamedTuple):
    """A probe with its answer. `sent` and `ended` are instants of the monotonic clock."""

    ticket: int
    sample: Sample
    sent: float
    ended: float


class ProbePool(Protocol):
    """Probes in flight, for a schedule that never waits for an answer.

    Never raises for what a target did, never retries. Holds no answer after it was handed out.
    """

    def send(self, ticket: int, probe: Probe) -> None:
        """Send one probe now and return at once; `ticket` comes back with its answer.

        What cannot be sent (too many in flight) completes as `unknown`.
        """
        ...

    def completed(self) -> tuple[CompletedProbe, ...]:
        """Return what was answered since the last call, in the order of its ends; never waits.

        Every probe completes at most 0.25 s after its own timeout.
        """
        ...


class MetricSource(Protocol):
    """Real users' traffic, as a metric system counted it."""

    @property
    def name(self) -> str:
        """What a summary calls the source; holds no credentials."""
        ...

    def ask(self, deployed_at: datetime) -> None:
        """Start one look at the traffic since `deployed_at`; returns at once.

        Does nothing while an earlier look is still under way.
        """
        ...

    def newest(self) -> TrafficReading | None:
        """Return the newest reading, None before the first; never waits, never raises."""
        ...


class Platform(Protocol):
    """Where the service runs: names releases and restores one."""

    @property
    def name(self) -> str:
        """The platform's name as the `platform` input spells it."""
        ...

    @property
    def can_restore(self) -> bool:
        """False where a rollback is impossible by construction (`none`)."""
        ...

    def current_release(self) -> Release | None:
        """Return the newest release; None where the platform names none.

        Raises PlatformError where the platform cannot be asked.
        """
        ...

    def previous_release(self) -> Release | None:
        """Return what a rollback would restore; None where the platform leaves it to itself.

        Raises PlatformError where the platform cannot be asked: there is then no target.
        """
        ...

    def restore(
        self, target: Release | None, failed: str | None, journal: Callable[[str], None]
    ) -> tuple[RollbackStep, ...]:
        """Restore `target`, journalling each mutating step before it starts.

        `failed` is the version that is being replaced, None if it is unknown. Never raises for a
        step that failed: the last step says so.
        """
        ...


class Snapshot(NamedTuple):
    """A file of the evidence: its name below the evidence's directory, and its redacted text."""

    name: str
    text: str


class Certificate(NamedTuple):
    """What a platform says of a rollback to what runs now.

    `newest` is the newest release in its ledger, whatever became of it. `target` is what a rollback
    of the next release would restore; None where that is nothing. `sealed` is its restore copy,
    encrypted; empty where it has none to give.
    """

    release: Release | None
    proofs: tuple[Proof, ...]
    not_restored: tuple[str, ...] = ()
    newest: Release | None = None
    target: Release | None = None
    sealed: str = ""


class MachinePlatform(Protocol):
    """A platform that knows its machines one by one."""

    def look(self) -> Fleet:
        """Return the machines as they are now. Raises PlatformError where it cannot be asked."""
        ...

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the newest look as files, redacted; empty before the first. Sends nothing."""
        ...

    def plan(self, target: Release) -> RollbackPlan:
        """Return what restoring `target` would do now; changes nothing.

        Raises PlatformError where it cannot be restored exactly and safely.
        """
        ...

    def certify(self) -> Certificate:
        """Say whether what runs now could be restored later. Raises PlatformError."""
        ...

    def restart(self, machine: str, journal: Callable[[str], None]) -> RollbackStep:
        """Restart one machine, journalling before; returns when it runs, or has failed to.

        Never raises for what the platform did.
        """
        ...


class Log(Protocol):
    """The live log. The implementation makes hostile text inert and secrets invisible."""

    def line(self, text: str) -> None:
        """Print one line; any text is safe."""
        ...

    def group(self, title: str) -> AbstractContextManager[None]:
        """Print what comes within under a heading that folds where the surface can fold."""
        ...

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Show annotations; what a surface has no room for becomes lines of the log."""
        ...

    def progress(self, text: str) -> None:
        """Show what goes on in a line that the next one replaces; nothing where none can be."""
        ...

    def mask(self, secret: str) -> None:
        """Hide a secret in everything printed from here on."""
        ...


class Evidence(Protocol):
    """The run's files, written below one directory before anything is uploaded."""

    @property
    def directory(self) -> Path:
        """The directory that holds them."""
        ...

    @property
    def place(self) -> str:
        """The directory as later steps know it: relative to the workspace, with slashes."""
        ...

    def write(self, name: str, text: str) -> Path:
        """Write a whole file at once; `name` is relative and may hold slashes. Scrubs secrets."""
        ...

    def append(self, name: str, text: str) -> None:
        """Append whole lines and put them on the disk before returning. Scrubs secrets."""
        ...

    def journal(self, step: str) -> None:
        """Append what is about to happen, with the time, to journal.jsonl; on disk on return."""
        ...

    def files(self) -> tuple[Path, ...]:
        """Return every file written so far, sorted by name."""
        ...


class UploadedArtifact(NamedTuple):
    """An artifact the runner's service has accepted. `name` may differ from the one asked for."""

    artifact_id: str
    name: str
    url: str
    size_bytes: int
    digest: str


class ArtifactStore(Protocol):
    """Uploads the evidence."""

    def upload(self, name: str, root: Path, files: Sequence[Path]) -> UploadedArtifact:
        """Upload `files` as one archive with paths relative to `root`.

        Raises ArtifactError with the reason; the caller turns it into a warning.
        """
        ...


class Outputs(Protocol):
    """What downstream steps and reviewers read: step outputs and the job summary."""

    def set(self, values: Mapping[str, str]) -> None:
        """Set step outputs; a later value of the same name wins."""
        ...

    def summarize(self, markdown: str) -> None:
        """Make `markdown` the step's summary, in place of what was there."""
        ...


class CheckRun(NamedTuple):
    """A check run's text. `conclusion` is success, failure or neutral."""

    name: str
    title: str
    summary: str
    conclusion: str
    external_id: str
    annotations: tuple[Annotation, ...] = ()


class CheckRuns(Protocol):
    """GitHub's check runs."""

    def publish(self, check_run: CheckRun) -> None:
        """Create a completed check run. Raises GitHubError; the caller makes it a warning."""
        ...


class BaseFiles(Protocol):
    """The files of the workspace as they are without the change under review."""

    def read(self, path: str) -> str | None:
        """Return a file's text; None where there was none.

        `path` is relative to the workspace, with slashes. Raises GitHubError where it cannot be
        read; the caller makes it one line, since a check must not fail by it.
        """
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Return what lies directly in a folder, sorted, folders with a slash at the end.

        `folder` is as `path` above; empty is the top. Empty where there was none. Raises
        GitHubError as above.
        """
        ...


class Files(Protocol):
    """Where a matrix and what it includes are read from."""

    def text(self, name: str, field: str) -> str | Mistake:
        """Return a file's text, or why it cannot be had; `field` is what named it."""
        ...

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        """Return the files that a pattern names, relative to the file `beside`."""
        ...


class WrittenFiles(Protocol):
    """Where `check` writes. Both raise WorkspaceError. Names are relative to the workspace."""

    def fix(self, name: str, text: str) -> None:
        """Replace the text of a file that is there, byte for byte."""
        ...

    def report(self, name: str, text: str) -> None:
        """Write a report, secrets scrubbed, with the directories that it needs."""
        ...


class History(Protocol):
    """What earlier runs found, and where this one adds to it."""

    def verdicts(self, service: str) -> tuple[PastVerdict, ...]:
        """Return the verdicts on a service, oldest first; never raises."""
        ...

    def keep(self, verdict: PastVerdict) -> None:
        """Add one. Raises SloVerifyError with the reason; the caller makes it a warning."""
        ...


class Interrupts(Protocol):
    """The signals that may stop a run."""

    @property
    def received(self) -> str:
        """The name of the first signal received, empty if none was."""
        ...

    def raising(self) -> AbstractContextManager[None]:
        """Within it, a signal raises Interrupted at once, one received before included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPorts:
    """What `check` may touch.

    `redact` takes secrets out of a text, before it is escaped. `prober` is None where nothing may
    be asked, `base` where there is no change under review.
    """

    clock: Clock
    log: Log
    outputs: Outputs
    written: WrittenFiles
    redact: Callable[[str], str]
    prober: Prober | None = None
    base: BaseFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPorts:
    """Where a result is published; `artifacts` and `check_runs` are None where there are none."""

    log: Log
    evidence: Evidence
    outputs: Outputs
    interrupts: Interrupts
    artifacts: ArtifactStore | None = None
    check_runs: CheckRuns | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(PublishPorts):
    """Everything a mode may touch. None where the run has no such surface."""

    clock: Clock
    prober: Prober
    pool: ProbePool
    platform: Platform
    machines: MachinePlatform | None = None
    history: History | None = None
    metrics: MetricSource | None = None
