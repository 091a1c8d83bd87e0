"""What a version's name surely says, and what two names say of each other. Pure, never raises.

A name says an image digest, a commit, a release such as `1.4.2`, or nothing but its own text, and
often several of them: `shop:v1.4.2-7-g0123456@sha256:…`. Two names are compared by the most exact
of what both say. A release and a commit say nothing of each other.
"""

import re
from enum import StrEnum
from typing import NamedTuple

_LONGEST = 500
"""A longer name is compared as a text only."""
_WHOLE_COMMIT = 40
_NO_COMMIT = (32, 64)
"""Lengths of other hashes, such as MD5, SHA-256, and the ids of tasks and traces."""

_REF = re.compile(r"(?:refs/)?(?:tags|heads|remotes/[^/]+)/|origin/")
_DIGEST = re.compile(r"(?:^|@)sha256:([0-9a-f]{7,64})$")
_WHOLE_DIGEST = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"([a-z][a-z0-9_.-]*)[@:](.+)", re.DOTALL)
_PREFIX = re.compile(
    r"(?:(?:sha|git|commit|rev(?:ision)?|ver(?:sion)?|rel(?:ease)?|build|tag)[-_. :/]|#)"
    r"(?=v?\d|g?[0-9a-f]{7})"
)
_V = re.compile(r"v(?=\d)")
_DIRTY = re.compile(
    r"[-+._ ]\(?(?:dirty|modified|uncommitted|changes)\)?$|(?<=[0-9a-f])\.d20\d{6}$|"
    r"(?<=\+)dirty$"
)
_HEX = re.compile(r"(?<![0-9a-z])(g|sha|git)?([0-9a-f]{7,64})(?![0-9a-z])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STAMP = re.compile(r"20\d{6}|20\d{10}|20\d{12}|1\d{9}|1\d{12}")
"""Dates and times that stand beside a commit."""
_RELEASE = re.compile(
    r"(?:(?P<label>[a-z][a-z0-9_.-]{0,60}?)[-_/ ])?v?(?P<numbers>\d{1,9}(?:\.\d{1,9}){1,3})"
    r"(?:-(?P<distance>\d{1,9})-g[0-9a-f]{7,40}$)?(?P<rest>(?![\d.]\d).*)",
    re.DOTALL,
)
_NO_LABELS = frozenset(
    "sha git commit rev revision ver version v rel release build image tag id".split()  # noqa: SIM905
)
_BRANCHES = re.compile(
    r"(?:main|master|dev|develop|staging|stage|test|rc|pre|alpha|beta|snapshot|nightly|canary|"
    r"feature|fix|hotfix|pr)(?:[-_.]|$)"
)
"""What stands before the number of a release that is not that release."""
_PRERELEASE = re.compile(
    r"[-._~]?(?:rc|alpha|beta|a|b|c|pre|preview|snapshot|dev|next|canary|nightly|m|milestone|post)"
    r"[-._]?\d*(?:\.[0-9a-z]+)*"
)


class Comparison(StrEnum):
    """What two names say of each other; unsure where they are of different kinds."""

    SAME = "same"
    OTHER = "other"
    UNSURE = "unsure"


class Exactness(StrEnum):
    """By what two names were compared, the most exact first."""

    DIGEST = "digest"
    COMMIT = "commit"
    RELEASE = "release"
    TEXT = "text"


class ReleaseNumber(NamedTuple):
    """The parts of `1.4.2-rc.1+41`; `distance` counts commits since, as `git describe` does.

    `branch` is what stands before it where that makes it another one, such as `main-1.4.2`.
    """

    numbers: tuple[int, ...]
    distance: int
    suffix: str
    build: str
    branch: str


class VersionName(NamedTuple):
    """What a name says. `commit` and `digest` are empty, and `release` None, where it says none.

    `is_certain` separates a commit from other hexadecimal text: `1234567` may be a build's number.
    `text` is the name without what stands around it, and `label` what it is of, such as the
    image's name.
    """

    text: str
    label: str
    digest: str
    commit: str
    is_certain: bool
    release: ReleaseNumber | None
    is_dirty: bool


def read_name(name: str, *, is_commit: bool = False, is_opaque: bool = False) -> VersionName:
    """Return what a name says. `is_commit` where it is known to be one, `is_opaque` to be none."""
    bare = name.strip().strip("\"'`").strip().lower()
    if len(bare) > _LONGEST:
        return VersionName(bare, "", "", "", is_certain=False, release=None, is_dirty=False)
    bare = bare[reference.end() :] if (reference := _REF.match(bare)) else bare
    found = _DIGEST.search(bare)
    label, text = _labelled(bare[: found.start()] if found else bare)
    dirty = _DIRTY.search(text)
    text = text[: dirty.start()] if dirty else text
    plain, is_named_commit = _plain(text)
    commit, is_certain = _commit(plain, certain=is_commit or is_named_commit)
    release = _RELEASE.fullmatch(plain)
    if release and not _BRANCHES.match(release["label"] or ""):
        label = label or release["label"] or ""
    return VersionName(
        text=plain,
        label="" if label in _NO_LABELS else label,
        digest=found[1] if found else plain if _WHOLE_DIGEST.fullmatch(plain) else "",
        commit=commit,
        is_certain=is_certain and not (is_opaque and plain == commit),
        release=_release(release) if release else None,
        is_dirty=dirty is not None,
    )


def _labelled(bare: str) -> tuple[str, str]:
    """Split an image's or a project's name off: `o/shop:v1`, `shop@1.4.2`, `@scope/shop@1.4.2`."""
    last = bare.rpartition("/")[2]
    found = _LABEL.fullmatch(last)
    return (found[1], found[2]) if found else ("", last)


def _plain(text: str) -> tuple[str, bool]:
    """Return a text without `sha-`, `version ` and the like, and whether they name a commit."""
    is_commit = False
    while found := _PREFIX.match(text):
        is_commit = is_commit or found[0].startswith(("sha", "git", "commit", "rev"))
        text = text[found.end() :]
    return (text[1:] if _V.match(text) else text), is_commit


def _commit(text: str, *, certain: bool) -> tuple[str, bool]:
    """Return the only commit of a name, empty where none or several may be it, and if it is sure.

    One of digits only may be a number, and one of letters only a word.
    """
    found = {} if _UUID.search(text) else {one[2]: bool(one[1]) for one in _HEX.finditer(text)}
    described = [one for one in found if f"-g{one}" in text]
    others = described or [one for one in found if not _STAMP.fullmatch(one)] or list(found)
    commit = max(others, key=len, default="")
    if not commit or not all(commit.startswith(one) for one in others):
        return "", False
    is_mixed = not commit.isdigit() and not commit.isalpha()
    is_whole = len(commit) == _WHOLE_COMMIT or (commit == text and not commit.isdigit())
    is_sure = certain or found[commit] or is_mixed or is_whole
    return commit, is_sure and len(commit) not in _NO_COMMIT


def _release(found: re.Match[str]) -> ReleaseNumber:
    numbers = tuple(int(part) for part in found["numbers"].split("."))
    rest, _, build = _IN_BRACKETS.sub(r"+\1", found["rest"]).partition("+")
    return ReleaseNumber(
        numbers=numbers[:3] if numbers[3:] == (0,) else numbers,
        distance=int(found["distance"] or 0),
        suffix=_spelled(rest.strip(" ()")),
        build=build,
        branch=(found["label"] or "") if _BRANCHES.match(found["label"] or "") else "",
    )


_IN_BRACKETS = re.compile(r"^ \((\d+|[0-9a-f]{7,40})\)$")
"""A build or commit beside a release: `1.4.2 (0123456)`."""
_SHORT = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def _spelled(suffix: str) -> str:
    """Return a prerelease as Python's packages spell it (PEP 440): `-rc.1` is `rc1`."""
    if not _PRERELEASE.fullmatch(suffix):
        return suffix
    bare = re.sub(r"(?<!\d)[-._~]+|[-._~]+(?!\d)", "", suffix)
    return re.sub(r"^[a-z]+", lambda word: _SHORT.get(word[0], word[0]), bare)


def compare_names(one: VersionName, other: VersionName) -> tuple[Comparison, Exactness]:
    """Return what two names say of each other, and by what. Symmetric."""
    for how, compared in ((Exactness.DIGEST, _by_digest), (Exactness.COMMIT, _by_commit)):
        result = compared(one, other)
        if result is not Comparison.UNSURE:
            return result, how
    if one.text == other.text:
        is_same = bool(one.text) and not _of_two(one, other)
        how = Exactness.RELEASE if one.release else Exactness.TEXT
        return Comparison.SAME if is_same else Comparison.UNSURE, how
    may_be_one_commit = one.commit and other.commit and _begins(one.commit, other.commit)
    if _of_two(one, other) or may_be_one_commit:
        return Comparison.UNSURE, Exactness.TEXT
    if one.release and other.release:
        return _by_release(one.release, other.release), Exactness.RELEASE
    return _by_shape(one, other), Exactness.TEXT


def _of_two(one: VersionName, other: VersionName) -> bool:
    """`shop@1.4.2` says nothing of `cart@1.4.2`."""
    return bool(one.label and other.label) and one.label != other.label


def _by_digest(one: VersionName, other: VersionName) -> Comparison:
    """A bare hexadecimal text may be a digest's beginning, and is none where it is not."""
    both = one.digest and other.digest
    for left, right in ((one, other), (other, one)):
        found = right.digest or (right.commit if right.commit == right.text else "")
        if left.digest and found and _begins(left.digest, found):
            return Comparison.SAME
    return Comparison.OTHER if both else Comparison.UNSURE


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _by_commit(one: VersionName, other: VersionName) -> Comparison:
    if not (one.commit and other.commit):
        return Comparison.UNSURE
    sure = (one.is_certain, other.is_certain)
    if _begins(one.commit, other.commit) and any(sure):
        return Comparison.SAME
    return Comparison.OTHER if all(sure) else Comparison.UNSURE


def _by_release(a: ReleaseNumber, b: ReleaseNumber) -> Comparison:
    if a.numbers != b.numbers:
        return _by_numbers(a, b)
    if a.distance != b.distance:
        return Comparison.OTHER
    if a.suffix != b.suffix:
        return _by_suffix(a.suffix, b.suffix)
    if a.build and b.build and a.build != b.build:
        return _by_suffix(a.build, b.build)
    return Comparison.SAME if a.branch == b.branch else Comparison.UNSURE


def _by_numbers(a: ReleaseNumber, b: ReleaseNumber) -> Comparison:
    """`1.4` may be any `1.4.x`, `0.0.0-development` anything; `1.4.2-7-g…` may become `1.4.3`."""
    short, long = sorted((a.numbers, b.numbers), key=len)
    if len(short) < len(long) and long[: len(short)] == short:
        return Comparison.UNSURE
    newer, older = (a, b) if a.numbers > b.numbers else (b, a)
    may_have_become = older.distance > 0 and newer.distance == 0
    is_placeholder = not any(older.numbers)
    return Comparison.UNSURE if may_have_become or is_placeholder else Comparison.OTHER


def _by_suffix(one: str, other: str) -> Comparison:
    """`1.4.2-alpine` may be `1.4.2`; `1.4.2-rc.1` is not, and no `-41` is a `-42`."""
    is_clear = [not text or _PRERELEASE.fullmatch(text) is not None for text in (one, other)]
    numbers = [text.strip("-._").isdigit() for text in (one, other)]
    return Comparison.OTHER if all(is_clear) or all(numbers) else Comparison.UNSURE


_MOVABLE = re.compile(
    r"latest|stable|current|head|tip|main|master|trunk|dev|develop|development|test(?:ing)?|"
    r"stag(?:e|ing)|prod(?:uction)?|live|release|local|edge|nightly|snapshot|canary|beta|alpha|"
    r"default|unknown|undefined|unset|none|null|na|dirty"
)
"""Names of branches, environments and channels: any version may be called so, for a while."""
_RUN = re.compile(r"[0-9a-z]+")
_SHORTEST_ID = 8


def _by_shape(one: VersionName, other: VersionName) -> Comparison:
    """Two numbers, dates or ids of one form are two; so are two words such as blue and green."""
    if one.text.isalpha() and other.text.isalpha():
        is_movable = any(_MOVABLE.fullmatch(name.text) for name in (one, other))
        return Comparison.UNSURE if is_movable else Comparison.OTHER
    are_commits = all(name.commit and name.text != name.commit for name in (one, other))
    shapes = [_shape(name, is_commit=are_commits) for name in (one, other)]
    is_other = any(map(str.isdigit, shapes[0])) and shapes[0] == shapes[1]
    return Comparison.OTHER if is_other else Comparison.UNSURE


def _shape(name: VersionName, *, is_commit: bool) -> str:
    """Return a name with its numbers as `0`, and its ids as their length."""
    text = name.text.replace(name.commit, "0") if is_commit else name.text
    return _RUN.sub(lambda run: _shape_of(run[0]), text)


def _shape_of(run: str) -> str:
    if run.isdigit():
        return "0"
    is_id = len(run) >= _SHORTEST_ID and any(map(str.isdigit, run))
    return f"x{len(run)}" if is_id else re.sub(r"\d+", "0", run)
