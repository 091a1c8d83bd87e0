"""Hostile slo.yml, fly.toml and base commits are inert on every surface of `check` at once."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft4Validator

from slo_action.core.lint.file_rules import FILE_RULES
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import InputError
from slo_action.evidence.workspace import WorkspaceWriter
from slo_action.github.commands import WorkflowLog
from slo_action.github.files import RunnerFiles
from slo_action.modes.check.check import RULES, check
from slo_action.render.text.escape import visible
from tests.hostile import CORPUS, TEXTS
from tests.sizes import sized
from tests.worlds.check_world import CheckWorld
from tests.worlds.memory_ports import MemoryBaseFiles
from tests.worlds.rendered import rendered
from tests.worlds.runner_commands import parse_command

SCHEMA = json.loads(
    (Path(__file__).parent / "render" / "fixtures" / "sarif-2.1.0-rtm.5.json").read_text("utf-8")
)
VALIDATOR = Draft4Validator(SCHEMA)
ANY_TOOL = {"driver": {"name": "any"}}
HIDDEN = set("\r\x0b\x0c\x1b\x1c\x1d\x1e\x85\u2028\u2029\x00\x07\x9b\u202e\u2066")
TITLES = {rule.title for rule in RULES} | {"slo.yml promises less"}
ELEMENTS = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "sub"}
SECRET = 's3cret/+"ü-token'


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    log: str
    summary: str
    sarif: str


def quoted_files(text: str) -> Mapping[str, str]:
    """Files that are well formed, in which everything that may be text says `text`."""
    said = json.dumps(text)
    toml = said.replace("\\ud800", "\ufffd")
    return {
        "slo.yml": f"""\
services:
  - service: shop
    url: https://shop.example
    health_endpoint: /healthz
    {said}: {said}
    x-own: {said}
    slo_targets: {{availability: {said}, error_rate: 5%}}
    endpoints: [{{name: {said}, path: {said}}}, {{name: {said}, path: /b}}]
    journeys: [{{name: j, steps: [{{name: {said}, path: {json.dumps("/${" + text[:60] + "}")}}}]}}]
    team: {said}
  - service: {said}
    url: {said}
  - service: cart
    url: https://cart.example
    fly_config: {said}
    notify: [{said}]
include: [{said}]
""",
        "fly.toml": f"""\
