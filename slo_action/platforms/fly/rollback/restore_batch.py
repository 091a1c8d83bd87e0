"""One batch of machines: leased, looked at again, updated, watched until it is well."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slo_action.core.release.rollback_plan import Step
from slo_action.platforms.fly.client.api import FlyConflictError, FlyRefusedError
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.compare_and_swap import demand_newest, tried
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.leases import Leases, is_unsure
from slo_action.platforms.fly.rollback.machine_order import MachineOrder, bears, is_restored
from slo_action.platforms.fly.rollback.machine_progress import MachineProgress, Need
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError, StepLog, TakenOverError
from slo_action.platforms.fly.state.machine_config import Json
from slo_action.platforms.fly.state.machines import read_machine

_MOST_SENDINGS = 4
_SENDING_PAUSE_SECONDS = 2.0
_WATCH_SECONDS = 1.0
_WATCH_PATIENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """What the batches of one rollback share. `judged` must be the newest release all the time."""

    means: RollbackTools
    leases: Leases
    account: StepLog
    journal: Journal
    judged: LedgerRow | None

    def restore(self, batch: Sequence[MachineOrder]) -> None:
        """Restore one batch. Raises RollbackAbortedError where a machine is not well in the end."""
        begun = self.means.clock.monotonic()
        names = [order.name for order in batch]
        self.leases.take(names)
        flights = [
            MachineProgress(order=order, begun=begun, least_seconds=self.means.machine_seconds)
            for order in batch
        ]
        changes = self.confirmed(batch)
        self.account.begin(names)
        self._send([one for one in flights if _is_update(one) and changes[one.order.name]])
        self._watch(flights)
        self._uncordon([flight.order for flight in flights if flight.is_well])
        self.leases.release()
        for flight in flights:
            self.account.end(
                flight.order.name,
                flight.ending,
                succeeded=flight.is_well,
                seconds=flight.seconds,
            )
        failed = [flight.order.name for flight in flights if not flight.is_well]
        if failed:
            raise RollbackAbortedError(f"machine {', '.join(failed)} was not restored")

    def demand_newest(self, *, must_know: bool = True) -> None:
        """Raise TakenOverError where another release is the newest; see swap.demand_newest."""
        demand_newest(self.means.api, self.judged, must_know=must_know)

    def confirmed(self, batch: Sequence[MachineOrder]) -> dict[str, bool]:
        """Look at each machine again, and tell by name which is still as it was planned.

        One that is restored by now is False. Raises TakenOverError, RollbackAbortedError.
        """
        looks: list[Callable[[], object]] = [partial(self.demand_newest, must_know=False)]
        looks += [partial(tried, partial(self.means.api.machine, order.name)) for order in batch]
        _, *answers = self.means.together(looks)
        return {
            order.name: _as_planned(order, answer)
            for order, answer in zip(batch, answers, strict=True)
        }

    def _send(self, flights: Sequence[MachineProgress]) -> None:
        """Update all; what was not surely done, nor surely refused, is looked at and sent again."""
        waiting = list(flights)
        for sending in range(_MOST_SENDINGS):
            if not waiting:
                return
            if sending:
                self._pause(_SENDING_PAUSE_SECONDS)
                self.demand_newest(must_know=False)
            orders = [flight.order for flight in waiting]
            self.leases.ensure([order.name for order in orders])
            for order in orders:
                self.journal(journal_words.updating(order))
            sent = self.means.clock.monotonic()
            answers = self.means.together([partial(self._update, order) for order in orders])
            pairs = list(zip(waiting, answers, strict=True))
            waiting = [flight for flight, answer in pairs if not self._landed(flight, answer, sent)]
        for flight in waiting:
            flight.fail("the update was not accepted", self.means.clock.monotonic())

    def _update(self, order: MachineOrder) -> Json | FlyRefusedError:
        former, nonce = order.former, self.leases.nonce(order.name)
        if former is None or nonce is None:
            raise RollbackAbortedError(f"machine {order.name} is not leased")
        return tried(
            partial(
                self.means.api.update,
                order.name,
                config=former.config,
                current_version=order.machine.instance,
                skip_launch=order.step.stays_stopped,
                nonce=nonce,
            )
        )

    def _landed(self, flight: MachineProgress, answer: Json | FlyRefusedError, sent: float) -> bool:
        """Note what became of an update; False where it has to be sent again."""
        if not isinstance(answer, FlyRefusedError):
            flight.sent, flight.instance = sent, read_machine(answer).instance
            return True
        if not (isinstance(answer, FlyConflictError) or is_unsure(answer)):
            flight.fail(answer.message, self.means.clock.monotonic())
            return True
        order = flight.order
        raw = tried(partial(self.means.api.machine, order.name))
        if isinstance(raw, FlyRefusedError) or order.former is None:
            return False
        if bears(raw, order.former) and read_machine(raw).instance != order.machine.instance:
            flight.sent, flight.instance = sent, read_machine(raw).instance
            return True
        _as_planned(order, raw)
        return False

    def _watch(self, flights: Sequence[MachineProgress]) -> None:
        """Ask each machine once a second until all have ended."""
        api = self.means.api.with_patience(_WATCH_PATIENCE_SECONDS)
        while waiting := [flight for flight in flights if not flight.has_ended]:
            begun = self.means.clock.monotonic()
            self.leases.refresh()
            answers = self.means.together(
                [partial(tried, partial(api.machine, flight.order.name)) for flight in waiting]
            )
            self._start(
                [
                    flight
                    for flight, answer in zip(waiting, answers, strict=True)
                    if self._need(flight, answer) is Need.START
                ]
            )
            if not all(flight.has_ended for flight in waiting):
                self.means.clock.sleep_until(begun + _WATCH_SECONDS)

    def _need(self, flight: MachineProgress, answer: Json | FlyRefusedError) -> Need:
        now = self.means.clock.monotonic()
        if isinstance(answer, FlyRefusedError):
            flight.wait(now, answer.message)
            return Need.TIME
        return flight.see(answer, now)

    def _start(self, flights: Sequence[MachineProgress]) -> None:
        """Start what ran before; one that is still being replaced is asked again later."""
        for flight in flights:
            self.journal(journal_words.starting(flight.order))
            flight.starts(self.means.clock.monotonic())
        api = self.means.api.with_patience(_WATCH_PATIENCE_SECONDS)
        names = [flight.order.name for flight in flights]
        self.means.together(
            [partial(tried, partial(api.start, name, self.leases.nonce(name))) for name in names]
        )

    def _uncordon(self, orders: Sequence[MachineOrder]) -> None:
        """Give machines that are well their traffic back."""
        hidden = [order for order in orders if order.uncordons]
        for order in hidden:
            self.journal(journal_words.uncordoning(order))
        calls = [
            partial(self.means.api.uncordon, order.name, self.leases.nonce(order.name))
            for order in hidden
        ]
        for answer in self.means.together([partial(tried, call) for call in calls]):
            if isinstance(answer, FlyRefusedError):
                raise RollbackAbortedError(answer.message)

    def _pause(self, seconds: float) -> None:
        self.means.clock.sleep_until(self.means.clock.monotonic() + seconds)


def _is_update(flight: MachineProgress) -> bool:
    return flight.order.step.step is Step.UPDATE


def _as_planned(order: MachineOrder, answer: object) -> bool:
    """Tell whether a machine is still as it was; False where it is restored by now."""
    if isinstance(answer, FlyRefusedError):
        raise RollbackAbortedError(answer.message)
    raw: Json = answer if isinstance(answer, dict) else {}
    machine = read_machine(raw)
    if machine.instance == order.machine.instance:
        if not machine.is_host_ok:
            raise RollbackAbortedError(f"the host of machine {order.name} does not answer any more")
        return True
    if order.former and is_restored(raw, order.former):
        return False
    told = machine.release or "another configuration"
    raise TakenOverError(f"another deploy took over: machine {order.name} has {told} now")
