"""A secret that is a common word or number breaks nothing that leaves, and is in none of it."""

import json
from base64 import b64encode
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from slo_action.audit.read import read_record
from slo_action.core.model import Cause, Ending, Outcome, Verdict
from slo_action.core.record.record import AuditRecord
from slo_action.modes.replay import replay
from slo_action.modes.verify import verify
from tests.builders import always
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.openmetrics import parsed
from tests.worlds.published import Published, publish_all
from tests.worlds.rendered import rendered
from tests.worlds.runner_files import read_pairs

COMMON = (
    *("0000", "1000", "2026", "null", "true", "false", "json", "audit", "dashboard", "slo-verify"),
    *("unhealthy", "healthy", "http_5xx", "rolled-back-verified", "health-check-failure", "sha256"),
    *("details", "table", "summary", "schema_version", "slo_verify", "verdict", "restore", "200."),
)


@cache
def rolled_back() -> AuditRecord:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, live="v2")
    return verify(stage.request(), stage.ports)


@cache
def published(*secrets: str) -> tuple[Published, dict[str, str]]:
    with TemporaryDirectory() as workspace:
        surfaces = publish_all(rolled_back(), Path(workspace), *secrets)
        return surfaces, dict(read_pairs(surfaces.outputs))


def outputs_of(*secrets: str) -> dict[str, str]:
    return published(*secrets)[1]


@pytest.mark.parametrize("secret", COMMON)
def test_it_changes_no_output_but_the_sentence(secret: str) -> None:
    plain, found = outputs_of(), outputs_of(secret)

    assert {name for name in plain if found[name] != plain[name]} <= {"reason", "audit"}
    assert found["verdict"] in set(Verdict)
    assert found["cause"] in set(Cause)
    assert found["ending"] in set(Ending)
    assert json.loads(found["audit"]).keys() == json.loads(plain["audit"]).keys()


@pytest.mark.parametrize("secret", COMMON)
def test_its_audit_is_read_and_judged_again(secret: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(published(secret)[0].files["audit.json"], encoding="utf-8")

    assert replay(read_record(path)).judgement.verdict is Verdict.UNHEALTHY


@pytest.mark.parametrize("secret", COMMON)
def test_its_other_files_keep_their_names_and_their_form(secret: str) -> None:
    plain, surfaces = published()[0], published(secret)[0]

    assert surfaces.files.keys() == plain.files.keys()
    assert parsed(surfaces.files["metrics.prom"]) == parsed(plain.files["metrics.prom"])
    assert rendered(surfaces.summary).unclosed == []
    assert rendered(surfaces.summary).elements == rendered(plain.summary).elements
    for line in surfaces.files["journal.jsonl"].splitlines():
        assert json.loads(line).keys() == {"at", "step"}


def test_a_real_secret_is_in_nothing_that_leaves_in_whatever_form() -> None:
    """The service's name and the address hold it, as does every sentence that names them."""
    secret = "dashboard.example"

    surfaces, _ = published(secret)

    told = [surfaces.outputs, surfaces.summary, *surfaces.files.values(), str(surfaces.check_runs)]
    log = [line for line in surfaces.log.splitlines() if not line.startswith("::add-mask::")]
    for text in (*told, *log):
        assert secret not in text
        assert b64encode(secret.encode()).decode().rstrip("=") not in text
        assert "dashboard&#46;example" not in text
