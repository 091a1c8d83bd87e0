"""A machine's raw configuration: its image, its parts, and where two of them differ.

Values may be credentials: only names leave this module.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from slo_action.core.text.go_durations import go_seconds

Json = Mapping[str, object]

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
"""Metadata that a deploy writes of itself: no other part of a machine depends on it."""

_GRACE_SECONDS = 1.0
_INTERVAL_SECONDS = 15.0


def config_of(raw: Json) -> Json:
    """Return a machine's configuration; empty where its host does not tell it."""
    found = raw.get("config")
    return found if _is_object(found) else {}


def metadata_of(config: Json) -> Json:
    """Return a configuration's metadata, empty without any."""
    found = config.get("metadata")
    return found if _is_object(found) else {}


def text_of(value: object) -> str:
    """Return a text as it is, all else as an empty one."""
    return value if isinstance(value, str) else ""


def release_of(config: Json) -> str:
    """Return the release that a configuration was deployed by, such as `v42`; empty without."""
    told = metadata_of(config).get("fly_release_version")
    number = str(told) if isinstance(told, str | int) else ""
    return f"v{number}" if number.isdecimal() else ""


def release_number(version: str) -> int | None:
    """Return 42 for `v42`; None for what is no release's name."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def pinned(image: str, digest: str) -> str:
    """Return an image by digest, whatever tag or digest it was named by."""
    name = image.partition("@")[0]
    directory, slash, last = name.rpartition("/")
    return f"{directory}{slash}{last.partition(':')[0]}@{digest}"


def image_of(raw: Json) -> str:
    """Return the image that a machine runs, by digest; empty where it is not told."""
    found = raw.get("image_ref")
    if not _is_object(found):
        return ""
    registry, repository, digest = (
        text_of(found.get(key)) for key in ("registry", "repository", "digest")
    )
    return f"{registry}/{repository}@{digest}" if registry and repository and digest else ""


def volumes_of(config: Json) -> frozenset[str]:
    """Return the volumes that a configuration mounts."""
    return frozenset(text_of(mount.get("volume")) for mount in _objects(config.get("mounts")))


def has_services(config: Json) -> bool:
    """Tell whether the proxy routes to a machine so configured."""
    return bool(_objects(config.get("services")))


def checks_of(config: Json) -> tuple[Json, ...]:
    """Return all configured checks: the services', and those beside them."""
    beside = config.get("checks")
    named = _objects(beside.values()) if _is_object(beside) else []
    services = _objects(config.get("services"))
    return (*(check for one in services for check in _objects(one.get("checks"))), *named)


def check_seconds(config: Json) -> tuple[float, float]:
    """Return the longest grace period and the longest interval of all checks, in seconds."""
    checks = checks_of(config)
    graces = [_seconds(check.get("grace_period"), _GRACE_SECONDS) for check in checks]
    intervals = [_seconds(check.get("interval"), _INTERVAL_SECONDS) for check in checks]
    return max(graces, default=0.0), max(intervals, default=0.0)


def _seconds(value: object, otherwise: float) -> float:
    """Read a duration as Go writes it (`1m30s`), or a number of nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value / 1_000_000_000
    seconds = go_seconds(value)
    return otherwise if seconds is None else float(seconds)


def is_same(live: Json, former: Json) -> bool:
    """Tell whether two configurations are the same but for the image and the release's marks."""
    return not changed_parts(live, former)


def changed_parts(live: Json, former: Json) -> tuple[str, ...]:
    """Return the names of what differs, the image and the release's marks apart; no values."""
    return tuple(_changed(live, former))


def _changed(live: Json, former: Json) -> Iterator[str]:
    yield from (f"env {key}" for key in _differing(live.get("env"), former.get("env")))
    yield from (f"file {path}" for path in _differing(_files(live), _files(former)))
    metadata = _differing(_own(live), _own(former))
    yield from (f"metadata {key}" for key in metadata)
    yield from _differing(_rest(live), _rest(former))


def _differing(live: object, former: object) -> list[str]:
    """Return the keys that are in one only, or have another value."""
    mine = live if _is_object(live) else {}
    theirs = former if _is_object(former) else {}
    return sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))


def _rest(config: Json) -> Json:
    apart = {"image", "env", "files", "metadata"}
    kept = {key: _stripped(value) for key, value in config.items() if key not in apart}
    return {key: value for key, value in kept.items() if not _is_nothing(value)}


def _own(config: Json) -> Json:
    metadata = metadata_of(config)
    return {key: value for key, value in metadata.items() if key not in OF_THE_RELEASE}


def _files(config: Json) -> Json:
    files = _objects(config.get("files"))
    return {text_of(file.get("guest_path")): _stripped(file) for file in files}


def _stripped(value: object) -> object:
    """Drop what the API writes for nothing: null, and empty texts, lists and objects."""
    if isinstance(value, Mapping):
        pairs = ((str(key), _stripped(item)) for key, item in value.items())
        return {key: item for key, item in pairs if not _is_nothing(item)}
    if isinstance(value, list | tuple):
        return [_stripped(item) for item in value]
    return value


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _objects(value: object) -> list[Json]:
    """Return the objects of a list; whatever else is in it is malformed and left out."""
    listed = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ()
    return [item for item in listed if _is_object(item)]


def _is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, Mapping)
