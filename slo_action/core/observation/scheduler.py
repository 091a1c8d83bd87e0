"""When a window asks whom: an open loop, whose slots stand in time whatever the answers do."""

from collections.abc import Callable, Sequence
from math import ceil, inf

from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import Slot, Stream

JOURNEY_SECONDS = 10.0
"""Between the starts of any two journeys: each is several requests, and writes (ADR 0016)."""
DIGITS = 6
"""Times are kept to the microsecond, so that a record read back holds the very same ones."""
_SHORTEST_INTERVAL_SECONDS = 0.02
_CLOSEST_SECONDS = 0.25
"""Between extra probes: five of them, with their jitter, never fall into less than a second."""
_GOLDEN_RATIO = 0.6180339887498949
_JITTER = 0.9
"""How much of its interval a slot may be late: what fails every so often is not met by
every probe of one stream, nor by none."""


class ProbeScheduler:
    """The slots of one window; `taken` tickets have passed.

    `endpoints`, `machines`, `versions` and `journeys` are the streams by what they ask. `suspects`
    names those that need a closer look at a second since the deploy: between two usual tickets
    come some of their own. `is_out` says that a stream's last probe is still on its way: such a
    journey gives its turn to another one, or to an endpoint.
    """

    def __init__(
        self,
        policy: WindowPolicy,
        streams: Sequence[Stream],
        *,
        begun_seconds: float,
        ends_seconds: float,
        suspects: Callable[[float], Sequence[Stream]],
        is_out: Callable[[Stream], bool],
    ) -> None:
        kinds = ("endpoint", "machine", "version", "journey")
        self._groups = {kind: [s for s in streams if self._kind(s) == kind] for kind in kinds}
        self.endpoints, self.machines, self.versions, self.journeys = self._groups.values()
        self.taken = 0
        self._policy = policy
        self._begun = begun_seconds
        self._ends = ends_seconds
        self._suspects = suspects
        self._is_out = is_out
        self._paused_until = self._latest = begun_seconds
        self._held_until: dict[str, float] = {}
        self._turns = dict.fromkeys((*kinds, "closer"), 0)
        shares = {
            "machine": 1 / policy.machine_every if self.machines else 0.0,
            "version": 1 / policy.version_every if self.versions else 0.0,
        }
        others = 1.0 - sum(shares.values())
        self._journey_every = self._fitting_turns(others) if self.journeys else 0
        shares["journey"] = 1 / self._journey_every if self.journeys else 0.0
        self._shares = {"endpoint": 1.0 - sum(shares.values()), **shares}
        least = policy.min_planned * (len(self.endpoints) / self._shares["endpoint"])
        fitting = (ends_seconds - begun_seconds) / max(1.0, least)
        shortest = min(policy.interval_seconds, fitting)
        self.interval_seconds = max(_SHORTEST_INTERVAL_SECONDS, shortest)
        self._parts = 1 + policy.closer_probes
        self._most_closer = inf
        self._is_adaptive = policy.rates.adaptive
        self._is_alone = not self._is_adaptive
        if self._is_adaptive:
            fitting = int(self.interval_seconds / _CLOSEST_SECONDS)
            self._parts = max(1, min(self._parts, fitting))
            usual = (ends_seconds - begun_seconds) / self.interval_seconds
            self._most_closer = policy.most_closer * usual

    def _fitting_turns(self, others: float) -> int:
        """Return how many turns, which may come faster, take as long as journeys wait."""
        least = self._policy.min_planned * len(self.endpoints)
        quickened = (JOURNEY_SECONDS * least / (self._ends - self._begun) + 1.0) / others
        return ceil(max(JOURNEY_SECONDS / self._policy.interval_seconds, quickened))

    def seconds_apart(self, stream: Stream) -> float:
        """Return the time between two probes of a stream at the usual rate."""
        return self.interval_seconds * self.tickets_apart(stream) / self._parts

    def tickets_apart(self, stream: Stream) -> float:
        """Return the tickets between two probes of a stream at the usual rate."""
        kind = self._kind(stream)
        return self._parts * len(self._groups[kind]) / self._shares[kind]

    @property
    def endpoints_apart(self) -> float:
        """The seconds between two probes of any endpoint at the usual rate."""
        return self.interval_seconds / self._shares["endpoint"]

    def next(self) -> Slot | None:
        """Return the slot to come; None where the window is over."""
        step = self.interval_seconds / self._parts
        ticket = max(self.taken, ceil((self._paused_until - self._begun) / step))
        while ticket % self._parts and not self._is_used(ticket):
            ticket += 1
        at = self._instant(ticket)
        if not ticket % self._parts and self._is_adaptive and not self._looks_closer(at):
            at = self._instant(ticket, self._parts)
        return None if at >= self._ends else Slot(ticket, at, self._stream_of(ticket, at))

    def take(self, slot: Slot) -> None:
        """Let the slot pass, used or not."""
        kind = "closer" if slot.ticket % self._parts else self._kind(slot.stream)
        self._turns[kind] += 1
        self.taken = slot.ticket + 1
        self._latest = slot.at_seconds

    def gate_met(self, ends_seconds: float) -> None:
        """Go on alone, until a second since the deploy."""
        self._ends = ends_seconds
        self._is_alone = True

    def pause_until(self, second: float) -> None:
        """Leave out the slots before a second since the deploy."""
        self._paused_until = max(self._paused_until, second)

    def hold(self, journey: Stream, second: float) -> None:
        """Let a journey's turns before a second since the deploy be others'."""
        held = self._held_until.get(journey.name, self._begun)
        self._held_until[journey.name] = max(held, second)

    def _is_used(self, ticket: int) -> bool:
        """Return whether a ticket between two usual ones is; while the gate asks, one of them.

        Its part of the interval lies behind the latest slot: else six may fall into a second.
        """
        is_behind = self._begun + ticket * self.interval_seconds / self._parts >= self._latest
        is_middle = ticket % self._parts == self._parts // 2
        is_free = is_behind and (self._is_alone or is_middle)
        return is_free and self._looks_closer(self._instant(ticket))

    def _looks_closer(self, at: float) -> bool:
        return self._turns["closer"] < self._most_closer and bool(self._suspects(at))

    def _instant(self, ticket: int, parts: int = 1) -> float:
        """Return when a ticket's turn is: within so many parts of the interval, never in step.

        A fault that comes every so often would meet all of them, or none. Multiples of the golden
        ratio fill the unit interval evenly, whatever their number.
        """
        step = self.interval_seconds / self._parts
        shift = ticket * _GOLDEN_RATIO % 1.0 * _JITTER * parts
        return round(self._begun + (ticket + shift) * step, DIGITS)

    def _stream_of(self, ticket: int, at: float) -> Stream:
        """Return whose turn it is; every kind has its own turn order."""
        kind = self._kind_of(ticket)
        if kind == "journey":
            free = self._free_journey(at)
            if free is not None:
                return free
            kind = "endpoint"
        group = self._suspects(at) if kind == "closer" else self._groups[kind]
        return group[self._turns[kind] % len(group)]

    def _free_journey(self, at: float) -> Stream | None:
        first = self._turns["journey"] % len(self.journeys)
        for journey in self.journeys[first:] + self.journeys[:first]:
            if not self._is_out(journey) and at >= self._held_until.get(journey.name, at):
                return journey
        return None

    @staticmethod
    def _kind(stream: Stream) -> str:
        if stream.machine:
            return "machine"
        if stream.is_journey:
            return "journey"
        return "endpoint" if stream.is_endpoint else "version"

    def _kind_of(self, ticket: int) -> str:
        if ticket % self._parts:
            return "closer"
        turn = ticket // self._parts + 1
        if self.journeys and turn % self._journey_every == self._journey_every // 2:
            return "journey"
        if self.versions and turn % self._policy.version_every == 0:
            return "version"
        if self.machines and turn % self._policy.machine_every == 0:
            return "machine"
        return "endpoint"
