"""A verification with journeys: what it says, keeps and shows, and that it can be replayed."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document
from slo_action.core.journey.journeys import Journey
from slo_action.core.model import Outcome, Probe, Response, Sample, Verdict, VersionRule, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.core.stats.latency import LatencyObjective
from slo_action.errors import ReplayError
from slo_action.modes.replay import replay
from slo_action.modes.verify import verify
from slo_action.probing.journey import JourneyRunner
from slo_action.probing.sender import Sender
from slo_action.render.proofs import proofs, window_failures
from slo_action.render.summary.window import window_section
from tests.builders import always
from tests.worlds.cart_shop import BUY, SECRETS, CartShop, at_once, in_virtual_time
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_pool import VirtualPool

SITE = "https://dashboard.example"
GOAL = LatencyObjective(name="p95", quantile=Fraction(95, 100), limit_seconds=4.0)


class ShoppingStage(VirtualRun):
    """A service that is well, but for its shop's checkout, which breaks at a virtual second."""

    def __init__(self, breaks_at: float, journey: Journey = BUY) -> None:
        super().__init__({"v1": always(Outcome.OK), "v2": always(Outcome.OK)}, live="v2")
        self.shop = CartShop()
        self._breaks_at = breaks_at
        self.pool = VirtualPool(self.clock, self._answer)
        self.endpoints = (
            Probe(
                witness=Witness.JOURNEY,
                url=SITE,
                timeout_seconds=30.0,
                journey=journey,
                objective=journey.objective,
            ),
        )

    def _answer(self, probe: Probe, at: float) -> Sample:
        if probe.journey is None:
            return self.deploy.answer(probe, at)
        self.shop.faults = (
            {"/checkout"} if at >= self._breaks_at and self.deploy.live == "v2" else set()
        )
        clock = VirtualClock(self.clock.now())
        sender = Sender(clock, in_virtual_time(self.shop, clock))
        runner = JourneyRunner(clock, sender, nonces=lambda: "n", secrets=SECRETS, redact=str)
        return runner.run(probe, probe.journey)


def run(breaks_at: float = float("inf"), journey: Journey = BUY) -> AuditRecord:
    stage = ShoppingStage(breaks_at, journey)
    return verify(stage.request(Policy(rule=VersionRule(expected="v2"))), stage.ports)


@pytest.fixture(scope="module")
def broken() -> AuditRecord:
    return run(120.0)


def test_a_release_that_breaks_a_journey_is_rolled_back_and_what_is_restored_is_asked_too(
    broken: AuditRecord,
) -> None:
    assert broken.judgement.row == "window-breach"
    assert broken.judgement.reason.startswith("1 in 5 runs of journey buy failed (3 of ")
    assert broken.judgement.reason.endswith(
        "failing since 125 s after the deploy: step 4 of 4 (pay): answers 500 Internal Server Error"
    )
    assert broken.rollback is not None
    assert broken.rollback.verification is not None
    after = broken.rollback.verification.window
    assert after is not None
    assert (
        after.stream_stats["journey buy"].rate.bad,
        after.stream_stats["journey buy"].good > 3,
    ) == (0, True)


def test_a_release_whose_journeys_go_well_is_passed() -> None:
    record = run()

    assert record.judgement.verdict is Verdict.HEALTHY
    assert record.judgement.reason.endswith(
        "and none of 29 runs of journey buy failed in the observation window"
    )


@pytest.mark.parametrize(("length", "told"), [(0.0, True), (60.0, False)])
def test_journeys_that_do_not_run_without_a_window_are_reported(length: float, told: bool) -> None:
    stage = ShoppingStage(float("inf"))
    window = replace(WindowPolicy(), length_seconds=length)

    verify(stage.request(Policy(rule=VersionRule(expected="v2"), window=window)), stage.ports)

    line = "Without a window (`observe: 0s`) no journey runs: journey buy."
    assert (line in stage.log.lines) is told


def test_a_journey_that_takes_longer_than_its_objective_is_degraded() -> None:
    slow = replace(at_once(BUY), objective=replace(GOAL, limit_seconds=0.3))

    record = run(journey=slow)

    assert record.judgement.row == "window-slow"
    assert "journey buy misses its response-time SLO p95 < 300 ms" in record.judgement.reason


def saved(document: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("breaks_at", [120.0, float("inf")])
def test_a_run_with_journeys_is_replayed_from_its_record_alone(
    breaks_at: float, tmp_path: Path
) -> None:
    record = run(breaks_at, replace(BUY, objective=GOAL))

    replayed = replay(read_record(saved(audit_document(record), tmp_path / "audit.json")))

    assert replace(replayed.judgement, reason="") == replace(record.judgement, reason="")
    assert replayed.answers > 100


def test_a_record_whose_own_objective_was_changed_is_refused(tmp_path: Path) -> None:
    document = audit_document(run(journey=replace(BUY, objective=GOAL)))
    stream = next(s for s in document["window"]["streams"] if s["witness"] == "journey")
    stream["own_objective"]["limit_seconds"] = 0.3

    with pytest.raises(ReplayError, match="journey buy: latency"):
        replay(read_record(saved(document, tmp_path / "audit.json")))


def test_the_summary_shows_a_journey_as_a_row_and_names_the_step(broken: AuditRecord) -> None:
    assert broken.window is not None

    shown = window_section(broken.window)

    rows = [line for line in shown.splitlines() if line.startswith("| <code>journey buy</code> |")]
    assert len(rows) == 2
    assert "3 of " in rows[0]
    assert "❌" in rows[0]
    assert "<code>step 4 of 4 &#40;pay&#41;&#58; answers 500 Internal Server Error</code>" in shown


def test_the_proofs_hold_the_answer_that_failed_a_journey(broken: AuditRecord) -> None:
    failures = window_failures(broken)
    shown = proofs((), failures)

    assert [sample.witness for sample in failures] == [Witness.JOURNEY] * 3
    assert isinstance(failures[0].response, Response)
    assert shown.count(f" {SITE} ======") == 3
    assert "HTTP/1.1 500" in shown
    assert "(step 4 of 4 (pay): answers 500 Internal Server Error)\n" in shown
    assert '{"error": "oops"}' in shown
