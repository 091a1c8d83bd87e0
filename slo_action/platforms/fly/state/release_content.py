"""Releases by content: image and definition, whatever their numbers are.

A release is not only an image: secrets and restarts make releases of the same image, and a
rollback makes one of an older image.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slo_action.core.model import Release
from slo_action.core.release.track_record import PastVerdict, reputation
from slo_action.platforms.fly.client.models import FlyRelease, Json

_SWITCHES = frozenset({"auto_stop_machines", "auto_start_machines", "autostop", "autostart"})
_SWITCH_VALUES = {
    **dict.fromkeys(("off", "no", "false"), False),
    **dict.fromkeys(("stop", "on", "yes", "true"), True),
}
"""`"suspend"` has no other form."""


@dataclass(frozen=True, slots=True)
class Content:
    """Releases with the same image and definition, newest first; `is_seen` by a snapshot."""

    rows: tuple[FlyRelease, ...]
    is_seen: bool = False

    @property
    def digest(self) -> str:
        """The image's digest, empty where only tags are known."""
        return next((row.digest for row in self.rows if row.digest), "")

    def is_verified(self, past: Sequence[PastVerdict]) -> bool:
        """Return whether any of them was found healthy."""
        return any(reputation(row.release, past).verified_at for row in self.rows)

    def may_return(self, past: Sequence[PastVerdict]) -> bool:
        """Return whether it may be restored: by digest, and never what failed before."""
        has_failed = any(reputation(row.release, past).failed_at for row in self.rows)
        return bool(self.digest) and not has_failed

    def release(self, past: Sequence[PastVerdict]) -> Release:
        """Return it as a target, named by its first release.

        Later ones changed secrets, or were rollbacks to it.
        """
        remark = ""
        if not self.is_verified(past):
            why = "it is what ran before this deploy" if self.is_seen else "no run found it healthy"
            remark = f"not verified: {why}"
        return replace(self.rows[-1].release, digest=self.digest, remark=remark)


def contents_of(older: Sequence[FlyRelease], live: FlyRelease) -> list[Content]:
    """Return the contents that may be gone back to, the newest first."""
    contents: list[list[FlyRelease]] = []
    for row in older:
        if not row.is_complete or is_same(row, live):
            continue
        same = next((content for content in contents if is_same(content[0], row)), None)
        if same is None:
            contents.append([row])
        else:
            same.append(row)
    return [Content(tuple(content)) for content in contents]


def is_rollback(live: FlyRelease, older: Sequence[FlyRelease]) -> bool:
    """Return whether it brought back an older content after a different one."""
    different = False
    for row in older:
        if not is_same(row, live):
            different = True
        elif different:
            return True
    return False


def is_same(one: FlyRelease, other: FlyRelease) -> bool:
    """Return whether two releases have the same content, as far as it is known."""
    if one.digest and other.digest:
        is_same_image = one.digest == other.digest
    else:
        is_same_image = bool(one.image) and one.image == other.image
    return is_same_image and is_same_definition(one.definition, other.definition)


def is_same_definition(one: Json | None, other: Json | None) -> bool:
    """Return whether two definitions differ in nothing but strategy and spelling.

    flyctl stores its `--strategy` into a release's definition, and writes some settings in another
    form than fly.toml has. An unknown one is taken for the same.
    """
    return one is None or other is None or _canonical(one) == _canonical(other)


def _canonical(definition: Json) -> str:
    deploy = definition.get("deploy")
    rest = {key: value for key, value in definition.items() if key != "deploy"}
    if isinstance(deploy, Mapping):
        deploy = {key: value for key, value in deploy.items() if key != "strategy"} or None
    if deploy is not None:
        rest["deploy"] = deploy
    return json.dumps(_plain(rest), sort_keys=True, default=str)


def _plain(value: object, key: str = "") -> object:
    """Write switches as booleans, at any depth: `"off"` is `false`, `"stop"` is `true`."""
    if isinstance(value, Mapping):
        return {name: _plain(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if key in _SWITCHES and isinstance(value, str):
        return _SWITCH_VALUES.get(value.lower(), value)
    return value
