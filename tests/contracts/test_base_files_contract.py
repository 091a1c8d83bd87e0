"""What every FormerFiles promises: the tests' one in memory, and GitHub's over loopback."""

from collections.abc import Callable, Iterator

import pytest

from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError
from slo_action.github.api import GitHubApi
from slo_action.github.base_files import GitHubBaseFiles
from slo_action.ports import BaseFiles
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.github_contents import GitHubContents
from tests.worlds.memory_ports import MemoryBaseFiles

BASE = "b" * 40
FILES = {
    "slo.yml": "service: shop\n",
    "ops/more services.yml": "größe: ☃\n",
    "empty.yml": "",
}
Deny = Callable[[], None]


@pytest.fixture(scope="module")
def github() -> Iterator[tuple[GitHubContents, GitHubApi]]:
    world = GitHubContents({BASE: {name: text.encode() for name, text in FILES.items()}})
    with loopback_face(world) as origin:
        yield world, GitHubApi(origin, "octo/shop", Secret("ghs_given"))


@pytest.fixture(params=["memory", "github"])
def base_files(
    request: pytest.FixtureRequest, github: tuple[GitHubContents, GitHubApi]
) -> tuple[BaseFiles, Deny]:
    """Return the files, and what takes the permission to read them away."""
    if request.param == "memory":
        memory = MemoryBaseFiles(FILES)

        def refuse() -> None:
            memory.error = GitHubError("HTTP 403", hint="contents: read", forbidden=True)

        return memory, refuse
    world, api = github
    world.may_read = True

    def deny() -> None:
        world.may_read = False

    return GitHubBaseFiles(lambda: api, BASE), deny


@pytest.mark.parametrize("path", FILES)
def test_a_file_reads_as_it_was(base_files: tuple[BaseFiles, Deny], path: str) -> None:
    assert base_files[0].read(path) == FILES[path]


@pytest.mark.parametrize("path", ["new.yml", "ops/new.yml", "slo.yml/x"])
def test_a_file_that_was_not_there_is_none(base_files: tuple[BaseFiles, Deny], path: str) -> None:
    assert base_files[0].read(path) is None


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("", ("empty.yml", "ops/", "slo.yml")),
        ("ops", ("more services.yml",)),
        ("none", ()),
        ("slo.yml", ()),
    ],
)
def test_names_are_those_directly_in_a_folder(
    base_files: tuple[BaseFiles, Deny], folder: str, names: tuple[str, ...]
) -> None:
    assert base_files[0].names(folder) == names


def test_without_permission_no_names_are_told(base_files: tuple[BaseFiles, Deny]) -> None:
    files, deny = base_files
    deny()

    with pytest.raises(GitHubError) as caught:
        files.names("")

    assert caught.value.forbidden


def test_without_permission_it_says_so_and_what_to_do(base_files: tuple[BaseFiles, Deny]) -> None:
    files, deny = base_files
    deny()

    with pytest.raises(GitHubError) as caught:
        files.read("slo.yml")

    assert caught.value.forbidden
    assert "contents: read" in caught.value.hint
