"""A service with releases, and the platform it runs on, in virtual time.

What a release answers depends on how long it has been live. Restoring one really makes it live, so
a rollback is verified against what it did.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from slo_action.core.model import (
    Outcome,
    Probe,
    Release,
    RollbackStep,
    Sample,
    Witness,
)
from slo_action.core.release.baseline import Proof
from slo_action.core.release.fleet import CheckStatus, Fleet, Machine, PlatformCheck
from slo_action.core.release.rollback_plan import MachineAction, MachineStep, RollbackPlan
from slo_action.errors import PlatformError
from slo_action.ports import Certificate, Snapshot
from tests.builders import World, always
from tests.worlds.virtual_clock import VirtualClock

_CRITICAL = PlatformCheck(name="http", status=CheckStatus.CRITICAL)


class VirtualDeploy:
    """The Prober, the Platform and the MachinePlatform of one service.

    `sick` says what a machine answers instead of what its release does; `strays` how often it fails
    once, and not again when it is asked right after.
    """

    name = "virtual"
    can_restore = True

    def __init__(self, clock: VirtualClock, releases: dict[str, World], live: str) -> None:
        self._clock = clock
        self._releases = releases
        self._live_since = clock.monotonic()
        self._events: list[tuple[float, Callable[[], None]]] = []
        self.live = live
        self.history = [*(version for version in releases if version != live), live]
        self.control_answers = True
        self.restore_works = True
        self.restore_changes_anything = True
        self.tells_previous = True
        self.asked: list[Probe] = []
        self.fleet: tuple[Machine, ...] = ()
        self.sick: dict[str, Outcome] = {}
        self.strays: dict[str, int] = {}
        self.sees_nothing = False
        self._strayed: dict[str, bool] = {}
        self.plan_problem = ""
        self.proofs: tuple[Proof, ...] = ()
        self.restart_works = True
        self.restarted: list[str] = []

    def at(self, second: float, event: Callable[[], None]) -> None:
        """Let something happen once that much virtual time has passed."""
        self._events.append((second, event))

    def deploy(self, version: str, answers: World | None = None) -> None:
        """Make a release live, as somebody else's deploy would."""
        self._releases.setdefault(version, answers or always(Outcome.OK))
        self.history.append(version)
        self.live, self._live_since = version, self._clock.monotonic()
        self.fleet = tuple(replace(machine, release=version) for machine in self.fleet)

    def release_answers(self, version: str, answers: World) -> None:
        """Change what a release answers from now on."""
        self._releases[version] = answers

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Answer as the live release does now; the slowest answer takes 50 ms."""
        self._let_happen()
        self.asked += probes
        samples = tuple(self._answer(probe) for probe in probes)
        self._clock.advance(0.05)
        return samples

    def answer(self, probe: Probe, _at: float) -> Sample:
        """Answer one probe of a pool, which keeps the time."""
        self._let_happen()
        self.asked.append(probe)
        return self._answer(probe)

    def look(self) -> Fleet:
        """Return the machines that `self.fleet` names, on the newest release."""
        self._let_happen()
        if not self.tells_previous:
            raise PlatformError("the platform is away", hint="wait")
        return Fleet(
            app="dashboard",
            taken_at=self._clock.now(),
            release=Release(version=self.history[-1]),
            status="complete",
            machines=tuple(map(self._checked, self.fleet)),
        )

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return one file that names what is live."""
        return (Snapshot(name="proofs/fly/dashboard_machines.json", text=f'["{self.live}"]\n'),)

    def plan(self, target: Release) -> RollbackPlan:
        """Return a step for each machine."""
        if self.plan_problem:
            raise PlatformError(self.plan_problem, hint="restore it by hand")
        steps = tuple(
            MachineStep(
                machine=machine.name,
                region=machine.region,
                step=MachineAction.UPDATE,
                before=self.live,
                after=target.version,
                why="its former configuration is known",
                changes=("image", "env PORT"),
            )
            for machine in self.fleet
        )
        return RollbackPlan(
            target=target, engine="virtual", steps=steps, not_restored=("secrets stay as they are",)
        )

    def certify(self) -> Certificate:
        """Certify what is live by the proofs of `self.proofs`."""
        release = self.current_release()
        return Certificate(release=release, proofs=self.proofs, newest=release, sealed="sealed")

    def restart(self, machine: str, journal: Callable[[str], None]) -> RollbackStep:
        """Start one machine again, which takes five seconds; what it does then is the test's."""
        journal(f"restart machine {machine}")
        self._clock.advance(5.0)
        self.restarted.append(machine)
        return RollbackStep(
            name=f"restart {machine}",
            succeeded=self.restart_works,
            duration_seconds=5.0,
            detail="started" if self.restart_works else "it did not start",
        )

    def _checked(self, machine: Machine) -> Machine:
        """The platform's own check of a sick machine fails, unless it `sees_nothing`."""
        if self.sees_nothing or self.sick.get(machine.name, Outcome.OK).is_good:
            return machine
        return replace(machine, checks=(*machine.checks, _CRITICAL))

    def current_release(self) -> Release | None:
        """Return the newest release."""
        self._let_happen()
        if not self.tells_previous:
            raise PlatformError("the platform is away", hint="wait")
        return Release(version=self.history[-1])

    def previous_release(self) -> Release | None:
        """Return the release before the live one."""
        self._let_happen()
        if not self.tells_previous:
            raise PlatformError("the platform is away", hint="wait")
        return Release(version=self.history[-2]) if len(self.history) > 1 else None

    def restore(
        self, target: Release | None, failed: str | None, journal: Callable[[str], None]
    ) -> tuple[RollbackStep, ...]:
        """Make the target live again, which takes ten seconds."""
        journal(f"restore {target.version if target else None} in place of {failed}")
        self._clock.advance(10.0)
        if self.restore_works and self.restore_changes_anything and target is not None:
            self.deploy(target.version)
        detail = "done" if self.restore_works else "the platform refused"
        step = RollbackStep(
            name="restore", succeeded=self.restore_works, duration_seconds=10.0, detail=detail
        )
        return (step,)

    def _strays_now(self, machine: str) -> bool:
        """Fail every other time, as long as there is something to stray for."""
        if self.strays.get(machine, 0) <= 0:
            return False
        self._strayed[machine] = not self._strayed.get(machine, False)
        self.strays[machine] -= not self._strayed[machine]
        return self._strayed[machine]

    def _let_happen(self) -> None:
        now = self._clock.monotonic()
        due = [event for second, event in self._events if second <= now]
        self._events = [(second, event) for second, event in self._events if second > now]
        for event in due:
            event()

    def _answer(self, probe: Probe) -> Sample:
        if probe.witness is Witness.CONTROL:
            outcome = Outcome.OK if self.control_answers else Outcome.CONNECT_TIMEOUT
        else:
            outcome = self._releases[self.live](self._clock.monotonic() - self._live_since)
        outcome = self.sick.get(probe.machine, outcome)
        if self._strays_now(probe.machine):
            outcome = Outcome.HTTP_5XX
        version = None if outcome.is_unanswered else self.live
        rule = probe.version_rule
        if outcome.is_good and rule and probe.witness is not Witness.CONTROL:
            wrong = rule.expected not in (None, version) or rule.rejected == version
            outcome = Outcome.WRONG_VERSION if wrong else outcome
        return Sample(
            witness=probe.witness,
            url=probe.url,
            at=self._clock.now(),
            outcome=outcome,
            detail=f"what {outcome} looks like",
            total_seconds=0.05,
            status=None if outcome.is_unanswered else 200,
            version=version,
            machine=probe.machine,
        )
