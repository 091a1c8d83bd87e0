"""Machines, plans and certificates as a reader gets them; whatever a platform says is inert."""

import re
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome, Release, RollbackStep, RunIdentity, Verdict, VersionRule
from slo_action.core.record.record import AuditRecord, MachineRestart, Verification
from slo_action.core.release.baseline import (
    Baseline,
    Prepared,
    Proof,
    ProofState,
    StreamBaseline,
    WayBackState,
)
from slo_action.core.release.fleet import CheckStatus, Fleet, Machine, MachineExit, PlatformCheck
from slo_action.core.release.rollback_plan import MachineAction, MachineStep, RollbackPlan
from slo_action.core.text.quoting import printable
from slo_action.render.outputs import output_values
from slo_action.render.plan import plan_lines
from slo_action.render.summary.prepared import (
    prepared_annotation,
    prepared_headline,
    prepared_outputs,
    prepared_summary,
)
from slo_action.render.summary.summary import summary
from tests.builders import (
    DEPLOYED_AT,
    always,
    drive,
    judged,
    observed,
    record,
    rolled_back,
    sample,
    watched,
)
from tests.hostile import CORPUS
from tests.worlds.rendered import Page, rendered

NEW, OLD = "sha256:" + "b" * 64, "sha256:" + "a" * 64
V43, V42 = Release(version="v43", digest=NEW), Release(version="v42", digest=OLD)


PASSING = PlatformCheck(name="http", status=CheckStatus.PASSING)


def machine(name: str, **changes: Any) -> Machine:
    values: dict[str, Any] = {"region": "ams", "release": "v43", "digest": NEW}
    return Machine(name=name, **{**values, **changes})


def fleet(*machines: Machine, **changes: Any) -> Fleet:
    values: dict[str, Any] = {"release": V43, "status": "complete"}
    return Fleet(app="shop", taken_at=DEPLOYED_AT, machines=machines, **{**values, **changes})


def shown(run: AuditRecord) -> Page:
    return rendered(summary(run, audit_document(run)))


def row_of(page: Page, name: str) -> list[str]:
    return next(row for row in page.rows if row[0] == name)


def test_the_table_shows_which_release_each_machine_runs_and_how_well() -> None:
    run = record(
        fleet=fleet(
            machine(
                "m1",
                checks=(PlatformCheck(name="http", status=CheckStatus.PASSING),),
                checks_expected=1,
            ),
            machine(
                "m2",
                region="fra",
                digest=OLD,
                release="v42",
                checks=(PlatformCheck(name="http", status=CheckStatus.CRITICAL, output="500"),),
                checks_expected=2,
                exits=(MachineExit(at=DEPLOYED_AT, exit_code=137, oom_killed=True),),
                restarts=3,
            ),
        )
    )
    page = shown(run)

    assert "1/2 on v43, 1/2 (fra m2) on v42" in page.prose
    assert row_of(page, "m1")[2:6] == [
        "✅\u00a0v43 (bbbbbbbbbbbb)",
        "started",
        "not probed",
        "✅\u00a01 of 1 passing",
    ]
    assert row_of(page, "m2")[5:] == [
        "❌\u00a00 of 2 passing: 500",
        "exit code 137, out of memory, 3 restarts",
    ]


def test_a_machines_probes_are_the_windows_where_it_was_probed_there() -> None:
    window = watched(
        {"health@m2": lambda now: Outcome.HTTP_5XX if now > 60 else Outcome.OK},
        endpoints=("health@m1", "health@m2"),
    )
    page = shown(observed(window, fleet=fleet(machine("m1"), machine("m2"))))

    assert row_of(page, "m1")[4].startswith("✅\u00a00 of ")
    assert row_of(page, "m2")[4].startswith("❌\u00a0")


def test_of_the_gate_alone_the_attempts_are_counted() -> None:
    gate = drive(always(Outcome.HTTP_5XX), machine="m1")
    page = shown(record(gate, fleet=fleet(machine("m1"))))

    assert re.fullmatch(r"❌\u00a0(\d+) of \1 failed; last http_5xx", row_of(page, "m1")[4])


