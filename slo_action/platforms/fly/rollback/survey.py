"""Everything a rollback is planned from, read before anything is changed.

A machine's previous configuration comes from the restore copy, if that is one of the target; else
from the machine's own versions; else from a machine of its group that does not exist any more. The
image is always named by digest, and what the failed release configured is never taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from slo_action.core.model import Release
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.models import (
    FlyMachine,
    FlyRelease,
    MachineConfig,
    MachineVersion,
    digest_in,
    release_number,
)
from slo_action.platforms.fly.rollback.machine_order import PreviousConfig, pinned
from slo_action.platforms.fly.rollback.tools import RollbackTools
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine
from slo_action.platforms.fly.state.release_content import is_same_definition
from slo_action.platforms.fly.state.restore_copy import RestoreCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is there, and what was there before.

    `judged` is the newest release when the deploy was judged: it is what is replaced, and what
    must still be the newest when the first machine is changed; None where there was none. `row` is
    the target's, None where Fly does not list it. `names` are the releases of the target's content,
    itself included: secrets and rollbacks make more than one. `versions` are earlier configurations
    by machine, where they were read.
    """

    app: str
    target: Release
    judged: FlyRelease | None
    row: FlyRelease | None
    names: frozenset[str]
    machines: tuple[FlyMachine, ...]
    copy: RestoreCopy | None = None
    versions: Mapping[str, Sequence[MachineVersion]] = field(default_factory=dict)

    @property
    def targets_copy(self) -> RestoreCopy | None:
        """The restore copy, if it is one of the target itself."""
        return self.copy if self.copy and _is_same(self.copy.release, self.target) else None

    @property
    def image(self) -> str:
        """The target's image by digest, by whatever name it is known; empty where it is not."""
        images = [
            self.row.image if self.row else "",
            *(m.image_ref.by_digest for m in self.machines),
        ]
        named = next((image for image in images if image), "")
        return pinned(named, self.target.digest) if named and self.target.digest else ""

    def was(self, machine: str) -> FlyMachine | None:
        """Return a machine as the restore copy has it, of whatever release; None without."""
        return self.copy.machine(machine) if self.copy else None

    def previous_config(self, machine: str) -> PreviousConfig | None:
        """Return what a machine is to run again; None where nothing of it is known."""
        copy = self.targets_copy
        kept = copy.machine(machine) if copy else None
        found = self._of_machine(kept, "as it was before the deploy") if kept else None
        return found or self._of_versions(self.versions.get(machine, ()))

    def sibling_config(self, live: FlyMachine) -> PreviousConfig | None:
        """Return the previous configuration of a machine of the same group; None without one.

        The target's image comes first, then the same region. Only of one without volumes, for a
        machine without volumes.
        """
        if not self.targets_copy or live.whole_config.volumes:
            return None
        siblings = [
            kept
            for kept in self.targets_copy.machines
            if is_app_machine(kept)
            and kept.config.group == live.config.group
            and not kept.config.standbys
            and not kept.whole_config.volumes
        ]
        target = self.target.digest
        siblings.sort(
            key=lambda kept: (read_machine(kept).digest != target, kept.region != live.region)
        )
        found = (self._of_machine(one, f"as {one.id} was, of the same group") for one in siblings)
        return next((config for config in found if config), None)

    def _of_machine(self, kept: FlyMachine, why: str) -> PreviousConfig | None:
        config = kept.whole_config
        return self._usable(config, kept.image_ref.by_digest or config.image, why)

    def _usable(self, config: MachineConfig, image: str, why: str) -> PreviousConfig | None:
        """Return it with its image by digest; None where that is unknown, or of what failed."""
        digest = digest_in(image) or digest_in(config.image) or self.target.digest
        if not config or not image or not digest or self._is_failed(config.release, digest):
            return None
        whole = MachineConfig.read({**config.raw, "image": pinned(image, digest)})
        return PreviousConfig(config=whole, digest=digest, why=why)

    def _of_versions(self, versions: Iterable[MachineVersion]) -> PreviousConfig | None:
        """Take the newest version of the target's content; else the newest with its image."""
        newest = sorted(versions, key=lambda one: one.version, reverse=True)
        configs = [one.config for one in newest]
        own = [config for config in configs if config.release in self.names]
        same = [config for config in configs if self._has_targets_image(config)]
        why = "by the machine's own versions"
        found = (self._usable(config, config.image, why) for config in (*own, *same))
        return next((config for config in found if config), None)

    def _has_targets_image(self, config: MachineConfig) -> bool:
        """A later release may have the target's image and another configuration."""
        digest = digest_in(config.image)
        mine, target = release_number(config.release), release_number(self.target.version)
        is_later = mine is not None and target is not None and mine > target
        return bool(digest) and digest == self.target.digest and not is_later

    def _is_failed(self, release: str, digest: str) -> bool:
        """Return whether a configuration is the failed release's: by its mark, or by its image."""
        judged = self.judged
        if judged is None:
            return False
        if release == judged.name != self.target.version:
            return True
        return bool(judged.digest) and digest == judged.digest != self.target.digest


def surveyed(
    tools: RollbackTools,
    app: str,
    *,
    target: Release,
    judged: FlyRelease | None,
    releases: Sequence[FlyRelease],
    copy: RestoreCopy | None,
) -> Survey:
    """Read the machines, and the earlier configurations that the restore copy does not hold.

    Raises PlatformError where something cannot be read: a machine whose past is unknown must not
    be taken for one without a past. Changes nothing.
    """
    machines = tuple(live for live in tools.api.machines() if is_app_machine(live))
    if not machines:
        raise PlatformError(
            f"app {app} has no machines that a deploy manages",
            hint="nothing can be restored machine by machine; deploy the previous version by hand",
        )
    survey = Survey(
        app=app,
        target=target,
        judged=judged,
        row=row_of(releases, target),
        names=_names(releases, target, judged),
        machines=machines,
        copy=copy,
    )
    unknown = [live.id for live in machines if survey.previous_config(live.id) is None]
    found = tools.concurrently([partial(tools.api.versions, name) for name in unknown])
    return replace(survey, versions=dict(zip(unknown, found, strict=True)))


def row_of(releases: Sequence[FlyRelease], release: Release) -> FlyRelease | None:
    """Return a release as Fly lists it; None where it does not."""
    return next((row for row in releases if row.name == release.version), None)


def _names(
    releases: Sequence[FlyRelease], target: Release, judged: FlyRelease | None
) -> frozenset[str]:
    """Return the names of all releases with the target's image and definition."""
    row = row_of(releases, target)
    if row is None or row.definition is None:
        return frozenset({target.version})
    same = {
        other.name
        for other in releases
        if other.digest == target.digest
        and other.definition is not None
        and is_same_definition(other.definition, row.definition)
        and (judged is None or other.version < judged.version)
    }
    return frozenset({target.version, *same})


def _is_same(one: Release, other: Release) -> bool:
    """Return whether two names are of the same release: neither version nor image may differ.

    A release's machines may run another image by now: a person updated them by hand.
    """
    pairs = ((one.version, other.version), (one.digest, other.digest))
    comparable = [mine == theirs for mine, theirs in pairs if mine and theirs]
    return bool(comparable) and all(comparable)
