"""Everything a rollback is planned from, read before anything is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slo_action.core.model import Release
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.state.machine_config import Json, image_of, pinned
from slo_action.platforms.fly.state.release_content import is_same_definition
from slo_action.platforms.fly.state.restore_copy import RestoreCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is there, and what was there before.

    `judged` is the newest release when the deploy was judged: it is what is replaced, and what
    must still be the newest when the first machine is changed; None where the ledger was empty.
    `row` is the target's, None where the ledger does not hold it. `names` are the releases of the
    target's content, itself included: secrets and rollbacks make more than one. `versions` are
    former configurations by machine, where they were asked for.
    """

    app: str
    target: Release
    judged: LedgerRow | None
    row: LedgerRow | None
    names: frozenset[str]
    machines: tuple[Json, ...]
    copy: RestoreCopy | None = None
    versions: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    @property
    def has_copy(self) -> bool:
        """True where the restore copy is one of the target itself."""
        return self.copy is not None and is_release(self.copy.release, self.target)

    @property
    def image(self) -> str:
        """The target's image by digest, by whatever name it is known; empty where it is not."""
        images = [self.row.image if self.row else "", *(image_of(raw) for raw in self.machines)]
        named = next((image for image in images if image), "")
        return pinned(named, self.target.digest) if named and self.target.digest else ""

    def was(self, machine: str) -> Json | None:
        """Return a machine as the restore copy has it, of whatever release; None without."""
        return self.copy.machine(machine) if self.copy else None


def is_release(one: Release, other: Release) -> bool:
    """Tell whether two names are of the same release: neither version nor image may differ.

    A release's machines may run another image by now: somebody updated them by hand.
    """
    words = ((one.version, other.version), (one.digest, other.digest))
    told = [mine == theirs for mine, theirs in words if mine and theirs]
    return bool(told) and all(told)


def row_of(ledger: Sequence[LedgerRow], release: Release) -> LedgerRow | None:
    """Return a release's row; None where the ledger does not hold it."""
    return next((row for row in ledger if row.name == release.version), None)


def names_of(
    ledger: Sequence[LedgerRow], target: Release, judged: LedgerRow | None
) -> frozenset[str]:
    """Return the names of all releases with the target's image and definition."""
    row = row_of(ledger, target)
    if row is None or row.definition is None:
        return frozenset({target.version})
    alike = {
        other.name
        for other in ledger
        if other.digest == target.digest
        and other.definition is not None
        and is_same_definition(other.definition, row.definition)
        and (judged is None or other.version < judged.version)
    }
    return frozenset({target.version, *alike})
