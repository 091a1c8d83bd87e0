"""What `prepare` keeps of an app, so that it can be restored: every machine as it was."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from slo_action.core.model import Release
from slo_action.platforms.fly.client.models import FlyMachine, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreCopy:
    """All machines of an app, whole: it holds credentials. `release` is what they ran."""

    app: str
    release: Release
    machines: tuple[FlyMachine, ...]
    taken_at: str = ""

    def machine(self, name: str) -> FlyMachine | None:
        """Return one machine as it was; None where it was not there."""
        return next((kept for kept in self.machines if kept.id == name), None)


def as_json(copy: RestoreCopy) -> dict[str, object]:
    """Return a copy as what is sealed."""
    return {
        "app": copy.app,
        "release": {"version": copy.release.version, "digest": copy.release.digest},
        "machines": [kept.raw for kept in copy.machines],
        "taken_at": copy.taken_at,
    }


def read_copy(sealed: Json | None, app: str) -> RestoreCopy | None:
    """Return what was sealed for this app; None for another app's, or for none."""
    try:
        copy = TypeAdapter(RestoreCopy).validate_python(sealed)
    except ValidationError:
        return None
    return copy if copy.app == app else None
