"""What was changed in the world, by whom and when."""

from dataclasses import dataclass

from tests.worlds.fly.event_queue import EventQueue
from tests.worlds.fly.images import FlyImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One change. `at` counts the world's seconds.

    `by` is a token's owner, `deploy v43`, `somebody`, `proxy` or `platform`. `machine` and
    `digest` are empty where the deed has none. `image` is the version that the image tells.
    """

    at: float
    by: str
    action: str
    machine: str = ""
    image: str = ""
    digest: str = ""


class ChangeLog:
    """`deeds` in order of time."""

    def __init__(self, events_due: EventQueue) -> None:
        self._events_due = events_due
        self.deeds: list[Deed] = []

    def note(self, by: str, action: str, machine: str = "", image: FlyImage | None = None) -> None:
        told = {"image": image.version, "digest": image.digest} if image else {}
        self.deeds.append(
            Deed(at=self._events_due.now, by=by, action=action, machine=machine, **told)
        )