app = {toml}
{toml} = {toml}
[deploy]
strategy = {toml}
release_command = {toml}
[http_service.concurrency]
type = {toml}
[[http_service.checks]]
method = {toml}
path = {toml}
interval = {toml}
[[services]]
concurrency = {toml}
""",
    }


def raw_files(text: str) -> Mapping[str, str]:
    """Files in which it stands as it is, whatever they become by that."""
    return {
        "slo.yml": f"service: shop\nurl: {text}\n{text}\n",
        "fly.toml": f"app = 'shop'\n# {text}\n[deploy]\nstrategy = '{text}'\n",
    }


def commented_files(text: str) -> Mapping[str, str]:
    """Files with findings on lines that also hold it."""
    line = text.split("\n", maxsplit=1)[0].replace("\r", "")
    base_text = (
        f"service: shop\nurl: https://shop.example\nslo_targets: {{availability: 99%}} # {line}\n"
    )
    return {
        "slo.yml": base_text.replace("99%", "100%"),
        "fly.toml": f"[experimental]\n  auto_rollback = true # {line}\n",
    }


FILES = (quoted_files, raw_files, commented_files)


@cache
def reported(text: str, files: Callable[[str], Mapping[str, str]]) -> Published:
    with TemporaryDirectory() as directory:
        return _told(files(text), text, Path(directory))


def _told(files: Mapping[str, str], text: str, workspace: Path) -> Published:
    scrubber, stream = Scrubber(), StringIO(newline="")
    log = WorkflowLog(stream, scrubber)
    log.mask(SECRET)
    masks = len(stream.getvalue())
    stage, page = CheckWorld(workspace), workspace / "summary"
    for name, content in files.items():
        (workspace / name).write_bytes(content.encode("utf-8", errors="replace"))
    base_text = files["slo.yml"].replace("error_rate: 5%", "error_rate: 1%").replace("100%", "99%")
    base_text = base_text.encode("utf-8", errors="replace").decode()
    ports = replace(
        stage.ports,
        log=log,
        outputs=RunnerFiles(workspace / "output", page, scrubber),
        written=WorkspaceWriter(workspace, scrubber),
        redact=scrubber.scrub,
        base=MemoryBaseFiles({"slo.yml": base_text, text: "service: old\n"}),
    )
    try:
        request = stage.request(config="slo.yml", sarif_file="out.sarif")
    except InputError as error:  # a file that is no text at all
        return Published(log="", summary="", sarif=json.dumps([str(error)]))
    check(request, ports)
    return Published(
        log=stream.getvalue()[masks:],
        summary=page.read_bytes().decode("utf-8"),
        sarif=(workspace / "out.sarif").read_bytes().decode("utf-8"),
    )


def log_is_inert(surfaces: Published) -> None:
    assert not set(surfaces.log) & HIDDEN
    assert "##[" not in surfaces.log
    for line in surfaces.log.removesuffix("\n").split("\n") if surfaces.log else ():
        if line.startswith("│ "):
            continue
        command = parse_command(line)
        assert command is not None
        assert command.name in {"error", "warning", "notice"}
        assert set(command.properties) <= {"title", "file", "line", "col"}
        rest = re.fullmatch(r"\d+ more", command.properties["title"])
        assert rest or command.properties["title"] in TITLES
        assert command.properties.get("file", "slo.yml") in {"slo.yml", "fly.toml"}
    surfaces.log.encode("utf-8")


def summary_is_inert(surfaces: Published) -> None:
    page = rendered(surfaces.summary)

    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert [attributes for _, attributes in page.elements if attributes] == []
    assert page.unclosed == []
    assert not set(surfaces.summary) & HIDDEN
    assert not re.search(r"https?:|www\.|\w@\w", surfaces.summary)
    assert not re.search(r"@\w|:tada:|gh-\d", page.prose + "".join(page.inline), re.IGNORECASE)


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [one for pair in node.items() for part in pair for one in _strings(part)]
    if isinstance(node, list):
        return [one for part in node for one in _strings(part)]
    return [node] if isinstance(node, str) else []


@cache
def tool_is_valid(tool: str) -> bool:
    """The catalogue of rules is much, and mostly the same in every file."""
    run = {"tool": json.loads(tool), "results": []}
    return VALIDATOR.is_valid({"version": "2.1.0", "runs": [run]})


def sarif_is_inert(surfaces: Published) -> None:
    log = json.loads(surfaces.sarif)
    if isinstance(log, dict):
        (run,) = log["runs"]
        assert tool_is_valid(json.dumps(run["tool"]))
        assert VALIDATOR.is_valid({**log, "runs": [{**run, "tool": ANY_TOOL}]})
        for one in _strings(log):
            assert all(part == visible(part) for part in re.split(r"[\n\t]", one))


SURFACES = (log_is_inert, summary_is_inert, sarif_is_inert)


@pytest.mark.parametrize("files", FILES, ids=lambda files: files.__name__)
@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_the_corpus_is_inert(files: Callable[[str], Mapping[str, str]], number: int) -> None:
    for surface in SURFACES:
        surface(reported(CORPUS[number], files))


@settings(max_examples=sized(5, 50))
@given(TEXTS)
def test_any_text_is_inert_everywhere_at_once(text: str) -> None:
    for files in FILES:
        for surface in SURFACES:
            surface(reported(text, files))


@pytest.mark.parametrize("files", FILES, ids=lambda files: files.__name__)
def test_a_secret_that_a_file_repeats_is_reported_nowhere(
    files: Callable[[str], Mapping[str, str]],
) -> None:
    surfaces = reported(SECRET, files)

    for text in (surfaces.log, surfaces.summary, surfaces.sarif):
        assert SECRET not in text
        assert json.dumps(SECRET)[1:-1] not in text
        assert "s3cret" not in text


@pytest.mark.parametrize("files", FILES, ids=lambda files: files.__name__)
def test_what_is_hostile_is_reported_at_all(files: Callable[[str], Mapping[str, str]]) -> None:
    assert "::error::owned" in reported("::error::owned", files).log
    assert any(rule.title in reported("words", files).log for rule in (*FILE_RULES, *RULES))
