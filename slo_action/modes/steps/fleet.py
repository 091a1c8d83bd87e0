"""Looks at the platform's machines on behalf of a gate and a window."""

from dataclasses import replace

from slo_action.core.model import Outcome, Sample, Witness
from slo_action.core.release.fleet import Fleet, platform_samples
from slo_action.errors import PlatformError
from slo_action.ports import Ports

_PAUSE_SECONDS = 15.0
"""A platform that did not answer is left alone for so long: looking must not hold up probes."""


class MachineWatch:
    """The machines of one run, seen again and again.

    Every look may fail, and a failed one says nothing of the machines. `expected_digest` is the
    image that they must run instead of the one the ledger names; empty where that one counts.
    """

    def __init__(self, ports: Ports, expected_digest: str = "") -> None:
        self._ports = ports
        self._expected = expected_digest
        self._quiet_until = float("-inf")
        self.newest: Fleet | None = None
        self.problem = ""

    def look(self) -> Fleet | None:
        """Return the machines as they are now; None where the platform did not answer."""
        machines, now = self._ports.machines, self._ports.clock.monotonic()
        if machines is None or now < self._quiet_until:
            return None
        try:
            fleet = machines.look()
        except PlatformError as error:
            self._quiet_until = self._ports.clock.monotonic() + _PAUSE_SECONDS
            if error.description != self.problem:
                self._ports.log.line(f"the platform request failed: {error.description}")
            self.problem = error.description
            return None
        if self._expected and fleet.release:
            fleet = replace(fleet, release=replace(fleet.release, digest=self._expected))
        self.newest = fleet
        return fleet

    def samples(self) -> tuple[Fleet | None, tuple[Sample, ...]]:
        """Return the machines and the samples of the platform; nothing without a platform.

        Where it could not be asked, its sample is `unknown`.
        """
        if self._ports.machines is None:
            return None, ()
        place, begun = f"{self._ports.platform.name}:machines", self._ports.clock.monotonic()
        fleet = self.look()
        took = self._ports.clock.monotonic() - begun
        if fleet is not None:
            return fleet, platform_samples(fleet, place, took)
        unanswered = Sample(
            witness=Witness.PLATFORM,
            url=place,
            at=self._ports.clock.now(),
            outcome=Outcome.UNKNOWN,
            detail=self.problem or "the platform was not asked",
            total_seconds=took,
        )
        return None, (unanswered,)
