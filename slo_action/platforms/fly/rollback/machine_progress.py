"""One machine while it is restored: what its newest answer says about it. No I/O."""

from dataclasses import dataclass

from slo_action.core.release.fleet import Machine, exit_summary
from slo_action.core.release.rollback_plan import MachineAction
from slo_action.platforms.fly.client.models import FlyMachine, MachineConfig
from slo_action.platforms.fly.rollback.machine_order import RESTING, MachineOrder
from slo_action.platforms.fly.rollback.tools import TakenOverError
from slo_action.platforms.fly.state.machines import read_machine

LEAST_SECONDS = 120.0
_BESIDE_CHECKS_SECONDS = 60.0
_STEADY_SECONDS = 3.0
"""How long a machine without checks must have run."""
_MOST_CRASHES = 3
_MOST_STARTS = 3
_START_PAUSE_SECONDS = 3.0
_OLD_ANSWERS = 3
"""The API is consistent in the end only: one old answer is no revert."""
_OLD_SECONDS = 10.0
_MOVING = frozenset(
    {"replacing", "replaced", "updating", "created", "starting", "restarting", "stopping"}
)
"""`replaced` is an older version's last state: the newer one is on its way."""
_OVER = frozenset({"launch_failed", "destroyed", "destroying", "migrated"})


