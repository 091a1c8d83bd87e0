"""The verdict as an in-toto statement: about what was confirmed, and of nothing that is private."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slo_action.audit.statement import PREDICATE_TYPE, verdict_statement
from slo_action.core.model import Mode, Outcome, Release, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from tests.builders import always, drive, record, rolled_back
from tests.docs.pages import DOCS, first_cells

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AUDIT = "ab" * 32
STATEMENT_V1 = {
    "type": "object",
    "required": ["_type", "subject", "predicateType"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["digest"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "digest": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": False,
                        "properties": {
                            "sha256": {"pattern": "^[0-9a-f]{64}$"},
                            "gitCommit": {"pattern": "^[0-9a-f]{40}$"},
                        },
                    },
                },
            },
        },
        "predicateType": {"type": "string", "format": "uri"},
        "predicate": {"type": "object"},
    },
}
"""in-toto/attestation, spec/v1: statement.md, resource_descriptor.md, digest_set.md."""


def expecting(version: str | None, *, live: str | None = None, **changes: Any) -> AuditRecord:
    gate = drive(always(Outcome.OK), version=live or version)
    rule = VersionRule(expected=version)
    return record(gate, **{"policy": Policy(rule=rule), **changes})


def statement(of: AuditRecord) -> dict[str, Any]:
    found = verdict_statement(of, AUDIT)
    assert found is not None
    Draft202012Validator(STATEMENT_V1).validate(found)
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def subject(of: AuditRecord) -> dict[str, str]:
    (one,) = statement(of)["subject"]
    assert one["name"] == "dashboard"
    return one["digest"]  # type: ignore[no-any-return]


def test_a_verified_commit_is_the_subject() -> None:
    assert subject(expecting(COMMIT)) == {"gitCommit": COMMIT}


@pytest.mark.parametrize("version", [f"sha256:{DIGEST}", f"ghcr.io/org/shop:1.4.2@sha256:{DIGEST}"])
def test_a_verified_image_is_the_subject(version: str) -> None:
    assert subject(expecting(version)) == {"sha256": DIGEST}


def test_a_commit_that_only_the_service_reports_is_the_subject() -> None:
    assert subject(expecting(None, live=COMMIT)) == {"gitCommit": COMMIT}


def test_the_image_that_the_platform_names_is_the_subject() -> None:
    released = Release(version="v41", digest=f"sha256:{DIGEST}")

    assert subject(expecting(COMMIT, released=released)) == {"sha256": DIGEST}


@pytest.mark.parametrize(
    "version", ["v1.2.3", "main", COMMIT[:12], f"{COMMIT}-dirty", f"sha256:{DIGEST[:12]}", None]
)
def test_a_name_that_can_mean_another_thing_tomorrow_is_no_subject(version: str | None) -> None:
    assert verdict_statement(expecting(version), AUDIT) is None


def test_a_service_that_passed_by_another_kind_of_name_proves_no_commit() -> None:
    assert verdict_statement(expecting(COMMIT, live="v1.2.3"), AUDIT) is None


def test_a_rollback_by_hand_judges_no_deploy() -> None:
    assert verdict_statement(expecting(COMMIT, mode=Mode.ROLLBACK), AUDIT) is None


def test_a_bad_deploy_has_a_statement_of_what_failed() -> None:
    failed = replace(rolled_back(), policy=Policy(rule=VersionRule(expected=COMMIT)))
    found = statement(failed)

    assert found["subject"][0]["digest"] == {"gitCommit": COMMIT}
    assert found["predicate"]["verdict"] == "unhealthy"
    assert found["predicate"]["ending"] == failed.ending
    assert found["predicate"]["rolledBackTo"] == failed.rolled_back_to


def test_the_predicate_binds_the_audit_record_and_names_no_person_and_no_address() -> None:
    of = expecting(COMMIT, approver="ceo@company.example", url="https://internal.example")
    found = statement(of)

    assert found["predicateType"] == PREDICATE_TYPE
    assert found["predicate"]["auditRecord"]["digest"] == {"sha256": AUDIT}
    text = json.dumps(found)
    assert not [
        private for private in (of.approver, of.url, of.judgement.reason) if private in text
    ]


def test_the_page_describes_every_field_of_the_predicate() -> None:
    described = " ".join(first_cells(DOCS / "attestation.md"))

    assert [
        name for name in statement(expecting(COMMIT))["predicate"] if name not in described
    ] == []
