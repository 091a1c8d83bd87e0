"""Back-test: another policy over recorded evidence, and never more than the evidence can tell."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.audit.document import AuditDocument
from slo_action.audit.read import find_records, read_record
from slo_action.audit.write import audit_document
from slo_action.config.slo.forms import PolicyForm, RatesForm
from slo_action.config.slo.load import read_slo_yml
from slo_action.core.model import Cause, Outcome, Probe, Verdict, VersionRule, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.numbers import PolicyOverrides, policy_with
from slo_action.core.policy.policy import Policy
from slo_action.core.record.policy_comparison import PolicyComparison, totals_of
from slo_action.core.release.fleet import Machine
from slo_action.core.slo.services import Service, SloYml
from slo_action.core.verdict.facts import OnLateStart
from slo_action.modes.backtest import backtest, backtested
from slo_action.modes.verify import verify
from slo_action.render.backtest import backtest_lines
from tests.builders import World, always, healthy_from
from tests.sizes import sized
from tests.worlds.memory_ports import VirtualRun

SHORT = replace(Policy(), window=WindowPolicy(length_seconds=90.0))


def every(nth: int, outcome: Outcome = Outcome.HTTP_5XX) -> World:
    """Fail each nth request, whenever it comes."""
    asked = count(1)
    return lambda _: outcome if next(asked) % nth == 0 else Outcome.OK


def plain(policy: Policy) -> Policy:
    rates = replace(policy.window.rates, confidence=0.0)
    return replace(policy, window=replace(policy.window, rates=rates))


def recorded(
    world: World,
    policy: Policy | None = None,
    prepare: Callable[[VirtualRun], None] = lambda _: None,
) -> AuditDocument:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": world}, live="v2")
    prepare(stage)
    policy = replace(policy or Policy(), rule=VersionRule(expected="v2"))
    record = verify(stage.request(policy), stage.ports)
    return AuditDocument.model_validate_json(json.dumps(audit_document(record)))


def case_of(document: AuditDocument, **changes: object) -> PolicyComparison:
    assert document.policy is not None
    policy = policy_with(PolicyOverrides(**changes), document.policy)
    return backtested(document, policy, "audit.json")


OUTCOMES = st.sampled_from(
    [
        Outcome.OK,
        Outcome.OK,
        Outcome.OK,
        Outcome.HTTP_5XX,
        Outcome.CONNECT_REFUSED,
        Outcome.RATE_LIMITED,
        Outcome.SLOW,
        Outcome.WRONG_VERSION,
        Outcome.CACHED,
    ]
)


@settings(max_examples=sized(8, 25))
@given(
    phases=st.lists(st.tuples(st.floats(0.0, 120.0), OUTCOMES), max_size=5),
    nth=st.integers(2, 60),
    is_plain=st.booleans(),
    on_late_start=st.sampled_from(OnLateStart),
    stopped=st.none() | st.floats(1.0, 150.0),
    surroundings=st.tuples(st.booleans(), st.booleans()),
)
def test_a_record_s_own_policy_changes_nothing(
    phases: list[tuple[float, Outcome]],
    nth: int,
    is_plain: bool,
    on_late_start: OnLateStart,
    stopped: float | None,
    surroundings: tuple[bool, bool],
) -> None:
    many, control = surroundings
    flaky = every(nth)

    def world(now: float) -> Outcome:
        begun = [outcome for second, outcome in sorted(phases) if second <= now]
        return begun[-1] if begun else flaky(now)

    def prepare(stage: VirtualRun) -> None:
        if many:
            stage.endpoints = (Probe(witness=Witness.API, url="https://dashboard.example/api/a"),)
            stage.deploy.fleet = (Machine(name="m1"), Machine(name="m2"))
        stage.deploy.control_answers = control
        if stopped is not None:
            stage.deploy.at(stopped, stage.interrupts.arrive)

    policy = replace(plain(SHORT) if is_plain else SHORT, on_late_start=on_late_start)
    document = recorded(world, policy, prepare)

    case = case_of(document)

    assert case.now == case.then
    assert (case.then.verdict, case.then.cause) == (document.verdict, document.cause)
    assert case.then.row == document.row


def test_more_errors_than_a_new_threshold_would_have_rolled_back() -> None:
    document = recorded(every(30), plain(Policy()))

    case = case_of(document, rollback=Fraction(2, 100))

    assert (case.then.verdict, case.then.rollback) == (Verdict.DEGRADED, False)
    assert case.now is not None
    assert (case.now.verdict, case.now.cause) == (Verdict.UNHEALTHY, Cause.APP)
    assert case.now.rollback
    assert case.now.known_seconds < case.then.known_seconds
    assert totals_of([case]).rolled_back == 1


def test_a_looser_threshold_cannot_answer_what_came_after_the_rollback() -> None:
    document = recorded(every(8))

    case = case_of(document, rollback=Fraction(30, 100), slo=Fraction(10, 100))

    assert case.then.rollback
    assert case.now is None
    assert case.unknown == f"the record ends at {case.then.known_seconds:.0f} s"
    assert totals_of([case]).unknown == 1


def test_three_percent_is_degraded_by_the_plain_rule_and_unsure_with_confidence() -> None:
    case = case_of(recorded(every(33), plain(Policy())), confidence=0.99)

    assert (case.then.verdict, case.then.row) == (Verdict.DEGRADED, "window-slo")
    assert case.now is not None
    assert (case.now.verdict, case.now.row) == (Verdict.INCONCLUSIVE, "window-unsure")
    assert any("extra probes" in note for note in case.notes)


def test_three_percent_recorded_with_a_closer_look_is_degraded_by_the_plain_rule_too() -> None:
    case = case_of(recorded(every(33)), confidence=0.0)

    assert case.now is not None
    assert (case.now.verdict, case.now.row) == (Verdict.DEGRADED, "window-slo")


def test_a_shorter_deadline_calls_a_slow_boot_bad_when_it_passes() -> None:
    document = recorded(healthy_from(70.0))

    case = case_of(document, health_deadline=50.0)

    assert case.then.verdict is Verdict.HEALTHY
    assert case.now is not None
    assert case.now.row == "missed-app"
    assert case.now.rollback
    assert 50.0 <= case.now.known_seconds < 60.0


def test_a_longer_deadline_is_not_guessed_at() -> None:
    document = recorded(always(Outcome.HTTP_5XX))

    case = case_of(document, health_deadline=180.0)

    assert case.now is None
    assert case.unknown.startswith("the record ends at 90 s")


def test_late_by_the_letter_is_rolled_back_where_the_policy_says_so() -> None:
    document = recorded(healthy_from(89.9))

    case = case_of(document, on_late_start=OnLateStart.ROLLBACK)

    assert case.then.row in {"late", "recovered"}
    assert case.now is not None
    assert case.now.rollback


def test_a_shorter_window_is_decided_sooner_and_asks_nothing_anew() -> None:
    document = recorded(always(Outcome.OK))

    case = case_of(document, observe=120.0)

    assert case.now is not None
    assert case.now.verdict is Verdict.HEALTHY
    assert 120.0 <= case.now.known_seconds < 122.0


def test_a_longer_window_is_not_decided_unless_it_fails() -> None:
    assert case_of(recorded(always(Outcome.OK)), observe=600.0).now is None


def test_no_window_leaves_the_gate_s_verdict() -> None:
    case = case_of(recorded(every(8)), observe=0.0)

    assert case.now is not None
    assert case.now.row == "met"


def test_a_window_that_was_never_recorded_is_missing() -> None:
    without = replace(Policy(), window=WindowPolicy(length_seconds=0.0))
    case = case_of(recorded(always(Outcome.OK), without), observe=300.0)

    assert case.unknown == "the record has no observation window"


def test_an_outage_is_an_outage_only_after_what_the_policy_says() -> None:
    down = recorded(lambda now: Outcome.HTTP_5XX if now > 60 else Outcome.OK)

    case = case_of(down, outage_after=5.0)

    assert case.now is not None
    assert case.now.row == case.then.row == "window-outage"
    assert -11.0 < case.later_seconds < -9.0


def saved(document: AuditDocument, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.model_dump_json(indent=2), encoding="utf-8")
    return path


def test_records_are_found_at_any_depth_and_bad_ones_do_not_stop_the_others(
    tmp_path: Path,
) -> None:
    good = recorded(always(Outcome.OK), SHORT)
    saved(good, tmp_path / "runs" / "1" / "audit.json")
    saved(good, tmp_path / "kept" / "run-2.json")
    (tmp_path / "audit.json").write_text("{", encoding="utf-8")
    (tmp_path / "package.json").write_text('{"name": "other"}', encoding="utf-8")

    result = backtest(find_records(tmp_path), SloYml())

    assert [Path(case.source).name for case in result.cases] == ["run-2.json", "audit.json"]
    assert list(result.unread) == [str(tmp_path / "audit.json")]


def test_a_record_with_rows_left_out_is_reported_and_left_out(tmp_path: Path) -> None:
    good = recorded(always(Outcome.OK), SHORT)
    assert good.window is not None
    window = good.window.model_copy(update={"rows_left_out": 3})
    saved(good.model_copy(update={"window": window}), tmp_path / "audit.json")

    result = backtest(find_records(tmp_path), SloYml())

    assert result.cases == ()
    (why,) = result.unread.values()
    assert "3 more answers" in why


def test_a_record_that_does_not_lead_to_its_own_verdict_is_left_out(tmp_path: Path) -> None:
    forged = recorded(every(8), SHORT).model_copy(update={"verdict": Verdict.HEALTHY})
    saved(forged, tmp_path / "audit.json")

    result = backtest(find_records(tmp_path), SloYml())

    assert "verdict" in result.unread[str(tmp_path / "audit.json")]


def test_each_service_is_judged_by_its_own_policy_and_may_be_picked(tmp_path: Path) -> None:
    path = saved(recorded(every(30), plain(Policy())), tmp_path / "audit.json")
    dashboard = Service(
        name="dashboard",
        url="https://dashboard.example",
        endpoints=(),
        policy=PolicyOverrides(rollback=Fraction(2, 100)),
    )
    strict = SloYml(services={"dashboard": dashboard})

    assert backtest([path], strict).cases[0].changed
    assert not backtest([path], SloYml()).cases[0].changed
    assert backtest([path], strict, "other").cases == ()


def test_thresholds_that_do_not_fit_the_record_s_are_reported(tmp_path: Path) -> None:
    path = saved(recorded(always(Outcome.OK), SHORT), tmp_path / "audit.json")
    unfit = SloYml(policy=PolicyOverrides(rollback=Fraction(1, 1000)))

    assert "does not fit" in backtest([path], unfit).unread[str(path)]


def test_a_record_read_back_is_judged_like_the_one_written(tmp_path: Path) -> None:
    document = recorded(every(8))

    assert case_of(read_record(saved(document, tmp_path / "a.json"))) == case_of(document)


@pytest.mark.parametrize("rollback", [Fraction(2, 100), None])
def test_the_lines_say_what_differs_and_what_cannot_be_reported(rollback: Fraction | None) -> None:
    case = case_of(recorded(every(30), plain(Policy())), rollback=rollback)

    told = "\n".join(backtest_lines([case], {"b/audit.json": "not JSON"}))

    assert ("one more rollback" in told) is (rollback is not None)
    assert ("the same" in told) is (rollback is None)
    assert "b/audit.json: not judged: not JSON" in told
    assert "another interval" in told


PAGE = Path(__file__).parents[2] / "docs" / "backtest.md"
STORIES: dict[str, tuple[str, World, Policy]] = {
    "run_101": ("dashboard", always(Outcome.OK), plain(Policy())),
    "run_102": ("dashboard", every(30), plain(Policy())),
    "run_103": ("dashboard", every(6), plain(Policy())),
    "run_104": ("search", every(8), Policy()),
}


def test_the_page_shows_what_is_really_published(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    policy = tmp_path / "slo.yml"
    policy.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    policies = read_slo_yml(policy, tmp_path, "--policy").slo_yml
    cases = []
    for run, (service, world, then) in STORIES.items():
        document = recorded(world, then)
        changed = document.model_copy(update={"service": service, "deployment_id": run})
        path = saved(changed, tmp_path / run / "audit.json")
        (case,) = backtest([path], policies).cases
        cases.append(replace(case, source=f"{run}/audit.json"))

    told = "\n".join(backtest_lines(cases, {}))

    assert f"```text\n{told}\n```" in page, told


def test_every_key_of_a_policy_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert [
        key for key in (*PolicyForm.model_fields, *RatesForm.model_fields) if f"`{key}`" not in page
    ] == []
