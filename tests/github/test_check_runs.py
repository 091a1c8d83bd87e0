"""Check runs within GitHub's limits, on the commit people look at."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.core.model import Annotation, Level
from slo_action.core.text.secrets import Scrubber
from slo_action.github.check_runs import GitHubCheckRuns, cut_to_bytes, head_sha
from slo_action.ports import CheckRun
from tests.worlds.published import CheckRunBodies

SHA = "a" * 40
GITHUB_LIMIT = 65_535


def check_run(*annotations: Annotation, **changes: str) -> CheckRun:
    values = {
        "name": "slo-verify / api",
        "title": "verified",
        "summary": "all is well",
        "conclusion": "success",
        "external_id": "42-1",
    }
    return CheckRun(**{**values, **changes}, annotations=annotations)


def published(run: CheckRun, *secrets: str) -> CheckRunBodies:
    scrubber, api = Scrubber(), CheckRunBodies()
    for secret in secrets:
        scrubber.learn(secret)
    GitHubCheckRuns(lambda: api, SHA, scrubber).publish(run)
    return api


def located(number: int = 1, **changes: str) -> Annotation:
    values = {"title": "t", "message": "m", **changes}
    return Annotation(level=Level.ERROR, path="slo.yml", line=number, **values)  # type: ignore[arg-type] # texts only


def test_a_check_run_is_created_completed() -> None:
    (body,) = published(check_run()).bodies

    assert body == {
        "name": "slo-verify / api",
        "head_sha": SHA,
        "external_id": "42-1",
        "status": "completed",
        "conclusion": "success",
        "output": {"title": "verified", "summary": "all is well", "annotations": []},
    }


def test_only_annotations_with_a_place_are_sent() -> None:
    anywhere = Annotation(level=Level.ERROR, title="t", message="m")
    (body,) = published(check_run(anywhere, located(3))).bodies

    assert body["output"]["annotations"] == [
        {
            "path": "slo.yml",
            "start_line": 3,
            "end_line": 3,
            "annotation_level": "failure",
            "title": "t",
            "message": "m",
        }
    ]


@pytest.mark.parametrize(("count", "sizes"), [(50, [50]), (51, [50, 1]), (120, [50, 50, 20])])
def test_annotations_are_sent_fifty_at_a_time(count: int, sizes: list[int]) -> None:
    bodies = published(check_run(*(located(n + 1) for n in range(count)))).bodies
    sent = [a["start_line"] for body in bodies for a in body["output"]["annotations"]]

    assert [len(body["output"]["annotations"]) for body in bodies] == sizes
    assert sent == list(range(1, count + 1))
    assert all(body["id"] == 1 and body["output"]["title"] for body in bodies[1:])


def test_long_texts_are_cut_to_what_github_takes() -> None:
    run = check_run(
        located(title="ä" * 300, message="🟩" * 40_000),
        name="n" * 400,
        title="t" * 400,
        summary="ä" * 60_000,
    )
    (body,) = published(run).bodies
    output, (annotation,) = body["output"], body["output"]["annotations"]

    assert len(output["summary"].encode()) <= GITHUB_LIMIT
    assert output["summary"].endswith("*Cut: the whole text is in the job summary.*")
    assert len(annotation["message"].encode()) <= GITHUB_LIMIT
    assert (len(output["title"]), len(annotation["title"])) == (255, 255)
    assert output["title"].endswith("…")
    assert len(body["name"]) == 200


def test_no_text_carries_a_secret_or_a_control_character() -> None:
    text = "a\x1bb\u2028c\ud800 hunter22"
    run = check_run(located(title=text, message=text), name=text, title=text, summary="hunter22")
    (body,) = published(run, "hunter22").bodies

    sent = json.dumps(body, ensure_ascii=False)
    assert "hunter22" not in sent
    assert not set(sent) & set("\x1b\u2028\ud800")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(100, 300))
@example("🟩" * 100, 101)
def test_a_cut_falls_between_characters(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)

    assert len(cut.encode()) <= limit
    assert cut == text or text.startswith(cut.partition("\n\n*Cut:")[0])


@pytest.mark.parametrize(
    ("event", "sha"),
    [
        ({"pull_request": {"head": {"sha": "head"}}}, "head"),
        ({"workflow_run": {"head_sha": "run"}}, "run"),
        ({"deployment": {"sha": "deployed"}}, "deployed"),
        ({"pull_request": {"head": "broken"}}, "merge"),
        ({"pull_request": {"head": {"sha": 7}}}, "merge"),
        ({}, "merge"),
        ([], "merge"),
    ],
)
def test_the_commit_is_the_one_people_look_at(tmp_path: Path, event: object, sha: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")

    assert head_sha(path, "merge") == sha


@pytest.mark.parametrize("content", [b"{", b"\xff", b""])
def test_an_event_that_cannot_be_read_leaves_the_run_s_commit(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)

    assert head_sha(path, "merge") == head_sha(None, "merge") == "merge"
    assert head_sha(tmp_path / "none.json", "merge") == "merge"
