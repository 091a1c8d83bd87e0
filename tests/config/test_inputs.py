"""The table of inputs: its defaults, and how each text is read or refused."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.inputs import (
    INPUTS,
    CheckRunMode,
    Inputs,
    InputSpec,
    PlatformName,
    Redirects,
    from_environment,
    read_inputs,
)
from slo_action.core.decision.decide import FailOn, RollbackMode
from slo_action.core.model import Mode
from slo_action.errors import Mistake

ACTION = Path(__file__).parents[2] / "action.yml"


def read(**given: str) -> Inputs:
    inputs, mistakes = read_inputs(_named(given))
    assert mistakes == ()
    return inputs


def refused(**given: str) -> Mistake:
    _, mistakes = read_inputs(_named(given))
    assert len(mistakes) == 1
    return mistakes[0]


def _named(given: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


def test_the_defaults_of_the_table_are_readable() -> None:
    inputs = read()

    assert inputs.mode is Mode.VERIFY
    assert inputs.platform is PlatformName.AUTO
    assert inputs.rollback is RollbackMode.AUTO
    assert inputs.fail_on is FailOn.INCONCLUSIVE
    assert inputs.follow_redirects is Redirects.OFF
    assert inputs.health_path == "/healthz"
    assert inputs.health_deadline == timedelta(seconds=90)
    assert inputs.grace == timedelta(seconds=30)
    assert (inputs.deployed_at, inputs.retention_days, inputs.matrix) == (None, None, ())
    assert not inputs.token
    assert inputs.check_run is CheckRunMode.AUTO
    assert not any((inputs.allow_link_local, inputs.command_shell))


@pytest.mark.parametrize("spec", INPUTS, ids=lambda spec: spec.name)
def test_an_unset_input_arrives_as_empty_text_and_gets_its_default(spec: InputSpec) -> None:
    assert read_inputs({spec.name: ""}) == read_inputs({spec.name: " \n"}) == read_inputs({})


def test_action_yml_declares_what_the_table_reads() -> None:
    declared = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]

    assert {name: entry["default"] for name, entry in declared.items()} == {
        spec.name: spec.default for spec in INPUTS
    }


def test_inputs_come_from_the_environment_as_a_runner_writes_them() -> None:
    environ = {
        "INPUT_FAIL-ON": "unhealthy",
        "INPUT_ARGS": "x",
        "INPUT_ENTRYPOINT": "y",
        "HOME": "/",
    }

    assert from_environment(environ) == {"fail-on": "unhealthy"}


def test_every_input_is_typed() -> None:
    inputs = read(
        service="api",
        deployed_at="2025-08-23T10:38:00+02:00",
        grace="0s",
        rollback="dry-run",
        command_shell="TRUE",
        retention_days="30",
        token="ghs_12345",
        matrix='{"os": "linux", "n": 3, "deep": {"x": 1}}',
    )

    assert inputs.service == "api"
    assert inputs.deployed_at == datetime(2025, 8, 23, 8, 38, tzinfo=UTC)
    assert inputs.grace == timedelta(0)
    assert inputs.rollback is RollbackMode.DRY_RUN
    assert inputs.command_shell
    assert inputs.retention_days == 30
    assert inputs.token.reveal() == "ghs_12345"
    assert inputs.matrix == ("linux", "3")


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("health-deadline", "90", "duration with a unit"),
        ("health-deadline", "0s", "above zero"),
        ("grace", "-1s", "duration with a unit"),
        ("rollback-timeout", "soon", "duration with a unit"),
        ("deployed-at", "2025-08-23 08:38", "zone is missing"),
        ("deployed-at", "yesterday", "time with its zone"),
        ("mode", "verfy", "did you mean verify?"),
        ("platform", "comand", "did you mean command?"),
        ("rollback", "of", "did you mean off?"),
        ("fail-on", "degraded", "known: inconclusive, unhealthy"),
        ("on-late-start", "roll-back", "did you mean rollback?"),
        ("follow-redirects", "all", "known: off, same-host"),
        ("check-run", "yes", "auto, true or false"),
        ("allow-link-local", "1", "true or false"),
        ("retention-days", "0", "1 to 400"),
        ("retention-days", "401", "1 to 400"),
        ("retention-days", "²", "1 to 400"),
        ("retention-days", "9" * 5000, "1 to 400"),
        ("health-path", "healthz", "starts with one slash"),
        ("health-path", "//evil.example/", "starts with one slash"),
        ("version-path", "/a b", "starts with one slash"),
        ("service", "a\nb", "one line"),
        ("service", "--all", "does not begin with a dash"),
        ("to-version", "--all", "does not begin with a dash"),
        ("approver", "a\x1b[31m", "one line"),
        ("matrix", "{", "leave it out"),
        ("matrix", "[" * 100_000, "leave it out"),
    ],
)
def test_what_cannot_be_read_is_one_mistake_with_the_accepted_forms(
    name: str, text: str, accepted: str
) -> None:
    mistake = refused(**{name: text})

    assert mistake.field == name
    assert accepted in mistake.accepted
    assert mistake.value == text


@pytest.mark.parametrize("blank", ["\n", "\r\n", " ", "\t", "\ufeff", "\u00a0"])
@pytest.mark.parametrize("name", ["service", "health_path", "grace", "rollback", "retention_days"])
def test_blanks_around_an_input_are_not_part_of_it(name: str, blank: str) -> None:
    text = {"service": "api", "health_path": "/up", "grace": "5s", "rollback": "off"}.get(name, "7")

    assert read(**{name: f"{blank}{text}{blank}"}) == read(**{name: text})


def test_the_lines_of_an_input_are_kept_and_trimmed_one_by_one() -> None:
    inputs = read(api_paths="\r\n /a \r\n\r\n/b\t\r\n", secrets="ONE=12345 \r\nTWO=67890\r\n")

    assert inputs.api_paths == ("/a", "/b")
    assert [secret.reveal() for secret in inputs.secrets.values()] == ["12345", "67890"]


def test_a_token_is_sent_without_the_newline_that_a_secret_was_stored_with() -> None:
    assert read(token="\ufeffghs_12345\r\n").token.reveal() == "ghs_12345"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("auto", CheckRunMode.AUTO),
        ("true", CheckRunMode.ON),
        ("on", CheckRunMode.ON),
        ("TRUE", CheckRunMode.ON),
        ("false", CheckRunMode.OFF),
        ("off", CheckRunMode.OFF),
    ],
)
def test_a_check_run_is_made_where_possible_or_always_or_never(
    text: str, mode: CheckRunMode
) -> None:
    assert read(check_run=text).check_run is mode


def test_an_unknown_input_is_answered_with_the_nearest_name() -> None:
    mistake = refused(**{"rollback-comand": "x"})

    assert mistake.problem == "unknown input"
    assert mistake.accepted.startswith("did you mean rollback-command?")


def test_all_mistakes_come_at_once_and_the_rest_is_read() -> None:
    inputs, mistakes = read_inputs(
        {"grace": "soon", "modus": "verify", "mode": "x", "service": "a"}
    )

    assert [mistake.field for mistake in mistakes] == ["modus", "mode", "grace"]
    assert inputs.service == "a"
    assert inputs.grace == timedelta(seconds=30)


@given(st.sampled_from(INPUTS), st.text())
def test_no_text_breaks_the_reading(spec: InputSpec, text: str) -> None:
    _, mistakes = read_inputs({spec.name: text})

    assert all(mistake.field == spec.name for mistake in mistakes)
    assert not (spec.secret and any(mistake.value for mistake in mistakes))
