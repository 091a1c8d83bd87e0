"""Leases: who may change a machine for a while, and nobody else."""

from dataclasses import dataclass
from typing import Any

from tests.worlds.fly.event_queue import EventQueue
from tests.worlds.fly.refusal import RefusalError

DEFAULT_TTL_SECONDS = 120.0


@dataclass(slots=True, kw_only=True)
class FlyLease:
    """One lease. `expires` counts the world's seconds."""

    machine: str
    nonce: str
    owner: str
    description: str
    expires: float
    version: str


class Leases:
    """At most one lease a machine; one that has expired is gone."""

    def __init__(self, events_due: EventQueue) -> None:
        self._events_due = events_due
        self._count = 0
        self._held: dict[str, FlyLease] = {}

    def of(self, machine: str) -> FlyLease | None:
        """Return a machine's lease; None where nobody holds one."""
        lease = self._held.get(machine)
        if lease is None or lease.expires <= self._events_due.now:
            self._held.pop(machine, None)
            return None
        return lease

    def all(self) -> tuple[FlyLease, ...]:
        """Return every lease that is held now."""
        found = (self.of(machine) for machine in list(self._held))
        return tuple(lease for lease in found if lease is not None)

    def acquire(
        self,
        machine: str,
        owner: str,
        *,
        nonce: str = "",
        ttl: float = DEFAULT_TTL_SECONDS,
        description: str = "",
        version: str = "",
    ) -> FlyLease:
        """Take a lease; with the nonce of the one that is held, make that last longer.

        `version` is the machine's instance id.
        """
        self.demand(machine, nonce)
        held = self.of(machine)
        self._count += 1
        lease = FlyLease(
            machine=machine,
            nonce=held.nonce if held else f"{self._count:012x}",
            owner=owner,
            description=description or (held.description if held else ""),
            expires=self._events_due.now + ttl,
            version=version,
        )
        self._held[machine] = lease
        return lease

    def release(self, machine: str, nonce: str) -> None:
        """Give a lease back. Raises RefusalError where there is none, or it is another's."""
        if self.of(machine) is None:
            raise RefusalError(404, "not_found: lease not found")
        self.demand(machine, nonce)
        del self._held[machine]

    def demand(self, machine: str, nonce: str) -> None:
        """Raise RefusalError where somebody else holds the machine, or a nonce is stale."""
        lease = self.of(machine)
        if lease is not None and lease.nonce != nonce:
            until = self._events_due.wall(lease.expires).strftime("%Y-%m-%dT%H:%M:%SZ")
            held = f"machine ID {machine} lease currently held by {lease.owner}, expires at {until}"
            raise RefusalError(409, f"aborted: {held}")
        if lease is None and nonce:
            raise RefusalError(
                409, f"aborted: machine ID {machine} lease is not held by this nonce"
            )

    def told(self, lease: FlyLease) -> dict[str, Any]:
        """Return a lease as the API tells it, to anybody: flyctl clears others' leases so."""
        return {
            "nonce": lease.nonce,
            "expires_at": int(self._events_due.wall(lease.expires).timestamp()),
            "owner": lease.owner,
            "description": lease.description,
            "version": lease.version,
        }
