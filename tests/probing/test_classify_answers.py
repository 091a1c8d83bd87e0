"""What health bodies and versions of many forms make of an answer."""

import json
import re
from pathlib import Path

import pytest

from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.model import Outcome, VersionRule, Witness
from tests.worlds.mock_web import found

VERDICTS = Path(__file__).parents[2] / "docs" / "verdicts.md"
_ROW = re.compile(r"\| `([^`]+)` \| `(\w+_body)` \|$", re.MULTILINE)
SHA = "0123456789abcdef0123456789abcdef01234567"


def asserts(path: str, value: object) -> tuple[Assertion, ...]:
    one = Assertion(subject=Subject.JSON, condition=Condition.EQUALS, name=path, expected=value)
    return (one,)


def test_the_documented_examples_are_judged_as_documented() -> None:
    examples = _ROW.findall(VERDICTS.read_text(encoding="utf-8"))

    assert len(examples) > 15
    assert {body: found(200, body).outcome.value for body, _ in examples} == dict(examples)


@pytest.mark.parametrize("witness", [Witness.API, Witness.SEARCH, Witness.STATS])
def test_only_the_health_endpoint_s_body_is_read(witness: Witness) -> None:
    body = '[{"id": 1, "status": "failed"}, {"status": "DOWN", "ok": false}]'

    assert found(200, body, witness=witness, reads_health=False).outcome is Outcome.OK


def test_an_accepted_status_of_another_2xx_does_not_hide_what_the_body_says() -> None:
    accepted = Assertion(
        subject=Subject.STATUS, condition=Condition.ONE_OF, expected=("200", "202")
    )
    sample = found(202, '{"status": "DOWN"}', assertions=(accepted,))

    assert (sample.outcome, sample.detail) == (
        Outcome.UNHEALTHY_BODY,
        'answers 202, but says status "DOWN"',
    )


def test_what_is_asserted_of_the_body_comes_before_an_unclear_word_and_a_single_check() -> None:
    unclear = '{"status": "purple"}'
    check = '{"db": "down"}'

    assert found(200, unclear).outcome is Outcome.DEGRADED_BODY
    assert found(200, unclear, assertions=asserts("$.status", "purple")).outcome is Outcome.OK
    assert found(200, check).outcome is Outcome.UNHEALTHY_BODY
    holds = found(200, check, assertions=asserts("$.db", "down"))
    fails = found(200, check, assertions=asserts("$.db", "up"))
    assert (holds.outcome, fails.outcome) == (Outcome.UNHEALTHY_BODY, Outcome.ASSERTION_FAILED)


@pytest.mark.parametrize(
    ("document", "outcome", "is_verified"),
    [
        ({"version": "sha-0123456"}, Outcome.OK, True),
        ({"version": "1.4.2"}, Outcome.OK, False),
        ({"version": "1.4.2", "commit": "fedcba9"}, Outcome.WRONG_VERSION, True),
        ({"version": "1.4.2", "status": "DOWN"}, Outcome.UNHEALTHY_BODY, False),
        ({"version": "1.4.2", "status": "purple"}, Outcome.DEGRADED_BODY, False),
    ],
)
def test_health_is_judged_where_the_version_cannot_be_compared(
    document: dict[str, str], outcome: Outcome, is_verified: bool
) -> None:
    body = json.dumps({"status": "ok"} | document)
    sample = found(200, body, version_rule=VersionRule(expected=SHA))

    assert (sample.outcome, sample.version) == (
        outcome,
        document.get("commit", document["version"]),
    )
    noted = any("the version was not verified" in note for note in sample.notes)
    assert noted is not is_verified


def test_the_detail_says_that_the_version_was_not_compared() -> None:
    sample = found(200, '{"version": "1.4.2"}', version_rule=VersionRule(expected="0123456"))

    assert sample.detail == 'answers 200; version "1.4.2" cannot be compared with "0123456"'


@pytest.mark.parametrize(
    ("body", "witness"),
    [
        ('<!doctype html><meta name="commit" content="0123456">', Witness.HEALTH),
        ('<!doctype html><meta name="commit" content="0123456">', Witness.VERSION),
        ("VERSION=1.4.2\nCOMMIT=0123456789ab\n", Witness.VERSION),
        ('["1.4.2", "sha-0123456"]', Witness.VERSION),
        ('[{"commit": "0123456"}]', Witness.HEALTH),
        ('"v1.4.2-7-g0123456"', Witness.VERSION),
    ],
)
def test_pages_files_and_lists_tell_a_version(body: str, witness: Witness) -> None:
    sample = found(200, body, witness=witness, version_rule=VersionRule(expected=SHA))

    assert sample.outcome is Outcome.OK
    assert not any("not verified" in note for note in sample.notes)
