"""Restarts one machine as it is, and waits until it is healthy again."""

from dataclasses import dataclass
from functools import partial

from slo_action.core.model import RollbackStep
from slo_action.core.release.fleet import exit_summary
from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyMachine
from slo_action.platforms.fly.rollback.leases import Leases, is_unsure
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError
from slo_action.platforms.fly.rollback.tools import Journal, RollbackTools
from slo_action.platforms.fly.state.machines import read_machine

RESTART_SECONDS = 60.0
_LEASE_WAIT_SECONDS = 15.0
_READ_SECONDS = 1.0
_PATIENCE_SECONDS = 4.0
_SURELY_SECONDS = 5.0
"""Where no event shows the restart, it has begun by then."""
_MOST_CRASHES = 3


def restart(tools: RollbackTools, machine: str, journal: Journal) -> RollbackStep:
    """Restart a machine within a minute, journalling before.

    Never raises for what the platform did, nor for a signal. A restart without an answer is not
    sent again: the machine shows whether it happened.
    """
    began = tools.clock.monotonic()
    leases = Leases(tools, journal)
    succeeded = False
    try:
        restarting = _Restart(tools=tools, machine=machine, journal=journal, leases=leases)
        detail = restarting.run(began + RESTART_SECONDS)
        succeeded = True
    except RollbackAbortedError as error:
        detail = error.reason
    except Interrupted:
        detail = "the run was stopped"
    finally:
        leases.release_at_last()
    spent = tools.clock.monotonic() - began
    return RollbackStep(
        name=f"restart machine {machine}",
        succeeded=succeeded,
        duration_seconds=spent,
        detail=f"{detail}, in {spent:.1f} s" if succeeded else detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Restart:
    tools: RollbackTools
    machine: str
    journal: Journal
    leases: Leases

    def run(self, until: float) -> str:
        """Return how it is healthy again. Raises RollbackAbortedError where it is not."""
        self.leases.take([self.machine], wait_seconds=_LEASE_WAIT_SECONDS)
        api = self.tools.api.with_patience(_PATIENCE_SECONDS)
        before = tried(partial(api.machine, self.machine))
        if isinstance(before, FlyRefusedError):
            raise RollbackAbortedError(before.message)
        self.journal(f"restart machine {self.machine} (instance {before.instance_id})")
        sent = self.tools.clock.monotonic()
        answer = tried(partial(api.restart, self.machine, self.leases.nonce(self.machine)))
        if isinstance(answer, FlyRefusedError) and not is_unsure(answer):
            raise RollbackAbortedError(answer.message)
        return self._watched(before, sent, until)

    def _watched(self, before: FlyMachine, sent: float, until: float) -> str:
        api = self.tools.api.with_patience(_PATIENCE_SECONDS)
        state = "no answer"
        while (now := self.tools.clock.monotonic()) < until:
            self.leases.refresh()
            live = tried(partial(api.machine, self.machine))
            if isinstance(live, FlyRefusedError):
                state = live.message
            else:
                machine = read_machine(live)
                passing, expected = machine.checks_passing, machine.checks_expected
                checks = f"{passing} of {expected} checks passing" if expected else _NO_CHECKS
                state = f"{machine.state}, {checks}"
                crashes = len(machine.crashes) - len(read_machine(before).crashes)
                if crashes >= _MOST_CRASHES or (crashes > 0 and machine.is_dead):
                    raise RollbackAbortedError(f"it does not stay up: {exit_summary(machine)}")
                is_healthy = machine.state == "started" and machine.is_vouched
                has_begun = (
                    live.newest_start != before.newest_start or now >= sent + _SURELY_SECONDS
                )
                if has_begun and is_healthy and live.checks_are_fresh:
                    return state
            self.tools.clock.sleep_until(min(now + _READ_SECONDS, until))
        raise RollbackAbortedError(f"not healthy after {RESTART_SECONDS:.0f} s: {state}")


_NO_CHECKS = "no checks configured"
