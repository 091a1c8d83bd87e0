"""`verify` for several services: each in a process of its own, collected here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from slo_action.config.request import VerifyRequest
from slo_action.core.model import Verdict
from slo_action.core.record.multi_service import ServiceEnding, Trouble, worst_verdict
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.quoting import printable
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import EXIT_BUG, SloVerifyError, bug_description
from slo_action.modes.multi_service.worker_ports import (
    LogLine,
    Post,
    PostedLog,
    PostedOutputs,
    ProvisionalVerdict,
    RollbackBegun,
    SecretFound,
)
from slo_action.modes.steps.publish import publish_or_warn
from slo_action.modes.steps.rollback import NO_PLATFORM, lacks_platform
from slo_action.modes.verify import POLICY, verify
from slo_action.ports import Evidence, History, Interrupts, Log, Outputs, Ports, PublishPorts
from slo_action.render.annotations import no_platform_annotations
from slo_action.render.outputs import rollback_begun
from slo_action.render.text.escape import shortened

Open = Callable[[VerifyRequest, Log, Outputs], tuple[VerifyRequest, Ports]]
"""Opens the ports of one service; called in its own process. Raises SloVerifyError."""
_LONGEST_NAME = 60
_NO_RESULT = Trouble(
    title="Its process ended without a result",
    message="it died, possibly out of memory; what it had written is in the evidence",
    exit_code=EXIT_BUG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceResult:
    """One service's record, and what publishing it needs: its files and its secrets."""

    record: AuditRecord
    evidence: Evidence
    history: History | None
    scrubber: Scrubber


class RunInProcesses(Protocol):
    """Does all works at the same time; see workers.run_in_processes."""

    def __call__(
        self,
        works: Mapping[str, Callable[[Post], None]],
        *,
        on_message: Callable[[str, object], None],
        interrupts: Interrupts,
    ) -> None:
        """Return when all have ended; `on_message` is given a work's name and what it posts."""
        ...


def verify_services(
    requests: Sequence[VerifyRequest],
    common: PublishPorts,
    *,
    processes: RunInProcesses,
    open_ports: Open,
    scrubber: Scrubber,
    keep: Callable[[ServiceResult], None],
) -> tuple[tuple[ServiceEnding, ...], dict[str, ServiceResult]]:
    """Verify all at once; return how each ended, and the works that left a record.

    `keep` writes a service's evidence as soon as its record is there: what comes later may be
    killed. Services must differ in their names.
    """
    _log_policies(requests, common.log)
    collector = _Collector(common, scrubber, keep, len(requests))
    works = {one.service: _work(one, open_ports, scrubber) for one in requests}
    processes(works, on_message=collector.on_message, interrupts=common.interrupts)
    names = [one.service for one in requests]
    ends = tuple(ServiceEnding(service=name, outcome=collector.outcome(name)) for name in names)
    return ends, {name: collector.works[name] for name in names if name in collector.works}


def _log_policies(requests: Sequence[VerifyRequest], log: Log) -> None:
    """Log each policy once, with the services it applies to."""
    judged: dict[tuple[str, ...], list[str]] = {}
    lacking = [one.service for one in requests if lacks_platform(one)]
    for one in requests:
        sentences = one.policy.sentences(NO_PLATFORM if one.service in lacking else "")
        judged.setdefault(sentences, []).append(_shown(one.service))
    for sentences, names in judged.items():
        with log.group(f"{POLICY} of {', '.join(names)}"):
            for sentence in sentences:
                log.line(sentence)
    log.annotate(no_platform_annotations(lacking))


def _shown(service: str) -> str:
    return shortened(printable(service), _LONGEST_NAME)


def _work(request: VerifyRequest, open_ports: Open, scrubber: Scrubber) -> Callable[[Post], None]:
    """Return what the service's own process does. It posts a record or trouble, whatever comes."""

    def work(post: Post) -> None:
        log = PostedLog(post, scrubber)
        try:
            opened, ports = open_ports(request, log, PostedOutputs(post))
            record = verify(opened, ports)
            evidence, history = ports.evidence, ports.history
            post(
                ServiceResult(record=record, evidence=evidence, history=history, scrubber=scrubber)
            )
        except SloVerifyError as error:
            post(Trouble(title=error.title, message=error.description, exit_code=error.exit_code))
        except Exception as error:  # noqa: BLE001 - a bug in one service must not end the others
            title = "slo-verify broke: this is a bug"
            post(Trouble(title=title, message=bug_description(error), exit_code=EXIT_BUG))

    return work


@dataclass(slots=True)
class _Collector:
    """Collects what the processes post, and logs at once what cannot wait."""

    _common: PublishPorts
    _scrubber: Scrubber
    _keep: Callable[[ServiceResult], None]
    _count: int
    _provisional: dict[str, Verdict] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    outcomes: dict[str, AuditRecord | Trouble] = field(default_factory=dict)
    works: dict[str, ServiceResult] = field(default_factory=dict)

    def on_message(self, service: str, message: object) -> None:
        """Handle a message of a service's process."""
        match message:
            case LogLine(text=text):
                self._say(service, text)
            case SecretFound(secret=secret):
                self._common.log.mask(secret)
            case ProvisionalVerdict(verdict=verdict):
                self._provisional[service] = verdict
                self._publish_provisional()
            case RollbackBegun():
                self._begun.add(service)
                values = rollback_begun()
                publish_or_warn(self._common, "outputs", lambda: self._common.outputs.set(values))
            case ServiceResult():
                self._take(service, message)
            case Trouble():
                self._say(service, f"{message.title}: {message.message}")
                self.outcomes[service] = message
            case _:
                pass

    def outcome(self, service: str) -> AuditRecord | Trouble:
        """Return how a service ended; of one that broke down, with what it had begun by then."""
        found = self.outcomes.get(service, _NO_RESULT)
        if isinstance(found, Trouble) and service in self._begun:
            message = f"{found.message}. Check the service: its rollback had been begun"
            return replace(found, message=message, rollback_begun=True)
        return found

    def _say(self, service: str, text: str) -> None:
        self._common.log.line(f"{_shown(service)}: {text}")

    def _publish_provisional(self) -> None:
        """A step that others wait for is healthy for now only when every service is."""
        if len(self._provisional) < self._count:
            return
        values = {"provisional-verdict": worst_verdict(self._provisional.values())}
        publish_or_warn(self._common, "outputs", lambda: self._common.outputs.set(values))

    def _take(self, service: str, worked: ServiceResult) -> None:
        self._scrubber.learn_of(worked.scrubber)
        self.outcomes[service] = worked.record
        self.works[service] = worked
        self._keep(worked)
        ending, code = worked.record.ending, worked.record.exit_code
        left = self._count - len(self.outcomes)
        self._say(service, f"ended: {ending}, exit {code}; {left} still running")
