"""The few messages beside the run."""

import pytest

from slo_action.core.model import Annotation, Ending, Level, Outcome, Verdict
from slo_action.core.record.record import AuditRecord
from slo_action.render.annotations import MOST_OF_A_LEVEL, aggregated, annotations
from slo_action.render.endings import headline, next_steps
from tests.builders import always, between, drive, observed, record, rolled_back, watched


def many(level: Level, count: int) -> list[Annotation]:
    return [Annotation(level=level, title=f"{level} {n}", message="x") for n in range(count)]


@pytest.mark.parametrize(
    ("run", "level"),
    [
        (record(), Level.NOTICE),
        (record(drive(always(Outcome.DEGRADED_BODY))), Level.WARNING),
        (record(drive(always(Outcome.UNKNOWN)), ending=Ending.UNDECIDED), Level.WARNING),
        (rolled_back(), Level.ERROR),
        (rolled_back(after=Outcome.HTTP_5XX), Level.ERROR),
    ],
    ids=["verified", "degraded", "undecided", "rolled back", "still unhealthy"],
)
def test_the_ending_comes_first_at_its_level(run: AuditRecord, level: Level) -> None:
    found, *_ = annotations(run)

    assert found.level is level
    assert found.title == headline(run)
    assert all(step in found.message.split("\n") for step in next_steps(run))


def test_a_note_that_every_probe_repeats_is_reported_once() -> None:
    run = record(drive(always(Outcome.OK), notes=("the certificate ends soon", "IPv6 only")))

    _, *notes = annotations(run)

    assert [note.message for note in notes] == ["the certificate ends soon", "IPv6 only"]
    assert {note.level for note in notes} == {Level.NOTICE}


def test_a_degraded_window_is_a_warning_that_names_the_endpoint() -> None:
    run = observed(watched(always(Outcome.OK), took=0.6))
    found, *_ = annotations(run)

    assert run.judgement.verdict is Verdict.DEGRADED
    assert found.level is Level.WARNING
    assert "health misses its response-time SLO" in found.message


def test_an_inconclusive_window_is_a_warning_that_names_the_endpoint() -> None:
    window = watched({"/api": between(90.0, 1e9, Outcome.CACHED)})
    found, *_ = annotations(observed(window, ending=Ending.UNDECIDED))

    assert found.level is Level.WARNING
    assert "answers from /api say nothing" in found.message


def test_notes_of_what_a_window_keeps_are_reported_too() -> None:
    world = {"/api": between(100.0, 102.0), "health": between(50.0, 51.0, Outcome.CACHED)}
    _, *notes = annotations(observed(watched(world, notes=("IPv6 only",))))

    assert [note.message for note in notes] == ["IPv6 only"]


def test_up_to_ten_of_a_level_are_all_shown() -> None:
    given = [annotation for level in Level for annotation in many(level, MOST_OF_A_LEVEL)]

    assert list(aggregated(given)) == given


def test_beyond_ten_the_tenth_counts_what_it_stands_for() -> None:
    shown = aggregated([*many(Level.ERROR, 14), *many(Level.NOTICE, 3)])
    errors = [annotation for annotation in shown if annotation.level is Level.ERROR]

    assert len(errors) == 10
    assert [e.title for e in errors[:9]] == [f"error {n}" for n in range(9)]
    assert errors[9].title == "5 more"
    assert sum(1 for annotation in shown if annotation.level is Level.NOTICE) == 3


def failing_at(*seconds: float) -> AuditRecord:
    """A run of one endpoint that fails for half a second from each of these instants on."""

    def world(now: float) -> Outcome:
        failing = any(at <= now < at + 0.9 for at in seconds)
        return Outcome.HTTP_5XX if failing else Outcome.OK

    return observed(watched(world, endpoints=()))


def test_a_healthy_deploy_above_the_alert_threshold_is_warned_of() -> None:
    found = annotations(failing_at(100.0, 200.0))

    assert [one.level for one in found] == [Level.NOTICE, Level.WARNING]
    assert (
        "above the alert threshold of 0.5 %: 1 in 194 requests to the health endpoint"
        in found[1].message
    )


def test_a_single_failure_is_no_alert() -> None:
    assert [one.level for one in annotations(failing_at(100.0))] == [Level.NOTICE]
