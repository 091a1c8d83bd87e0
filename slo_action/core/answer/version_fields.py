"""The versions an answer tells of its service, in JSON, lines, a page or headers."""

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
_LINES, _VALUES, _METAS = 20, 10, 100


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
        "deployedversion versions imagetags gittags gitversion gitdescribe describe",
    ),
    **_named(
        VersionKind.COMMIT,
        "commit commitid commitsha commithash sha gitsha gitcommit gitcommitid gitcommitsha "
        "gitcommithash githash gitrevision gitrev revision rev vcsrevision sourceversion "
        "sourcecommit buildsha buildcommit shortsha gitshortsha commitshort gitcommitshort "
        "githubsha cicommitsha headsha",
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
_NAME = re.compile(r"[\w./:@+-]*(?:\d+\.\d+|[0-9a-fA-F]{7,})[\w.+-]*")
"""What looks like a version among the lines of a text."""
_META = re.compile(r"<meta\b([^<>]{1,500})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"\b(name|property|itemprop|content)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))",
    re.IGNORECASE,
)


def version_fields_in_json(document: object) -> tuple[VersionField, ...]:
    """Return the versions a JSON document tells of the service itself, not of its dependencies.

    Only a few levels and fields are looked at, and only below names such as `app` or `build`. A
    list is looked into where it has one entry: several may be of several services.
    """
    if isinstance(document, str):
        return version_fields_in_lines(document)
    if isinstance(document, list) and len(document) == 1:
        (document,) = document
    return tuple(_walk(document, "", "", _DEPTH))


def _walk(node: object, inside: str, path: str, depth: int) -> Iterator[VersionField]:
    if not isinstance(node, dict) or depth == 0:
        return
    for key, value in islice(node.items(), _FIELDS):
        name, field = _normalised(str(key)), f"{path}{printable(str(key))}"
        kind = _KINDS_INSIDE.get(inside, {}).get(name) or _KINDS.get(name)
        several = value[:_VALUES] if isinstance(value, list) else [value]
        texts = [text for one in several if (text := _scalar(one))]
        if kind and texts:
            yield from (VersionField(kind=kind, field=field, value=text) for text in texts)
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


def version_fields_in_lines(text: str) -> tuple[VersionField, ...]:
    """Return the versions that a plain text tells: a short line, or a file of several lines.

    `version: 1.2.3` tells 1.2.3; `v1.2.3 (abc1234)` tells itself, v1.2.3 and abc1234. Of several
    lines only those with a name such as `COMMIT=`, and words that look like a version, tell one. A
    page or a long text tells nothing.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 0 < len(lines) <= _LINES or lines[0][0] in "<{[":
        return ()
    return tuple(field for line in lines for field in _of_line(line, alone=len(lines) == 1))


def _of_line(line: str, *, alone: bool) -> Iterator[VersionField]:
    value = _scalar(line)
    if value is None:
        return
    labelled = _LABELLED.fullmatch(value)
    kind = _KINDS.get(_normalised(labelled[1])) if labelled else None
    if labelled and kind and labelled[2].strip():
        told = labelled[2].strip().strip("\"'")
        yield VersionField(kind=kind, field="body", value=told)
        return
    words = [word for word in re.split(r"[\s(),]+", value) if word]
    parts = words if 1 < len(words) <= _WORDS_OF_A_LINE else []
    found = [value, *parts] if alone else [w for w in parts or words[:1] if _NAME.fullmatch(w)]
    for told in () if labelled and not alone else found:
        yield VersionField(kind=VersionKind.VERSION, field="body", value=told)


def version_fields_in_page(text: str) -> tuple[VersionField, ...]:
    """Return the versions that an HTML page tells in `<meta name="version" content="…">`."""
    found = []
    for meta in islice(_META.finditer(text), _METAS):
        attributes = {
            one[1].lower(): one[2] or one[3] or one[4] for one in _ATTRIBUTE.finditer(meta[1])
        }
        content = _scalar(attributes.pop("content", None))
        name = next(iter(attributes.values()), None) or ""
        kind = _KINDS.get(_normalised(name))
        if kind and content:
            found.append(VersionField(kind=kind, field=f"meta {printable(name)}", value=content))
    return tuple(found)
