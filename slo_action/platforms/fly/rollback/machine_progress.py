"""One machine on its way back: what its newest answer says of it. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from slo_action.core.release.fleet import Machine, exit_summary
from slo_action.core.release.rollback_plan import Step
from slo_action.platforms.fly.rollback.machine_order import (
    RESTING,
    MachineOrder,
    bears,
    is_restored,
)
from slo_action.platforms.fly.rollback.step_log import TakenOverError
from slo_action.platforms.fly.state.check_times import have_looked
from slo_action.platforms.fly.state.machine_config import Json, check_seconds, checks_of
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
_MOVING = frozenset({"replacing", "updating", "created", "starting", "restarting", "stopping"})
_OVER = frozenset({"launch_failed", "destroyed", "destroying", "migrated", "replaced"})


class Need(StrEnum):
    """What a machine needs next."""

    TIME = "time"
    START = "start"
    NOTHING = "nothing"


@dataclass(slots=True, kw_only=True, eq=False)
class MachineProgress:
    """Fed with answers until it has ended; instants are of the monotonic clock.

    `instance` is the one we made by an update, empty without one. `ending` says how it ended.
    """

    order: MachineOrder
    begun: float
    least_seconds: float = LEAST_SECONDS
    instance: str = ""
    sent: float | None = None
    ending: str = ""
    is_well: bool = False
    seconds: float = 0.0
    _starts: int = 0
    _started: float = 0.0
    _steady: float | None = None
    _was_steady: bool = False
    _old_answers: int = 0
    _was_new: bool = False
    _state: str = "unknown"

    @property
    def has_ended(self) -> bool:
        """True where nothing more is waited for."""
        return bool(self.ending)

    @property
    def until(self) -> float:
        """The end of its time box."""
        grace, interval = check_seconds(self._config)
        box = max(self.least_seconds, grace + 2 * interval + _BESIDE_CHECKS_SECONDS)
        return self._since + box

    def fail(self, words: str, now: float) -> None:
        """End it: it is not restored."""
        self._end(f"{self.order.step.before} -> {self.order.step.after}: {words}", now)

    def starts(self, now: float) -> None:
        """Note that a start is asked for."""
        self._starts += 1
        self._started = now

    def see(self, raw: Json, now: float) -> Need:
        """Take a new answer. Raises TakenOverError where somebody else configured the machine."""
        machine = read_machine(raw)
        self._state = _state_words(machine, len(checks_of(self._config)))
        need = self._see(raw, machine, now)
        if need is Need.TIME:
            self.wait(now)
        return need

    def wait(self, now: float, trouble: str = "") -> None:
        """End it where its time box is over; `trouble` is why there was no answer."""
        if now >= self.until and not self.has_ended:
            spent = self.until - self._since
            self.fail(f"not well after {spent:.0f} s: {trouble or self._state}", now)

    @property
    def _since(self) -> float:
        return self.begun if self.sent is None else self.sent

    @property
    def _config(self) -> Json:
        return self.order.former.config if self.order.former else {}

    def _see(self, raw: Json, machine: Machine, now: float) -> Need:
        if not self._is_ours(raw, machine, now):
            return Need.NOTHING if self.has_ended else Need.TIME
        if machine.state in _OVER:
            return self._failed(f"its state is {machine.state}", now)
        if self.order.step.stays_stopped:
            return self._rests(machine, now)
        crashes = len(machine.crashes) - self._crashes_before
        if crashes >= _MOST_CRASHES or (crashes > 0 and machine.is_dead):
            return self._failed(f"it does not stay up: {exit_summary(machine)}", now)
        if machine.state == "started":
            return self._runs(raw, machine, now)
        self._steady = None
        return self._stands(machine, crashes, now)

    def _is_ours(self, raw: Json, machine: Machine, now: float) -> bool:
        """Tell whether the answer is of the configuration that was asked for."""
        before = self.order.machine
        if self.sent is None:
            if machine.instance != before.instance and not self._has_former(raw):
                raise _taken_over(machine)
            return True
        if machine.instance in {"", before.instance}:
            return self._is_old(machine, now)
        self._old_answers = 0
        return self._is_new(raw, machine, now)

    def _is_old(self, machine: Machine, now: float) -> bool:
        """Take an answer of before the update: late at first, and a revert in the end."""
        self._old_answers += 1
        is_sure = self._was_new or (self.sent is not None and now - self.sent >= _OLD_SECONDS)
        if is_sure and self._old_answers >= _OLD_ANSWERS:
            self._reverted(machine, now)
        return False

    def _is_new(self, raw: Json, machine: Machine, now: float) -> bool:
        """Take an answer of after the update; the image decides whose it is, then the instance."""
        former = self.order.former
        if former is None or machine.digest != former.digest:
            if machine.digest != self.order.machine.digest:
                raise _taken_over(machine)
            self._reverted(machine, now)
            return False
        if machine.instance != self.instance and not bears(raw, former):
            raise _taken_over(machine)
        self.instance, self._was_new = machine.instance, True
        return True

    def _has_former(self, raw: Json) -> bool:
        former = self.order.former
        return former is not None and is_restored(raw, former)

    def _reverted(self, machine: Machine, now: float) -> None:
        if machine.state in _MOVING:
            return
        kept = machine.release or self.order.step.before
        self.fail(f"the image could not be pulled; the platform kept {kept}", now)

    def _failed(self, words: str, now: float) -> Need:
        self.fail(words, now)
        return Need.NOTHING

    @property
    def _crashes_before(self) -> int:
        """A configuration that stays keeps its exits."""
        return 0 if self.sent is not None else len(self.order.machine.crashes)

    def _rests(self, machine: Machine, now: float) -> Need:
        if machine.state not in RESTING and machine.state != "started":
            return Need.TIME
        woken = ", and was woken since" if machine.state == "started" else ""
        self._end_well(f"not running, as before{woken}", now)
        return Need.NOTHING

    def _runs(self, raw: Json, machine: Machine, now: float) -> Need:
        self._steady = now if self._steady is None else self._steady
        self._was_steady = True
        expected = len(checks_of(self._config))
        if not expected:
            if now - self._steady < _STEADY_SECONDS:
                return Need.TIME
            self._end_well("started, no checks configured", now)
            return Need.NOTHING
        passing = machine.checks_passing
        if passing < expected or passing < len(machine.checks) or not self._is_fresh(raw, now):
            return Need.TIME
        self._end_well(f"started, {passing} of {expected} checks passing", now)
        return Need.NOTHING

    def _stands(self, machine: Machine, crashes: int, now: float) -> Need:
        """One that crashed is started again by the platform; one that rests is by us."""
        if machine.state not in {"stopped", "suspended", "failed"} or crashes > 0:
            return Need.TIME
        if machine.state == "failed" and (self.sent is not None or self._starts):
            return self._failed("its state is failed", now)
        if self._was_steady and machine.is_autostarted:
            self._end_well("started, and put to rest by autostop", now)
            return Need.NOTHING
        if self._starts >= _MOST_STARTS or now - self._started < _START_PAUSE_SECONDS:
            return Need.TIME
        return Need.START

    def _is_fresh(self, raw: Json, now: float) -> bool:
        """Tell whether the checks looked since the start; after grace and interval they did."""
        grace, interval = check_seconds(self._config)
        if self._steady is not None and now >= self._steady + grace + interval:
            return True
        return have_looked(raw)

    def _end_well(self, words: str, now: float) -> None:
        self.is_well = True
        step = self.order.step
        moved = f"{step.before} -> {step.after}: " if step.step is Step.UPDATE else ""
        self._end(f"{moved}{words}, in {now - self.begun:.1f} s", now)

    def _end(self, words: str, now: float) -> None:
        self.ending, self.seconds = words, now - self.begun


def _taken_over(machine: Machine) -> TakenOverError:
    told = f"{machine.release} in another form" if machine.release else "another configuration"
    return TakenOverError(
        f"another deploy took over: somebody changed machine {machine.name}, it has {told} now"
    )


def _state_words(machine: Machine, expected: int) -> str:
    checks = f", {machine.checks_passing} of {expected} checks passing" if expected else ""
    return f"state {machine.state or 'unknown'}{checks}"
