"""Telling: everybody hears, nobody's deafness changes the verdict, local evidence comes first."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slo_action.audit.read import read_record
from slo_action.core.decision.decide import RollbackMode
from slo_action.core.model import Level, Outcome, Verdict, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import ArtifactError, GitHubError
from slo_action.evidence.directory import open_evidence
from slo_action.history.directory import HistoryDirectory
from slo_action.modes.publish import keep_verdicts, publish_record
from slo_action.modes.verify import verify
from slo_action.platforms.none import NoPlatform
from slo_action.ports import Ports, UploadedArtifact
from tests.builders import always
from tests.worlds.memory_ports import MemoryCheckRuns, VirtualRun

UPLOADED = UploadedArtifact(
    artifact_id="7", name="evidence", url="https://github.example/7", size_bytes=9, digest="x"
)


class Uploads:
    """An ArtifactStore that remembers what was on disk when it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[str] = []

    def upload(self, _name: str, root: Path, files: Sequence[Path]) -> UploadedArtifact:
        self.seen = [path.relative_to(root).as_posix() for path in files]
        if self.error:
            raise self.error
        return UPLOADED


@pytest.fixture
def stage(tmp_path: Path) -> VirtualRun:
    made = VirtualRun({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, live="v2")
    made.evidence = open_evidence(tmp_path, "run", Scrubber(), made.clock)  # type: ignore[assignment]
    return made


def finished(stage: VirtualRun) -> AuditRecord:
    return verify(stage.request(Policy(rule=VersionRule(expected="v2"))), stage.ports)


def with_uploads(stage: VirtualRun, uploads: Uploads) -> Ports:
    ports = stage.ports
    return Ports(
        **{
            name: getattr(ports, name) for name in Ports.__dataclass_fields__ if name != "artifacts"
        },
        artifacts=uploads,
    )


def test_the_statement_holds_the_digest_of_the_audit_record_on_disk(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    stage = VirtualRun({commit: always(Outcome.OK)}, live=commit)
    stage.evidence = open_evidence(tmp_path, "run", Scrubber(), stage.clock)  # type: ignore[assignment]
    record = verify(stage.request(Policy(rule=VersionRule(expected=commit))), stage.ports)
    publish_record(record, stage.ports, artifact_name="")

    (written,) = tmp_path.rglob("verification.intoto.json")
    audit = (written.parent / "audit.json").read_bytes()
    statement = json.loads(written.read_text(encoding="utf-8"))
    digest = statement["predicate"]["auditRecord"]["digest"]
    assert digest == {"sha256": hashlib.sha256(audit).hexdigest()}


def test_every_evidence_file_is_on_disk_before_the_upload_begins(stage: VirtualRun) -> None:
    uploads = Uploads()
    publish_record(finished(stage), with_uploads(stage, uploads), artifact_name="evidence")

    assert uploads.seen == [
        "audit.json",
        "journal.jsonl",
        "metrics.prom",
        "proofs/health/dashboard.log",
        "samples.jsonl",
        "summary.md",
    ]


def test_the_written_record_is_valid_and_holds_the_digest_of_each_file(stage: VirtualRun) -> None:
    publish_record(finished(stage), stage.ports, artifact_name="")
    document = read_record(stage.evidence.directory / "audit.json")
    digests = {entry.name: entry.sha256 for entry in document.evidence}
    found = {
        name: hashlib.sha256((stage.evidence.directory / name).read_bytes()).hexdigest()
        for name in digests
    }

    assert digests == found
    assert len(digests) == 4


def test_outputs_summary_annotations_and_check_run_state_the_same_ending(stage: VirtualRun) -> None:
    publish_record(finished(stage), stage.ports, artifact_name="")

    assert stage.outputs.values["ending"] == "rolled-back-verified"
    assert stage.outputs.values["rolled-back-to"] == "v1"
    assert "rolled back to v1" in stage.outputs.summary.splitlines()[0]
    assert stage.log.annotations[0].level is Level.ERROR
    assert stage.check_runs.published[0].conclusion == "failure"


def test_the_uploaded_evidence_is_linked_and_its_id_an_output(stage: VirtualRun) -> None:
    publish_record(finished(stage), with_uploads(stage, Uploads()), artifact_name="evidence")

    assert stage.outputs.values["artifact-id"] == "7"
    assert "https://github.example/7" in stage.outputs.summary


@pytest.mark.parametrize(
    "error", [ArtifactError("the quota is used up", hint="delete some"), ValueError("a bug")]
)
def test_an_upload_that_fails_is_a_warning_and_the_verdict_stands(
    stage: VirtualRun, error: Exception
) -> None:
    record = finished(stage)
    publish_record(record, with_uploads(stage, Uploads(error)), artifact_name="evidence")
    warnings = [a for a in stage.log.annotations if a.level is Level.WARNING]

    assert [w.title for w in warnings] == ["Not published: artifact"]
    assert record.judgement.verdict is Verdict.UNHEALTHY
    assert stage.outputs.values["verdict"] == "unhealthy"
    assert stage.check_runs.published


def test_the_expected_version_is_kept_where_no_platform_names_releases(
    stage: VirtualRun, tmp_path: Path
) -> None:
    record = replace(finished(stage), released=None)
    history = HistoryDirectory(tmp_path, "kept")

    keep_verdicts(record, history, stage.log)

    judged, restored = history.verdicts("dashboard")
    assert (judged.version, judged.verdict) == ("v2", Verdict.UNHEALTHY)
    assert (restored.version, restored.verdict) == ("v1", Verdict.HEALTHY)


def test_where_no_version_is_known_the_log_says_that_no_verdict_is_kept(tmp_path: Path) -> None:
    silent = VirtualRun({"v1": always(Outcome.CONNECT_REFUSED)}, live="v1")
    request = silent.request(Policy(rollback=RollbackMode.OFF))
    record = verify(request, replace(silent.ports, platform=NoPlatform()))

    keep_verdicts(record, HistoryDirectory(tmp_path, "kept"), silent.log)

    assert "set expected-version" in silent.log.lines[-1]


def test_a_token_that_may_not_create_check_runs_is_no_warning(stage: VirtualRun) -> None:
    stage.check_runs = MemoryCheckRuns(GitHubError("HTTP 403", hint="grant it", forbidden=True))
    publish_record(finished(stage), stage.ports, artifact_name="")

    assert all(a.level is not Level.WARNING for a in stage.log.annotations)
    assert any("no check run" in line for line in stage.log.lines)


def test_github_being_down_is_a_warning(stage: VirtualRun) -> None:
    stage.check_runs = MemoryCheckRuns(GitHubError("HTTP 502", hint="later"))
    publish_record(finished(stage), stage.ports, artifact_name="")

    assert any(a.title == "Not published: check run" for a in stage.log.annotations)


def test_a_disk_that_is_full_in_the_end_leaves_outputs_and_summary() -> None:
    stage = VirtualRun({"v1": always(Outcome.OK)}, live="v1")
    record = verify(stage.request(), stage.ports)
    stage.evidence.is_full = True
    publish_record(record, stage.ports, artifact_name="")

    assert stage.outputs.values["verdict"] == "healthy"
    assert stage.outputs.summary
    assert any(a.title == "Not published: evidence" for a in stage.log.annotations)


def test_a_run_that_was_stopped_writes_everything_but_uploads_nothing(stage: VirtualRun) -> None:
    stage.deploy.at(3.0, stage.interrupts.arrive)
    uploads = Uploads()
    publish_record(finished(stage), with_uploads(stage, uploads), artifact_name="evidence")

    assert uploads.seen == []
    assert stage.check_runs.published == []
    assert json.loads((stage.evidence.directory / "audit.json").read_text())["interrupted"]
    assert stage.outputs.values["ending"] == "undecided"
