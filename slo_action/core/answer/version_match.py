"""Whether the version that answers is the one that should."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slo_action.core.answer.version_fields import VersionField, VersionKind
from slo_action.core.model import VersionRule
from slo_action.core.text.quoting import quoted

_SHORTEST_COMMIT = 7
_HEX = re.compile(r"[0-9a-f]+")
_VERSIONED = re.compile(r"[vV](?=\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudgement:
    """Whether the right version answers. `version` is the told value to show, None if none.

    `detail` is a fact in words and quotes the target: untrusted.
    """

    fits: bool
    version: str | None
    detail: str


def matches(expected: str, told: str) -> bool:
    """Tell whether two names mean one version. Symmetric.

    They do when equal but for blanks and a leading `v`; when one abbreviates the other's commit
    or digest (at least 7 hex digits, not digits only: those are build numbers); and when the
    digest or the tag of an image reference does.
    """
    return any(_same(one, other) for one in _forms(expected) for other in _forms(told))


def _forms(name: str) -> tuple[str, ...]:
    bare = name.strip()
    plain = _unversioned(bare)
    forms = [plain]
    reference, _, digest = plain.rpartition("sha256:")
    if digest and (not reference or reference.endswith("@")):
        forms.append(digest)
    last = reference.rstrip("@").rpartition("/")[2] if reference else plain.rpartition("/")[2]
    if ("/" in plain or reference) and ":" in last:
        tag = last.rpartition(":")[2]
        forms.append(_unversioned(tag))
    return tuple(form for form in forms if form)


def _unversioned(name: str) -> str:
    return name[1:] if _VERSIONED.match(name) else name


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = sorted((one.lower(), other.lower()), key=len)
    if not (_HEX.fullmatch(short) and _HEX.fullmatch(long)):
        return False
    return len(short) >= _SHORTEST_COMMIT and not long.isdigit() and long.startswith(short)


def judge_version(rule: VersionRule, told: Sequence[VersionField]) -> VersionJudgement:
    """Judge what an answer tells. One fitting value is enough, a rejected one spoils it.

    Where the expected value is a commit or digest it outranks the rejection: two releases may
    share a version number. An answer that tells nothing is wrong where a version is expected,
    and right where one is only rejected: it is not seen to be the rejected one.
    """
    shown = _shown(rule.expected, told)
    expected = _matching(rule.expected, told)
    rejected = _matching(rule.rejected, told)
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
        return VersionJudgement(fits=False, version=shown, detail=_missing(rule.expected, told))
    said = "tells no version" if shown is None else f"version {quoted(shown)} answers"
    return VersionJudgement(fits=True, version=shown, detail=said)


def _matching(wanted: str | None, told: Sequence[VersionField]) -> VersionField | None:
    if wanted is None:
        return None
    return next((one for one in told if matches(wanted, one.value)), None)


def _is_exact(name: str) -> bool:
    """Tell whether a name is a commit or a digest, which no two builds share."""
    hexes = [form.lower() for form in _forms(name) if len(form) >= _SHORTEST_COMMIT]
    return any(_HEX.fullmatch(form) and not form.isdigit() for form in hexes)


def _shown(expected: str | None, told: Sequence[VersionField]) -> str | None:
    """Return the value that compares best with what was expected."""
    order = list(VersionKind)
    if expected and _is_exact(expected):
        wanted = VersionKind.DIGEST if "sha256:" in expected else VersionKind.COMMIT
        order.sort(key=lambda kind: kind is not wanted)
    return min(told, key=lambda one: order.index(one.kind)).value if told else None


def _missing(expected: str, told: Sequence[VersionField]) -> str:
    if not told:
        return f"tells no version, {quoted(expected)} was expected"
    values = ", ".join(f"{one.field} {quoted(one.value)}" for one in told[:3])
    return f"another version answers: {values}; {quoted(expected)} was expected"
