"""Leases on machines: no other client may change them while we do."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from slo_action.core.text.secrets import Secret
from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.platforms.fly.rollback.tools import Journal, RollbackAbortedError, RollbackTools

TTL_SECONDS = 30
"""Short: an orphaned lease is harmless after it, and it keeps the proxy from starting a machine."""
_REFRESH_SECONDS = 10.0
_STEP_SECONDS = 15.0
_RELEASE_SECONDS = 2.0
_REFRESH_PATIENCE_SECONDS = 4.0
_MOST_RENEWALS = 3
_RENEWAL_SECONDS = 2.0
_DESCRIPTION = "slo-verify"


class Leases:
    """The leases that are held now. `release` must be called wherever it ends; it never raises.

    A lease is noted in the thread that took it: what a signal interrupts is released, too.
    """

    def __init__(self, tools: RollbackTools, journal: Journal) -> None:
        self._tools = tools
        self._journal = journal
        self._held: dict[str, tuple[Secret, float]] = {}
        """The nonces, each with when its lease was refreshed last."""

    def nonce(self, machine: str) -> Secret | None:
        """Return what every call on a leased machine must carry; None without a lease."""
        return self._held[machine][0] if machine in self._held else None

    def take(self, machines: Sequence[str], *, until: float) -> None:
        """Take leases on all, or none: two clients that wait holding some can wait for ever.

        Raises RollbackAbortedError where another client's leases last until then, by the monotonic
        clock, or at once where it is refused.
        """
        while True:
            problem = self._tried(machines)
            if not problem:
                return
            self.release()
            if self._tools.clock.monotonic() + _STEP_SECONDS > until:
                raise RollbackAbortedError(problem)
            self._tools.pause(_STEP_SECONDS)

    def ensure(self, machines: Sequence[str]) -> None:
        """Renew what has run out, as after a time without answers.

        Raises RollbackAbortedError.
        """
        self.refresh()
        problem = ""
        for _ in range(_MOST_RENEWALS):
            now = self._tools.clock.monotonic()
            for name, (_, refreshed) in list(self._held.items()):
                if name in machines and now + 1.0 >= refreshed + TTL_SECONDS:
                    del self._held[name]
            lapsed = [machine for machine in machines if machine not in self._held]
            problem = self._tried(lapsed)
            if not problem:
                return
            self._tools.clock.sleep_until(now + _RENEWAL_SECONDS)
        raise RollbackAbortedError(problem)

    def refresh(self) -> None:
        """Make leases last that are 10 s old; one that cannot be is tried again the next time."""
        now = self._tools.clock.monotonic()
        due = [name for name, (_, at) in self._held.items() if now >= at + _REFRESH_SECONDS]
        api = self._tools.api.with_patience(_REFRESH_PATIENCE_SECONDS)
        self._tools.concurrently([partial(self._refreshed, api, name) for name in due])

    def release(self) -> None:
        """Give all leases back; one that cannot be given back runs out by itself."""
        api = self._tools.api.with_patience(_RELEASE_SECONDS)
        self._tools.concurrently([partial(self._released, api, name) for name in list(self._held)])

    def release_at_last(self) -> None:
        """Give all back, whatever comes: a signal stops a run once only."""
        try:
            self.release()
        except Interrupted:
            self.release()

    def _tried(self, machines: Sequence[str]) -> str:
        """Try to take leases on all; return why one cannot be had now, empty where all are."""
        for machine in machines:
            self._journal(f"lease machine {machine} for {TTL_SECONDS} s")
        problems = self._tools.concurrently([partial(self._taken, machine) for machine in machines])
        return next((problem for problem in problems if problem), "")

    def _taken(self, machine: str) -> str:
        began = self._tools.clock.monotonic()
        try:
            nonce = self._tools.api.lease(
                machine, ttl_seconds=TTL_SECONDS, description=_DESCRIPTION
            )
        except FlyRefusedError as error:
            problem = f"machine {machine} cannot be leased: {error.message}"
            if error.is_passing:
                return problem
            raise RollbackAbortedError(problem) from error
        self._held[machine] = nonce, began
        return ""

    def _refreshed(self, api: FlyApi, machine: str) -> None:
        nonce, began = self._held[machine][0], self._tools.clock.monotonic()
        with suppress(FlyRefusedError):
            api.lease(machine, ttl_seconds=TTL_SECONDS, description=_DESCRIPTION, nonce=nonce)
            self._held[machine] = nonce, began

    def _released(self, api: FlyApi, machine: str) -> None:
        """Forget a lease only when it was tried: what a signal interrupts is tried again."""
        with suppress(FlyRefusedError):
            api.release_lease(machine, self._held[machine][0])
        self._held.pop(machine, None)
