"""A service with releases, and the platform it runs on, in virtual time.

What a release answers depends on how long it has been live. Restoring one really makes it live, so
a rollback is verified against what it did.
"""

from collections.abc import Callable, Sequence

from slo_action.core.model import (
    Machine,
    Outcome,
    Probe,
    Release,
    RollbackStep,
    Sample,
    Witness,
)
from slo_action.errors import PlatformError
from tests.builders import World, always
from tests.worlds.virtual_clock import VirtualClock


class VirtualDeploy:
    """The Prober and the Platform of one service."""

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

    def at(self, second: float, event: Callable[[], None]) -> None:
        """Let something happen once that much virtual time has passed."""
        self._events.append((second, event))

    def deploy(self, version: str, answers: World | None = None) -> None:
        """Make a release live, as somebody else's deploy would."""
        self._releases.setdefault(version, answers or always(Outcome.OK))
        self.history.append(version)
        self.live, self._live_since = version, self._clock.monotonic()

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

    def machines(self) -> tuple[Machine, ...]:
        """Return the machines that `self.fleet` names."""
        return self.fleet

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
        )