def test_machines_that_do_not_serve_are_counted_and_not_listed() -> None:
    page = shown(
        record(fleet=fleet(machine("m1"), machine("m2", is_standby=True, state="stopped")))
    )

    assert "Not counted: 1 on standby (1 stopped)" in page.prose
    assert all(row[0] != "m2" for row in page.rows)


def test_sixty_machines_are_shown_and_the_rest_counted() -> None:
    page = shown(record(fleet=fleet(*(machine(f"m{n}") for n in range(75)))))

    assert "15 more are in the audit record" in page.prose


def test_a_wake_request_is_shown_with_its_time() -> None:
    run = record(fleet=fleet(machine("m1")), wake=sample(total_seconds=21.5, detail="answers 200"))

    assert "started a machine: 21.5 s, not judged; answers 200" in shown(run).prose


PLAN = RollbackPlan(
    target=Release(version="v42", digest=OLD, remark="not verified"),
    engine="machines",
    steps=(
        MachineStep(
            machine="m1",
            region="ams",
            step=MachineAction.UPDATE,
            before="v43",
            after="v42",
            why="the sealed copy of the prepare run",
            changes=("image", "env FEATURE_X"),
        ),
        MachineStep(
            machine="m9",
            region="fra",
            step=MachineAction.CORDON,
            before="v43",
            after="v43",
            why="it is new",
        ),
        MachineStep(
            machine="m4",
            region="fra",
            step=MachineAction.LEAVE,
            before="v42",
            after="v42",
            why="it has it",
        ),
    ),
    not_restored=("secrets stay as they are today",),
)


def test_a_plan_lists_each_machine_and_what_it_cannot_restore() -> None:
    lines = plan_lines(PLAN)

    assert lines[0] == "to v42 (not verified): changes 2 of 3 machines"
    assert lines[1] == (
        "ams m1: restore (v43 → v42): the sealed copy of the prepare run; "
        "changes image, env FEATURE_X"
    )
    assert lines[2:] == (
        "fra m9: cordon (v43): it is new",
        "fra m4: keep (v42): it has it",
        "not restored: secrets stay as they are today",
    )


def test_a_plan_that_was_not_carried_out_says_so() -> None:
    page = shown(record(plan=PLAN))

    assert "Rollback plan, not carried out" in page.headings
    assert row_of(page, "m9")[2] == "cordon"
    assert "Rollback plan" in shown(rolled_back(plan=PLAN)).headings


def test_a_restart_is_shown_with_its_result() -> None:
    gate = drive(always(Outcome.OK))
    remedy = MachineRestart(
        machine="m2",
        step=RollbackStep(
            name="restart m2", succeeded=True, duration_seconds=4.0, detail="started"
        ),
        verification=Verification(gate=gate, rule=VersionRule(), judgement=judged(gate)),
    )
    page = shown(record(remedy=remedy))

    assert "Restart of one machine" in page.headings
    assert "restart m2" in page.inline
    assert "in 4.0 s: started" in page.prose


def certified(*states: ProofState, **changes: Any) -> Prepared:
    proofs = tuple(
        Proof(name=f"proof {n}", state=state, words=f"words {n}") for n, state in enumerate(states)
    )
    values: dict[str, Any] = {
        "service": "shop",
        "app": "shop",
        "platform": "fly",
        "taken_at": DEPLOYED_AT,
        "release": V42,
        "proofs": proofs,
        "not_restored": ("secrets",),
        "baseline": Baseline(
            taken_at=DEPLOYED_AT,
            seconds=30.0,
            streams=(StreamBaseline(name="health", bad=1, valid=75, p95_ms=12.4),),
        ),
        "sealed": "c2VhbGVk",
    }
    return Prepared(**{**values, **changes})


