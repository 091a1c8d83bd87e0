"""Looks at the app again and again, and keeps the newest look as files of the evidence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from slo_action.platforms.fly.client.api import FlyApi, FlyRefusedError
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.snapshots.flyctl_json import (
    events_json,
    machines_json,
    releases_json,
    status_json,
)
from slo_action.platforms.fly.state.machine_config import Json
from slo_action.platforms.fly.state.machines import read_machine
from slo_action.ports import Clock, Snapshot

_LEDGER_SECONDS = 15.0


class SnapshotReader:
    """Reads machines and ledger; raises PlatformError where they cannot be read.

    `machines` and `ledger` are the newest that were read, empty before.
    """

    def __init__(self, api: FlyApi, app: str, clock: Clock) -> None:
        self._api = api
        self._app = app
        self._clock = clock
        self._described: Json = {}
        self._ledger_read: float | None = None
        self.machines: Sequence[Json] = ()
        self.ledger: Sequence[LedgerRow] = ()

    def look(self, api: FlyApi | None = None) -> None:
        """Read all machines, and the ledger where that is older than 15 s.

        A ledger that cannot be read again stays as it was: the machines are what changes.
        """
        asked = api or self._api
        self.machines = asked.machines()
        if not self._described:
            described = tried(asked.app)
            self._described = {} if isinstance(described, FlyRefusedError) else described
        now = self._clock.monotonic()
        if self._ledger_read is not None and now < self._ledger_read + _LEDGER_SECONDS:
            return
        rows = tried(partial(asked.releases))
        if not isinstance(rows, FlyRefusedError):
            self._keep(rows)
        elif self._ledger_read is None:
            raise rows

    def read_ledger(self, api: FlyApi | None = None) -> Sequence[LedgerRow]:
        """Read the ledger now, however young it is."""
        self._keep((api or self._api).releases())
        return self.ledger

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the newest look, redacted; empty before the first."""
        if not self.machines:
            return ()
        newest = self.ledger[0].version if self.ledger else None
        described = self._described or {"name": self._app}
        texts = {
            f"proofs/fly/{self._app}_machines.json": machines_json(self.machines),
            f"proofs/fly/{self._app}_status.json": status_json(described, self.machines, newest),
            f"diagnostics/{self._app}_events.json": events_json(self.machines),
            f"diagnostics/{self._app}_releases.json": releases_json(self.ledger),
        }
        return tuple(Snapshot(name=name, text=text) for name, text in texts.items())

    def _keep(self, rows: Sequence[LedgerRow]) -> None:
        self.ledger = tuple(sorted(rows, key=lambda row: -row.version))
        self._ledger_read = self._clock.monotonic()


def known_digests(raws: Iterable[Json]) -> Mapping[str, str]:
    """Return, by release, the image that most machines of it run."""
    images: dict[str, Counter[str]] = {}
    for machine in map(read_machine, raws):
        if machine.release and machine.digest:
            images.setdefault(machine.release, Counter())[machine.digest] += 1
    return {release: counts.most_common(1)[0][0] for release, counts in images.items()}
