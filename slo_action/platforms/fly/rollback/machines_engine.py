"""Restores a release machine by machine: each gets its whole former configuration back.

The order: compare and swap, one machine first, then batches, then machines that the deploy made
leave the traffic, then the ledger gets a record. A release command never runs; what goes wrong
stops the rollback, which is never rolled back itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slo_action.core.model import RollbackStep
from slo_action.core.release.fleet import short_digest
from slo_action.core.release.rollback_plan import RollbackPlan, Step
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.fly.client.api import FlyConflictError, FlyRefusedError
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.batches import LARGEST, batched
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.leases import Leases, is_unsure
from slo_action.platforms.fly.rollback.machine_order import MachineOrder
from slo_action.platforms.fly.rollback.not_restored import not_restored
from slo_action.platforms.fly.rollback.plan import ordered
from slo_action.platforms.fly.rollback.record_release import record
from slo_action.platforms.fly.rollback.restore_batch import Restoring
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError, StepLog, TakenOverError
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import text_of

_CHANGES = frozenset({Step.UPDATE, Step.START})
_MOST_REPEATS = 5
_REPEAT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinesEngine:
    """Implements engine.Engine over the Machines API alone.

    After `timeout_seconds` no further batch is begun; what is in work gets its own time.
    """

    means: RollbackTools
    timeout_seconds: float = 300.0
    name: str = "machines"

    def plan(self, survey: Survey) -> RollbackPlan:
        """Return each machine's part. Raises PlatformError where one has no way back."""
        orders = _reachable(survey)
        self._demand_images(orders)
        return RollbackPlan(
            target=survey.target,
            engine=self.name,
            steps=tuple(order.step for order in orders),
            not_restored=not_restored(survey, orders),
        )

    def restore(self, survey: Survey, journal: Journal) -> tuple[RollbackStep, ...]:
        """Do what `plan` says; see engine.Engine."""
        try:
            orders = _reachable(survey)
        except PlatformError as error:
            account = StepLog(self.means.clock, ())
            account.refuse(error)
            return account.steps
        account = StepLog(self.means.clock, [one.name for one in orders if _is_change(one)])
        leases = Leases(self.means, journal)
        restoring = Restoring(
            means=self.means,
            leases=leases,
            account=account,
            journal=journal,
            judged=survey.judged,
        )
        try:
            self._act(survey, orders, restoring)
        except RollbackAbortedError as error:
            account.give_up(error.words, taken_over=isinstance(error, TakenOverError))
        except Interrupted:
            account.give_up("the run was stopped")
        finally:
            leases.release_at_last()
        return account.steps

    def _demand_images(self, orders: Sequence[MachineOrder]) -> None:
        """An image that is gone is found out before anything is touched.

        A registry that does not tell stops nothing: the platform may have the image all the same.
        """
        former = (one.former for one in orders if one.former and one.step.step is Step.UPDATE)
        for image in sorted({text_of(one.config.get("image")) for one in former}):
            repository, _, digest = image.partition("@")
            if self.means.api.has_image(repository, digest) is False:
                raise PlatformError(
                    f"the registry has no image {short_digest(digest)} any more",
                    hint="push that image again, or name another release by `to-version`",
                )

    def _act(self, survey: Survey, orders: Sequence[MachineOrder], restoring: Restoring) -> None:
        for order in orders:
            if order.step.step is Step.LEAVE:
                restoring.account.add(f"machine {order.name}", _left(order), succeeded=True)
        latest = self.means.clock.monotonic() + self.timeout_seconds
        restoring.demand_newest()
        for batch in batched([one for one in orders if one.step.step in _CHANGES]):
            if self.means.clock.monotonic() > latest:
                raise RollbackAbortedError(f"its time box of {self.timeout_seconds:g} s is over")
            restoring.restore(batch)
        extras = [order for order in orders if order.step.step is Step.CORDON]
        for begin in range(0, len(extras), LARGEST):
            self._cordon(extras[begin : begin + LARGEST], restoring)
        record(survey, restoring)

    def _cordon(self, extras: Sequence[MachineOrder], restoring: Restoring) -> None:
        """Take machines that the deploy made out of the traffic, now that others serve."""
        restoring.confirmed(extras)
        restoring.account.begin([order.name for order in extras])
        for order in extras:
            restoring.journal(journal_words.cordoning(order))
        self._demand([partial(self.means.api.cordon, order.name) for order in extras])
        idle = [order for order in extras if order.stops]
        for order in idle:
            restoring.journal(journal_words.stopping(order))
        self._demand([partial(self.means.api.stop, order.name) for order in idle])
        for order in extras:
            words = f"{order.step.after}: {order.step.why}"
            restoring.account.end(order.name, words, succeeded=True)

    def _demand(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make calls that may be made twice, again where a change is under way or was not sure."""
        waiting = list(calls)
        trouble = ""
        for _ in range(_MOST_REPEATS):
            answers = self.means.together([partial(tried, call) for call in waiting])
            pairs = list(zip(waiting, answers, strict=True))
            refused = [(call, error) for call, error in pairs if isinstance(error, FlyRefusedError)]
            for _, error in refused:
                trouble = error.message
                if not (isinstance(error, FlyConflictError) or is_unsure(error)):
                    raise RollbackAbortedError(trouble)
            waiting = [call for call, _ in refused]
            if not waiting:
                return
            self.means.clock.sleep_until(self.means.clock.monotonic() + _REPEAT_SECONDS)
        raise RollbackAbortedError(trouble)


def _reachable(survey: Survey) -> Sequence[MachineOrder]:
    """Return every machine's part. Raises PlatformError where one has no way back."""
    orders = ordered(survey)
    if all(not order.machine.is_host_ok for order in orders):
        raise PlatformError(
            "no machine can be restored: their hosts do not answer",
            hint="see status.flyio.net, then run the job again",
        )
    return orders


def _left(order: MachineOrder) -> str:
    is_gone = order.machine.state == "destroyed"
    return order.step.why if is_gone else f"left on {order.step.before}: {order.step.why}"


def _is_change(order: MachineOrder) -> bool:
    return order.step.step is not Step.LEAVE
