"""The versions that an answer reports, and whether the one that should answer is among them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from slo_action.core.answer.version_names import (
    Comparison,
    Exactness,
    VersionName,
    compare_names,
    read_name,
)
from slo_action.core.model import VersionRule
from slo_action.core.text.quoting import printable, quoted

_LONGEST = 200
"""A longer value is text, not a version."""
_DEPTH = 4
_FIELDS = 200
_PARTS_OF_A_LINE = 4
_LINES, _VALUES, _METAS = 20, 10, 100


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
_CONTAINER = re.compile(
    "app|application|service|server|build|buildinfo|git|gitinfo|info|about|meta|metadata|release|"
    "deploy|deployment|image|container|commit|version|versioninfo|data|result|source|vcs"
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
    """Return the versions a JSON document reports of the service, not of its dependencies.

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
    found = []
    for name, value in headers:
        lowered = name.lower()
        kind = _KINDS.get(_normalised(lowered[2:])) if lowered.startswith("x-") else None
        text = _scalar(value)
        if kind and text:
            found.append(VersionField(kind=kind, field=printable(name), value=text))
    return tuple(found)


def version_fields_in_lines(text: str) -> tuple[VersionField, ...]:
    """Return the versions that a plain text reports: a short line, or a file of several lines.

    `version: 1.2.3` reports 1.2.3; `v1.2.3 (abc1234)` itself, v1.2.3 and abc1234. Of several
    lines only those with a name such as `COMMIT=`, and words that look like a version, report one.
    A page or a long text reports none.
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
        reported = labelled[2].strip().strip("\"'")
        yield VersionField(kind=kind, field="body", value=reported)
        return
    pieces = [piece for piece in re.split(r"[\s(),]+", value) if piece]
    parts = pieces if 1 < len(pieces) <= _PARTS_OF_A_LINE else []
    found = [value, *parts] if alone else [p for p in parts or pieces[:1] if _NAME.fullmatch(p)]
    for reported in () if labelled and not alone else found:
        yield VersionField(kind=VersionKind.VERSION, field="body", value=reported)


def version_fields_in_page(text: str) -> tuple[VersionField, ...]:
    """Return the versions of an HTML page in `<meta name="version" content="…">`."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudgement:
    """Whether the right version answers. `version` is the value to show, None if none was reported.

    `is_comparable` is False where what answers can be neither the expected version nor another
    one, as far as their names say: it is then not the wrong version, and not verified. `detail` and
    `notes` are facts and quote the target: untrusted.
    """

    fits: bool
    version: str | None
    detail: str
    is_comparable: bool = True
    notes: tuple[str, ...] = ()


def matches(expected: str, named: str) -> bool:
    """Return whether two names surely mean one version. Symmetric."""
    return compare(expected, named) is Comparison.SAME


def compare(one: str, other: str) -> Comparison:
    """Return whether two names mean one version, two, or cannot be compared. Symmetric."""
    return compare_names(read_name(one), read_name(other))[0]


def is_unverified(rule: VersionRule, version: str | None) -> bool:
    """Return whether an answer that is not the wrong version is not the expected one for sure."""
    return rule.expected is not None and version is not None and not matches(rule.expected, version)


def judge_version(rule: VersionRule, reported: Sequence[VersionField]) -> VersionJudgement:
    """Judge what an answer reports. One fitting value is enough, a rejected one spoils it.

    The most exact value decides, such as a commit before a release. Where the expected value is a
    commit or digest it outranks the rejection: two releases may share a version number. An answer
    that reports none is wrong where a version is expected, and right where one is only rejected:
    it is not seen to be the rejected one.
    """
    shown = _shown(rule.expected, reported)
    result, fitting = _compared(rule.expected, reported)
    rejected = _compared(rule.rejected, reported)[1]
    if rejected and not (fitting and _is_exact(rule.expected or "")):
        detail = f"the rejected version {quoted(rejected.value)} answers"
        return VersionJudgement(fits=False, version=rejected.value, detail=detail)
    if fitting:
        detail = f"version {quoted(fitting.value)} answers"
        notes = _dirty(fitting)
        return VersionJudgement(fits=True, version=fitting.value, detail=detail, notes=notes)
    if rule.expected is not None and result is Comparison.UNSURE and shown is not None:
        return _incomparable(rule.expected, shown, reported)
    if rule.expected is not None:
        return VersionJudgement(fits=False, version=shown, detail=_missing(rule.expected, reported))
    said = "reports no version" if shown is None else f"version {quoted(shown)} answers"
    return VersionJudgement(fits=True, version=shown, detail=said)


def _compared(
    wanted: str | None, reported: Sequence[VersionField]
) -> tuple[Comparison, VersionField | None]:
    """Return what the most exact comparison says, and the fitting value; None where none fits."""
    if wanted is None:
        return Comparison.UNSURE, None
    name, order = read_name(wanted), list(Exactness)
    found = [(compare_names(name, _name(one)), one) for one in reported]
    sure = [(pair, one) for pair, one in found if pair[0] is not Comparison.UNSURE]
    if not sure:
        return Comparison.UNSURE, None
    best = min(order.index(exactness) for (_, exactness), _ in sure)
    decides = [(result, one) for (result, how), one in sure if order.index(how) == best]
    fitting = next((one for result, one in decides if result is Comparison.SAME), None)
    return (Comparison.SAME if fitting else Comparison.OTHER), fitting


def _name(reported: VersionField) -> VersionName:
    """Return what a value says: a build's id is no commit, though it may look like one."""
    is_commit = reported.kind is VersionKind.COMMIT
    is_opaque = reported.kind in {VersionKind.BUILD, VersionKind.DIGEST}
    return read_name(reported.value, is_commit=is_commit, is_opaque=is_opaque)


def _is_exact(name: str) -> bool:
    """Return whether a name is of a commit or a digest, which no two builds share."""
    read = read_name(name)
    return bool(read.digest or (read.commit and read.is_certain))


def _shown(expected: str | None, reported: Sequence[VersionField]) -> str | None:
    """Return the value that compares best with what was expected."""
    order = list(VersionKind)
    if expected and _is_exact(expected):
        wanted = VersionKind.DIGEST if read_name(expected).digest else VersionKind.COMMIT
        order.sort(key=lambda kind: kind is not wanted)
    return min(reported, key=lambda one: order.index(one.kind)).value if reported else None


def _dirty(reported: VersionField) -> tuple[str, ...]:
    if not read_name(reported.value).is_dirty:
        return ()
    return (f"version {quoted(reported.value)} was built with changes that are not in its commit",)


def _incomparable(expected: str, shown: str, reported: Sequence[VersionField]) -> VersionJudgement:
    detail = f"{_values(reported)} cannot be compared with {quoted(expected)}"
    fix = "set `expected-version` to what the service reports, or let it report what is expected"
    return VersionJudgement(
        fits=True,
        version=shown,
        detail=detail,
        is_comparable=False,
        notes=(f"the version was not verified: {detail}; {fix}",),
    )


def _missing(expected: str, reported: Sequence[VersionField]) -> str:
    if not reported:
        return f"reports no version, {quoted(expected)} was expected"
    return f"another version answers: {_values(reported)}; {quoted(expected)} was expected"


def _values(reported: Sequence[VersionField]) -> str:
    return ", ".join(f"{one.field} {quoted(one.value)}" for one in reported[:3])
