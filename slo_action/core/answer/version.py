"""The versions that an answer reports, and whether the one that should answer is among them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from slo_action.core.model import VersionRule
from slo_action.core.text.quoting import printable, quoted

_LONGEST = 200
"""A longer value is text, not a version."""
_DEPTH = 4
_FIELDS = 200
_PARTS_OF_A_LINE = 4


class VersionKind(StrEnum):
    """What a value names; in the order in which one of several is shown."""

    VERSION = "version"
    COMMIT = "commit"
    DIGEST = "digest"
    BUILD = "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionField:
    """One value that an answer reports. `field` is its path in the body, or the header's name."""

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
_CONTAINER = re.compile(
    "app|application|service|server|build|buildinfo|git|gitinfo|info|about|meta|metadata|release|"
    "deploy|deployment|image|container|commit|version|versioninfo|data|result|source|vcs"
)
_SHORTEST_COMMIT = 7
_HEX = re.compile(r"[0-9a-f]+")
_V = re.compile(r"^[vV](?=\d)")
_LABELLED = re.compile(r"([\w .-]{1,40})[:=](.*)")


def version_fields_in_json(document: object) -> tuple[VersionField, ...]:
    """Return the versions a JSON document reports of the service, not of its dependencies.

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
        elif _CONTAINER.fullmatch(name):
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
    """Return the versions in headers such as X-Version, X-App-Version or X-Commit-Sha."""
    named = [(name, value) for name, value in headers if name.lower().startswith("x-")]
    return tuple(
        VersionField(kind=kind, field=printable(name), value=text)
        for name, value in named
        if (kind := _KINDS.get(_normalised(name[2:]))) and (text := _scalar(value))
    )


def version_fields_in_line(text: str) -> tuple[VersionField, ...]:
    """Return the version that a plain-text answer of one short line reports, and its few parts.

    `version: 1.2.3` reports 1.2.3; `v1.2.3 (abc1234)` itself, v1.2.3 and abc1234. A page or several
    lines report none.
    """
    line = text.strip()
    value = _scalar(line)
    if value is None or len(line.splitlines()) != 1 or line[0] in "<{[":
        return ()
    labelled = _LABELLED.fullmatch(value)
    kind = _KINDS.get(_normalised(labelled[1])) if labelled else None
    if labelled and kind and labelled[2].strip():
        return (VersionField(kind=kind, field="body", value=labelled[2].strip()),)
    parts = [part for part in re.split(r"[\s(),]+", value) if part]
    named = [value, *parts] if 1 < len(parts) <= _PARTS_OF_A_LINE else [value]
    return tuple(VersionField(kind=VersionKind.VERSION, field="body", value=one) for one in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudgement:
    """Whether the right version answers. `version` is the value to show, None if none was reported.

    `detail` is a fact and quotes the target: untrusted.
    """

    fits: bool
    version: str | None
    detail: str


def matches(expected: str, named: str) -> bool:
    """Tell whether two names mean one version. Symmetric.

    They do when equal but for blanks and a leading `v`; when one abbreviates the other's commit
    or digest (at least 7 hex digits, not digits only: those are build numbers); and when the
    digest or the tag of an image reference does.
    """
    return any(_same(one, other) for one in _forms(expected) for other in _forms(named))


def _forms(name: str) -> tuple[str, ...]:
    plain = _V.sub("", name.strip())
    forms = [plain]
    reference, _, digest = plain.rpartition("sha256:")
    if digest and (not reference or reference.endswith("@")):
        forms.append(digest)
    last = reference.rstrip("@").rpartition("/")[2] if reference else plain.rpartition("/")[2]
    if ("/" in plain or reference) and ":" in last:
        forms.append(_V.sub("", last.rpartition(":")[2]))
    return tuple(form for form in forms if form)


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = sorted((one.lower(), other.lower()), key=len)
    if not (_HEX.fullmatch(short) and _HEX.fullmatch(long)):
        return False
    return len(short) >= _SHORTEST_COMMIT and not long.isdigit() and long.startswith(short)


def judge_version(rule: VersionRule, reported: Sequence[VersionField]) -> VersionJudgement:
    """Judge what an answer reports. One fitting value is enough, a rejected one spoils it.

    Where the expected value is a commit or digest it outranks the rejection: two releases may
    share a version number. An answer that reports none is wrong where a version is expected,
    and right where one is only rejected: it is not seen to be the rejected one.
    """
    shown = _shown(rule.expected, reported)
    expected = _matching(rule.expected, reported)
    rejected = _matching(rule.rejected, reported)
    if rejected and not (expected and _is_exact(rule.expected or "")):
        return VersionJudgement(
            fits=False,
            version=rejected.value,
            detail=f"the rejected version {quoted(rejected.value)} answers",
        )
    if expected:
        return VersionJudgement(
            fits=True, version=expected.value, detail=f"version {quoted(expected.value)} answers"
        )
    if rule.expected is not None:
        return VersionJudgement(fits=False, version=shown, detail=_missing(rule.expected, reported))
    said = "reports no version" if shown is None else f"version {quoted(shown)} answers"
    return VersionJudgement(fits=True, version=shown, detail=said)


def _matching(wanted: str | None, reported: Sequence[VersionField]) -> VersionField | None:
    if wanted is None:
        return None
    return next((one for one in reported if matches(wanted, one.value)), None)


def _is_exact(name: str) -> bool:
    """Tell whether a name is a commit or a digest, which no two builds share."""
    hexes = [form.lower() for form in _forms(name) if len(form) >= _SHORTEST_COMMIT]
    return any(_HEX.fullmatch(form) and not form.isdigit() for form in hexes)


def _shown(expected: str | None, reported: Sequence[VersionField]) -> str | None:
    """Return the value that compares best with what was expected."""
    order = list(VersionKind)
    if expected and _is_exact(expected):
        wanted = VersionKind.DIGEST if "sha256:" in expected else VersionKind.COMMIT
        order.sort(key=lambda kind: kind is not wanted)
    return min(reported, key=lambda one: order.index(one.kind)).value if reported else None


def _missing(expected: str, reported: Sequence[VersionField]) -> str:
    if not reported:
        return f"reports no version, {quoted(expected)} was expected"
    values = ", ".join(f"{one.field} {quoted(one.value)}" for one in reported[:3])
    return f"another version answers: {values}; {quoted(expected)} was expected"
