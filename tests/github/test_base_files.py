"""Files of the base commit: GitHub's odd answers, and the event that names the commit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError
from slo_action.github.api import GitHubApi
from slo_action.github.base_files import MOST_BYTES, GitHubBaseFiles
from slo_action.github.event import base_sha
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_http import Reply, json_reply
from tests.worlds.github_contents import INLINE_BYTES, Entry, GitHubContents, Link, Submodule

BASE = "b" * 40


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[GitHubContents, GitHubApi]]:
    world = GitHubContents()
    with loopback_face(world) as origin:
        yield world, GitHubApi(origin, "octo/shop", Secret("ghs_given"))


@pytest.fixture
def world(opened: tuple[GitHubContents, GitHubApi]) -> GitHubContents:
    world = opened[0]
    world.commits = {BASE: {"slo.yml": b"service: shop\n"}}
    world.may_read, world.is_private, world.fault = True, True, None
    world.asked.clear()
    return world


@pytest.fixture
def files(opened: tuple[GitHubContents, GitHubApi], world: GitHubContents) -> GitHubBaseFiles:
    assert world is opened[0]
    return GitHubBaseFiles(lambda: opened[1], BASE)


def refused(files: GitHubBaseFiles, path: str = "slo.yml") -> GitHubError:
    with pytest.raises(GitHubError) as caught:
        files.read(path)
    assert caught.value.hint
    return caught.value


def test_the_base_commit_is_asked_by_its_digest(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    assert files.read("slo.yml") == "service: shop\n"

    (asked,) = world.asked
    assert asked.target == f"/repos/octo/shop/contents/slo.yml?ref={BASE}"


def test_a_file_too_large_to_come_along_is_fetched_by_its_digest(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    text = "# ten thousand services\n" * (INLINE_BYTES // 20)
    world.commits[BASE]["slo.yml"] = text.encode()

    assert files.read("slo.yml") == text
    assert [asked.path.split("/")[4] for asked in world.asked] == ["contents", "git"]


def test_a_file_beyond_all_measure_is_not_fetched(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    world.commits[BASE]["slo.yml"] = b"#" * (MOST_BYTES + 1)

    assert "larger than 8 MiB" in refused(files).message
    assert len(world.asked) == 1


def test_a_link_to_a_file_of_the_repository_reads_as_that_file(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    world.commits[BASE]["link.yml"] = Link("slo.yml")

    assert files.read("link.yml") == "service: shop\n"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Link("/etc/passwd"), "link to something that is not a file"),
        (Submodule("https://x"), "submodule"),
        (b"\xff\xfe", "was no UTF-8 text"),
    ],
)
def test_what_is_no_text_is_reported_as_what_it_was(
    files: GitHubBaseFiles, world: GitHubContents, entry: Entry, said: str
) -> None:
    world.commits[BASE]["slo.yml"] = entry

    assert said in refused(files).message


def test_a_directory_is_no_file(files: GitHubBaseFiles, world: GitHubContents) -> None:
    world.commits[BASE] = {"slo.yml/a": b"", "slo.yml/b": b""}

    assert "was no file but a directory" in refused(files).message


@pytest.mark.parametrize("is_private", [True, False])
def test_a_token_that_may_not_read_is_reported_how_it_could(
    files: GitHubBaseFiles, world: GitHubContents, *, is_private: bool
) -> None:
    world.may_read, world.is_private = False, is_private

    error = refused(files)

    assert error.forbidden
    assert "contents: read" in error.hint
    assert "checks: write" not in error.hint


def test_a_commit_that_is_gone_is_not_taken_for_a_new_file(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    world.commits = {}

    assert "No commit found" in refused(files).message


@pytest.mark.parametrize(
    "fault",
    [
        json_reply(500, {"message": "oops"}),
        json_reply(403, {"message": "API rate limit exceeded"}),
        json_reply(200, {"type": "file"}),
        json_reply(200, {"type": "file", "size": 1, "encoding": "base64", "content": "x"}),
        json_reply(200, {"type": "file", "size": 1, "encoding": "base64"}),
        json_reply(200, {"type": "file", "size": 1, "encoding": "none", "sha": "x"}),
        json_reply(200, {"type": "::error::"}),
        json_reply(200, "text"),
        Reply(status=204),
        Reply(status=200, body=b"<html>", headers={"Content-Type": "text/html"}),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_of_github(
    files: GitHubBaseFiles, world: GitHubContents, fault: Reply
) -> None:
    world.fault = fault

    error = refused(files)

    assert not error.missing
    assert "::" not in error.message


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../other/slo.yml", "a/../../slo.yml"])
def test_a_path_that_leads_out_sends_no_request(
    files: GitHubBaseFiles, world: GitHubContents, path: str
) -> None:
    assert "does not lie in the repository" in refused(files, path).message
    assert world.asked == []


def test_a_folder_with_more_than_github_lists_is_not_returned_as_if_it_were_all(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    world.commits[BASE] = {f"many/{number}.yml": b"" for number in range(1001)}
    with pytest.raises(GitHubError, match=r"\"many\" held 1000 files or more"):
        files.names("many")

    world.commits[BASE] = {f"many/{number}.yml": b"" for number in range(999)}
    assert len(files.names("many")) == 999


@pytest.mark.parametrize("fault", [json_reply(200, "text"), Reply(status=204)])
def test_a_list_that_makes_no_sense_is_an_error_of_github(
    files: GitHubBaseFiles, world: GitHubContents, fault: Reply
) -> None:
    world.fault = fault
    with pytest.raises(GitHubError, match="came without its content"):
        files.names("")


def test_names_that_make_no_sense_are_left_out(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    world.fault = json_reply(200, ["x", {"name": 1}, {}, {"name": "a.yml", "type": "file"}])

    assert files.names("") == ("a.yml",)


def test_names_outside_of_the_repository_are_not_asked_for(
    files: GitHubBaseFiles, world: GitHubContents
) -> None:
    with pytest.raises(GitHubError, match="does not lie in the repository"):
        files.names("../other")
    assert world.asked == []


def test_the_api_is_opened_for_the_first_file_only(
    opened: tuple[GitHubContents, GitHubApi], world: GitHubContents
) -> None:
    times: list[str] = []

    def open_api() -> GitHubApi:
        times.append("opened")
        return opened[1]

    files = GitHubBaseFiles(open_api, BASE)
    assert times == []
    files.read("slo.yml")
    files.read("slo.yml")
    assert (times, len(world.asked)) == (["opened"], 2)


@pytest.mark.parametrize(
    ("event", "sha"),
    [
        ({"pull_request": {"base": {"sha": BASE}, "head": {"sha": "h"}}}, BASE),
        ({"merge_group": {"base_sha": BASE, "head_sha": "h"}}, BASE),
        ({"before": "x", "after": "y"}, ""),
        ({"pull_request": {"base": "x"}}, ""),
        ([], ""),
    ],
)
def test_the_event_names_the_base_commit(tmp_path: Path, event: object, sha: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")

    assert base_sha(path) == sha


def test_without_a_readable_event_there_is_no_base_commit(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{", encoding="utf-8")

    assert base_sha(None) == ""
    assert base_sha(tmp_path / "event.json") == ""
    assert base_sha(tmp_path / "none.json") == ""
