"""Reads the app's state repeatedly, and keeps the newest as files of the evidence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.platforms.fly.client.models import FlyApp, FlyMachine, FlyRelease
from slo_action.platforms.fly.snapshots.flyctl_json import (
    events_json,
    machines_json,
    releases_json,
    status_json,
)
from slo_action.platforms.fly.state.machines import read_machine
from slo_action.ports import Clock, Snapshot

_RELEASES_SECONDS = 15.0


class SnapshotReader:
    """Reads machines and releases; raises PlatformError where they cannot be read.

    `machines` and `releases` are the newest that were read, empty before.
    """

    def __init__(self, app: str, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._described: FlyApp | None = None
        self._releases_read: float | None = None
        self.machines: Sequence[FlyMachine] = ()
        self.releases: Sequence[FlyRelease] = ()

    def read(self, api: FlyApi) -> None:
        """Read all machines, and the releases where those are older than 15 s.

        Releases that cannot be read again stay as they were: the machines are what changes.
        """
        self.machines = api.machines()
        now = self._clock.monotonic()
        if self._releases_read is not None and now < self._releases_read + _RELEASES_SECONDS:
            return
        try:
            self.read_releases(api)
        except FlyRefusedError:
            if self._releases_read is None:
                raise
            return
        with suppress(FlyRefusedError):
            self._described = self._described or api.app()

    def read_releases(self, api: FlyApi) -> Sequence[FlyRelease]:
        """Read the releases now, however fresh the last ones are."""
        self.releases = tuple(sorted(api.releases(), key=lambda row: -row.version))
        self._releases_read = self._clock.monotonic()
        return self.releases

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return what was read last, redacted; empty before the first."""
        if not self.machines:
            return ()
        newest = self.releases[0].version if self.releases else None
        described = self._described or FlyApp(id=self._app, name=self._app)
        texts = {
            f"proofs/fly/{self._app}_machines.json": machines_json(self.machines),
            f"proofs/fly/{self._app}_status.json": status_json(described, self.machines, newest),
            f"diagnostics/{self._app}_events.json": events_json(self.machines),
            f"diagnostics/{self._app}_releases.json": releases_json(self.releases),
        }
        return tuple(Snapshot(name=name, text=text) for name, text in texts.items())


def digests_by_release(machines: Iterable[FlyMachine]) -> Mapping[str, str]:
    """Return, by release, the image that most machines of it run."""
    images: dict[str, Counter[str]] = {}
    for machine in map(read_machine, machines):
        if machine.release and machine.digest:
            images.setdefault(machine.release, Counter())[machine.digest] += 1
    return {release: counts.most_common(1)[0][0] for release, counts in images.items()}
