"""What every Evidence promises, the one in memory as well as the one on disk."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo_action.core.text.secrets import Scrubber
from slo_action.evidence.directory import open_evidence
from slo_action.ports import Evidence
from tests.sizes import sized
from tests.worlds.memory_evidence import MemoryEvidence
from tests.worlds.virtual_clock import VirtualClock


@dataclass(frozen=True)
class Subject:
    evidence: Evidence
    scrubber: Scrubber
    text: Callable[[str], str]


def _memory(_workspace: Path) -> Subject:
    scrubber = Scrubber()
    evidence = MemoryEvidence(scrubber=scrubber)
    return Subject(evidence, scrubber, lambda name: evidence.texts[name])


def _disk(workspace: Path) -> Subject:
    scrubber = Scrubber()
    evidence = open_evidence(workspace, "run", scrubber, VirtualClock())
    return Subject(
        evidence,
        scrubber,
        lambda name: (evidence.directory / name).read_bytes().decode("utf-8"),
    )


@pytest.fixture(params=[_memory, _disk], ids=["memory", "disk"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


def test_a_written_file_is_where_it_says(subject: Subject) -> None:
    path = subject.evidence.write("proofs/health/api.log", "one\n")

    assert path == subject.evidence.directory / "proofs/health/api.log"
    assert subject.text("proofs/health/api.log") == "one\n"


def test_a_file_written_again_is_replaced_whole(subject: Subject) -> None:
    subject.evidence.write("audit.json", "a long first text")
    subject.evidence.write("audit.json", "short")

    assert subject.text("audit.json") == "short"


def test_what_is_appended_follows_what_was_there(subject: Subject) -> None:
    subject.evidence.append("samples.jsonl", "1\n")
    subject.evidence.append("samples.jsonl", "2\n3\n")

    assert subject.text("samples.jsonl") == "1\n2\n3\n"


def test_secrets_learned_before_a_write_are_not_in_it(subject: Subject) -> None:
    subject.scrubber.learn("hunter22")

    subject.evidence.write("a", "pass=hunter22")
    subject.evidence.append("b", "pass=hunter22\n")
    subject.evidence.journal("use hunter22")

    texts = [subject.text(name) for name in ("a", "b", "journal.jsonl")]
    assert not any("hunter22" in text for text in texts)
    assert all("***" in text for text in texts)


def test_the_journal_is_json_lines_with_time_and_step(subject: Subject) -> None:
    subject.evidence.journal("first")
    subject.evidence.journal("a\nb\u2028")

    entries = [json.loads(line) for line in subject.text("journal.jsonl").split("\n") if line]
    assert [entry["step"] for entry in entries] == ["first", "a\nb\u2028"]
    assert all(set(entry) == {"at", "step"} for entry in entries)


def test_the_files_are_listed_sorted_and_once(subject: Subject) -> None:
    for name in ("z", "a/b", "z"):
        subject.evidence.append(name, "x")

    assert subject.evidence.files() == tuple(
        subject.evidence.directory / name for name in ("a/b", "z")
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=sized(12, 40))
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_kept_to_the_byte(subject: Subject, text: str) -> None:
    subject.evidence.write("a", text)

    assert subject.text("a") == text


def test_even_a_lone_surrogate_does_not_stop_the_evidence(subject: Subject) -> None:
    subject.evidence.write("a", "x\ud800y")

    assert subject.text("a").startswith("x")
