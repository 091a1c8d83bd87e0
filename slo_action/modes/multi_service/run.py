"""`verify` for several services: each as if it were alone, in a process of its own, heard here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from slo_action.config.request import VerifyRequest
from slo_action.core.model import Verdict
from slo_action.core.record.multi_service import ServiceEnding, Trouble, worst_verdict
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.quoting import printable
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import EXIT_BUG, SloVerifyError, bug_words
from slo_action.modes.multi_service.worker_ports import (
    Masked,
    Post,
    PostedLog,
    PostedOutputs,
    Provisional,
    Said,
)
from slo_action.modes.steps.publish import each_alone
from slo_action.modes.verify import POLICY, verify
from slo_action.ports import (
    ArtifactStore,
    CheckRuns,
    Evidence,
    History,
    Interrupts,
    Log,
    Outputs,
    Ports,
)
from slo_action.render.text.escape import shortened

Open = Callable[[VerifyRequest, Log, Outputs], tuple[VerifyRequest, Ports]]
"""Opens the ports of one service; called in its own process. Raises SloVerifyError."""
_LONGEST_NAME = 60
_SILENT = Trouble(
    title="Its verification ended without a word",
    message="its process died, out of memory perhaps; what it had written is in the evidence. "
    "Look at the service: nobody knows whether a rollback was begun",
    exit_code=EXIT_BUG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """One service's record, and what is needed to tell it: its files, and what must not be told."""

    record: AuditRecord
    evidence: Evidence
    history: History | None
    scrubber: Scrubber


class Crew(Protocol):
    """Does all works at the same time; see workers.run_in_processes."""

    def __call__(
        self,
        works: Mapping[str, Callable[[Post], None]],
        *,
        hear: Callable[[str, object], None],
        interrupts: Interrupts,
    ) -> None:
        """Return when all have ended; `hear` is given a work's name and what it posts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonPorts:
    """Who hears of all services. `evidence` is the directory that those of the services are in.

    `artifacts` and `check_runs` are None where there is no such surface.
    """

    log: Log
    outputs: Outputs
    evidence: Evidence
    interrupts: Interrupts
    artifacts: ArtifactStore | None = None
    check_runs: CheckRuns | None = None


def verify_several(
    requests: Sequence[VerifyRequest],
    common: CommonPorts,
    *,
    crew: Crew,
    open_ports: Open,
    scrubber: Scrubber,
    keep: Callable[[Worked], None],
) -> tuple[tuple[ServiceEnding, ...], dict[str, Worked]]:
    """Verify all at once; return how each ended, and the works that left a record.

    `keep` writes a service's evidence as soon as its record is there: what comes later may be
    killed. Services must differ in their names.
    """
    _tell_policies(requests, common.log)
    desk = _Desk(common, scrubber, keep, len(requests))
    works = {one.service: _work(one, open_ports, scrubber) for one in requests}
    crew(works, hear=desk.hear, interrupts=common.interrupts)
    ends = tuple(
        ServiceEnding(service=one.service, outcome=desk.outcomes.get(one.service, _SILENT))
        for one in requests
    )
    works_done = {end.service: desk.works[end.service] for end in ends if end.service in desk.works}
    return ends, works_done


def _tell_policies(requests: Sequence[VerifyRequest], log: Log) -> None:
    """Tell each policy once, with those whom it judges."""
    judged: dict[tuple[str, ...], list[str]] = {}
    for one in requests:
        judged.setdefault(tuple(one.policy.sentences()), []).append(_shown(one.service))
    for sentences, names in judged.items():
        with log.group(f"{POLICY} of {', '.join(names)}"):
            for sentence in sentences:
                log.line(sentence)


def _shown(service: str) -> str:
    return shortened(printable(service), _LONGEST_NAME)


def _work(request: VerifyRequest, open_ports: Open, scrubber: Scrubber) -> Callable[[Post], None]:
    """Return what the service's own process does. It posts a record or trouble, whatever comes."""

    def work(post: Post) -> None:
        log = PostedLog(post, scrubber)
        try:
            opened, ports = open_ports(request, log, PostedOutputs(post))
            record = verify(opened, ports)
            post(
                Worked(
                    record=record,
                    evidence=ports.evidence,
                    history=ports.history,
                    scrubber=scrubber,
                )
            )
        except SloVerifyError as error:
            post(
                Trouble(title=error.title, message=error.in_words, exit_code=error.exit_code),
            )
        except Exception as error:  # noqa: BLE001 - a bug in one service must not end the others
            title = "slo-verify broke: this is a bug"
            post(Trouble(title=title, message=bug_words(error), exit_code=EXIT_BUG))

    return work


class _Desk:
    """Hears of all services, and tells at once what cannot wait."""

    def __init__(
        self, common: CommonPorts, scrubber: Scrubber, keep: Callable[[Worked], None], count: int
    ) -> None:
        self._common = common
        self._scrubber = scrubber
        self._keep = keep
        self._count = count
        self._provisional: dict[str, Verdict] = {}
        self.outcomes: dict[str, AuditRecord | Trouble] = {}
        self.works: dict[str, Worked] = {}

    def hear(self, service: str, message: object) -> None:
        """Take what a service's process has posted."""
        match message:
            case Said(text=text):
                self._say(service, text)
            case Masked(secret=secret):
                self._common.log.mask(secret)
            case Provisional(verdict=verdict):
                self._provisional[service] = verdict
                self._tell_provisional()
            case Worked():
                self._take(service, message)
            case Trouble():
                self._say(service, f"{message.title}: {message.message}")
                self.outcomes[service] = message
            case _:
                pass

    def _say(self, service: str, text: str) -> None:
        self._common.log.line(f"{_shown(service)}: {text}")

    def _tell_provisional(self) -> None:
        """A step that others wait for is healthy for now only when every service is."""
        if len(self._provisional) < self._count:
            return
        worst = worst_verdict(self._provisional.values())
        each_alone(
            self._common,
            "outputs",
            lambda: self._common.outputs.set({"provisional-verdict": worst}),
        )

    def _take(self, service: str, worked: Worked) -> None:
        self._scrubber.learn_of(worked.scrubber)
        self.outcomes[service] = worked.record
        self.works[service] = worked
        self._keep(worked)
        ending, code = worked.record.ending, worked.record.exit_code
        left = self._count - len(self.outcomes)
        self._say(service, f"ended: {ending}, exit {code}; {left} still at work")