@dataclass(slots=True, kw_only=True, eq=False)
class MachineProgress:
    """Fed with answers until it has ended; instants are of the monotonic clock.

    `latest` is when the whole rollback's time is over: until then a machine is on its way. It has
    `least_seconds` to become healthy once it has started. `instance` is the one we made by an
    update, empty without one. `ending` says how it ended; `is_late` where it had not started yet.
    `replacement` is the machine that takes its place where its host is full; empty without one.
    """

    order: MachineOrder
    began: float
    latest: float
    least_seconds: float = LEAST_SECONDS
    instance: str = ""
    sent: float | None = None
    ending: str = ""
    is_healthy: bool = False
    is_late: bool = False
    seconds: float = 0.0
    unsure: int = 0
    refusal: str = ""
    replacement: str = ""
    _is_moving: bool = False
    _starts: int = 0
    _started: float = 0.0
    _steady: float | None = None
    _first_started: float | None = None
    _old_answers: int = 0
    _was_new: bool = False
    _state: str = "unknown"

    @property
    def is_update(self) -> bool:
        """True where it gets another configuration, not only a start."""
        return self.order.step.step is MachineAction.UPDATE

    @property
    def machine(self) -> str:
        """The machine to read: its replacement, if it has one."""
        return self.replacement or self.order.name

    @property
    def has_ended(self) -> bool:
        """True where nothing more is waited for."""
        return bool(self.ending)

    @property
    def until(self) -> float:
        """The end of its time: the rollback's while it is on its way, else its own."""
        checks = self._config.grace_seconds + 2 * self._config.interval_seconds
        limit = max(self.least_seconds, checks + _BESIDE_CHECKS_SECONDS)
        return max(self._since + limit, self.latest if self._is_moving else 0.0)

    def fail(self, reason: str, now: float) -> bool:
        """End it: it is not restored, and needs no start."""
        self.ending = f"{self.order.step.before} -> {self.order.step.after}: {reason}"
        self.seconds = now - self.began
        return False

    def starts(self, now: float) -> None:
        """Note that a start is asked for."""
        self._starts += 1
        self._started = now

    def replaced_by(self, made: FlyMachine, now: float) -> None:
        """Follow another machine, made with the same configuration, from here on."""
        self.replacement, self.instance, self.sent = made.id, made.instance_id, now
        self._is_moving, self._starts = True, 0

    def see(self, live: FlyMachine, now: float) -> bool:
        """Take a new answer; return whether the machine needs a start.

        Raises TakenOverError where another client configured the machine.
        """
        machine = read_machine(live)
        expected = len(self._config.checks)
        checks = f", {machine.checks_passing} of {expected} checks passing" if expected else ""
        self._state = f"state {machine.state or 'unknown'}{checks}"
        self._is_moving = machine.state in _MOVING and self._first_started is None
        needs_start = self._see(live, machine, now)
        if not needs_start:
            self.wait(now)
        return needs_start

    def wait(self, now: float, problem: str = "") -> None:
        """End it where its time is over; `problem` is why there was no answer."""
        if now >= self.until and not self.has_ended:
            spent = self.until - self._since
            last = "; ".join(part for part in (problem or self._state, self.refusal) if part)
            self.is_late = self._is_moving
            ended = "not ready" if self.is_late else "not healthy"
            self.fail(f"{ended} after {spent:.0f} s: {last}", now)

    @property
    def _since(self) -> float:
        """When its own time began: with its first start, or else when it was changed."""
        if self._first_started is not None:
            return self._first_started
        return self.began if self.sent is None else self.sent

    @property
    def _config(self) -> MachineConfig:
        return self.order.previous.config if self.order.previous else MachineConfig()

    def _see(self, live: FlyMachine, machine: Machine, now: float) -> bool:
        if not self._is_ours(live, machine, now):
            return False
        if machine.state in _OVER:
            return self.fail(f"its state is {machine.state}", now)
        if self.order.step.stays_stopped:
            return self._rests(machine, now)
        kept = 0 if self.sent is not None else len(self.order.machine.crashes)
        crashes = len(machine.crashes) - kept  # a configuration that stays keeps its exits
        if crashes >= _MOST_CRASHES or (crashes > 0 and machine.is_down):
            return self.fail(f"it does not stay up: {exit_summary(machine)}", now)
        if machine.state == "started":
            return self._runs(live, machine, now)
        self._steady = None
        return self._stands(machine, crashes, now)

    def _is_ours(self, live: FlyMachine, machine: Machine, now: float) -> bool:
        """Return whether the answer is about the configuration that was asked for."""
        before = self.order.machine
        if self.sent is None:
            previous = self.order.previous
            is_restored = previous is not None and previous.is_restored(live)
            if machine.instance != before.instance and not is_restored:
                raise _taken_over(machine)
            return True
        if machine.instance in {"", before.instance}:
            return self._is_old(machine, now)
        self._old_answers = 0
        return self._is_new(live, machine, now)

    def _is_old(self, machine: Machine, now: float) -> bool:
        """Take an answer of before the update: late at first, and a revert in the end."""
        self._old_answers += 1
        is_sure = self._was_new or (self.sent is not None and now - self.sent >= _OLD_SECONDS)
        if is_sure and self._old_answers >= _OLD_ANSWERS:
            self._reverted(machine, now)
        return False

    def _is_new(self, live: FlyMachine, machine: Machine, now: float) -> bool:
        """Take an answer of after the update; the image decides whose it is, then the instance."""
        previous = self.order.previous
        if previous is None or machine.digest != previous.digest:
            if machine.digest != self.order.machine.digest:
                raise _taken_over(machine)
            self._reverted(machine, now)
            return False
        if machine.instance != self.instance and not previous.marks(live):
            raise _taken_over(machine)
        self.instance, self._was_new = machine.instance, True
        return True

    def _reverted(self, machine: Machine, now: float) -> None:
        if machine.state in _MOVING:
            return
        kept = machine.release or self.order.step.before
        self.fail(f"the image could not be pulled; the platform kept {kept}", now)

    def _rests(self, machine: Machine, now: float) -> bool:
        if machine.state not in RESTING | {"started"}:
            return False
        woken = ", and was started by a request since" if machine.state == "started" else ""
        return self._end_well(f"not running, as before{woken}", now)

    def _runs(self, live: FlyMachine, machine: Machine, now: float) -> bool:
        self._steady = now if self._steady is None else self._steady
        self._first_started = self._first_started or self._steady
        expected = len(self._config.checks)
        if not expected:
            if now - self._steady >= _STEADY_SECONDS:
                self._end_well("started, no checks configured", now)
            return False
        passing = machine.checks_passing
        if passing >= expected and passing >= len(machine.checks) and self._is_fresh(live, now):
            self._end_well(f"started, {passing} of {expected} checks passing", now)
        return False

    def _stands(self, machine: Machine, crashes: int, now: float) -> bool:
        """One that crashed is started again by the platform; one that rests is by us."""
        if machine.state not in {"stopped", "suspended", "failed"} or crashes > 0:
            return False
        if machine.state == "failed" and (self.sent is not None or self._starts):
            return self.fail("its state is failed", now)
        if self._first_started is not None and machine.is_autostarted:
            return self._end_well("started, and stopped by autostop", now)
        return self._starts < _MOST_STARTS and now - self._started >= _START_PAUSE_SECONDS

    def _is_fresh(self, live: FlyMachine, now: float) -> bool:
        """Return whether the checks ran since the start; after grace and interval they did."""
        due = self._config.grace_seconds + self._config.interval_seconds
        is_due = self._steady is not None and now >= self._steady + due
        return is_due or live.checks_are_fresh

    def _end_well(self, how: str, now: float) -> bool:
        step = self.order.step
        moved = f"{step.before} -> {step.after}: " if self.is_update else ""
        instead = f"replaced by machine {self.replacement}: " if self.replacement else ""
        self.is_healthy, self.seconds = True, now - self.began
        self.ending = f"{moved}{instead}{how}, in {self.seconds:.1f} s"
        return False


def _taken_over(machine: Machine) -> TakenOverError:
    has = f"{machine.release} in another form" if machine.release else "another configuration"
    return TakenOverError(
        f"another deploy took over: machine {machine.name} was changed, it has {has} now"
    )
