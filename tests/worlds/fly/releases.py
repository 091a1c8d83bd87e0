"""The ledger of releases."""

from dataclasses import dataclass, field
from typing import Any

from tests.worlds.fly.change_log import ChangeLog
from tests.worlds.fly.definitions import Definition, merged
from tests.worlds.fly.event_queue import EventQueue
from tests.worlds.fly.images import FlyImage

_DEPLOYER = {"id": "user_1", "name": "Deployer", "email": "deployer@shop.example"}


@dataclass(slots=True, kw_only=True)
class FlyRelease:
    """One release. `status` is pending, running, complete, failed or interrupted.

    Its image reference is by tag, as a deploy writes it, or by digest where it was deployed so.
    """

    id: str
    version: int
    image: FlyImage
    definition: Definition
    status: str
    created_at: float
    updated_at: float
    image_ref: str
    description: str = "Release"
    reason: str = ""
    strategy: str = "ROLLING"
    user: dict[str, Any] = field(default_factory=lambda: dict(_DEPLOYER))
    metadata: Any = None

    @property
    def is_stable(self) -> bool:
        return self.status == "complete"


class Ledger:
    """All releases of the app, oldest first."""

    def __init__(self, events_due: EventQueue, change_log: ChangeLog, app: str) -> None:
        self._events_due = events_due
        self._changes = change_log
        self._app = app
        self.releases: list[FlyRelease] = []
        self.next_version = 1

    @property
    def current(self) -> FlyRelease | None:
        """The newest release, whatever became of it; None before the first."""
        return self.releases[-1] if self.releases else None

    def add(
        self,
        image: FlyImage,
        definition: Definition,
        *,
        by: str,
        status: str = "pending",
        at: float | None = None,
        **changes: Any,
    ) -> FlyRelease:
        version, self.next_version = self.next_version, self.next_version + 1
        instant = self._events_due.now if at is None else at
        values = {
            "id": f"rel_{version:04d}{image.digest[7:17]}",
            "version": version,
            "image": image,
            "definition": merged(definition, {}),
            "status": status,
            "created_at": instant,
            "updated_at": instant,
            "image_ref": image.ref(self._app),
        }
        release = FlyRelease(**{**values, **changes})
        self.releases.append(release)
        self._changes.note(by, "release", image=image)
        return release

    def conclude(self, release: FlyRelease, status: str, *, by: str) -> None:
        release.status, release.updated_at = status, self._events_due.now
        self._changes.note(by, f"release-{status}", image=release.image)

    def named(self, release_id: str) -> FlyRelease | None:
        """Return a release by its id; None where there is none."""
        return next((one for one in self.releases if one.id == release_id), None)
