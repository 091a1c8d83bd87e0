"""What `prepare` keeps of an app, so that it can be restored: every machine as it was."""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_action.core.model import Release
from slo_action.platforms.fly.state.machine_config import Json, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreCopy:
    """All machines of an app, whole: it holds credentials. `release` is what they ran."""

    app: str
    release: Release
    machines: tuple[Json, ...]
    taken_at: str = ""

    def machine(self, machine: str) -> Json | None:
        """Return one machine as it was; None where it was not there."""
        return next((raw for raw in self.machines if raw.get("id") == machine), None)


def as_document(copy: RestoreCopy) -> dict[str, object]:
    """Return a copy as what is sealed."""
    return {
        "app": copy.app,
        "release": {"version": copy.release.version, "digest": copy.release.digest},
        "machines": [dict(raw) for raw in copy.machines],
        "taken_at": copy.taken_at,
    }


def read_copy(document: Mapping[str, object] | None, app: str) -> RestoreCopy | None:
    """Return what was sealed for this app; None for another's, or for none."""
    if document is None or document.get("app") != app:
        return None
    release, machines = document.get("release"), document.get("machines")
    if not isinstance(release, Mapping) or not isinstance(machines, list):
        return None
    version, digest = (text_of(release.get(key)) for key in ("version", "digest"))
    return RestoreCopy(
        app=app,
        release=Release(version=version, digest=digest),
        machines=tuple(raw for raw in machines if isinstance(raw, Mapping)),
        taken_at=text_of(document.get("taken_at")),
    )
