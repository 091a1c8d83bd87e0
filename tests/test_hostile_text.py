"""Hostile text, in every untrusted place, is inert on every surface at once."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from tests.hostile import CANARY, CORPUS, TEXTS, record_full_of
from tests.sizes import sized
from tests.worlds.openmetrics import parsed
from tests.worlds.published import Published, publish_all
from tests.worlds.rendered import rendered
from tests.worlds.runner_commands import parse_command
from tests.worlds.runner_files import read_act_pairs, read_pairs
from tests.worlds.runner_log import LONGEST_MESSAGE, StepLog

_LINE_BREAKERS = set("\r\x0b\x0c\x1b\x1c\x1d\x1e\x85\u2028\u2029\x00\x07\x9b\u202e\u2066")
_FENCED = re.compile(r"^(`{3,})\w*\n.*?\n\1$", re.DOTALL | re.MULTILINE)


page_of = cache(rendered)


@cache
def published(text: str) -> Published:
    with TemporaryDirectory() as workspace:
        return publish_all(record_full_of(text), Path(workspace))


def benign() -> Published:
    return published("words")


def stepped(surfaces: Published) -> StepLog:
    """Let a runner read the log; it, too, ends lines at a bare CR."""
    log = StepLog()
    for line in re.split(r"\r\n|\n|\r", surfaces.log):
        log.feed(line)
    return log


def log_is_inert(text: str) -> None:
    written, log, expected = published(text).log, stepped(published(text)), stepped(benign())

    assert not set(written) & _LINE_BREAKERS
    assert "##[" not in written
    assert [c.name for c in log.commands] == [c.name for c in expected.commands]
    assert not log.failed
    for line in written.removesuffix("\n").split("\n"):
        assert line.startswith("│ ") or parse_command(line) is not None
    written.encode("utf-8")


def annotations_are_inert(text: str) -> None:
    log, expected = stepped(published(text)), stepped(benign())
    commands = [
        line for line in published(text).log.split("\n") if re.match("::(error|notice)", line)
    ]

    assert [(a.level, a.line) for a in log.annotations] == [
        (a.level, a.line) for a in expected.annotations
    ]
    assert [set(c.properties) for c in log.commands] == [
        set(c.properties) for c in expected.commands
    ]
    assert all(line.count("::") >= 2 and len(line.splitlines()) == 1 for line in commands)
    assert all(len(c.data) <= LONGEST_MESSAGE for c in log.commands)


def summary_is_inert(text: str) -> None:
    source, page, expected = published(text).summary, page_of(published(text).summary), benign()
    shape = page_of(expected.summary)
    outside = _FENCED.sub("", source)

    assert page.elements == shape.elements
    assert [len(row) for row in page.rows] == [len(row) for row in shape.rows]
    assert len(page.headings) == len(shape.headings)
    assert page.unclosed == []
    assert not set(source) & _LINE_BREAKERS
    assert not re.search(r"https?:|www\.|\w@\w", outside)
    assert not re.search(r"@\w|#\d|:tada:|gh-\d", page.prose + "".join(page.inline), re.IGNORECASE)
    assert json.loads(page.code[-1]) == json.loads(published(text).files["audit.json"])


def outputs_are_inert(text: str) -> None:
    for read in (read_pairs, read_act_pairs):
        pairs = list(read(published(text).outputs))
        assert [name for name, _ in pairs] == [name for name, _ in read(benign().outputs)]
        assert all(len(value.splitlines()) <= 1 for _, value in pairs)
        assert dict(pairs)["verdict"] == "unhealthy"
        assert json.loads(dict(pairs)["audit"])["service"] == text[:200]


def files_are_intact(text: str) -> None:
    files = published(text).files
    (proof,) = (content for name, content in files.items() if name.startswith("proofs/"))
    looks = len(record_full_of("words").gate.observations) + 3

    assert json.loads(files["audit.json"])["service"] == text[:200]
    assert all(
        json.loads(line)
        for name in files
        if name.endswith(".jsonl")
        for line in files[name].splitlines()
    )
    assert files["samples.jsonl"].count("\n") == benign().files["samples.jsonl"].count("\n")
    assert sum(1 for line in proof.split("\n") if line.startswith("======")) == looks
    assert set(parsed(files["metrics.prom"])) == set(parsed(benign().files["metrics.prom"]))
    assert all(name.isascii() and ".." not in name.split("/") for name in files)


def check_run_is_inert(text: str) -> None:
    (body,) = published(text).check_runs
    (expected,) = benign().check_runs

    elements = page_of(body["output"]["summary"]).elements
    kept = len(elements) - (2 if "*Cut: the whole text" in body["output"]["summary"] else 0)

    assert elements[:kept] == page_of(expected["output"]["summary"]).elements[:kept]
    assert kept > 50
    assert not set(body["name"] + body["output"]["title"]) & _LINE_BREAKERS
    assert body["output"]["annotations"] == []
    json.dumps(body, ensure_ascii=False).encode("utf-8")


SURFACES = (
    log_is_inert,
    annotations_are_inert,
    summary_is_inert,
    outputs_are_inert,
    files_are_intact,
    check_run_is_inert,
)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_the_corpus_is_inert(surface: Callable[[str], None], number: int) -> None:
    surface(CORPUS[number])


@settings(max_examples=sized(8, 100))
@given(TEXTS)
def test_any_text_is_inert_everywhere_at_once(text: str) -> None:
    for surface in SURFACES:
        surface(text)


def pasted(text: str) -> str:
    """Return a script as a careless workflow would make it out of the outputs."""
    values = dict(read_pairs(published(text).outputs))
    words = [values["live-version"], values["rolled-back-to"], values["audit"]]
    echoed = "".join(f"echo {v}\necho \"{v}\"\necho '{v}'\n" for v in values.values())
    kept = "".join(f"x=\"{v}\"\nx='{v}'\n" for v in values.values())
    return echoed + kept + "".join(f"x={v}\n" for v in words)


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_outputs_pasted_into_a_shell_run_nothing(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("".join(f"{pasted(text)}\n" for text in CORPUS), encoding="utf-8")
    there = tmp_path / "there"
    there.mkdir()

    checked = subprocess.run([shell, "-n", script], capture_output=True, check=False)
    finished = subprocess.run([shell, "-eu", script], cwd=there, capture_output=True, check=False)

    assert checked.stderr == b""
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert finished.stdout.count(b"\n") == script.read_text(encoding="utf-8").count("echo ")
    assert list(there.iterdir()) == []
    assert [c for c in map(parse_command, finished.stdout.decode().split("\n")) if c] == []


def unguarded(text: str) -> tuple[str, ...]:
    """Return the same paste of the text as it is."""
    pasted_json = json.dumps({"a": text})
    return (f"echo {text}", f'x="{text}"', f"x='{text}'", f"x={text}", f'x="{pasted_json}"')


@pytest.mark.parametrize("text", [text for text in CORPUS if CANARY in text])
def test_the_canary_sings_where_nothing_guards_it(text: str, tmp_path: Path) -> None:
    for script in unguarded(text):
        subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)

    assert (tmp_path / CANARY).exists()
