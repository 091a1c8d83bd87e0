"""The remaining ports, faked: outputs, interrupts, check runs; and a whole set of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from slo_action.config.inputs import CheckRunMode, PlatformName
from slo_action.config.request import RollbackCommands, VerifyRequest
from slo_action.core.model import Probe, RunIdentity, VersionRule, Witness
from slo_action.core.policy.policy import Policy
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError, Interrupted, WorkspaceError
from slo_action.ports import CheckRun, MetricSource, Ports
from tests.builders import World
from tests.worlds.memory_evidence import MemoryEvidence
from tests.worlds.memory_log import MemoryLog
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_deploy import VirtualDeploy
from tests.worlds.virtual_pool import VirtualPool


class MemoryOutputs:
    """`values` holds the step outputs, `summary` the job summary."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.summary = ""

    def set(self, values: Mapping[str, str]) -> None:
        self.values |= values

    def summarize(self, markdown: str) -> None:
        self.summary = markdown


class ScriptedInterrupts:
    """A signal that arrives when `arrive` is called; it raises within `raising()` only."""

    def __init__(self) -> None:
        self.received = ""
        self._raising = False

    def arrive(self, name: str = "SIGTERM") -> None:
        self.received = name
        if self._raising:
            raise Interrupted(name)

    @contextmanager
    def raising(self) -> Iterator[None]:
        self._raising = True
        try:
            if self.received:
                raise Interrupted(self.received)
            yield
        finally:
            self._raising = False


class MemoryCheckRuns:
    """`published` holds the check runs; `error` is raised instead where it is set."""

    def __init__(self, error: GitHubError | None = None) -> None:
        self.published: list[CheckRun] = []
        self.error = error

    def publish(self, check_run: CheckRun) -> None:
        if self.error:
            raise self.error
        self.published.append(check_run)


class MemoryBaseFiles:
    """`files` holds the texts of the base commit; `error` is raised instead where it is set."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        self.files = dict(files or {})
        self.error: GitHubError | None = None

    def read(self, path: str) -> str | None:
        if self.error:
            raise self.error
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        if self.error:
            raise self.error
        above = f"{folder}/" if folder else ""
        below = [path.removeprefix(above) for path in self.files if path.startswith(above)]
        parts = {path.partition("/")[:2] for path in below}
        return tuple(sorted(name + slash for name, slash in parts))


class MemoryHistory:
    """`kept` holds the verdicts; `error` is raised instead where it is set."""

    def __init__(self) -> None:
        self.kept: list[PastVerdict] = []
        self.error: WorkspaceError | None = None

    def verdicts(self, service: str) -> tuple[PastVerdict, ...]:
        return tuple(verdict for verdict in self.kept if verdict.service == service)

    def keep(self, verdict: PastVerdict) -> None:
        if self.error:
            raise self.error
        self.kept.append(verdict)


class VirtualRun:
    """A service, its platform and every port around them, ready for a mode."""

    def __init__(self, releases: dict[str, World], live: str) -> None:
        self.clock = VirtualClock()
        self.deploy = VirtualDeploy(self.clock, releases, live)
        self.pool = VirtualPool(self.clock, self.deploy.answer)
        self.metrics: MetricSource | None = None
        self.log = MemoryLog()
        self.evidence = MemoryEvidence()
        self.outputs = MemoryOutputs()
        self.interrupts = ScriptedInterrupts()
        self.check_runs = MemoryCheckRuns()
        self.history = MemoryHistory()
        self.endpoints: tuple[Probe, ...] = ()

    @property
    def ports(self) -> Ports:
        return Ports(
            clock=self.clock,
            prober=self.deploy,
            pool=self.pool,
            metrics=self.metrics,
            platform=self.deploy,
            machines=self.deploy if self.deploy.fleet else None,
            history=self.history,
            log=self.log,
            evidence=self.evidence,
            outputs=self.outputs,
            interrupts=self.interrupts,
            check_runs=self.check_runs,
        )

    def request(self, policy: Policy | None = None, *, control: bool = True) -> VerifyRequest:
        """Return a request for the service as it was deployed just now."""
        policy = policy or Policy(rule=VersionRule(expected=self.deploy.live))
        health = Probe(
            witness=Witness.HEALTH,
            url="https://dashboard.example/healthz",
            version_rule=policy.rule,
        )
        asked = Probe(witness=Witness.CONTROL, url="https://api.github.example")
        return VerifyRequest(
            service="dashboard",
            url="https://dashboard.example",
            probes=(health,),
            endpoints=self.endpoints,
            control=asked if control else None,
            policy=policy,
            platform=PlatformName.COMMAND,
            commands=RollbackCommands(timeout_seconds=300.0),
            deployment_id="run_12345",
            deployed_at=self.clock.now(),
            approver="ceo@company.example",
            run=RunIdentity(run_id="12345", run_attempt="1", repository="org/dashboard"),
            token=Secret(""),
            check_run=CheckRunMode.AUTO,
            artifact_name="",
            matrix=(),
            retention_days=None,
            secrets=(),
        )
