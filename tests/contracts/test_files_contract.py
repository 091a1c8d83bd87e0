"""What every Files promises: the workspace on disk, and the tests' one in memory."""

from pathlib import Path

import pytest

from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.errors import Mistake
from slo_action.ports import Files
from tests.worlds.check_world import MemoryFiles

FILES = {
    "slo.yml": "service: shop\n",
    "teams/a.yml": "größe: ☃\r\n",
    "teams/b.yml": "",
    "teams/deep/c.yml": "services: []\n",
    "teams/notes.txt": "x",
}


@pytest.fixture(params=["memory", "workspace"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "memory":
        return MemoryFiles(FILES)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return WorkspaceFiles(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_reads_as_it_is(files: Files, name: str) -> None:
    assert files.text(name, "config") == FILES[name]


@pytest.mark.parametrize("name", ["none.yml", "teams", "slo.yml/x", "../slo.yml", "/slo.yml"])
def test_what_is_no_file_is_a_mistake_of_what_named_it(files: Files, name: str) -> None:
    wrong = files.text(name, "include")

    assert isinstance(wrong, Mistake)
    assert (wrong.field, wrong.value, wrong.path) == ("include", name, None)


@pytest.mark.parametrize(
    ("pattern", "beside", "names"),
    [
        ("teams/*.yml", "slo.yml", ("teams/a.yml", "teams/b.yml")),
        ("[ab].yml", "teams/x.yml", ("teams/a.yml", "teams/b.yml")),
        ("?.yml", "teams/deep/x.yml", ("teams/deep/c.yml",)),
        ("*.yaml", "slo.yml", ()),
        ("teams/a.yml", "slo.yml", ("teams/a.yml",)),
        ("none.yml", "teams/a.yml", ("teams/none.yml",)),
        ("../slo.yml", "teams/a.yml", ("slo.yml",)),
        ("./b.yml", "teams/a.yml", ("teams/b.yml",)),
    ],
)
def test_a_pattern_names_files_relative_to_the_one_it_stands_in(
    files: Files, pattern: str, beside: str, names: tuple[str, ...]
) -> None:
    assert files.matching(pattern, beside) == names
