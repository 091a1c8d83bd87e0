"""Assertions in words, and how those of two versions differ."""

import json
from collections.abc import Iterator, Sequence

from slo_action.core.journey.assertions import Assertion, Condition, Subject
from slo_action.core.slo_diff.change import Change, Fact, compared, paired

_SUBJECTS = {Subject.STATUS: "status", Subject.BODY: "body", Subject.CERTIFICATE: "certificate"}
_CONDITIONS = {
    Condition.ONE_OF: "is",
    Condition.EQUALS: "equals",
    Condition.NOT_EQUALS: "does not equal",
    Condition.MATCHES: "matches",
    Condition.LACKS: "lacks",
    Condition.EXISTS: "exists",
    Condition.ABSENT: "is absent",
    Condition.ABOVE: "is above",
    Condition.BELOW: "is below",
}


def assertion_words(assertion: Assertion) -> str:
    """Return the demand in words, such as `JSON $.status equals "ok"`. Untrusted."""
    if assertion.subject is Subject.CERTIFICATE:
        return f"certificate valid for {_value(assertion.expected)} days more"
    said = f"{_subject(assertion)} {_CONDITIONS[assertion.condition]}"
    return said if assertion.expected is None else f"{said} {_value(assertion.expected)}"


def assertion_changes(
    service: str, where: str, before: Sequence[Assertion], after: Sequence[Assertion]
) -> Iterator[Change]:
    """Yield what is asserted otherwise; their order does not matter.

    `where` says of what. One more is stricter, one less looser.
    """
    fact = Fact(what=f"{where} assertion", words=assertion_words, order=_order, absent=1)
    old = [one for one in before if one not in after]
    new = [one for one in after if one not in before]
    for left, right in paired(old, new, _about):
        yield from compared(service, fact, left, right)


def _about(assertion: Assertion) -> tuple[Subject, str]:
    return assertion.subject, assertion.name


def _subject(assertion: Assertion) -> str:
    if assertion.subject in _SUBJECTS:
        return _SUBJECTS[assertion.subject]
    kind = "JSON" if assertion.subject is Subject.JSON else "header"
    return f"{kind} {assertion.name}"


def _value(expected: object) -> str:
    if isinstance(expected, tuple):
        return " or ".join(map(str, expected))
    return json.dumps(expected, ensure_ascii=False, default=str)


def _order(before: Assertion, after: Assertion) -> int:
    """A lower bound that falls, an upper one that rises, and more statuses let more pass."""
    if before.condition is not after.condition:
        return 0
    old, new = before.expected, after.expected
    if before.condition is Condition.ONE_OF and isinstance(old, tuple) and isinstance(new, tuple):
        return (set(old) < set(new)) - (set(new) < set(old))
    if isinstance(old, int | float) and isinstance(new, int | float):
        more = (new > old) - (new < old)
        return {Condition.ABOVE: -more, Condition.BELOW: more}.get(before.condition, 0)
    return 0
