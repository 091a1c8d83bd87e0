"""Restores a release machine by machine: each gets its whole previous configuration back.

The order: compare and swap, one machine first, then batches, then machines that the deploy made
leave the traffic, then a release record is written. A release command never runs; what goes wrong
stops the rollback, which is never rolled back itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slo_action.core.model import RollbackStep
from slo_action.core.release.fleet import short_digest
from slo_action.core.release.rollback_plan import MachineAction, RollbackPlan
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.rollback.leases import Leases
from slo_action.platforms.fly.rollback.machine_order import MachineOrder
from slo_action.platforms.fly.rollback.plan import LARGEST, batched, not_restored, ordered
from slo_action.platforms.fly.rollback.restore_batch import BatchRestore
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.rollback.tools import (
    Journal,
    LateError,
    RollbackAbortedError,
    RollbackTools,
    StepLog,
)

ENGINE = "machines"
"""What plans and audits call it."""
_CHANGES = frozenset({MachineAction.UPDATE, MachineAction.START})
_REPEAT_SECONDS = 3.0
_RECORD_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinesEngine:
    """Restores by the Machines API alone.

    Leases of others and machines on their way are waited for until `timeout_seconds` are over, and
    then no further batch is begun; machines that have started get their own time.
    """

    tools: RollbackTools
    timeout_seconds: float

    def plan(self, survey: Survey) -> RollbackPlan:
        """Return each machine's part. Raises PlatformError where one cannot be restored."""
        orders = _reachable(survey)
        self._demand_images(orders)
        return RollbackPlan(
            target=survey.target,
            engine=ENGINE,
            steps=tuple(order.step for order in orders),
            not_restored=not_restored(survey, orders),
        )

    def restore(self, survey: Survey, journal: Journal) -> tuple[RollbackStep, ...]:
        """Do what `plan` says, journalling before each call that changes something.

        Never raises for what the platform did while it restored, nor for a signal: the last step
        says so. Raises PlatformError where a machine cannot be restored.
        """
        orders = _reachable(survey)
        changed = [one.name for one in orders if one.step.step is not MachineAction.LEAVE]
        steps = StepLog(self.tools.clock, changed)
        leases = Leases(self.tools, journal)
        restore = BatchRestore(
            tools=self.tools,
            leases=leases,
            steps=steps,
            journal=journal,
            judged=survey.judged,
            until=self.tools.clock.monotonic() + self.timeout_seconds,
        )
        try:
            self._act(survey, orders, restore)
        except RollbackAbortedError as error:
            steps.give_up(error)
        except Interrupted:
            steps.give_up("the run was stopped")
        finally:
            leases.release_at_last()
        return steps.steps

    def _demand_images(self, orders: Sequence[MachineOrder]) -> None:
        """An image that is gone is found out before anything is touched.

        A registry without an answer stops nothing: the platform may have the image all the same.
        """
        updated = (one.previous for one in orders if one.step.step is MachineAction.UPDATE)
        for image in sorted({previous.config.image for previous in updated if previous}):
            repository, _, digest = image.partition("@")
            if self.tools.api.has_image(repository, digest) is False:
                raise PlatformError(
                    f"the registry has no image {short_digest(digest)} any more",
                    hint="push that image again, or name another release by `to-version`",
                )

    def _act(self, survey: Survey, orders: Sequence[MachineOrder], restore: BatchRestore) -> None:
        for order in orders:
            if order.step.step is MachineAction.LEAVE:
                is_gone = order.machine.state == "destroyed"
                left = "" if is_gone else f"left on {order.step.before}: "
                detail = f"{left}{order.step.why}"
                restore.steps.add(f"machine {order.name}", detail, succeeded=True)
        self.tools.demand_newest(survey.judged)
        for batch in batched([one for one in orders if one.step.step in _CHANGES]):
            if self.tools.clock.monotonic() > restore.until:
                raise LateError(
                    f"the {self.timeout_seconds:g} s of `rollback-timeout` are over: run "
                    "`mode: rollback`, which does the rest"
                )
            restore.restore(batch)
        extras = [order for order in orders if order.step.step is MachineAction.CORDON]
        for begin in range(0, len(extras), LARGEST):
            self._cordon(extras[begin : begin + LARGEST], restore)
        self._record(survey, restore)

    def _cordon(self, extras: Sequence[MachineOrder], restore: BatchRestore) -> None:
        """Take machines that the deploy made out of the traffic, now that others serve."""
        restore.confirmed(extras)
        restore.steps.begin([order.name for order in extras])
        for order in extras:
            restore.journal(f"cordon {order.description}, made by the failed deploy")
        cordons = [partial(self.tools.api.cordon, order.name) for order in extras]
        self._demand(cordons, restore.until)
        idle = [order for order in extras if order.stops]
        for order in idle:
            restore.journal(f"stop {order.description}, made by the failed deploy")
        self._demand([partial(self.tools.api.stop, order.name) for order in idle], restore.until)
        for order in extras:
            detail = f"{order.step.after}: {order.step.why}"
            restore.steps.end(order.name, detail, succeeded=True)

    def _demand(self, calls: Sequence[Callable[[], None]], until: float) -> None:
        """Make calls that may be made twice, again where a change is under way or was not sure."""
        waiting = list(calls)
        while waiting:
            pairs = list(zip(waiting, self.tools.try_all(waiting), strict=True))
            waiting = []
            for call, error in pairs:
                if isinstance(error, FlyRefusedError):
                    waiting.append(call)
                    if not error.is_passing or self.tools.clock.monotonic() > until:
                        raise RollbackAbortedError(error.message)
            if waiting:
                self.tools.pause(_REPEAT_SECONDS)

    def _record(self, survey: Survey, restore: BatchRestore) -> None:
        """Add a release with what was restored, so that the next deploy starts from it.

        The API is not documented, so the step succeeds whatever Fly answers.
        """
        began = self.tools.clock.monotonic()
        try:
            reason, missing = self._recorded(survey, restore.journal)
        except Interrupted:
            reason, missing = "the run was stopped", True
        named = survey.judged.name if survey.judged else "the failed release"
        until = f": `fly status` still names {named} until the next deploy" if missing else ""
        spent = self.tools.clock.monotonic() - began
        restore.steps.add("release record", f"{reason}{until}", succeeded=True, seconds=spent)

    def _recorded(self, survey: Survey, journal: Journal) -> tuple[str, bool]:
        """Return what became of the record, and whether Fly lacks one."""
        api = self.tools.api.with_patience(_RECORD_PATIENCE_SECONDS)
        target, judged = survey.target, survey.judged
        definition = survey.row.definition if survey.row else None
        if not survey.image or definition is None:
            return f"the definition of {target.version} is not known", True
        releases = tried(partial(api.releases, 1))
        if isinstance(releases, FlyRefusedError):
            return "the releases could not be read", True
        if not (releases and judged and releases[0].version == judged.version):
            return "not written: another release is the newest by now", False
        if judged.digest == target.digest:
            return f"not needed: {judged.name} is it already", False
        journal(f"record a release with the image and the definition of {target.version}")
        release = api.record_release(image=survey.image, definition=definition, strategy="rolling")
        if release is None:
            return "the API did not accept a release record", True
        is_closed = api.finish_release(release, "complete")
        shown = "but not closed: `fly releases` shows it as running"
        start = f"the next deploy starts from {target.version}"
        return (f"written: {start}" if is_closed else f"written, {shown}"), False


def _reachable(survey: Survey) -> Sequence[MachineOrder]:
    """Return every machine's part. Raises PlatformError where one cannot be restored."""
    orders = ordered(survey)
    if all(not order.machine.is_host_ok for order in orders):
        raise PlatformError(
            "no machine can be restored: their hosts do not answer",
            hint="see status.flyio.net, then run the job again",
        )
    return orders
