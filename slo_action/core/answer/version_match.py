"""Whether the version that answers is the one that should. Pure, and never raises."""

from collections.abc import Sequence
from dataclasses import dataclass

from slo_action.core.answer.version_fields import VersionField, VersionKind
from slo_action.core.answer.version_names import (
    Comparison,
    Exactness,
    VersionName,
    compare_names,
    read_name,
)
from slo_action.core.model import VersionRule
from slo_action.core.text.quoting import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudgement:
    """Whether the right version answers. `version` is the value to show, None if none.

    `is_comparable` is False where what answers can be neither the expected version nor another
    one, as far as their names say: it is then not the wrong version, and not verified. `detail` and
    `notes` are facts in words and quote the target: untrusted.
    """

    fits: bool
    version: str | None
    detail: str
    is_comparable: bool = True
    notes: tuple[str, ...] = ()


def matches(expected: str, told: str) -> bool:
    """Tell whether two names surely mean one version. Symmetric."""
    return compare(expected, told) is Comparison.SAME


def compare(one: str, other: str) -> Comparison:
    """Tell whether two names mean one version, two, or cannot be compared. Symmetric."""
    return compare_names(read_name(one), read_name(other))[0]


def is_unverified(rule: VersionRule, version: str | None) -> bool:
    """Tell whether an answer that is not the wrong version is not the expected one for sure."""
    return rule.expected is not None and version is not None and not matches(rule.expected, version)


def judge_version(rule: VersionRule, told: Sequence[VersionField]) -> VersionJudgement:
    """Judge what an answer tells. One fitting value is enough, a rejected one spoils it.

    The most exact value decides, such as a commit before a release. Where the expected value is a
    commit or digest it outranks the rejection: two releases may share a version number. An answer
    that tells nothing is wrong where a version is expected, and right where one is only rejected:
    it is not seen to be the rejected one.
    """
    shown = _shown(rule.expected, told)
    result, fitting = _compared(rule.expected, told)
    rejected = _compared(rule.rejected, told)[1]
    if rejected and not (fitting and _is_exact(rule.expected or "")):
        detail = f"the rejected version {quoted(rejected.value)} answers"
        return VersionJudgement(fits=False, version=rejected.value, detail=detail)
    if fitting:
        detail = f"version {quoted(fitting.value)} answers"
        notes = _dirty(fitting)
        return VersionJudgement(fits=True, version=fitting.value, detail=detail, notes=notes)
    if rule.expected is not None and result is Comparison.UNSURE and shown is not None:
        return _incomparable(rule.expected, shown, told)
    if rule.expected is not None:
        return VersionJudgement(fits=False, version=shown, detail=_missing(rule.expected, told))
    said = "tells no version" if shown is None else f"version {quoted(shown)} answers"
    return VersionJudgement(fits=True, version=shown, detail=said)


def _compared(
    wanted: str | None, told: Sequence[VersionField]
) -> tuple[Comparison, VersionField | None]:
    """Return what the most exact comparison says, and the fitting value; None where none fits."""
    if wanted is None:
        return Comparison.UNSURE, None
    name, order = read_name(wanted), list(Exactness)
    found = [(compare_names(name, _name(one)), one) for one in told]
    sure = [(pair, one) for pair, one in found if pair[0] is not Comparison.UNSURE]
    if not sure:
        return Comparison.UNSURE, None
    best = min(order.index(exactness) for (_, exactness), _ in sure)
    decides = [(result, one) for (result, how), one in sure if order.index(how) == best]
    fitting = next((one for result, one in decides if result is Comparison.SAME), None)
    return (Comparison.SAME if fitting else Comparison.OTHER), fitting


def _name(told: VersionField) -> VersionName:
    """Return what a value says: a build's id is no commit, though it may look like one."""
    is_commit = told.kind is VersionKind.COMMIT
    is_opaque = told.kind in {VersionKind.BUILD, VersionKind.DIGEST}
    return read_name(told.value, is_commit=is_commit, is_opaque=is_opaque)


def _is_exact(name: str) -> bool:
    """Tell whether a name is of a commit or a digest, which no two builds share."""
    read = read_name(name)
    return bool(read.digest or (read.commit and read.is_certain))


def _shown(expected: str | None, told: Sequence[VersionField]) -> str | None:
    """Return the value that compares best with what was expected."""
    order = list(VersionKind)
    if expected and _is_exact(expected):
        wanted = VersionKind.DIGEST if read_name(expected).digest else VersionKind.COMMIT
        order.sort(key=lambda kind: kind is not wanted)
    return min(told, key=lambda one: order.index(one.kind)).value if told else None


def _dirty(told: VersionField) -> tuple[str, ...]:
    if not read_name(told.value).is_dirty:
        return ()
    return (f"version {quoted(told.value)} was built with changes that are not in its commit",)


def _incomparable(expected: str, shown: str, told: Sequence[VersionField]) -> VersionJudgement:
    detail = f"{_values(told)} cannot be compared with {quoted(expected)}"
    fix = "give `expected-version` what the service tells, or let it tell what is expected"
    return VersionJudgement(
        fits=True,
        version=shown,
        detail=detail,
        is_comparable=False,
        notes=(f"the version was not verified: {detail}; {fix}",),
    )


def _missing(expected: str, told: Sequence[VersionField]) -> str:
    if not told:
        return f"tells no version, {quoted(expected)} was expected"
    return f"another version answers: {_values(told)}; {quoted(expected)} was expected"


def _values(told: Sequence[VersionField]) -> str:
    return ", ".join(f"{one.field} {quoted(one.value)}" for one in told[:3])