@pytest.mark.parametrize(
    ("states", "headline", "reason"),
    [
        ((ProofState.PROVEN,), "✅ shop: a rollback to v42 is possible", "words 0"),
        (
            (ProofState.PROVEN, ProofState.UNKNOWN),
            "⚠️ shop: a rollback to v42 may not be possible",
            "words 1",
        ),
        (
            (ProofState.UNKNOWN, ProofState.MISSING),
            "❌ shop: a rollback is not possible",
            "words 1",
        ),
    ],
)
def test_a_certificate_says_the_worst_of_it_first(
    states: tuple[ProofState, ...], headline: str, reason: str
) -> None:
    prepared = certified(*states)

    assert prepared_headline(prepared) == headline
    assert prepared_outputs(prepared)["reason"] == reason
    assert reason in rendered(prepared_summary(prepared, None, RunIdentity())).prose


def test_its_summary_shows_the_baseline_and_never_the_sealed_copy() -> None:
    text = prepared_summary(certified(ProofState.PROVEN), None, RunIdentity(run_id="77"))
    page = rendered(text)

    assert ["health", "1 of 75", "12\u00a0ms"] in page.rows
    assert "c2VhbGVk" not in text
    assert "77" in page.inline


def test_what_stops_the_deploy_is_an_error_and_what_does_not_is_a_warning() -> None:
    prepared = certified(ProofState.MISSING)

    assert prepared.way_back is WayBackState.NONE
    assert prepared_annotation(prepared, fails=True).level == "error"
    assert prepared_annotation(prepared, fails=False).level == "warning"


def full_of(text: str) -> AuditRecord:
    """A run on a platform that says `text` wherever it can."""
    release = Release(version=text, digest=text, remark=text)
    check = PlatformCheck(name=text, status=CheckStatus.CRITICAL, output=text)
    odd = machine(
        text, region=text, release=text, digest=text, state=text, checks=(check,), group=text
    )
    plan = RollbackPlan(
        target=release,
        engine="machines",
        steps=(
            MachineStep(
                machine=text,
                region=text,
                step=MachineAction.UPDATE,
                before=text,
                after=text,
                why=text,
                changes=(text,),
            ),
        ),
        not_restored=(text,),
    )
    return rolled_back(
        fleet=fleet(odd, machine("m2", is_cordoned=True, state=text), release=release, status=text),
        plan=plan,
        wake=sample(detail=text),
        released=release,
        prepared=certified(ProofState.PROVEN, release=release, app=text),
    )


@cache
def plain_page() -> Page:
    return shown(full_of("words"))


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_whatever_a_platform_says_is_inert(number: int) -> None:
    run, plain = full_of(CORPUS[number]), plain_page()
    audit = audit_document(run)
    page = rendered(summary(run, audit))

    assert page.elements == plain.elements
    assert [len(row) for row in page.rows] == [len(row) for row in plain.rows]
    assert page.unclosed == []
    told = output_values(run, audit)
    assert all(printable(value) == value for value in told.values())


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_whatever_a_certificate_says_is_inert(number: int) -> None:
    def found(text: str) -> Page:
        prepared = certified(
            ProofState.UNKNOWN,
            service=text,
            app=text,
            platform=text,
            release=Release(version=text),
            proofs=(Proof(name=text, state=ProofState.UNKNOWN, words=text),),
            not_restored=(text,),
        )
        outputs = prepared_outputs(prepared)
        assert all("\n" not in value and "\r" not in value for value in outputs.values())
        return rendered(prepared_summary(prepared, None, RunIdentity(run_id=text)))

    page, plain = found(CORPUS[number]), found("words")

    assert page.elements == plain.elements
    assert [len(row) for row in page.rows] == [len(row) for row in plain.rows]
    assert page.unclosed == []


def test_exits_later_than_the_deploy_are_dated_by_the_platform() -> None:
    late = MachineExit(at=DEPLOYED_AT + timedelta(seconds=80), exit_code=1)
    run = record(
        fleet=fleet(machine("m1", exits=(late,))), judgement=judged(drive(always(Outcome.OK)))
    )

    assert run.judgement.verdict is Verdict.HEALTHY
    assert row_of(shown(run), "m1")[6] == "exit code 1"
