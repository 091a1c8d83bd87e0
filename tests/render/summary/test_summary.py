"""The job summary: what a reviewer sees, in which order, and what gives way when it is too long."""

import html
import json
import re
from dataclasses import replace

import pytest

from slo_action.audit.write import audit_document
from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import Ending, ObservationKind, Outcome, Phases, Release
from slo_action.core.record.record import AuditRecord
from slo_action.render.endings import next_steps
from slo_action.render.summary.summary import LIMIT_BYTES, summary
from tests.builders import always, drive, judged, observation, record, rolled_back
from tests.render.test_endings import RECORDS
from tests.worlds.rendered import Page, rendered

PHASES = Phases(connect_seconds=0.01, processing_seconds=0.04)


def text_of(run: AuditRecord, evidence_url: str = "") -> str:
    return summary(run, audit_document(run), evidence_url)


def page_of(run: AuditRecord, evidence_url: str = "") -> Page:
    return rendered(text_of(run, evidence_url))


def endless() -> AuditRecord:
    """Ten thousand looks, far more than a gate allows."""
    looks = tuple(observation(Outcome.HTTP_5XX, float(n)) for n in range(10_000))
    gate = Gate(policy=GatePolicy(), begun_seconds=0.0, observations=looks)
    return record(gate, judgement=judged(drive(always(Outcome.HTTP_5XX))))


def test_the_sections_come_in_the_order_a_reviewer_reads() -> None:
    page = page_of(rolled_back())

    assert [heading.split(":")[0] for heading in page.headings[1:]] == [
        "What next",
        "Health gate",
        "Slowest answer",
        "Rollback",
    ]
    assert "dashboard v1.2.3 failed; rolled back to v1.2.2" in page.headings[0]
    assert text_of(rolled_back()).startswith("## ↩️ ")


def test_the_headline_is_followed_by_the_reason() -> None:
    lines = text_of(record()).splitlines()

    assert lines[0] == "## ✅ dashboard is verified healthy"
    assert lines[2].startswith("**Why:** 3 health checks in a row passed")


@pytest.mark.parametrize(
    ("ending", "target", "decision"),
    [
        (Ending.VERIFIED, None, "keep"),
        (Ending.NOT_ROLLED_BACK, None, "stand-down"),
        (Ending.ROLLED_BACK_VERIFIED, None, "roll-back"),
        (Ending.ROLLED_BACK_VERIFIED, Release(version="v1"), "roll-back to v1"),
    ],
)
def test_the_decision_does_not_repeat_what_the_reason_says(
    ending: Ending, target: Release | None, decision: str
) -> None:
    run = RECORDS[ending]
    page = text_of(replace(run, decision=replace(run.decision, target=target)))
    row = next(line for line in page.splitlines() if "Decision" in line)

    assert html.unescape(re.sub("<[^>]+>", "", row)) == f"| Decision | {decision} |"


def test_the_squares_show_every_observation_in_time_order() -> None:
    run = record(drive(always(Outcome.OK)))
    failing = rolled_back()
    looks = len(failing.gate.observations)
    peeks = sum(1 for o in failing.gate.observations if o.kind is ObservationKind.PEEK)

    assert "🟩🟩🟩\n\n<sub>3 attempts and 0 peeks" in text_of(run)
    assert f"{'🟥' * looks}\n\n<sub>{looks - peeks} attempts and {peeks} peeks" in text_of(failing)


def test_what_next_lists_the_steps_and_is_left_out_where_there_are_none() -> None:
    run = rolled_back()

    assert all(step in page_of(run).prose for step in next_steps(run))
    assert "What next" not in text_of(record())


def test_the_slowest_answer_shows_its_phases_with_bars() -> None:
    page = page_of(record(drive(always(Outcome.OK), phases=PHASES)))

    assert "Slowest answer: 50 ms" in page.headings
    assert ["connect", "10.0 ms", "█████···················"] in page.rows
    assert ["processing", "40.0 ms", "███████████████████·····"] in page.rows


def test_a_slowest_probe_that_was_never_answered_has_no_phases() -> None:
    assert "No answer." in text_of(record(drive(always(Outcome.CONNECT_REFUSED))))


def test_an_attempt_is_a_row_with_time_result_answer_and_version() -> None:
    page = page_of(record(drive(always(Outcome.OK), version="v2", detail="answers 200")))

    assert ["at", "kind", "result", "answer", "took", "version"] in page.rows
    assert [
        "5.0\u00a0s",
        "attempt",
        "✅\u00a0passed",
        "ok answers 200",
        "50\u00a0ms",
        "v2",
    ] in page.rows


@pytest.mark.parametrize("run", [record(), rolled_back(), rolled_back(after=Outcome.HTTP_5XX)])
def test_every_row_of_a_table_has_as_many_cells_as_its_header(run: AuditRecord) -> None:
    rows = [line for line in text_of(run).splitlines() if line.startswith("| ")]
    widths: list[set[int]] = []
    for row, following in zip(rows, [*rows[1:], ""], strict=True):
        if following.startswith("| ---"):
            widths.append(set())
        widths[-1].add(row.replace("&#124;", "").count("|"))

    assert len(widths) >= 2
    assert all(len(width) == 1 for width in widths)


def test_the_rollback_s_output_and_its_verification_are_shown() -> None:
    page = page_of(rolled_back(output="restoring\ndone"))

    assert "restoring\ndone\n" in page.code
    assert "Verified by the same gate: " in page.prose
    assert ["0.0\u00a0s", "attempt", "✅\u00a0passed"] in [row[:3] for row in page.rows]


def test_only_the_end_of_a_long_output_is_shown() -> None:
    page = page_of(rolled_back(output="\n".join(f"line {n}" for n in range(1000))))

    assert page.code[0].splitlines() == [f"line {n}" for n in range(940, 1000)]


def test_the_audit_record_is_folded_and_whole() -> None:
    run = rolled_back()
    page = page_of(run)

    assert json.loads(page.code[-1]) == audit_document(run)
    assert [tag for tag, _ in page.elements].count("details") == 3
    assert "Audit record (JSON)" in page.prose


def test_the_evidence_is_linked_once_it_is_uploaded() -> None:
    link = ("a", (("href", "https://github.example/a/7"),))

    assert link in page_of(record(), "https://github.example/a/7").elements
    assert "a" not in [tag for tag, _ in page_of(record()).elements]


def test_a_note_stands_out() -> None:
    assert "> [!NOTE]\n> IPv6 only" in text_of(
        record(drive(always(Outcome.OK), notes=("IPv6 only",)))
    )


def test_a_run_that_was_stopped_says_so() -> None:
    assert "stopped by <code>SIGTERM</code>" in text_of(record(interrupted="SIGTERM"))


def test_ten_thousand_observations_fit_and_what_was_cut_is_said() -> None:
    text = summary(endless(), audit_document(record()))

    assert len(text.encode()) <= LIMIT_BYTES
    assert "*Cut to stay within the summary's limit: the rest is in the evidence" in text
    assert text.startswith("## ")
    assert "**Why:** " in text
    assert rendered(text).unclosed == []


def test_the_audit_gives_way_before_anything_else() -> None:
    audit = {"filling": "x" * LIMIT_BYTES}
    text = summary(rolled_back(), audit)

    assert "Cut to stay" in text
    assert "Audit record" not in text
    assert "### Rollback" in text


def test_even_endless_texts_fit() -> None:
    words = "<&>" * 30_000
    run = rolled_back(to=words, service=words, url=words, deployment_id=words, approver=words)

    assert len(summary(run, {}).encode()) <= LIMIT_BYTES
