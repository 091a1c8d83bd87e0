"""All that the world's faces share: the state, and the switches that change how it behaves."""

from dataclasses import dataclass

from tests.worlds.fly.change_log import ChangeLog
from tests.worlds.fly.deploys import Deployer
from tests.worlds.fly.event_queue import EventQueue, WorldClock
from tests.worlds.fly.faults import Faults
from tests.worlds.fly.flyd import Flyd
from tests.worlds.fly.images import FlyImage
from tests.worlds.fly.leases import Leases
from tests.worlds.fly.limits import Limits
from tests.worlds.fly.machine import FlyMachine
from tests.worlds.fly.refusal import RefusalError
from tests.worlds.fly.releases import Ledger
from tests.worlds.fly.tokens import FlyToken, permission, usual_tokens


@dataclass(slots=True, kw_only=True)
class Switches:
    """How the platform behaves where nobody knows, or where it varies.

    `refuses_undocumented`: GraphQL knows no `configDefinition` and no `image` of a release.
    `release_api` is what writing a release by REST is answered, 200 where it works. `stale_status`
    answers a stale `current_version`. `hides_foreign_apps`: 404 rather than 403. A new machine's
    `wait` answers 404 for `wait_404_seconds`.
    """

    refuses_undocumented: bool = False
    release_api: int = 200
    stale_status: int = 409
    hides_foreign_apps: bool = True
    wait_404_seconds: float = 0.0


class AppState:
    """One app of one organisation, and the platform below it."""

    def __init__(self, clock: WorldClock, app: str, organization: str) -> None:
        self.app = app
        self.organization = organization
        self.events_due = EventQueue(clock)
        self.change_log = ChangeLog(self.events_due)
        self.flyd = Flyd(self.events_due, self.change_log)
        self.leases = Leases(self.events_due)
        self.ledger = Ledger(self.events_due, self.change_log, app)
        self.deployer = Deployer(
            self.events_due, self.change_log, self.flyd, self.leases, self.ledger
        )
        self.limits = Limits(self.events_due)
        self.faults = Faults()
        self.switches = Switches()
        self.images: dict[str, FlyImage] = {}
        self.pruned: set[str] = set()
        self.tokens: dict[str, FlyToken] = {}
        for token in usual_tokens(app):
            self.allow(token)

    def allow(self, token: FlyToken) -> None:
        """Let a token be known."""
        self.tokens[permission(token.value)] = token

    def know(self, image: FlyImage) -> FlyImage:
        """Put an image into the registry, in place of one with its digest."""
        self.images[image.digest] = image
        return image

    def stored(self, reference: str) -> FlyImage | None:
        """Return the image that a tag or digest names in the registry; None where it has none."""
        found = [
            image
            for digest, image in self.images.items()
            if digest not in self.pruned and reference in {digest, image.tag}
        ]
        return found[-1] if found else None

    def resolved(self, reference: str) -> FlyImage:
        """Return the image of a configuration's reference, the digest before the tag.

        Raises RefusalError where the registry has none.
        """
        named, _, digest = reference.partition("@")
        repository, _, tag = named.partition(":")
        is_ours = repository == f"registry.fly.io/{self.app}"
        found = self.stored(digest or tag) if is_ours else None
        if found is None:
            words = f"failed to get manifest {reference}: request failed: not found"
            raise RefusalError(400, f"invalid_argument: {words}")
        return found

    def machine(self, machine_id: str) -> FlyMachine:
        """Return a machine, a destroyed one too. Raises RefusalError, 404."""
        found = self.flyd.machines.get(machine_id)
        if found is None:
            raise RefusalError(404, f"not_found: machine not found: {machine_id}")
        return found
