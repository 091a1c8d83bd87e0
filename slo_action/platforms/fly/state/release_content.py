"""Releases by content: image and definition, whatever their numbers are.

A release is not only an image: secrets and restarts make releases of the same image, and a
rollback makes one of an older image.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slo_action.core.model import Release
from slo_action.core.release.track_record import PastVerdict, reputation
from slo_action.platforms.fly.client.release_row import LedgerRow, release_of


@dataclass(frozen=True, slots=True)
class Content:
    """Releases with the same image and definition, newest first; `is_seen` by a snapshot."""

    rows: tuple[LedgerRow, ...]
    is_seen: bool = False

    @property
    def digest(self) -> str:
        """The image's digest, empty where only tags are known."""
        return next((row.digest for row in self.rows if row.digest), "")

    def is_verified(self, past: Sequence[PastVerdict]) -> bool:
        """Tell whether any of them was found healthy."""
        return any(reputation(release_of(row), past).verified_at for row in self.rows)

    def has_failed(self, past: Sequence[PastVerdict]) -> bool:
        """Tell whether any of them was convicted."""
        return any(reputation(release_of(row), past).failed_at for row in self.rows)

    def may_return(self, past: Sequence[PastVerdict]) -> bool:
        """Tell whether it may be restored: by digest, and never what failed before."""
        return bool(self.digest) and not self.has_failed(past)

    def release(self, past: Sequence[PastVerdict]) -> Release:
        """Return it as a target, named by its first release.

        Later ones changed secrets, or were rollbacks to it.
        """
        remark = ""
        if not self.is_verified(past):
            why = "it is what ran before this deploy" if self.is_seen else "no run found it healthy"
            remark = f"not verified: {why}"
        return replace(release_of(self.rows[-1]), digest=self.digest, remark=remark)


def contents_of(older: Sequence[LedgerRow], live: LedgerRow) -> list[Content]:
    """Return the contents that may be gone back to, the newest first."""
    contents: list[list[LedgerRow]] = []
    for row in older:
        if not row.is_complete or is_same(row, live):
            continue
        alike = next((content for content in contents if is_same(content[0], row)), None)
        if alike is None:
            contents.append([row])
        else:
            alike.append(row)
    return [Content(tuple(content)) for content in contents]


def is_rollback(live: LedgerRow, older: Sequence[LedgerRow]) -> bool:
    """Tell whether it brought back an older content after a different one."""
    different = False
    for row in older:
        if not is_same(row, live):
            different = True
        elif different:
            return True
    return False


def is_same(one: LedgerRow, other: LedgerRow) -> bool:
    """Tell whether two releases have the same content, as far as it is known."""
    if one.digest and other.digest:
        is_same_image = one.digest == other.digest
    else:
        is_same_image = bool(one.image) and one.image == other.image
    if one.definition is None or other.definition is None:
        return is_same_image
    return is_same_image and _canonical(one.definition) == _canonical(other.definition)


def _canonical(definition: Mapping[str, object]) -> str:
    return json.dumps(definition, sort_keys=True, default=str)
