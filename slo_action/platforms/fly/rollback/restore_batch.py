"""One batch of machines: leased, read again, updated, watched until it is healthy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slo_action.core.release.fleet import short_digest
from slo_action.platforms.fly.client.errors import FlyConflictError, FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyMachine, FlyRelease
from slo_action.platforms.fly.rollback.leases import Leases
from slo_action.platforms.fly.rollback.machine_order import MachineOrder, PreviousConfig
from slo_action.platforms.fly.rollback.machine_progress import MachineProgress
from slo_action.platforms.fly.rollback.tools import (
    Journal,
    LateError,
    RollbackAbortedError,
    RollbackTools,
    StepLog,
    TakenOverError,
)
from slo_action.platforms.fly.state.machines import read_machine

_MOST_UNSURE_SENDINGS = 4
_SENDING_PAUSE_SECONDS = 2.0
_LONGEST_SENDING_PAUSE_SECONDS = 15.0
_WATCH_SECONDS = 1.0
_WATCH_PATIENCE_SECONDS = 4.0
_TIED = (
    "its volume ties it to that host: `fly volumes fork` copies the volume elsewhere, and `fly "
    "machine clone --attach-volume` makes a machine of the copy"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRestore:
    """What the batches of one rollback share. `judged` must be the newest release all the time.

    `until` is when its time is over.
    """

    tools: RollbackTools
    leases: Leases
    steps: StepLog
    journal: Journal
    judged: FlyRelease | None
    until: float

    def restore(self, batch: Sequence[MachineOrder]) -> None:
        """Restore one batch. Raises RollbackAbortedError where a machine stays unhealthy."""
        began = self.tools.clock.monotonic()
        names = [order.name for order in batch]
        self.leases.take(names, until=self.until)
        machines = [
            MachineProgress(
                order=order,
                began=began,
                latest=self.until,
                least_seconds=self.tools.machine_seconds,
            )
            for order in batch
        ]
        changes = self.confirmed(batch)
        self.steps.begin(names)
        self._send([one for one in machines if one.is_update and changes[one.order.name]])
        self._watch(machines)
        healthy = [progress for progress in machines if progress.is_healthy]
        self._uncordon([progress.order for progress in healthy if not progress.replacement])
        self._destroy([progress for progress in healthy if progress.replacement])
        self.leases.release()
        for progress in machines:
            name, succeeded = progress.order.name, progress.is_healthy
            self.steps.end(name, progress.ending, succeeded=succeeded, seconds=progress.seconds)
        failed = [progress for progress in machines if not progress.is_healthy]
        which = f"machine {', '.join(progress.order.name for progress in failed)}"
        if failed and all(progress.is_late for progress in failed):
            raise LateError(
                f"{which} has not started within `rollback-timeout`; the platform is still "
                "starting it. Run `mode: rollback` with a longer `rollback-timeout` to finish"
            )
        if failed:
            raise RollbackAbortedError(f"{which} was not restored")

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
        """Update all; what was neither surely done nor surely refused is read and sent again.

        So is what another change hinders, as long as there is time.
        """
        waiting, pause = list(machines), 0.0
        while waiting:
            if pause:
                self.tools.pause(pause)
                self.tools.demand_newest(self.judged, must_know=False)
            pause = min(max(2 * pause, _SENDING_PAUSE_SECONDS), _LONGEST_SENDING_PAUSE_SECONDS)
            orders = [progress.order for progress in waiting]
            self.leases.ensure([order.name for order in orders])
            for order in orders:
                self.journal(_update_message(order))
            sent = self.tools.clock.monotonic()
            answers = self.tools.concurrently([partial(self._update, order) for order in orders])
            pairs = list(zip(waiting, answers, strict=True))
            waiting = [one for one, answer in pairs if not self._landed(one, answer, sent)]

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
            self._refused(progress, answer)
            return True
        order = progress.order
        live = tried(partial(self.tools.api.machine, order.name))
        if isinstance(live, FlyRefusedError) or order.previous is None:
            return False
        if order.previous.marks(live) and live.instance_id != order.machine.instance:
            progress.sent, progress.instance = sent, live.instance_id
            return True
        _as_planned(order, live)
        progress.unsure += answer.is_unsure
        now = self.tools.clock.monotonic()
        if progress.unsure >= _MOST_UNSURE_SENDINGS or now > self.until:
            progress.fail(f"the update was not accepted: {answer.message}", now)
        return progress.has_ended

    def _refused(self, progress: MachineProgress, refusal: FlyRefusedError) -> None:
        """End a machine's part, or let another take its place where its host is full.

        As flyctl does; but the old machine is destroyed last and not first.
        """
        order, previous, now = progress.order, progress.order.previous, self.tools.clock.monotonic()
        if not refusal.is_capacity or previous is None or progress.replacement:
            progress.fail(refusal.message, now)
        elif previous.config.volumes:
            progress.fail(f"{refusal.message} {_TIED}", now)
        else:
            self.journal(f"create a machine on {order.step.after} in place of {order.description}")
            made = tried(partial(self._created, order, previous))
            if isinstance(made, FlyRefusedError):
                progress.fail(f"{refusal.message} {made.message}", now)
            else:
                progress.replaced_by(made, now)

    def _created(self, order: MachineOrder, previous: PreviousConfig) -> FlyMachine:
        """Create a machine by a name that only one can have, or find the one made before."""
        name = f"in-place-of-{order.name}"
        try:
            return self.tools.api.create(
                name,
                region=order.step.region,
                config=previous.config.raw,
                skip_launch=order.step.stays_stopped,
            )
        except FlyConflictError:
            machines = self.tools.api.machines()
            found = (live for live in machines if live.name == name and previous.marks(live))
            made = next(found, None)
            if made is None:
                raise
            return made

    def _destroy(self, machines: Sequence[MachineProgress]) -> None:
        """Take away what another machine has taken the place of, now that it is healthy."""
        for progress in machines:
            order = progress.order
            self.journal(f"destroy {order.description}: machine {progress.machine} replaces it")
            nonce = self.leases.nonce(order.name)
            gone = tried(partial(self.tools.api.destroy, order.name, nonce))
            if isinstance(gone, FlyRefusedError):
                raise RollbackAbortedError(gone.message)

    def _watch(self, machines: Sequence[MachineProgress]) -> None:
        """Read each machine once a second until all have ended."""
        api = self.tools.api.with_patience(_WATCH_PATIENCE_SECONDS)
        while waiting := [progress for progress in machines if not progress.has_ended]:
            began = self.tools.clock.monotonic()
            self.leases.refresh()
            answers = self.tools.try_all([partial(api.machine, one.machine) for one in waiting])
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
        names = [progress.machine for progress in machines]
        answers = self.tools.try_all(
            [partial(api.start, name, self.leases.nonce(name)) for name in names]
        )
        for progress, answer in zip(machines, answers, strict=True):
            refusal = answer if isinstance(answer, FlyRefusedError) else None
            progress.refusal = refusal.message if refusal else ""
            if refusal and refusal.is_capacity:
                self._refused(progress, refusal)

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
    if machine.state in {"destroyed", "destroying"}:
        raise TakenOverError(f"another client has destroyed machine {order.name}")
    if machine.instance == order.machine.instance:
        if not machine.is_host_ok:
            raise RollbackAbortedError(f"the host of machine {order.name} does not answer any more")
        return True
    if order.previous and order.previous.is_restored(live):
        return False
    has = machine.release or "another configuration"
    raise TakenOverError(f"another deploy took over: machine {order.name} has {has} now")
