"""slo.yml held against itself: what each rule finds, where, and what it leaves alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.config.slo.load import LoadedSloYml, load_slo_yml
from slo_action.core.lint.rule import Finding
from slo_action.core.model import Level
from slo_action.modes.check.slo_lint import slo_findings

ROOT = Path(__file__).parents[4]
ONE = "service: shop\nurl: https://shop.example\n"
Check = Callable[[str], list[Finding]]


def found_in(loaded: LoadedSloYml) -> list[Finding]:
    assert loaded.mistakes == ()
    return list(slo_findings(loaded))


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def checked(text: str) -> list[Finding]:
        (tmp_path / "slo.yml").write_text(text, encoding="utf-8")
        return found_in(load_slo_yml(WorkspaceFiles(tmp_path), "slo.yml", "config"))

    return checked


def test_the_document_s_six_services_contradict_themselves_nowhere() -> None:
    assert found_in(load_slo_yml(WorkspaceFiles(ROOT / "examples"), "slo.yml", "config")) == []


@pytest.mark.parametrize(
    ("text", "rule", "line", "words"),
    [
        (
            "slo_targets: {response_time_p95: 3s}\nmonitoring: {timeout: 2s}",
            "limit-above-timeout",
            3,
            "health: p95 of 3s is above its timeout of 2s",
        ),
        (
            (
                "search_endpoint: /s\nslo_targets: {search_response_time_p90: 5s}\n"
                "monitoring: {search_timeout: 4s}"
            ),
            "limit-above-timeout",
            4,
            "search: p90 of 5s is above its timeout of 4s",
        ),
        (
            (
                "endpoints:\n- {name: a, path: /a}\n- name: b\n  path: /b\n"
                "  response_time_p95: 1500ms\n  timeout: 1s"
            ),
            "limit-above-timeout",
            7,
            'endpoint "b": p95 of 1.5s is above its timeout of 1s',
        ),
        (
            "monitoring:\n  interval: 1s\n  timeout: 2s",
            "interval-below-timeout",
            4,
            "health: interval 1s, timeout 2s",
        ),
        (
            "stats_endpoint: /s\nmonitoring:\n  interval: 1m\n  stats_interval: 5s\n  timeout: 6s",
            "interval-below-timeout",
            6,
            "stats: interval 5s, timeout 6s",
        ),
        (
            "slo_targets:\n  availability: 100%",
            "objective-without-budget",
            4,
            "availability of 100 %",
        ),
        ("slo_targets: {error_rate: 0%}", "objective-without-budget", 3, "error_rate of 0 %"),
        (
            "slo_targets: {search_response_time_p90: 5s}",
            "target-without-endpoint",
            3,
            "slo_targets.search_response_time_p90 without search_endpoint",
        ),
        (
            "slo_targets: {api_response_time_p95: 5s}",
            "target-without-endpoint",
            3,
            "slo_targets.api_response_time_p95 without endpoints:",
        ),
        (
            "monitoring:\n  stats_interval: 30s",
            "target-without-endpoint",
            4,
            "monitoring.stats_interval without stats_endpoint",
        ),
        (
            "assertions:\n  build: [{status: 200}]",
            "target-without-endpoint",
            4,
            "assertions.build without build_endpoint",
        ),
        (
            "slo_targets: {job_success_rate: 95%}",
            "job-without-schedule",
            3,
            "job_success_rate without schedule",
        ),
        (
            "slo_targets: {availability: 99.9%}\nmonitoring: {interval: 1h}",
            "too-few-probes",
            3,
            (
                "availability of 99.9 % needs 1,000 probes in 30d, one each 43m12s; "
                "one each 1h gives 720"
            ),
        ),
        (
            "slo_targets: {error_rate: 0.1%}\nmonitoring: {interval: 2m}",
            "too-few-probes",
            3,
            "error rate of 0.1 % needs 1,000 probes in 1d, one each 86s; one each 2m gives 720",
        ),
        (
            "slo_targets: {response_time_p95: 1s}\nmonitoring: {interval: 2h}",
            "too-few-probes",
            3,
            "health: p95 over 24 h needs 20 probes in 1d, one each 1h12m; one each 2h gives 12",
        ),
        (
            (
                "slo_targets: {api_response_time_p95: 5s}\nmonitoring: {timeout: 2s}\n"
                "endpoints: [{name: a, path: /a}]"
            ),
            "limit-above-timeout",
            3,
            'endpoint "a": p95 of 5s is above its timeout of 2s',
        ),
        (
            "journeys:\n- name: j\n  response_time_p95: 60s\n  steps: [{name: a, path: /}]",
            "limit-above-timeout",
            5,
            'journey "j": p95 of 60s is above its timeout of 30s',
        ),
        (
            "journeys:\n- name: j\n  interval: 10s\n  steps: [{name: a, path: /}]",
            "interval-below-timeout",
            5,
            'journey "j": interval 10s, timeout 30s',
        ),
        (
            "policy:\n  grace: 5m",
            "grace-past-gate",
            4,
            "grace 5m, deadline of the gate 90s",
        ),
        (
            "monitoring:\n  grace_period: 90s",
            "grace-past-gate",
            4,
            "grace_period 90s, deadline of the gate 90s",
        ),
    ],
)
def test_a_contradiction_is_found_where_it_stands(
    check: Check, text: str, rule: str, line: int, words: str
) -> None:
    (found,) = check(ONE + text)

    assert (found.rule.name, found.place.line, found.message) == (rule, line, words)


@pytest.mark.parametrize(
    "text",
    [
        "slo_targets: {response_time_p95: 2s}\nmonitoring: {timeout: 2s}",
        "monitoring: {interval: 2s, timeout: 2s}",
        "monitoring: {timeout: 2s}",
        "slo_targets: {availability: 99.99%}\nmonitoring: {interval: 15s}",
        "slo_targets: {availability: 99.9%}\nmonitoring: {interval: 43m}",
        "slo_targets: {availability: 99.999%}",
        "schedule: '0 * * * *'\nslo_targets: {job_success_rate: 95%}",
        "monitoring: {grace_period: 90s}\npolicy: {health_deadline: 2m}",
        "endpoints: [{name: a, path: /a}]\nslo_targets: {api_response_time_p95: 5s}",
    ],
)
def test_what_fits_together_is_left_alone(check: Check, text: str) -> None:
    assert check(ONE + text) == []


def test_what_defaults_say_is_for_the_services_that_have_the_endpoint(check: Check) -> None:
    text = (
        "defaults: {slo_targets: {search_response_time_p90: 5s}}\nservices:\n"
        "- {service: a, url: https://a.example}\n"
    )

    assert check(text) == []


def test_a_contradiction_in_the_defaults_stands_there(check: Check) -> None:
    text = (
        "defaults:\n  monitoring:\n    interval: 1s\n    timeout: 2s\nservices:\n"
        "- {service: a, url: https://a.example}\n- {service: b, url: https://b.example}\n"
    )

    (found,) = check(text)

    assert found.place.line == 3
    assert found.message.endswith('("a", "b")')


def test_a_service_s_interval_does_not_stand_for_what_the_defaults_say_by_name(
    check: Check,
) -> None:
    text = (
        "defaults:\n  monitoring:\n    health_interval: 5s\n    health_timeout: 10s\nservices:\n"
        "- service: a\n  url: https://a.example\n  monitoring: {interval: 60s}\n"
    )

    assert [one.place.line for one in check(text)] == [3]


def test_behind_a_break_nothing_is_missed(tmp_path: Path) -> None:
    text = (
        "services:\n- service: a\n  url: https://a.example\n"
        "  slo_targets: {job_success_rate: 95%, availability: 100%}\n"
        "- {service: b, url: https://b.example}\ndefaults: {schedule: [\n"
    )
    (tmp_path / "slo.yml").write_text(text, encoding="utf-8")

    found = slo_findings(load_slo_yml(WorkspaceFiles(tmp_path), "slo.yml", "config"))

    assert [one.rule.name for one in found] == ["objective-without-budget"]


def test_several_contradictions_come_together_in_the_order_of_the_lines(check: Check) -> None:
    found = check(
        f"{ONE}slo_targets:\n  availability: 100%\n  response_time_p95: 3s\n"
        "monitoring:\n  interval: 1s\n  timeout: 2s\n"
    )

    assert [one.place.line for one in found] == [4, 5, 7]
    assert {one.rule.level for one in found} == {Level.ERROR}
