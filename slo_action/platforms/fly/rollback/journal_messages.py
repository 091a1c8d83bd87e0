"""What the journal says before each call that changes something."""

from slo_action.core.release.fleet import short_digest
from slo_action.platforms.fly.rollback.machine_order import MachineOrder


def leasing(machine: str, ttl_seconds: int) -> str:
    """Say that nobody else may change a machine for a while."""
    return f"lease machine {machine} for {ttl_seconds} s"


def updating(order: MachineOrder) -> str:
    """Say what a machine runs, and what it is to run."""
    digest = order.former.digest if order.former else ""
    launch = ", without starting it" if order.step.stays_stopped else ""
    return (
        f"update {_named(order)} from {order.step.before} to {order.step.after}, "
        f"image {short_digest(digest)}{launch}"
    )


def starting(order: MachineOrder) -> str:
    """Say that a machine is started."""
    return f"start {_named(order)} on {order.step.after}"


def uncordoning(order: MachineOrder) -> str:
    """Say that a machine gets its traffic back."""
    return f"uncordon {_named(order)} on {order.step.after}"


def cordoning(order: MachineOrder) -> str:
    """Say that a machine is taken out of the traffic."""
    return f"cordon {_named(order)}, made by the failed deploy"


def stopping(order: MachineOrder) -> str:
    """Say that a machine that works without traffic is stopped."""
    return f"stop {_named(order)}, made by the failed deploy"


def restarting(machine: str, instance: str) -> str:
    """Say that a machine is restarted as it is."""
    return f"restart machine {machine} (instance {instance})"


def recording(version: str) -> str:
    """Say that the ledger gets a release."""
    return f"record a release with the image and the definition of {version}"


def _named(order: MachineOrder) -> str:
    instance = order.machine.instance or "unknown"
    return f"machine {order.name} (instance {instance})"
