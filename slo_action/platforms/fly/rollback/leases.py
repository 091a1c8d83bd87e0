"""Leases on machines: nobody else may change them while we do."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from slo_action.core.text.secrets import Secret
from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.api import FlyApi, FlyConflictError, FlyRefusedError
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError

TTL_SECONDS = 30
"""Short: an orphaned lease is harmless after it, and it keeps the proxy from starting a machine."""
_REFRESH_SECONDS = 10.0
_STEP_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 90.0
_RELEASE_SECONDS = 2.0
_REFRESH_PATIENCE_SECONDS = 4.0
_MOST_RENEWALS = 3
_RENEWAL_SECONDS = 2.0
_DESCRIPTION = "slo-verify"


@dataclass(slots=True, kw_only=True)
class _Held:
    """A lease of ours. `until` is the instant at which it ends if it is not refreshed."""

    nonce: Secret
    refreshed: float

    @property
    def until(self) -> float:
        return self.refreshed + TTL_SECONDS


class Leases:
    """The leases that are held now. `release` must be called wherever it ends; it never raises.

    A lease is noted in the thread that took it: what a signal interrupts is released, too.
    """

    def __init__(self, means: RollbackTools, journal: Journal) -> None:
        self._api = means.api
        self._clock = means.clock
        self._together = means.together
        self._journal = journal
        self._held: dict[str, _Held] = {}

    def nonce(self, machine: str) -> Secret | None:
        """Return what every call on a leased machine must carry; None without a lease."""
        held = self._held.get(machine)
        return held.nonce if held else None

    def take(self, machines: Sequence[str], *, wait_seconds: float = _LONGEST_WAIT_SECONDS) -> None:
        """Take leases on all, or none: who waits holding some can wait for ever.

        Raises RollbackAbortedError after so long of somebody else's leases, or at once where it
        is refused.
        """
        until = self._clock.monotonic() + wait_seconds
        while True:
            trouble = self._tried(machines)
            if not trouble:
                return
            self.release()
            if self._clock.monotonic() + _STEP_SECONDS > until:
                raise RollbackAbortedError(trouble)
            self._clock.sleep_until(self._clock.monotonic() + _STEP_SECONDS)

    def ensure(self, machines: Sequence[str]) -> None:
        """Renew what has run out, as after a time without answers.

        Raises RollbackAbortedError.
        """
        self.refresh()
        trouble = ""
        for _ in range(_MOST_RENEWALS):
            now = self._clock.monotonic()
            lapsed = [machine for machine in machines if not self._lasts(machine, now)]
            for machine in lapsed:
                self._held.pop(machine, None)
            trouble = self._tried(lapsed)
            if not trouble:
                return
            self._clock.sleep_until(now + _RENEWAL_SECONDS)
        raise RollbackAbortedError(trouble)

    def refresh(self) -> None:
        """Make leases last that are 10 s old; one that cannot be is tried again the next time."""
        now = self._clock.monotonic()
        due = [
            name for name, held in self._held.items() if now >= held.refreshed + _REFRESH_SECONDS
        ]
        api = self._api.with_patience(_REFRESH_PATIENCE_SECONDS)
        self._together([partial(self._refreshed, api, name) for name in due])

    def release(self) -> None:
        """Give all leases back; one that cannot be given back runs out by itself."""
        api = self._api.with_patience(_RELEASE_SECONDS)
        self._together([partial(self._released, api, name) for name in list(self._held)])

    def release_at_last(self) -> None:
        """Give all back, whatever comes: a signal stops a run once only."""
        try:
            self.release()
        except Interrupted:
            self.release()

    def _tried(self, machines: Sequence[str]) -> str:
        """Try to take leases on all; return why one cannot be had now, empty where all are."""
        for machine in machines:
            self._journal(journal_words.leasing(machine, TTL_SECONDS))
        troubles = self._together([partial(self._taken, machine) for machine in machines])
        return next((trouble for trouble in troubles if trouble), "")

    def _taken(self, machine: str) -> str:
        begun = self._clock.monotonic()
        try:
            lease = self._api.lease(machine, ttl_seconds=TTL_SECONDS, description=_DESCRIPTION)
        except FlyRefusedError as error:
            if isinstance(error, FlyConflictError) or is_unsure(error):
                return f"machine {machine} cannot be leased: {error.message}"
            raise RollbackAbortedError(
                f"machine {machine} cannot be leased: {error.message}"
            ) from error
        self._held[machine] = _Held(nonce=lease.nonce, refreshed=begun)
        return ""

    def _lasts(self, machine: str, now: float) -> bool:
        held = self._held.get(machine)
        return held is not None and now + 1.0 < held.until

    def _refreshed(self, api: FlyApi, machine: str) -> None:
        held, begun = self._held[machine], self._clock.monotonic()
        try:
            api.lease(machine, ttl_seconds=TTL_SECONDS, description=_DESCRIPTION, nonce=held.nonce)
        except FlyRefusedError:
            return
        held.refreshed = begun

    def _released(self, api: FlyApi, machine: str) -> None:
        """Forget a lease only when it was tried: what a signal interrupts is tried again."""
        with suppress(FlyRefusedError):
            api.release_lease(machine, self._held[machine].nonce)
        self._held.pop(machine, None)


def is_unsure(error: FlyRefusedError) -> bool:
    """Tell whether what was asked may have been done all the same."""
    return error.status is None or error.status == 408 or error.status >= 500  # noqa: PLR2004 - HTTP
