"""One release as Fly's ledger holds it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from slo_action.core.model import Release

_COMPLETE = frozenset({"complete", "succeeded"})
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One release. `definition` is its whole fly.toml, None where that was not told.

    It may hold credentials. `status` is in small letters. `digest` is its image's, empty where only
    a tag is known, which may mean another image by now.
    """

    version: int
    status: str = ""
    image: str = ""
    digest: str = ""
    definition: Mapping[str, object] | None = field(default=None, repr=False)
    reason: str = ""
    description: str = ""
    user: str = ""
    created_at: datetime | None = None
    id: str = ""

    @property
    def name(self) -> str:
        """The release's name, such as `v42`."""
        return f"v{self.version}"

    @property
    def is_complete(self) -> bool:
        """True where its deploy ended well: not failed, interrupted, pending or running."""
        return self.status in _COMPLETE


def digest_in(image: str) -> str:
    """Return the digest that an image's name carries; empty where it names a tag only."""
    return image.partition("@")[2]


def number_in(version: str) -> int | None:
    """Return 42 for `v42` and `42`; None for what is no release's name."""
    digits = version.removeprefix("v")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_number else None


def release_of(row: LedgerRow) -> Release:
    """Return a row as a release; version 0 is one of which only the image is known."""
    return Release(version=row.name if row.version else "", digest=row.digest)


def is_release(row: LedgerRow, release: Release) -> bool:
    """Tell whether a row is that release: by its version, or without one by its image."""
    if release.version:
        return row.name == release.version
    return bool(row.digest) and row.digest == release.digest


def filled(ledger: Iterable[LedgerRow], digests: Mapping[str, str]) -> list[LedgerRow]:
    """Return the releases, newest first, each with its digest if anybody knows it."""
    rows = (
        replace(row, digest=row.digest or digest_in(row.image) or digests.get(row.name, ""))
        for row in ledger
    )
    return sorted(rows, key=lambda row: -row.version)
