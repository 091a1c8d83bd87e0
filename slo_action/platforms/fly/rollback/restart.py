"""Restarts one machine as it is, and waits until it is well again."""

from dataclasses import dataclass
from functools import partial

from slo_action.core.model import RollbackStep
from slo_action.core.release.fleet import exit_summary
from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.api import FlyRefusedError
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.leases import Leases, is_unsure
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError
from slo_action.platforms.fly.state.check_times import have_looked, newest_start
from slo_action.platforms.fly.state.machine_config import Json
from slo_action.platforms.fly.state.machines import read_machine

RESTART_SECONDS = 60.0
_LEASE_WAIT_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 4.0
_SURELY_SECONDS = 5.0
"""Where no event tells of the restart, it has begun by then."""


def restart(means: RollbackTools, machine: str, journal: Journal) -> RollbackStep:
    """Restart a machine within a minute, journalling before.

    Never raises for what the platform did, nor for a signal. A restart that was not answered is
    not asked for again: what became of it is looked at.
    """
    begun = means.clock.monotonic()
    leases = Leases(means, journal)
    restarting = _Restarting(means=means, machine=machine, journal=journal, leases=leases)
    succeeded = False
    try:
        words = restarting.restarted(begun + RESTART_SECONDS)
        succeeded = True
    except RollbackAbortedError as error:
        words = error.words
    except Interrupted:
        words = "the run was stopped"
    finally:
        leases.release_at_last()
    spent = means.clock.monotonic() - begun
    return RollbackStep(
        name=f"restart machine {machine}",
        succeeded=succeeded,
        duration_seconds=spent,
        detail=f"{words}, in {spent:.1f} s" if succeeded else words,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Restarting:
    means: RollbackTools
    machine: str
    journal: Journal
    leases: Leases

    def restarted(self, until: float) -> str:
        """Return how it is well again. Raises RollbackAbortedError where it is not."""
        self.leases.take([self.machine], wait_seconds=_LEASE_WAIT_SECONDS)
        api = self.means.api.with_patience(_PATIENCE_SECONDS)
        before = tried(partial(api.machine, self.machine))
        if isinstance(before, FlyRefusedError):
            raise RollbackAbortedError(before.message)
        self.journal(journal_words.restarting(self.machine, read_machine(before).instance))
        sent = self.means.clock.monotonic()
        answer = tried(partial(api.restart, self.machine, self.leases.nonce(self.machine)))
        if isinstance(answer, FlyRefusedError) and not is_unsure(answer):
            raise RollbackAbortedError(answer.message)
        return self._watched(before, sent, until)

    def _watched(self, before: Json, sent: float, until: float) -> str:
        api = self.means.api.with_patience(_PATIENCE_SECONDS)
        told = "no answer"
        while (now := self.means.clock.monotonic()) < until:
            self.leases.refresh()
            raw = tried(partial(api.machine, self.machine))
            if isinstance(raw, FlyRefusedError):
                told = raw.message
            else:
                told = _words(raw)
                self._demand_up(before, raw)
                has_begun = newest_start(raw) != newest_start(before)
                if (has_begun or now >= sent + _SURELY_SECONDS) and _is_well(raw):
                    return told
            self.means.clock.sleep_until(min(now + _LOOK_SECONDS, until))
        raise RollbackAbortedError(f"not well after {RESTART_SECONDS:.0f} s: {told}")

    def _demand_up(self, before: Json, raw: Json) -> None:
        """Raise RollbackAbortedError where the process ends by itself again."""
        machine = read_machine(raw)
        crashes = len(machine.crashes) - len(read_machine(before).crashes)
        if crashes > 0 and (machine.is_dead or crashes >= 3):  # noqa: PLR2004 - it does not stay up
            raise RollbackAbortedError(f"it does not stay up: {exit_summary(machine)}")


def _is_well(raw: Json) -> bool:
    machine = read_machine(raw)
    return machine.state == "started" and machine.is_vouched and have_looked(raw)


def _words(raw: Json) -> str:
    machine = read_machine(raw)
    expected = machine.checks_expected
    checks = (
        f"{machine.checks_passing} of {expected} checks passing"
        if expected
        else "no checks configured"
    )
    return f"{machine.state}, {checks}"
