"""The versions an answer tells of its service, in a body, a line or headers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from slo_action.core.text.quoting import printable

_LONGEST = 200
"""A longer value is text, not a version."""
_DEPTH = 4
_FIELDS = 200
_WORDS_OF_A_LINE = 4


class VersionKind(StrEnum):
    """What a told value names; in the order in which one of several is shown."""

    VERSION = "version"
    COMMIT = "commit"
    DIGEST = "digest"
    BUILD = "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionField:
    """One value that an answer tells. `field` is its path in the body, or the header's name."""

    kind: VersionKind
    field: str
    value: str


def _named(kind: VersionKind, names: str) -> dict[str, VersionKind]:
    return dict.fromkeys(names.split(), kind)


_KINDS: Mapping[str, VersionKind] = {
    **_named(
        VersionKind.VERSION,
        "version appversion applicationversion serviceversion packageversion releaseversion semver "
        "release releaseid releasename tag gittag imagetag versionid versionname currentversion "
        "deployedversion",
    ),
    **_named(
        VersionKind.COMMIT,
        "commit commitid commitsha commithash sha gitsha gitcommit gitcommitid gitcommitsha "
        "gitcommithash githash gitrevision gitrev revision rev vcsrevision sourceversion "
        "sourcecommit buildsha buildcommit shortsha gitshortsha",
    ),
    **_named(
        VersionKind.DIGEST, "digest imagedigest imagesha imageref imageid image containerimage"
    ),
    **_named(VersionKind.BUILD, "build buildid buildnumber buildversion buildtag deploymentid"),
}
_KINDS_INSIDE: Mapping[str, Mapping[str, VersionKind]] = {
    "commit": _named(VersionKind.COMMIT, "id sha hash full abbrev short"),
    "version": _named(VersionKind.VERSION, "id number name value full"),
    "release": _named(VersionKind.VERSION, "id number name"),
    "build": _named(VersionKind.BUILD, "id number"),
}
"""`version` inside a container that names no dependency; Spring's git.commit.id and the like."""
_CONTAINERS = frozenset(
    [
        "app",
        "application",
        "service",
        "server",
        "build",
        "buildinfo",
        "git",
        "gitinfo",
        "info",
        "about",
        "meta",
        "metadata",
        "release",
        "deploy",
        "deployment",
        "image",
        "container",
        "commit",
        "version",
        "versioninfo",
        "data",
        "result",
        "source",
        "vcs",
    ]
)
_LABELLED = re.compile(r"([\w .-]{1,40})[:=](.*)")


def version_fields_in_json(document: object) -> tuple[VersionField, ...]:
    """Return the versions a JSON document tells of the service itself, not of its dependencies.

    Only a few levels and fields are looked at, and only below names such as `app` or `build`.
    """
    if isinstance(document, str):
        return version_fields_in_line(document)
    return tuple(_walk(document, "", "", _DEPTH))


def _walk(node: object, inside: str, path: str, depth: int) -> Iterator[VersionField]:
    if not isinstance(node, dict) or depth == 0:
        return
    for key, value in islice(node.items(), _FIELDS):
        name, field = _normalised(str(key)), f"{path}{printable(str(key))}"
        kind = _KINDS_INSIDE.get(inside, {}).get(name) or _KINDS.get(name)
        text = _scalar(value)
        if kind and text:
            yield VersionField(kind=kind, field=field, value=text)
        elif name in _CONTAINERS:
            yield from _walk(value, name, f"{field}.", depth - 1)


def _normalised(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _scalar(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int) and value.bit_length() > _LONGEST:
        return None  # str() refuses very long integers
    text = printable(str(value))
    return text if 0 < len(text) <= _LONGEST else None


def version_fields_in_headers(headers: Iterable[tuple[str, str]]) -> tuple[VersionField, ...]:
    """Return the versions told by headers such as X-Version, X-App-Version or X-Commit-Sha."""
    found = []
    for name, value in headers:
        lowered = name.lower()
        kind = _KINDS.get(_normalised(lowered[2:])) if lowered.startswith("x-") else None
        text = _scalar(value)
        if kind and text:
            found.append(VersionField(kind=kind, field=printable(name), value=text))
    return tuple(found)


def version_fields_in_line(text: str) -> tuple[VersionField, ...]:
    """Return the version that a plain-text answer of one short line tells, and its few words.

    `version: 1.2.3` tells 1.2.3; `v1.2.3 (abc1234)` tells itself, v1.2.3 and abc1234. A page or
    several lines tell nothing.
    """
    line = text.strip()
    value = _scalar(line)
    if value is None or len(line.splitlines()) != 1 or line[0] in "<{[":
        return ()
    labelled = _LABELLED.fullmatch(value)
    kind = _KINDS.get(_normalised(labelled[1])) if labelled else None
    if labelled and kind and labelled[2].strip():
        return (VersionField(kind=kind, field="body", value=labelled[2].strip()),)
    words = [word for word in re.split(r"[\s(),]+", value) if word]
    parts = words if 1 < len(words) <= _WORDS_OF_A_LINE else []
    return tuple(
        VersionField(kind=VersionKind.VERSION, field="body", value=told) for told in (value, *parts)
    )
