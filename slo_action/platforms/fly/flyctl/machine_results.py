"""Sees what a program did to the machines, and starts those that ran before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slo_action.core.release.fleet import Machine, exit_summary, short_digest
from slo_action.platforms.fly.client.api import FlyRefusedError
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.machine_order import RESTING
from slo_action.platforms.fly.rollback.plan import ran_before
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import Json
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine

_LOOK_SECONDS = 2.0
_LEAST_LOOKS = 3
"""The list is consistent in the end only."""
_MOST_STARTS = 5
_START_PAUSE_SECONDS = 4.0
_MOST_CRASHES = 3
_PATIENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineResult:
    """One machine in the end. `is_hopeless`: waiting longer would not help."""

    machine: str
    words: str
    is_well: bool = False
    is_hopeless: bool = False


@dataclass(slots=True, kw_only=True)
class Seeing:
    """Looks until every machine is well, or its time is over."""

    means: RollbackTools
    survey: Survey
    journal: Journal
    _starts: dict[str, int] = field(default_factory=dict)
    _started: float | None = None

    def see(self) -> tuple[MachineResult, ...]:
        """Return how each machine ended; those that are gone or new are told as they are."""
        api = self.means.api.with_patience(_PATIENCE_SECONDS)
        until = self.means.clock.monotonic() + self.means.machine_seconds
        seen: tuple[MachineResult, ...] = ()
        looks = 0
        while True:
            begun = self.means.clock.monotonic()
            raws = tried(api.machines)
            if not isinstance(raws, FlyRefusedError):
                looks += 1
                seen = tuple(self._looked(raws))
            if _is_over(seen, looks) or begun >= until:
                return seen or (MachineResult(machine="all", words="they could not be read"),)
            self.means.clock.sleep_until(begun + _LOOK_SECONDS)

    def _looked(self, raws: Sequence[Json]) -> Iterator[MachineResult]:
        machines = [read_machine(raw) for raw in raws if is_app_machine(raw)]
        resting = [machine for machine in machines if self._is_to_start(machine)]
        now = self.means.clock.monotonic()
        if resting and (self._started is None or now >= self._started + _START_PAUSE_SECONDS):
            self._started = now
            self._start(resting)
        return (self._seen(machine) for machine in machines)

    def _is_to_start(self, machine: Machine) -> bool:
        is_right = machine.digest == self.survey.target.digest
        return is_right and machine.state in RESTING and ran_before(self.survey, self._of(machine))

    def _of(self, machine: Machine) -> Machine:
        """Return the machine as it was when the rollback was planned; a new one is as it is."""
        raws = (raw for raw in self.survey.machines if raw.get("id") == machine.name)
        raw = next(raws, None)
        return read_machine(raw) if raw else machine

    def _start(self, machines: list[Machine]) -> None:
        """Start machines; one that is leased or being replaced is asked again later."""
        api = self.means.api.with_patience(_PATIENCE_SECONDS)
        for machine in machines:
            if self._starts.get(machine.name, 0) < _MOST_STARTS:
                self._starts[machine.name] = self._starts.get(machine.name, 0) + 1
                self.journal(journal_words.starting_again(machine.name, self.survey.target.version))
                tried(lambda name=machine.name: api.start(name))  # type: ignore[misc]

    def _seen(self, machine: Machine) -> MachineResult:
        if not machine.is_host_ok:
            return MachineResult(
                machine=machine.name, words="its host does not answer", is_hopeless=True
            )
        if machine.digest != self.survey.target.digest:
            image = short_digest(machine.digest) or "unknown"
            words = f"it runs image {image}, not that of {self.survey.target.version}"
            return MachineResult(machine=machine.name, words=words, is_hopeless=True)
        if machine.state in RESTING:
            is_well = not ran_before(self.survey, self._of(machine))
            words = "not running, as before" if is_well else f"state {machine.state}"
            return MachineResult(machine=machine.name, words=words, is_well=is_well)
        if len(machine.crashes) >= _MOST_CRASHES or machine.is_dead:
            words = f"it does not stay up: {exit_summary(machine)}"
            return MachineResult(machine=machine.name, words=words, is_hopeless=True)
        passing = sum(1 for check in machine.checks if check.status == "passing")
        is_well = machine.state == "started" and passing == machine.checks_expected
        checks = f"{passing} of {machine.checks_expected} checks passing"
        return MachineResult(
            machine=machine.name, words=f"{machine.state}, {checks}", is_well=is_well
        )


def _is_over(seen: tuple[MachineResult, ...], looks: int) -> bool:
    if not seen:
        return False
    if all(found.is_well for found in seen):
        return True
    hopeless = [found for found in seen if found.is_hopeless]
    waiting = [found for found in seen if not (found.is_well or found.is_hopeless)]
    return bool(hopeless) and not waiting and looks >= _LEAST_LOOKS
