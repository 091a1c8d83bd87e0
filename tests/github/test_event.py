"""The event that started the workflow, in the shapes that GitHub sends."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo_action.github.event import base_sha, is_from_fork

SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"


def repository(name: str, *, fork: bool = False) -> dict[str, Any]:
    owner = name.partition("/")[0]
    return {"id": 1296269, "full_name": name, "fork": fork, "owner": {"login": owner, "id": 1}}


def pull_request(head: dict[str, Any] | None, base: str = "octo/shop") -> dict[str, Any]:
    """Cut down from the payload of `pull_request` in GitHub's documentation."""
    return {
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "id": 279147437,
            "head": {"label": "x:change", "ref": "change", "sha": "f" * 40, "repo": head},
            "base": {"label": "octo:main", "ref": "main", "sha": SHA, "repo": repository(base)},
        },
        "repository": repository(base),
    }


OWN = pull_request(repository("octo/shop"))
FORK = pull_request(repository("stranger/shop", fork=True))
OURS_IS_A_FORK = pull_request(repository("octo/shop", fork=True))
GONE = pull_request(None)
"""Of a fork that was deleted since."""
PUSH = {"ref": "refs/heads/main", "before": SHA, "after": "a" * 40, "repository": OWN["repository"]}
MERGE_GROUP = {
    "action": "checks_requested",
    "merge_group": {"head_sha": "a" * 40, "base_sha": SHA, "base_ref": "refs/heads/main"},
    "repository": OWN["repository"],
}
COMMENT = {"action": "created", "issue": {"number": 7, "pull_request": {"url": "https://x"}}}


def workflow_run(head: str) -> dict[str, Any]:
    run = {"head_repository": repository(head), "repository": repository("octo/shop")}
    return {"action": "completed", "workflow_run": {"id": 1, "event": "pull_request", **run}}


def path(directory: Path, event: object) -> Path:
    file = directory / "event.json"
    file.write_text(event if isinstance(event, str) else json.dumps(event), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("event", "is_fork", "base"),
    [
        (OWN, False, SHA),
        (FORK, True, SHA),
        (OURS_IS_A_FORK, False, SHA),
        (GONE, True, SHA),
        (PUSH, False, ""),
        (MERGE_GROUP, False, SHA),
        (COMMENT, False, ""),
        (workflow_run("octo/shop"), False, ""),
        (workflow_run("stranger/shop"), True, ""),
        ({"schedule": "0 2 * * *"}, False, ""),
        ({}, False, ""),
        ({"pull_request": {"base": {"sha": 7}}}, True, ""),
        ({"pull_request": None}, True, ""),
        ({"pull_request": {"base": OWN["pull_request"]["base"]}}, True, SHA),
        ({"pull_request": {"head": OWN["pull_request"]["head"]}}, True, ""),
        ({"workflow_run": {"repository": repository("octo/shop")}}, True, ""),
        ([], True, ""),
        ("{", True, ""),
        ("", True, ""),
        ("[" * 100_000, True, ""),
    ],
)
def test_an_event_says_whose_change_it_is_and_what_was_before(
    tmp_path: Path,
    event: object,
    is_fork: bool,
    base: str,
) -> None:
    file = path(tmp_path, event)

    assert (is_from_fork(file), base_sha(file)) == (is_fork, base)


def test_without_an_event_there_is_no_pull_request() -> None:
    assert (is_from_fork(None), base_sha(None)) == (False, "")


def test_an_event_that_is_not_where_it_should_be_may_be_from_a_fork() -> None:
    gone = Path("/none/event.json")

    assert (is_from_fork(gone), base_sha(gone)) == (True, "")
