"""slo.yml in the document's own words, and everything that can be wrong with it."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slo_action.config.matrix import Service, load_matrix
from slo_action.errors import Mistake

DOCUMENT = Path(__file__).parent / "fixtures" / "slo.yml"
ONE = "service: api\nurl: https://api.example\n"


def services(path: Path) -> dict[str, Service]:
    found = load_matrix(path, "config")
    assert isinstance(found, dict), found
    return found


def mistakes(directory: Path, text: str) -> tuple[Mistake, ...]:
    path = directory / "slo.yml"
    path.write_text(text, encoding="utf-8")
    found = load_matrix(path, "config")
    assert isinstance(found, tuple)
    return found


def test_the_document_s_six_services_load_as_written() -> None:
    found = services(DOCUMENT)

    assert [name.removeprefix("sophiaai-") for name in found] == [
        "dashboard-v2",
        "mcp-repo-v2",
        "mcp-research-v2",
        "mcp-context-v2",
        "mcp-business-v2",
        "jobs-v2",
    ]
    assert all(service.url == f"https://{name}.fly.dev" for name, service in found.items())
    assert all(service.health_endpoint == "/healthz" for service in found.values())
    assert {s.monitoring.grace_period for s in found.values()} == {timedelta(seconds=30)}


def test_the_document_s_targets_are_exact() -> None:
    found = services(DOCUMENT)
    dashboard, jobs = found["sophiaai-dashboard-v2"], found["sophiaai-jobs-v2"]
    research = found["sophiaai-mcp-research-v2"]

    assert dashboard.build_endpoint == "/__build"
    assert dashboard.slo_targets.availability == Fraction(999, 1000)
    assert dashboard.slo_targets.error_rate == Fraction(1, 100)
    assert dashboard.slo_targets.response_time_p95 == timedelta(milliseconds=500)
    assert dashboard.monitoring.timeout == timedelta(seconds=2)
    assert research.slo_targets.search_response_time_p90 == timedelta(seconds=5)
    assert research.monitoring.search_timeout == timedelta(seconds=10)
    assert found["sophiaai-mcp-context-v2"].stats_endpoint == "/context/stats"
    assert jobs.slo_targets.job_success_rate == Fraction(95, 100)
    assert jobs.schedule == "0 */1 * * *"


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}---\nservice: web\nurl: https://web.example\n",
        "- {service: api, url: https://api.example}\n- {service: web, url: https://web.example}\n",
        "services:\n- {service: api, url: https://a.example}\n- {service: web, url: https://b.example}\n",
    ],
    ids=["documents", "list", "services"],
)
def test_a_matrix_may_be_documents_a_list_or_a_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "slo.yml"
    path.write_text(text, encoding="utf-8")

    assert list(services(path)) == ["api", "web"]


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        (f"{ONE}slo_targets: {{availability: 101%}}", "availability", "between 0% and 100%"),
        (f"{ONE}slo_targets: {{error_rate: often}}", "error_rate", "write a ratio"),
        (f"{ONE}monitoring: {{interval: 15}}", "interval", "duration with a unit"),
        (f"{ONE}monitoring: {{timeout: [2s]}}", "timeout", "duration with a unit"),
        (f"{ONE}health_endpont: /h", "health_endpont", "not permitted"),
        ("service: api", "url", "required"),
        ("service: ''\nurl: https://a.example", "service", "at least 1 character"),
        ("service: 7\nurl: https://a.example", "service", "valid string"),
        ("just text", "document[0]", "valid dictionary"),
        ("services: []", "config", "no service in it"),
        ("", "config", "no service in it"),
        (f"{ONE}---\n{ONE}", "document[1].service", "named twice"),
        ("service: [", "config", "not valid YAML"),
    ],
)
def test_a_mistake_names_its_field_and_problem(
    tmp_path: Path, text: str, field: str, problem: str
) -> None:
    (found,) = mistakes(tmp_path, text)

    assert field in found.field
    assert problem in found.problem
    assert str(tmp_path / "slo.yml") in str(found)


def test_all_mistakes_of_all_services_come_at_once(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        f"{ONE}grace: 1\nslo_targets: {{availability: 2, error_rate: x}}\n---\nservice: web\n",
    )

    assert [mistake.field.rpartition(".")[2] for mistake in found] == [
        "availability",
        "error_rate",
        "grace",
        "url",
    ]


def test_a_mistake_does_not_quote_what_may_be_an_address_with_credentials(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "service: a\nurl: [https://bob:hunter22@api.example]\n")

    assert "hunter22" not in str(found)


def test_aliases_cannot_make_a_small_file_endless(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20)
    )

    found = mistakes(tmp_path, f"{bomb}{ONE}slo_targets: {{availability: *a19}}\n")

    assert any("availability" in mistake.field for mistake in found)
