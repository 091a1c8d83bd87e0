"""What a runner tells by its environment."""

from pathlib import Path

import pytest

from slo_action.errors import RunnerError
from slo_action.github.context import RunnerContext, read_context

LEAST = {"GITHUB_OUTPUT": "/files/output", "GITHUB_WORKSPACE": "/work"}


def context(**changes: str) -> RunnerContext:
    return read_context({**LEAST, **changes})


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (["GITHUB_OUTPUT"], "GITHUB_OUTPUT not set"),
        (["GITHUB_WORKSPACE"], "GITHUB_WORKSPACE not set"),
        (["GITHUB_OUTPUT", "GITHUB_WORKSPACE"], "GITHUB_OUTPUT and GITHUB_WORKSPACE not set"),
    ],
)
def test_what_the_runner_should_have_given_is_reported(missing: list[str], told: str) -> None:
    with pytest.raises(RunnerError, match=told) as caught:
        context(**dict.fromkeys(missing, ""))

    assert "on a laptop" in caught.value.hint


def test_the_least_a_runner_gives_is_enough() -> None:
    told = context()

    assert (told.output, told.workspace) == (Path("/files/output"), Path("/work"))
    assert (told.summary, told.event_path, told.longest_retention_days) == (None, None, None)
    assert (told.api_url, told.results_url) == ("", "")
    assert not told.runtime_token
    assert not told.is_act
    assert told.run.server_url == "https://github.com"
    assert told.run.page == ""


def test_the_run_is_identified_by_its_page() -> None:
    told = context(
        GITHUB_REPOSITORY="octo/shop",
        GITHUB_RUN_ID="42",
        GITHUB_SERVER_URL="https://ghe.example/",
    )

    assert told.run.page == "https://ghe.example/octo/shop/actions/runs/42"


def test_who_triggered_it_comes_before_who_acts() -> None:
    both = context(GITHUB_TRIGGERING_ACTOR="bob", GITHUB_ACTOR="alice")

    assert both.run.actor == "bob"
    assert context(GITHUB_ACTOR="alice").run.actor == "alice"


def test_no_path_is_assumed() -> None:
    act = context(
        ACT="true",
        GITHUB_STEP_SUMMARY="/var/run/act/workflow/SUMMARY.md",
        GITHUB_EVENT_PATH="/var/run/act/workflow/event.json",
    )

    assert act.is_act
    assert act.summary == Path("/var/run/act/workflow/SUMMARY.md")
    assert act.event_path == Path("/var/run/act/workflow/event.json")


@pytest.mark.parametrize(("text", "days"), [("90", 90), ("", None), ("²", None), ("-1", None)])
def test_the_longest_retention_is_a_number_or_unknown(text: str, days: int | None) -> None:
    assert context(GITHUB_RETENTION_DAYS=text).longest_retention_days == days


def test_the_runtime_token_does_not_print() -> None:
    told = context(ACTIONS_RUNTIME_TOKEN="eyJhbGciOi", GITHUB_API_URL="https://api.github.com/")

    assert told.runtime_token.reveal() == "eyJhbGciOi"
    assert "eyJhbGciOi" not in repr(told)
    assert told.api_url == "https://api.github.com"
