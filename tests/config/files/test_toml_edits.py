"""Edits of a TOML text by key: it says what was wanted, and nothing else has changed."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from slo_action.config.files.toml_positions import toml_positions
from slo_action.core.lint.edits import apply
from slo_action.core.lint.rule import Edit, Key, Span
from tests.config.files.test_toml import PIECES
from tests.sizes import sized

SHAPES = Path(__file__).parents[1] / "fixtures" / "fly"


def changed(text: str, stretch: Span, put: str = "") -> str:
    return apply(text, [Edit(path="", start=stretch.start, end=stretch.end, text=put)])


def without(text: str, *key: str | int) -> str:
    return changed(text, toml_positions(text).entries[key])


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ("1", ""),
        ("1", "  # a comment"),
        ("'a # b'", " # a comment"),
        ("[1, [2, 3]] ", ""),
        ("[ # ]\n 1,\n]", "\n"),
        ("{b = 1, c = {}}", "# a comment"),
        ("'''\nb = 1\n'''", "\nc = 2"),
        ("1979-05-27 07:32:00", "\t"),
        ('"\\"#\\\\"', "\n\n"),
    ],
)
def test_a_value_is_what_stands_behind_the_equals_sign(value: str, rest: str) -> None:
    text = f"[t]\n  a.b = {value}{rest}"

    assert changed(text, toml_positions(text).values["t", "a", "b"], "x") == text.replace(
        value.strip(), "x", 1
    )


def test_values_within_braces_and_brackets_have_their_stretch_too() -> None:
    text = "t = { a = [ 1 , 2 ], b = 'c' }"

    assert (
        changed(text, toml_positions(text).values["t", "a", 1], "3")
        == "t = { a = [ 1 , 3 ], b = 'c' }"
    )
    assert (
        changed(text, toml_positions(text).values["t", "b"], "4") == "t = { a = [ 1 , 2 ], b = 4 }"
    )


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("[t]\n  a = 1\n  b = 2\n", "[t]\n  b = 2\n"),
        ("[t]\n  b = 2\n  a = 1", "[t]\n  b = 2\n"),
        ("[t]\n  # why\n  a = 1\n", "[t]\n  # why\n"),
        ("[t]\n  a = 1  # why\n", "[t]\n  # why\n"),
        ("[t]\n  a = [\n 1,\n ]\n\n  b = 2\n", "[t]\n\n  b = 2\n"),
        ("[t]\n  a = 1 \t\n  b = 2\n", "[t]\n  b = 2\n"),
        ("t.a = 1\n", ""),
    ],
)
def test_a_key_goes_with_its_lines_and_a_comment_stays(text: str, becomes: str) -> None:
    assert without(text, "t", "a") == becomes


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("[t]\na = 1\n", ""),
        ("\n\n[t]\na = 1", ""),
        ("b = 1\n\n[t]\n  a = 1\n\n[c]\n", "b = 1\n\n[c]\n"),
        ("b = 1\n\n[t]\n\n  a = 1\n", "b = 1\n"),
        ("b = 1 # \n\n\n[t]\n  a = 1\n\n", "b = 1 # \n"),
        ("b = 1\n\n[t]\na = 1\n\n# about c\n[c]\n", "b = 1\n\n# about c\n[c]\n"),
    ],
)
def test_a_table_of_one_key_goes_with_the_blank_lines_behind_it(text: str, becomes: str) -> None:
    assert without(text, "t") == becomes


@pytest.mark.parametrize(
    "text",
    [
        "[t] # why\na = 1\n",
        "[t]\n# why\na = 1\n",
        "[t]\na = 1 # why\n",
        "[t]\na = 1\nb = 2\n",
        "[t]\n",
        "[[t]]\na = 1\n",
        "t.a = 1",
    ],
)
def test_a_table_that_holds_more_than_one_key_or_a_comment_stays(text: str) -> None:
    assert ("t",) not in toml_positions(text).entries


def test_what_stands_within_braces_cannot_be_taken_out_alone() -> None:
    assert set(toml_positions("t = {a = 1, b = [{c = 2}]}").entries) == {("t",)}


def _holder(content: Any, key: Key) -> Any:
    for part in key[:-1]:
        content = content[part]
    return content


def _pruned(content: Any) -> Any:
    """Leave out empty tables: a table that was only implied goes with its last key."""
    if isinstance(content, list):
        return [_pruned(entry) for entry in content]
    if not isinstance(content, dict):
        return content
    inner = {name: _pruned(value) for name, value in content.items()}
    return {name: value for name, value in inner.items() if value != {}}


def _check(text: str) -> None:
    found = toml_positions(text)
    for key, stretch in found.values.items():
        expected = tomllib.loads(text)
        _holder(expected, key)[key[-1]] = "put in"
        assert tomllib.loads(changed(text, stretch, "'put in'")) == expected
    for key, stretch in found.entries.items():
        expected = tomllib.loads(text)
        if isinstance(_holder(expected, key)[key[-1]], dict) and key not in found.values:
            assert len(_holder(expected, key)[key[-1]]) >= 1
            if len(_holder(expected, key)[key[-1]]) > 1:  # an edit is only made of one alone
                continue
        del _holder(expected, key)[key[-1]]
        assert _pruned(tomllib.loads(changed(text, stretch))) == _pruned(expected)


@settings(max_examples=sized(60, 300))
@given(PIECES)
@example(["[a]", "'f g' = ''", "[a.c]", "x = 07:32:00"])
@example(["[[b]]", "[b.c]", "s = inf", "", "[[b]]"])
def test_any_value_can_be_replaced_and_any_line_taken_out(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    _check(text)


@pytest.mark.parametrize("shape", sorted(SHAPES.glob("*.toml")), ids=lambda path: path.stem)
def test_in_every_shape_each_value_and_each_line_can_be_changed_alone(shape: Path) -> None:
    _check(shape.read_text(encoding="utf-8"))
