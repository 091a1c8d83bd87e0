"""Inputs, matrix and surroundings to one request, or to every mistake at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slo_action.config.inputs import CheckRunMode, PlatformName
from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import RunIdentity, Witness
from slo_action.errors import InputError, Mistake

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
GOOD = {"service": "api", "url": "https://api.example", "token": "ghs_123456"}
MATRIX = """\
service: api
url: https://bob:hunter22@api.example
health_endpoint: /up
build_endpoint: /__build
monitoring: {grace_period: 45s}
"""


def around(workspace: Path, **changes: object) -> RunEnvironment:
    values: dict[str, object] = {"run": RunIdentity(), "workspace": workspace, "now": NOW}
    return RunEnvironment(**{**values, **changes})  # type: ignore[arg-type] # a builder's overrides


def request(workspace: Path, **given: str) -> VerifyRequest:
    return read_request({**GOOD, **_named(given)}, around(workspace))


def mistakes(workspace: Path, **given: str) -> tuple[Mistake, ...]:
    with pytest.raises(InputError) as caught:
        request(workspace, **given)
    return caught.value.mistakes


def _named(given: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


def with_matrix(workspace: Path, text: str = MATRIX) -> Path:
    path = workspace / ".github" / "slo.yml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return workspace


def test_service_and_url_are_enough(tmp_path: Path) -> None:
    made = request(tmp_path)

    assert (made.service, made.url) == ("api", "https://api.example")
    assert [probe.url for probe in made.probes] == ["https://api.example/healthz"]
    assert made.platform is PlatformName.NONE
    assert made.deployed_at == NOW
    assert (made.deployment_id, made.approver) == ("local-2026-11-23T10:00:00Z", "unknown")
    assert made.control is None


def test_a_version_path_is_a_witness_of_its_own(tmp_path: Path) -> None:
    health, version = request(tmp_path, version_path="/__build", expected_version="v2").probes

    assert (health.witness, health.version_rule) == (Witness.HEALTH, None)
    assert (version.witness, version.url) == (Witness.VERSION, "https://api.example/__build")
    assert version.version_rule is not None
    assert version.version_rule.expected == "v2"


def test_the_matrix_fills_in_what_the_inputs_left_open(tmp_path: Path) -> None:
    made = request(with_matrix(tmp_path), url="")

    assert [p.url for p in made.probes] == ["https://api.example/up", "https://api.example/__build"]
    assert made.policy.gate.grace_seconds == 45.0
    assert {"hunter22", "bob:hunter22"} <= {secret.reveal() for secret in made.secrets}


def test_inputs_win_over_the_matrix(tmp_path: Path) -> None:
    made = request(with_matrix(tmp_path), health_path="/live", grace="10s", version_path="/v")

    assert [p.url for p in made.probes] == ["https://api.example/live", "https://api.example/v"]
    assert made.policy.gate.grace_seconds == 10.0


def test_a_rollback_command_is_arguments_and_makes_the_platform(tmp_path: Path) -> None:
    made = request(tmp_path, rollback_command="kubectl rollout undo 'deploy/my api'")

    assert made.platform is PlatformName.COMMAND
    assert made.commands.rollback == ("kubectl", "rollout", "undo", "deploy/my api")


def test_a_shell_command_stays_as_it_is(tmp_path: Path) -> None:
    made = request(tmp_path, rollback_command="a 'b | c", command_shell="true")

    assert made.commands.rollback == ("a 'b | c",)


def test_credentials_reach_the_probe_and_nothing_that_is_shown(tmp_path: Path) -> None:
    made = request(tmp_path, url="https://bob:hunter22@api.example")

    assert made.probes[0].authorization == "Basic Ym9iOmh1bnRlcjIy"
    assert "hunter22" not in made.url + made.probes[0].url
    assert "hunter22" not in repr(made)


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"service": ""}, "service", "is missing; name the service"),
        ({"service": "-x"}, "service", "does not begin with a dash"),
        ({"url": ""}, "url", "is missing; give the base URL"),
        ({"url": "api.example"}, "url", "start with http://"),
        ({"url": "ftp://api.example"}, "url", "the scheme ftp: cannot be probed"),
        ({"url": "http://169.254.169.254"}, "url", "set allow-link-local: true"),
        ({"control_url": "http://2852039166"}, "control-url", "set allow-link-local: true"),
        ({"grace": "30"}, "grace", "with a unit, such as 90s"),
        ({"rollback_comand": "x"}, "rollback-comand", "did you mean rollback-command?"),
        ({"config": "none.yml"}, "config", "No such file"),
        ({"config": "."}, "config", "Is a directory"),
        ({"token": "", "check_run": "true"}, "token", "or leave check-run at auto"),
        ({"platform": "command"}, "rollback-command", "`platform: command` needs one"),
        ({"previous_version_command": "x"}, "rollback-command", "no effect without one"),
        ({"rollback_command": "a 'b"}, "rollback-command", "No closing quotation"),
        (
            {"mode": "rollback", "to_version": "v1", "rollback_command": "./undo"},
            "to-version",
            "write {previous-version} in rollback-command",
        ),
        ({"deployed_at": "2026-11-23T10:02:00Z"}, "deployed-at", "lies in the future"),
    ],
)
def test_each_bad_input_is_one_clear_mistake(
    tmp_path: Path, given: dict[str, str], field: str, told: str
) -> None:
    (mistake,) = mistakes(tmp_path, **given)

    assert mistake.field == field
    assert told in str(mistake)


def test_a_metadata_address_is_probed_where_it_is_allowed(tmp_path: Path) -> None:
    made = request(tmp_path, url="http://169.254.1.1", allow_link_local="true")

    assert made.url == "http://169.254.1.1"


def test_a_service_that_is_not_in_the_matrix_is_reported_even_with_a_url(tmp_path: Path) -> None:
    (mistake,) = mistakes(with_matrix(tmp_path), service="apo")

    assert mistake.field == "service"
    assert "did you mean api?" in mistake.accepted


@pytest.mark.parametrize("config", ["../slo.yml", "/etc/hostname", "link.yml"])
def test_a_matrix_outside_of_the_workspace_is_refused(tmp_path: Path, config: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "slo.yml").write_text(MATRIX, encoding="utf-8")
    (workspace / "link.yml").symlink_to(tmp_path / "slo.yml")
    (mistake,) = mistakes(workspace, config=config)

    assert (mistake.field, mistake.problem) == ("config", "lies outside of the workspace")


def test_a_mistaken_matrix_is_not_also_a_missing_url(tmp_path: Path) -> None:
    (mistake,) = mistakes(with_matrix(tmp_path, "service: api\nurl: [\n"), url="")

    assert (mistake.line, mistake.column) == (3, 1)


@pytest.mark.parametrize("check_run", ["", "auto", "false"])
def test_without_a_token_a_run_that_asks_for_no_check_run_goes_on(
    tmp_path: Path, check_run: str
) -> None:
    assert request(tmp_path, token="", check_run=check_run).check_run is not CheckRunMode.ON


def test_where_no_check_run_is_possible_no_token_is_needed(tmp_path: Path) -> None:
    given = {**GOOD, "token": ""}

    made = read_request(given, around(tmp_path, check_runs_possible=False))

    assert made.check_run is CheckRunMode.OFF


def test_all_mistakes_of_all_kinds_come_at_once(tmp_path: Path) -> None:
    found = mistakes(
        with_matrix(tmp_path, "service: api\nurl: https://a.example\nmonitoring: {interval: 15}\n"),
        service="",
        url="ftp://bob:hunter22@api.example",
        control_url="nowhere",
        grace="30",
        mode="verfy",
        colour="red",
        platform="command",
        previous_version_command="a 'b",
        deployed_at="2030-01-01T00:00:00Z",
        token="",
        check_run="true",
    )

    assert [mistake.field.rpartition(".")[2] for mistake in found] == [
        "colour",
        "mode",
        "grace",
        "interval",
        "deployed-at",
        "rollback-command",
        "rollback-command",
        "token",
        "service",
        "url",
        "control-url",
        "previous-version-command",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://bob:hunter22@api.example",
        "https://bob:hun/ter22@api.example",
        "https://bob:hunter22@api.example?x=http://b",
        "bob:hunter22@api.example",
        "http://bob:hunter22@169.254.169.254",
    ],
)
def test_no_mistake_echoes_a_credential(tmp_path: Path, url: str) -> None:
    found = mistakes(tmp_path, url=url, control_url=url, grace="x", token="ghs_123456")

    told = str(InputError(found)) + repr(found)
    assert len(found) == 3
    assert not any(part in told for part in ("hun", "er22", "bob", "ghs_"))


def test_an_instant_a_little_ahead_of_our_clock_is_not_the_future(tmp_path: Path) -> None:
    ahead = NOW + timedelta(seconds=30)

    assert request(tmp_path, deployed_at=ahead.isoformat()).deployed_at == ahead


def test_a_run_names_deployment_and_approver(tmp_path: Path) -> None:
    run = RunIdentity(run_id="12345", actor="octocat")

    made = read_request(GOOD, around(tmp_path, run=run, control_url="https://api.github.com"))

    assert (made.deployment_id, made.approver) == ("run_12345", "octocat")
    assert made.control is not None
    assert made.control.url == "https://api.github.com"
