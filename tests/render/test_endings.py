"""Six endings, six headlines; why, and what to do next."""

from dataclasses import replace

import pytest

from slo_action.core.decision.decide import Action, Decision
from slo_action.core.model import (
    Cause,
    Ending,
    Mode,
    Outcome,
    Release,
    RollbackStep,
    Verdict,
    VersionRule,
)
from slo_action.core.record.manual_rollback import manual_judgement
from slo_action.core.record.record import AuditRecord, Rollback
from slo_action.core.verdict.judge import TABLE, Judgement
from slo_action.render.endings import ENDINGS, NEXT_BY_ROW, headline, next_steps, reason
from tests.builders import always, drive, judged, record, rolled_back


def not_rolled_back(cause: Cause = Cause.APP) -> AuditRecord:
    return record(
        drive(always(Outcome.HTTP_5XX), version="v2"),
        decision=Decision(action=Action.STAND_DOWN, why="`rollback: off`"),
        judgement=Judgement(
            verdict=Verdict.UNHEALTHY, cause=cause, reason="it answers 500", row="missed"
        ),
        ending=Ending.NOT_ROLLED_BACK,
    )


def undecided() -> AuditRecord:
    return record(drive(always(Outcome.UNKNOWN)), ending=Ending.UNDECIDED)


RECORDS = {
    Ending.VERIFIED: record(),
    Ending.ROLLED_BACK_VERIFIED: rolled_back(),
    Ending.ROLLED_BACK_UNHEALTHY: rolled_back(after=Outcome.HTTP_5XX),
    Ending.ROLLBACK_FAILED: rolled_back(ending=Ending.ROLLBACK_FAILED),
    Ending.NOT_ROLLED_BACK: not_rolled_back(),
    Ending.UNDECIDED: undecided(),
}


def test_every_ending_has_a_headline_of_its_own() -> None:
    headlines = [headline(RECORDS[ending]) for ending in Ending]

    assert len(set(headlines)) == len(ENDINGS) == len(Ending) == 6
    assert all("dashboard" in text for text in headlines)


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.VERIFIED, "is verified healthy"),
        (Ending.ROLLED_BACK_VERIFIED, "v1.2.3 failed; rolled back to v1.2.2, verified healthy"),
        (Ending.ROLLED_BACK_UNHEALTHY, "and is still unhealthy: manual action needed"),
        (Ending.ROLLBACK_FAILED, "failed, and so did the rollback: manual action needed"),
        (Ending.NOT_ROLLED_BACK, "is unhealthy and was not rolled back"),
        (Ending.UNDECIDED, "dashboard: inconclusive; nothing was changed"),
    ],
)
def test_a_headline_says_what_happened(ending: Ending, words: str) -> None:
    assert words in headline(RECORDS[ending])


def test_only_a_verified_ending_is_a_success_and_an_undecided_one_is_neutral() -> None:
    conclusions = {ending: text.conclusion for ending, text in ENDINGS.items()}

    assert conclusions.pop(Ending.VERIFIED) == "success"
    assert conclusions.pop(Ending.UNDECIDED) == "neutral"
    assert set(conclusions.values()) == {"failure"}


def test_a_degraded_service_is_live_and_not_called_healthy() -> None:
    degraded = record(drive(always(Outcome.DEGRADED_BODY)))

    assert degraded.judgement.verdict is Verdict.DEGRADED
    assert headline(degraded).endswith("is live, but degraded")


def test_a_reason_says_why_nothing_was_rolled_back() -> None:
    assert reason(not_rolled_back()) == "it answers 500. Not rolled back: `rollback: off`"


def test_a_reason_names_the_failure_and_the_rollback() -> None:
    failure = judged(drive(always(Outcome.HTTP_5XX), version="v1.2.3")).reason
    restored = reason(RECORDS[Ending.ROLLED_BACK_VERIFIED])
    still_bad = reason(RECORDS[Ending.ROLLED_BACK_UNHEALTHY])

    assert restored == f"{failure}. Rolled back to v1.2.2 within 5 s; healthy since"
    assert still_bad.startswith(f"{failure}. Rolled back to v1.2.2 within 5 s; still unhealthy: ")


