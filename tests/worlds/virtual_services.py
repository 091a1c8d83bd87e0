"""Several services verified at once in virtual time, each on a stage of its own."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from slo_action.config.request import VerifyRequest
from slo_action.core.record.multi_service import ServiceEnding
from slo_action.core.record.record import file_name
from slo_action.core.text.secrets import Scrubber
from slo_action.evidence.directory import open_evidence
from slo_action.modes.multi_service.run import ServiceResult, verify_services
from slo_action.modes.multi_service.worker_ports import Post
from slo_action.modes.publish import publish_services, write_service_evidence
from slo_action.ports import Interrupts, Log, Outputs, Ports, PublishPorts
from tests.builders import World
from tests.worlds.memory_log import MemoryLog
from tests.worlds.memory_ports import (
    MemoryCheckRuns,
    MemoryOutputs,
    ScriptedInterrupts,
    VirtualRun,
)
from tests.worlds.virtual_clock import VirtualClock

Works = Mapping[str, Callable[[Post], None]]


class VirtualProcesses:
    """Plays the works one after the other, and lets them be heard as if at the same time.

    They share nothing, as processes do not; so each may run through its own virtual time alone, and
    what they post is sorted by when it was posted. `heard` holds it. All of it goes through pickle.
    """

    def __init__(self, clocks: Mapping[str, VirtualClock]) -> None:
        self._clocks = clocks
        self.heard: list[tuple[float, str, object]] = []
        self.dying: set[str] = set()
        """Services whose process dies before it can post its record."""

    def __call__(
        self, works: Works, *, on_message: Callable[[str, object], None], interrupts: Interrupts
    ) -> None:
        del interrupts  # a signal reaches each stage by itself
        for name, work in works.items():
            work(self._post(name))
        self.heard.sort(key=lambda posted: posted[0])
        for _, name, message in self.heard:
            on_message(name, message)

    def _post(self, name: str) -> Post:
        def post(message: object) -> None:
            if name in self.dying and isinstance(message, ServiceResult):
                return
            kept = pickle.loads(pickle.dumps(message))  # noqa: S301 - our own
            self.heard.append((self._clocks[name].monotonic(), name, kept))

        return post


@dataclass(kw_only=True)
class VirtualServices:
    """Services by name, each with its releases on a stage, and who hears of all of them."""

    stages: dict[str, VirtualRun]
    root: Path
    """The workspace: evidence is written as it is in a run."""
    log: MemoryLog = field(default_factory=MemoryLog)
    outputs: MemoryOutputs = field(default_factory=MemoryOutputs)
    interrupts: ScriptedInterrupts = field(default_factory=ScriptedInterrupts)
    check_runs: MemoryCheckRuns = field(default_factory=MemoryCheckRuns)
    broken: dict[str, Exception] = field(default_factory=dict)
    """What opening a service's ports raises."""

    def __post_init__(self) -> None:
        self.processes = VirtualProcesses(
            {name: stage.clock for name, stage in self.stages.items()}
        )
        self.works: dict[str, ServiceResult] = {}
        self.evidence = open_evidence(self.root, "several-1", Scrubber(), VirtualClock())
        self.is_full: set[str] = set()
        """Services that cannot write their audit."""

    @property
    def common(self) -> PublishPorts:
        return PublishPorts(
            log=self.log,
            outputs=self.outputs,
            evidence=self.evidence,
            interrupts=self.interrupts,
            check_runs=self.check_runs,
        )

    def requests(self) -> Sequence[VerifyRequest]:
        return [
            replace(stage.request(), service=name, url=f"https://{name}.example")
            for name, stage in self.stages.items()
        ]

    def stop_at(self, second: float) -> None:
        """Let SIGTERM arrive everywhere, once that much time has passed."""
        for stage in self.stages.values():
            stage.deploy.at(second, stage.interrupts.arrive)

    def verify(self) -> tuple[ServiceEnding, ...]:
        """Verify all, and tell it; return how each ended, in the order of the stages."""

        def opened(request: VerifyRequest, log: Log, own: Outputs) -> tuple[VerifyRequest, Ports]:
            if request.service in self.broken:
                raise self.broken[request.service]
            stage = self.stages[request.service]
            evidence = open_evidence(
                self.root,
                file_name(request.service),
                Scrubber(),
                stage.clock,
                inside=self.evidence.directory.name,
            )
            if request.service in self.is_full:
                (evidence.directory / "audit.json").mkdir()
            ports = replace(stage.ports, log=log, outputs=own, evidence=evidence)
            return request, ports

        ends, self.works = verify_services(
            self.requests(),
            self.common,
            processes=self.processes,
            open_ports=opened,
            scrubber=Scrubber(),
            keep=lambda worked: write_service_evidence(worked, self.common),
        )
        publish_services(ends, self.works, self.common, artifact_name="all")
        return ends


Releases = tuple[dict[str, World], str]


def virtual_services(root: Path, **services: Releases) -> VirtualServices:
    """Return services, each with its releases and the name of the live one.

    Each call takes a directory of its own below `root`.
    """
    workspace = Path(mkdtemp(dir=root))
    stages = {name: VirtualRun(*releases) for name, releases in services.items()}
    return VirtualServices(stages=stages, root=workspace)
