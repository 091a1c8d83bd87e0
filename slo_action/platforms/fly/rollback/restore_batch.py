"""One batch of machines: leased, read again, updated, watched until it is healthy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slo_action.core.release.fleet import short_digest
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyMachine, FlyRelease
from slo_action.platforms.fly.rollback.leases import Leases
from slo_action.platforms.fly.rollback.machine_order import MachineOrder
from slo_action.platforms.fly.rollback.machine_progress import MachineProgress
from slo_action.platforms.fly.rollback.tools import (
    Journal,
    RollbackAbortedError,
    RollbackTools,
    StepLog,
    TakenOverError,
)
from slo_action.platforms.fly.state.machines import read_machine

_MOST_SENDINGS = 4
_SENDING_PAUSE_SECONDS = 2.0
_WATCH_SECONDS = 1.0
_WATCH_PATIENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRestore:
    """What the batches of one rollback share. `judged` must be the newest release all the time."""

    tools: RollbackTools
    leases: Leases
    steps: StepLog
    journal: Journal
    judged: FlyRelease | None

    def restore(self, batch: Sequence[MachineOrder]) -> None:
        """Restore one batch. Raises RollbackAbortedError where a machine stays unhealthy."""
        began = self.tools.clock.monotonic()
        names = [order.name for order in batch]
        self.leases.take(names)
        machines = [
            MachineProgress(order=order, began=began, least_seconds=self.tools.machine_seconds)
            for order in batch
        ]
        changes = self.confirmed(batch)
        self.steps.begin(names)
        self._send([one for one in machines if one.is_update and changes[one.order.name]])
        self._watch(machines)
        self._uncordon([progress.order for progress in machines if progress.is_healthy])
        self.leases.release()
        for progress in machines:
            name, succeeded = progress.order.name, progress.is_healthy
            self.steps.end(name, progress.ending, succeeded=succeeded, seconds=progress.seconds)
        failed = [progress.order.name for progress in machines if not progress.is_healthy]
        if failed:
            raise RollbackAbortedError(f"machine {', '.join(failed)} was not restored")

    def confirmed(self, batch: Sequence[MachineOrder]) -> dict[str, bool]:
        """Read each machine again, and return by name whether it is still as it was planned.

        One that is restored by now is False. Raises TakenOverError, RollbackAbortedError.
        """
        reads: list[Callable[[], object]] = [
            partial(self.tools.demand_newest, self.judged, must_know=False)
        ]
        reads += [partial(tried, partial(self.tools.api.machine, order.name)) for order in batch]
        _, *answers = self.tools.concurrently(reads)
        return {
            order.name: _as_planned(order, answer)
            for order, answer in zip(batch, answers, strict=True)
        }

    def _send(self, machines: Sequence[MachineProgress]) -> None:
        """Update all; what was neither surely done nor surely refused is read and sent again."""
        waiting = list(machines)
        for sending in range(_MOST_SENDINGS):
            if not waiting:
                return
            if sending:
                self.tools.pause(_SENDING_PAUSE_SECONDS)
                self.tools.demand_newest(self.judged, must_know=False)
            orders = [progress.order for progress in waiting]
            self.leases.ensure([order.name for order in orders])
            for order in orders:
                self.journal(_update_message(order))
            sent = self.tools.clock.monotonic()
            answers = self.tools.concurrently([partial(self._update, order) for order in orders])
            pairs = list(zip(waiting, answers, strict=True))
            waiting = [one for one, answer in pairs if not self._landed(one, answer, sent)]
        for progress in waiting:
            progress.fail("the update was not accepted", self.tools.clock.monotonic())

    def _update(self, order: MachineOrder) -> FlyMachine | FlyRefusedError:
        previous, nonce = order.previous, self.leases.nonce(order.name)
        if previous is None or nonce is None:
            raise RollbackAbortedError(f"machine {order.name} is not leased")
        return tried(
            partial(
                self.tools.api.update,
                order.name,
                config=previous.config.raw,
                current_version=order.machine.instance,
                skip_launch=order.step.stays_stopped,
                nonce=nonce,
            )
        )

    def _landed(
        self, progress: MachineProgress, answer: FlyMachine | FlyRefusedError, sent: float
    ) -> bool:
        """Note what became of an update; False where it has to be sent again."""
        if not isinstance(answer, FlyRefusedError):
            progress.sent, progress.instance = sent, answer.instance_id
            return True
        if not answer.is_passing:
            progress.fail(answer.message, self.tools.clock.monotonic())
            return True
        order = progress.order
        live = tried(partial(self.tools.api.machine, order.name))
        if isinstance(live, FlyRefusedError) or order.previous is None:
            return False
        if order.previous.marks(live) and live.instance_id != order.machine.instance:
            progress.sent, progress.instance = sent, live.instance_id
            return True
        _as_planned(order, live)
        return False

    def _watch(self, machines: Sequence[MachineProgress]) -> None:
        """Read each machine once a second until all have ended."""
        api = self.tools.api.with_patience(_WATCH_PATIENCE_SECONDS)
        while waiting := [progress for progress in machines if not progress.has_ended]:
            began = self.tools.clock.monotonic()
            self.leases.refresh()
            answers = self.tools.try_all([partial(api.machine, one.order.name) for one in waiting])
            pairs = zip(waiting, answers, strict=True)
            self._start([one for one, answer in pairs if self._needs_start(one, answer)])
            if not all(progress.has_ended for progress in waiting):
                self.tools.clock.sleep_until(began + _WATCH_SECONDS)

    def _needs_start(self, progress: MachineProgress, answer: FlyMachine | FlyRefusedError) -> bool:
        now = self.tools.clock.monotonic()
        if isinstance(answer, FlyRefusedError):
            progress.wait(now, answer.message)
            return False
        return progress.see(answer, now)

    def _start(self, machines: Sequence[MachineProgress]) -> None:
        """Start what ran before; one that is still being replaced is asked again later."""
        for progress in machines:
            self.journal(f"start {progress.order.description} on {progress.order.step.after}")
            progress.starts(self.tools.clock.monotonic())
        api = self.tools.api.with_patience(_WATCH_PATIENCE_SECONDS)
        names = [progress.order.name for progress in machines]
        self.tools.try_all([partial(api.start, name, self.leases.nonce(name)) for name in names])

    def _uncordon(self, orders: Sequence[MachineOrder]) -> None:
        """Give healthy machines their traffic back."""
        hidden = [order for order in orders if order.uncordons]
        for order in hidden:
            self.journal(f"uncordon {order.description} on {order.step.after}")
        calls = [
            partial(self.tools.api.uncordon, order.name, self.leases.nonce(order.name))
            for order in hidden
        ]
        for answer in self.tools.try_all(calls):
            if isinstance(answer, FlyRefusedError):
                raise RollbackAbortedError(answer.message)


def _update_message(order: MachineOrder) -> str:
    digest = order.previous.digest if order.previous else ""
    launch = ", without starting it" if order.step.stays_stopped else ""
    return (
        f"update {order.description} from {order.step.before} to {order.step.after}, "
        f"image {short_digest(digest)}{launch}"
    )


def _as_planned(order: MachineOrder, answer: object) -> bool:
    """Return whether a machine is still as it was; False where it is restored by now."""
    if isinstance(answer, FlyRefusedError):
        raise RollbackAbortedError(answer.message)
    live = answer if isinstance(answer, FlyMachine) else FlyMachine()
    machine = read_machine(live)
    if machine.instance == order.machine.instance:
        if not machine.is_host_ok:
            raise RollbackAbortedError(f"the host of machine {order.name} does not answer any more")
        return True
    if order.previous and order.previous.is_restored(live):
        return False
    has = machine.release or "another configuration"
    raise TakenOverError(f"another deploy took over: machine {order.name} has {has} now")
