"""Where two configurations of a machine differ. Values may be credentials: only names leave."""

from collections.abc import Mapping

from slo_action.platforms.fly.client.models import Json, MachineConfig

OF_THE_RELEASE = frozenset(
    {
        "fly_release_id",
        "fly_release_version",
        "fly_flyctl_version",
        "fly_builder_id",
        "fly_bluegreen_deployment_tag",
        "fly_canary",
    }
)
"""Metadata that a deploy writes about itself: no other part of a machine depends on it."""
_COMPARED_APART = frozenset({"image", "env", "files", "metadata"})


def pinned(image: str, digest: str) -> str:
    """Return an image by digest, whatever tag or digest it was named by."""
    name = image.partition("@")[0]
    directory, slash, last = name.rpartition("/")
    return f"{directory}{slash}{last.partition(':')[0]}@{digest}"


def changed_parts(live: MachineConfig, previous: MachineConfig) -> tuple[str, ...]:
    """Return the names of what differs, the image and the release's marks apart; no values."""
    old, new = live.raw, previous.raw
    metadata = _differing(old.get("metadata"), new.get("metadata"))
    return (
        *(f"env {key}" for key in _differing(old.get("env"), new.get("env"))),
        *(f"file {path}" for path in _differing(_files(old), _files(new))),
        *(f"metadata {key}" for key in metadata if key not in OF_THE_RELEASE),
        *_differing(_rest(old), _rest(new)),
    )


def _differing(live: object, previous: object) -> list[str]:
    """Return the keys that are in one only, or have another value."""
    mine = live if isinstance(live, Mapping) else {}
    others = previous if isinstance(previous, Mapping) else {}
    return sorted(key for key in mine.keys() | others.keys() if mine.get(key) != others.get(key))


def _rest(config: Json) -> object:
    return _stripped({key: value for key, value in config.items() if key not in _COMPARED_APART})


def _files(config: Json) -> Json:
    files = config.get("files")
    listed = files if isinstance(files, list) else []
    objects = (file for file in listed if isinstance(file, Mapping))
    return {str(file.get("guest_path")): _stripped(file) for file in objects}


def _stripped(value: object) -> object:
    """Drop what the API writes for nothing: null, and empty texts, lists and objects."""
    if isinstance(value, Mapping):
        pairs = ((str(key), _stripped(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not None and item not in ("", [], {})}
    if isinstance(value, list | tuple):
        return [_stripped(item) for item in value]
    return value
