"""Recorded runs held to both versions of slo.yml, and judged again where the policy changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from math import inf
from pathlib import Path

import pytest

from slo_action.audit.document import AuditDocument
from slo_action.audit.write import audit_document
from slo_action.core.model import Mode, Outcome, VersionRule
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.policy.policy import Policy
from slo_action.core.slo.services import Service, SloYml
from slo_action.core.slo_diff.diff import slo_changes
from slo_action.core.slo_diff.impact import Impact, Unit
from slo_action.modes.check.slo_impact import measured_by, recorded_impact
from slo_action.modes.verify import verify
from tests.builders import World, always
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.slo_files import HEALTH, p95

SERVICE = Service(name="dashboard", url="https://dashboard.example", endpoints=(HEALTH,))


def matrix(limit: float = 0.5, policy: PolicyOverrides | None = None) -> SloYml:
    endpoints = (replace(HEALTH, objective=p95(limit)),)
    service = replace(SERVICE, endpoints=endpoints, policy=policy or PolicyOverrides())
    return SloYml(services={"dashboard": service})


def every(nth: int) -> World:
    asked = count(1)
    return lambda _: Outcome.HTTP_5XX if next(asked) % nth == 0 else Outcome.OK


def recorded(world: World) -> AuditDocument:
    rates = replace(Policy().window.rates, confidence=0.0)
    policy = replace(
        Policy(), window=replace(Policy().window, rates=rates), rule=VersionRule(expected="v2")
    )
    run = VirtualRun({"v1": always(Outcome.OK), "v2": world}, live="v2")
    record = verify(run.request(policy), run.ports)
    return AuditDocument.model_validate_json(json.dumps(audit_document(record)))


GOOD, FAILING = recorded(always(Outcome.OK)), recorded(every(30))


def taking(milliseconds: float | None) -> AuditDocument:
    """Return the good run as if its p95 had been another."""
    assert GOOD.window is not None
    streams = tuple(
        stream.model_copy(
            update={
                "latency": stream.latency.model_copy(
                    update={"percentiles_ms": {"p95": milliseconds}}
                )
            }
        )
        for stream in GOOD.window.streams
    )
    window = GOOD.window.model_copy(update={"streams": streams})
    return GOOD.model_copy(update={"window": window})


@pytest.fixture
def looking(tmp_path: Path) -> Callable[..., tuple[Impact, ...]]:
    def look(before: SloYml, after: SloYml, *documents: AuditDocument) -> tuple[Impact, ...]:
        for number, document in enumerate(documents):
            path = tmp_path / str(number) / "audit.json"
            path.parent.mkdir()
            path.write_text(document.model_dump_json(), encoding="utf-8")
        return recorded_impact(tmp_path, before, after, slo_changes(before, after))

    return look


def test_a_run_reports_percentiles_in_seconds_and_the_error_rate_of_all() -> None:
    reported = {one.what: one.value for one in measured_by(FAILING)}
    window = FAILING.window
    assert window is not None

    assert reported["error rate"] == sum(s.bad for s in window.streams) / sum(
        s.valid for s in window.streams
    )
    assert 0 < reported["health p95"] < 2
    assert {one.unit for one in measured_by(FAILING)} == {Unit.DEPLOY}
    assert {one.at for one in measured_by(FAILING)} == {FAILING.deployed_at}


def test_a_percentile_without_an_answer_is_endless_and_one_without_enough_is_nothing() -> None:
    assert {one.what: one.value for one in measured_by(taking(-1.0))}["health p95"] == inf
    assert "health p95" not in {one.what for one in measured_by(taking(None))}


@pytest.mark.parametrize("update", [{"window": None}, {"mode": Mode.ROLLBACK}])
def test_what_is_no_observed_deploy_measured_nothing(update: dict[str, object]) -> None:
    assert measured_by(GOOD.model_copy(update=update)) == ()


def test_runs_between_the_old_and_the_new_limit_are_counted(
    looking: Callable[..., tuple[Impact, ...]],
) -> None:
    runs = [taking(milliseconds) for milliseconds in (400, 600, 700, 900)]

    (found,) = looking(matrix(0.5), matrix(0.8), *runs)

    assert (found.what, found.compared, found.only_after) == ("health p95", 4, 2)


def test_runs_are_judged_again_where_the_policy_changed(
    looking: Callable[..., tuple[Impact, ...]],
) -> None:
    strict = matrix(policy=PolicyOverrides(rollback=Fraction(2, 100)))

    (found,) = looking(strict, matrix(), GOOD, FAILING)

    assert (found.service, found.what) == ("dashboard", "policy")
    assert (found.compared, found.only_after, found.only_before) == (2, 1, 0)


def test_without_records_there_is_no_impact(looking: Callable[..., tuple[Impact, ...]]) -> None:
    assert looking(matrix(0.5), matrix(0.8)) == ()


def test_a_file_that_is_no_record_is_left_out(
    looking: Callable[..., tuple[Impact, ...]], tmp_path: Path
) -> None:
    (tmp_path / "audit.json").write_text("{", encoding="utf-8")

    (found,) = looking(matrix(0.5), matrix(0.8), taking(600))

    assert found.compared == 1


def test_another_service_s_runs_do_not_count(looking: Callable[..., tuple[Impact, ...]]) -> None:
    other = taking(600).model_copy(update={"service": "cart"})

    assert looking(matrix(0.5), matrix(0.8), other) == ()
