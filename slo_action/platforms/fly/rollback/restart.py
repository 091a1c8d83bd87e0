"""Restarts one machine as it is, and waits until it is healthy again."""

from functools import partial

from slo_action.core.model import RollbackStep
from slo_action.core.release.fleet import exit_summary
from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyMachine
from slo_action.platforms.fly.rollback.leases import Leases
from slo_action.platforms.fly.rollback.tools import Journal, RollbackAbortedError, RollbackTools
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
        detail = _restarted(tools, machine, journal, leases, began + RESTART_SECONDS)
        succeeded = True
    except RollbackAbortedError as error:
        detail = str(error)
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


def _restarted(
    tools: RollbackTools, name: str, journal: Journal, leases: Leases, until: float
) -> str:
    """Return how it is healthy again. Raises RollbackAbortedError where it is not."""
    leases.take([name], until=tools.clock.monotonic() + _LEASE_WAIT_SECONDS)
    api = tools.api.with_patience(_PATIENCE_SECONDS)
    before = tried(partial(api.machine, name))
    if isinstance(before, FlyRefusedError):
        raise RollbackAbortedError(before.message)
    journal(f"restart machine {name} (instance {before.instance_id})")
    sent = tools.clock.monotonic()
    answer = tried(partial(api.restart, name, leases.nonce(name)))
    if isinstance(answer, FlyRefusedError) and not answer.is_unsure:
        raise RollbackAbortedError(answer.message)
    state = "no answer"
    while (now := tools.clock.monotonic()) < until:
        leases.refresh()
        live = tried(partial(api.machine, name))
        if isinstance(live, FlyRefusedError):
            state = live.message
        else:
            state, is_healthy = _state(live, before)
            has_begun = live.newest_start != before.newest_start or now >= sent + _SURELY_SECONDS
            if has_begun and is_healthy:
                return state
        tools.clock.sleep_until(min(now + _READ_SECONDS, until))
    raise RollbackAbortedError(f"not healthy after {RESTART_SECONDS:.0f} s: {state}")


def _state(live: FlyMachine, before: FlyMachine) -> tuple[str, bool]:
    """Return the state as text, and whether the machine is healthy by it.

    Raises RollbackAbortedError where it crashed for good.
    """
    machine = read_machine(live)
    crashes = len(machine.crashes) - len(read_machine(before).crashes)
    if crashes >= _MOST_CRASHES or (crashes > 0 and machine.is_down):
        raise RollbackAbortedError(f"it does not stay up: {exit_summary(machine)}")
    passing, expected = machine.checks_passing, machine.checks_expected
    checks = f"{passing} of {expected} checks passing" if expected else "no checks configured"
    is_healthy = machine.state == "started" and machine.is_vouched and live.checks_are_fresh
    return f"{machine.state}, {checks}", is_healthy