def test_a_reason_names_the_step_that_failed() -> None:
    assert "The rollback failed at rollback-command: exit status 0" in reason(
        RECORDS[Ending.ROLLBACK_FAILED]
    )


def test_a_rollback_that_is_late_is_called_unfinished_and_not_failed() -> None:
    step = RollbackStep(
        name="rollback", succeeded=False, duration_seconds=300.0, detail="m1 is late", late=True
    )
    rollback = Rollback(target=Release(version="v1.2.2"), steps=(step,))
    late = rolled_back(rollback=rollback, ending=Ending.ROLLBACK_FAILED, exit_code=12)

    assert headline(late).endswith("failed, and its rollback is not finished: run `mode: rollback`")
    assert reason(late).endswith(". The rollback is not finished: m1 is late")
    assert headline(replace(late, mode=Mode.ROLLBACK)).endswith("is not finished: run it again")
    by_hand = manual_judgement(rollback, late.decision)
    assert by_hand.reason == "the rollback is not finished: m1 is late"


def test_a_healthy_run_leaves_nothing_to_do() -> None:
    assert next_steps(record()) == ()


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.VERIFIED])
def test_every_other_ending_says_what_to_do(ending: Ending) -> None:
    assert next_steps(RECORDS[ending])


def test_a_failed_release_that_stays_live_is_to_be_rolled_back_by_hand() -> None:
    assert "roll back by hand" in next_steps(not_rolled_back(Cause.APP))[0]
    assert "roll back" not in " ".join(next_steps(not_rolled_back(Cause.PATH)))


@pytest.mark.parametrize(
    "cause",
    [
        Cause.CONFIG,
        Cause.PATH,
        Cause.WRONG_VERSION,
        Cause.SUPERSEDED,
        Cause.APP,
        Cause.PRE_EXISTING,
    ],
)
def test_a_cause_says_what_to_do(cause: Cause) -> None:
    others = {next_steps(not_rolled_back(other)) for other in Cause if other is not cause}

    assert next_steps(not_rolled_back(cause)) not in others


def test_without_traffic_data_the_source_is_to_be_checked_and_not_the_network() -> None:
    blind = replace(
        undecided(),
        judgement=Judgement(
            verdict=Verdict.INCONCLUSIVE,
            cause=Cause.OBSERVER,
            reason="no data",
            row="no-traffic-inconclusive",
        ),
    )

    assert "metric source" in " ".join(next_steps(blind))
    assert "network" not in " ".join(next_steps(blind))


def test_every_row_that_has_steps_of_its_own_is_a_row() -> None:
    assert {row.name for row in TABLE} >= set(NEXT_BY_ROW)


def test_a_version_that_still_answers_is_not_called_restored() -> None:
    restored = rolled_back()
    live = restored.live_version
    static = replace(restored, policy=replace(restored.policy, rule=VersionRule(expected=live)))

    assert headline(restored).endswith(", verified healthy")
    assert headline(static).endswith(f", but {live} still answers; it is healthy now")
    assert reason(static).endswith(f"; but {live} still answers; it is healthy now")


def test_a_restored_release_that_is_degraded_is_not_called_healthy() -> None:
    run = rolled_back()
    assert run.rollback is not None
    assert run.rollback.verification is not None
    judgement = replace(
        run.rollback.verification.judgement, verdict=Verdict.DEGRADED, reason="it is slow"
    )
    verification = replace(run.rollback.verification, judgement=judgement)
    degraded = replace(run, rollback=replace(run.rollback, verification=verification))

    assert headline(degraded).endswith("rolled back to v1.2.2, live, but degraded")
    assert reason(degraded).endswith("; degraded since: it is slow")
