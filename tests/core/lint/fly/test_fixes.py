"""What --fix would make of a fly.toml: the safe fixes, and nothing else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from slo_action.config.files.toml import parse_toml
from slo_action.core.lint.edits import apply
from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.rule import Document, Edit, findings

SHAPES = Path(__file__).parents[3] / "config" / "fixtures" / "fly"
MILLIS = {10_000: "10s", 60_000: "60s", 2_000: "2s", 5_000: "5s"}


def edits(path: Path) -> list[Edit]:
    document = parse_toml(path.read_text(encoding="utf-8"), "fly.toml", "fly-config")
    assert isinstance(document, Document)
    found = findings(FLY_RULES, document.content, document)
    return [finding.edit for finding in found if finding.edit]


def fixed(directory: Path, text: str) -> str:
    path = directory / "fly.toml"
    path.write_bytes(text.encode())
    return apply(text, edits(path))


def expected_content(content: Any) -> Any:
    """Return what a shape's content is to be, by another way than the rules'."""
    if isinstance(content, list):
        return [expected_content(entry) for entry in content]
    if not isinstance(content, dict):
        return content
    changed = {
        name: expected_content(value) for name, value in content.items() if name != "auto_rollback"
    }
    if changed.get("experimental") == {}:
        del changed["experimental"]
    if changed.get("auto_stop_machines") is True:
        changed["auto_stop_machines"] = "stop"
    for name in ("interval", "timeout"):
        if changed.get(name) in MILLIS:
            changed[name] = MILLIS[changed[name]]
    return changed


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("shape", sorted(SHAPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shape_says_afterwards_what_was_wanted(tmp_path: Path, shape: Path, newline: str) -> None:
    text = shape.read_text(encoding="utf-8").replace("\n", newline)

    after = fixed(tmp_path, text)

    assert tomllib.loads(after) == expected_content(tomllib.loads(text))
    assert fixed(tmp_path, after) == after
    assert after.count("\n") == after.count(newline)
    assert after.count("#") == text.count("#")


def test_a_table_that_held_only_the_no_op_goes_with_it(tmp_path: Path) -> None:
    text = "app = 'a'\n\n[experimental]\n  auto_rollback = true\n\n[env]\n  A = '1'\n"

    assert fixed(tmp_path, text) == "app = 'a'\n\n[env]\n  A = '1'\n"


def test_a_comment_outlives_what_it_stands_beside(tmp_path: Path) -> None:
    text = "[experimental]\n  auto_rollback = true  # since the outage\n"

    assert fixed(tmp_path, text) == "[experimental]\n  # since the outage\n"


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("interval = 10000", 'interval = "10s"'),
        ("interval = 1_500", 'interval = "1500ms"'),
        ("interval = 2500.9 # ms", 'interval = "2500ms" # ms'),
        ("grace_period = 90_000", 'grace_period = "90s"'),
        ("interval = 15", "interval = 15"),
        ("interval = 999", "interval = 999"),
        ("interval = 0", "interval = 0"),
        ("interval = -10000", "interval = -10000"),
        ("interval = inf", "interval = inf"),
        ("interval = nan", "interval = nan"),
        ("interval = true", "interval = true"),
    ],
)
def test_milliseconds_get_their_unit_where_they_were_meant(
    tmp_path: Path, written: str, becomes: str
) -> None:
    assert fixed(tmp_path, f"[checks.up]\n{written}\n") == f"[checks.up]\n{becomes}\n"


@pytest.mark.parametrize("value", ["15", "10000", "30_000_000_000"])
def test_nanoseconds_are_left_to_a_person(tmp_path: Path, value: str) -> None:
    text = f"[[http_service.checks]]\ninterval = {value}\n"

    assert fixed(tmp_path, text) == text


@pytest.mark.parametrize("text", ["experimental = {auto_rollback = true, exec = []}\n"])
def test_what_stands_within_braces_is_left_to_a_person(tmp_path: Path, text: str) -> None:
    assert fixed(tmp_path, text) == text


def test_a_table_in_braces_that_held_only_the_no_op_goes(tmp_path: Path) -> None:
    assert fixed(tmp_path, "experimental = {auto_rollback = true}\napp = 'a'\n") == "app = 'a'\n"
