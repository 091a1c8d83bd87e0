"""`policy:` of slo.yml: what it changes, for whom, and everything that can be wrong with it."""

from fractions import Fraction
from pathlib import Path

import pytest

from slo_action.config.policy_file import PolicyFile, load_policy_file
from slo_action.core.facts import OnLateStart
from slo_action.core.model import Witness
from slo_action.core.policy import Policy
from slo_action.core.policy_change import PolicyChange, policy_of
from slo_action.errors import InputError

DOCUMENT = Path(__file__).parent / "fixtures" / "slo.yml"
WHOLE = """
policy:
  health_deadline: 2m
  grace: 20s
  observe: 4m
  confidence: 95%
  error_rate: {slo: 1%, alert: 0.5%, rollback: 4%}
  on_late_start: rollback
  outage_after: 10s
  min_requests: 50
services:
  - service: dashboard
    url: https://dashboard.example
    policy: {error_rate: {rollback: 2%}}
  - service: search
    url: https://search.example
    slo_targets: {error_rate: <2%, response_time_p95: 300ms, search_response_time_p90: 3s}
"""


def loaded(directory: Path, text: str) -> PolicyFile:
    path = directory / "slo.yml"
    path.write_text(text, encoding="utf-8")
    return load_policy_file(path, "--policy")


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        loaded(directory, text)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_every_key_changes_its_own_number(tmp_path: Path) -> None:
    policy = policy_of(loaded(tmp_path, WHOLE).of("unnamed"), Policy())

    assert (policy.gate.deadline_seconds, policy.gate.grace_seconds) == (120.0, 20.0)
    assert (policy.window.length_seconds, policy.window.outage_seconds) == (240.0, 10.0)
    assert policy.window.alert_ratio == 0.005
    assert policy.on_late_start is OnLateStart.ROLLBACK
    for rates in (policy.window.rates, policy.window.traffic):
        assert (rates.slo, rates.trigger) == (Fraction(1, 100), Fraction(4, 100))
        assert rates.confidence == 0.95
    assert policy.window.traffic.min_requests == 50


def test_a_service_s_own_words_come_before_the_default(tmp_path: Path) -> None:
    change = loaded(tmp_path, WHOLE).of("dashboard")

    assert change.rollback == Fraction(2, 100)
    assert change.observe == 240.0


def test_a_service_s_targets_count_too(tmp_path: Path) -> None:
    policy = policy_of(loaded(tmp_path, WHOLE).of("search"), Policy())
    limits = {kind: goal.limit_seconds for kind, goal in policy.window.objectives}

    assert policy.window.rates.slo == Fraction(2, 100)
    assert (limits[Witness.HEALTH], limits[Witness.SEARCH]) == (0.3, 3.0)


def test_what_nobody_says_leaves_everything(tmp_path: Path) -> None:
    assert policy_of(PolicyChange(), Policy()) == Policy()
    assert loaded(tmp_path, "service: a\nurl: https://a.example\n").of("a") == PolicyChange()


def test_the_document_s_own_file_is_a_policy_file() -> None:
    change = load_policy_file(DOCUMENT, "--policy").of("sophiaai-dashboard-v2")

    assert change.slo == Fraction(1, 100)
    assert change.health_limit == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "policy: {grace: 5s}\n---\nservice: a\nurl: https://a.example\n",
        "- {service: a, url: 'https://a.example', policy: {grace: 5s}}\n",
        "service: a\nurl: https://a.example\npolicy: {grace: 5s}\n",
    ],
    ids=["documents", "list", "one service"],
)
def test_every_shape_of_the_matrix_may_hold_a_policy(text: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, text).of("a").grace == 5.0


def test_every_mistake_is_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        """
polcy: {}
policy:
  helth_deadline: 90s
  grace: 20
  confidence: 100%
  error_rate: {slo: 0%, rolback: 5%}
  min_requests: true
  on_late_start: shrug
services:
  - {service: a, url: 'https://a.example', policy: [], slo_targets: {eror_rate: 1%}}
""",
    )

    text = "\n".join(told)
    assert all(str(tmp_path / "slo.yml") in line for line in told)
    for hint in ("'health_deadline'", "'rollback'", "'policy'", "'error_rate'"):
        assert f"did you mean {hint}" in text
    for key in ("policy.grace", "policy.confidence", "error_rate.slo", "min_requests"):
        assert key in text
    assert "services[0].policy" in text
    assert "write warn or rollback" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "policy: 7",
        "policy: {error_rate: 5%}",
        "policy: {error_rate: {slo: 5%, rollback: 1%}}",
        "policy: {error_rate: {rollback: 0.5%}}",
        "services: 7",
        "services: [7]",
        "services: [{service: a}]",
        "policy: {health_deadline: 0s}",
        "policy: {outage_after: [1]}",
        "policy: {",
        "policy: {? [a] : b}",
        "service: a\nurl: https://a.example\n---\nservice: a\nurl: https://a.example",
    ],
    ids=repr,
)
def test_what_cannot_be_a_policy_is_refused(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_policy_file(tmp_path / "none.yml", "--policy")
