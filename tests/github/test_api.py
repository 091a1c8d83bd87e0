"""GitHub's API over a real loopback connection: what ghapi sends, and what its errors become."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError
from slo_action.github.api import GitHubApi
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_http import Asked, Reply, json_reply

ROOT = Path(__file__).parents[2]
BODY = {"name": "slo-verify", "head_sha": "a" * 40, "status": "completed"}
CREATE = """\
import sys
from slo_action.core.text.secrets import Secret
from slo_action.github.api import GitHubApi
print(GitHubApi(sys.argv[1], "octo/shop", Secret("ghs_given")).create_check_run({"name": "n"}))
"""


class GitHub:
    """Answers every request with `reply`; `asked` holds the requests, `api` leads to it."""

    api: GitHubApi

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[Asked] = []
        self.reply: Reply = json_reply(201, {"id": 7})

    def serve(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.reply


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[GitHub, GitHubApi]]:
    """Opening ghapi takes a while: it reads a description of everything GitHub can do."""
    world = GitHub()
    with loopback_face(world) as origin:
        yield world, GitHubApi(origin, "octo/shop", Secret("ghs_given"))


@pytest.fixture
def github(opened: tuple[GitHub, GitHubApi]) -> GitHub:
    world, world.api = opened[0], opened[1]
    world.asked.clear()
    world.reply = json_reply(201, {"id": 7})
    return world


def refused(github: GitHub, status: int, message: str, **headers: str) -> GitHubError:
    github.reply = Reply(
        status=status,
        body=json.dumps({"message": message, "documentation_url": "https://docs"}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with pytest.raises(GitHubError) as caught:
        github.api.create_check_run(dict(BODY))
    return caught.value


def test_a_check_run_is_created_and_its_id_returned(github: GitHub) -> None:
    assert github.api.create_check_run(dict(BODY)) == 7

    (asked,) = github.asked
    assert (asked.method, asked.path) == ("POST", "/repos/octo/shop/check-runs")
    assert json.loads(asked.body) == BODY
    assert asked.headers["authorization"] == "token ghs_given"
    assert asked.headers["x-github-api-version"] == "2022-11-28"


def test_a_check_run_is_updated_by_its_id(github: GitHub) -> None:
    github.api.update_check_run(7, {"output": {"title": "t", "summary": "s"}})

    (asked,) = github.asked
    assert (asked.method, asked.path) == ("PATCH", "/repos/octo/shop/check-runs/7")
    assert json.loads(asked.body) == {"output": {"title": "t", "summary": "s"}}


def test_a_token_that_may_not_is_reported_how_it_could(github: GitHub) -> None:
    error = refused(github, 403, "Resource not accessible by integration")

    assert error.forbidden
    assert "checks: write" in error.hint
    assert "HTTP 403: Resource not accessible" in error.message


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    "message", ["API rate limit exceeded", "You have exceeded a secondary rate limit."]
)
def test_a_limit_is_not_a_missing_permission(github: GitHub, status: int, message: str) -> None:
    error = refused(github, status, message, **{"X-RateLimit-Remaining": "0"})

    assert not error.forbidden
    assert "limits this token" in error.hint


def test_a_refused_body_is_not_called_a_limit(github: GitHub) -> None:
    error = refused(github, 422, "Invalid request.\n\nNo more than 50 items are allowed")

    assert not error.forbidden
    assert "HTTP 422: Invalid request." in error.message
    assert "limit" not in error.hint


@pytest.mark.parametrize("status", [500, 502])
def test_a_failing_github_is_an_error_of_github(github: GitHub, status: int) -> None:
    assert f"HTTP {status}" in refused(github, status, "oops").message


def test_an_error_quotes_neither_the_token_nor_a_whole_page(github: GitHub) -> None:
    error = refused(github, 404, "ghs_ " + "x" * 5000)

    assert "ghs_given" not in f"{error.message} {error.hint}"
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(201, {}),
        json_reply(201, []),
        json_reply(201, {"id": "x"}),
        Reply(status=201, body=b"<html>", headers={"Content-Type": "text/html"}),
        Reply(status=201, body=b"{", headers={"Content-Type": "application/json"}),
        Reply(status=204),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_of_github(github: GitHub, reply: Reply) -> None:
    github.reply = reply

    with pytest.raises(GitHubError, match="could not create a check run"):
        github.api.create_check_run(dict(BODY))


def test_a_github_that_is_not_there_could_not_be_reached() -> None:
    away = GitHubApi("http://127.0.0.1:1", "octo/shop", Secret("ghs_given"))

    with pytest.raises(GitHubError, match="no answer") as caught:
        away.create_check_run(dict(BODY))

    assert "could not be reached" in caught.value.hint
    assert not caught.value.forbidden


def in_environment(
    github: GitHub, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-B", "-c", CREATE, github.origin],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_what_the_host_leaks_changes_neither_address_nor_token_nor_log(github: GitHub) -> None:
    finished = in_environment(
        github,
        {
            "GH_HOST": "evil.example",
            "GITHUB_TOKEN": "ghs_leaked",
            "GITHUB_JWT_TOKEN": "jwt_leaked",
            "GHAPI_DEBUG": "1",
        },
    )

    (asked,) = github.asked
    assert asked.headers["authorization"] == "token ghs_given"
    assert not any("leaked" in value for value in asked.headers.values())
    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_a_runner_behind_a_proxy_reaches_github_through_it(github: GitHub) -> None:
    finished = in_environment(github, {"HTTP_PROXY": github.origin, "NO_PROXY": ""})

    (asked,) = github.asked
    assert asked.target == f"{github.origin}/repos/octo/shop/check-runs"
    assert finished.stdout == "7\n"
