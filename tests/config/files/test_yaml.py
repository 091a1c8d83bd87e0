"""YAML from the workspace: read safely, within bounds, and every key and mistake has its place."""

import json
from math import isinf, isnan
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.config.files.yaml import YamlText, read_yaml
from slo_action.core.lint.rule import Key
from slo_action.errors import Mistake


def read(text: str) -> YamlText:
    return read_yaml(text, "slo.yml", "config")


def value(text: str) -> object:
    (document,) = read(text).documents
    return document


def mistake(text: str) -> Mistake:
    (found,) = read(text).mistakes
    return found


def at(text: str, *key: str | int) -> tuple[int, int]:
    place = read(text).places[key]
    return place.line, place.column


def test_documents_are_read_and_empty_ones_left_out() -> None:
    assert read("a: 1\n---\n---\n- b\n---\n").documents == ({"a": 1}, ["b"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2025-08-23T08:38:00Z", "2025-08-23T08:38:00Z"),
        ("99.9%", "99.9%"),
        ("<1%", "<1%"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-1.5e3", -1500.0),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!int '7'", 7),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(written: str, meant: object) -> None:
    found = value(f"key: {written}")

    assert found == {"key": meant}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(meant)


def test_the_special_numbers_are_read() -> None:
    found = value("[.inf, -.INF, .nan]")

    assert isinstance(found, list)
    assert isinf(found[0])
    assert found[1] < 0
    assert isnan(found[2])


def test_each_key_and_entry_has_its_line_and_column() -> None:
    text = "services:\n  - service: a\n    slo_targets: {availability: 1, error_rate: 2}\n  - b\n"

    assert at(text, 0, "services") == (1, 1)
    assert at(text, 0, "services", 0) == (2, 5)
    assert at(text, 0, "services", 0, "service") == (2, 5)
    assert at(text, 0, "services", 0, "slo_targets", "error_rate") == (3, 36)
    assert at(text, 0, "services", 1) == (4, 5)


def test_a_key_of_a_later_document_counts_from_the_file_s_first_line() -> None:
    assert at("a: 1\n---\nb: 2\n", 1, "b") == (3, 1)


def test_what_is_not_written_has_no_place() -> None:
    places = read("a: [1]\n").places

    for key in ((), (1,), (0, "b"), (0, "a", 1), (0, "a", 0, "c")):
        assert key not in places


def test_all_places_can_be_listed() -> None:
    places = read("a: {b: [1, 2]}\n").places

    found: list[Key] = [(0,), (0, "a"), (0, "a", "b"), (0, "a", "b", 0), (0, "a", "b", 1)]
    assert list(places) == found
    assert len(places) == 5


def test_anchors_merge_keys_and_aliases_work_and_point_at_what_they_repeat() -> None:
    text = "x-a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\ne: {<<: [*a, {f: 4}]}\ng: *a\n"

    assert value(text) == {
        "x-a": {"b": 1, "c": 2},
        "d": {"c": 3, "b": 1},
        "e": {"b": 1, "c": 2, "f": 4},
        "g": {"b": 1, "c": 2},
    }
    assert at(text, 0, "d", "b") == (1, 10)
    assert at(text, 0, "d", "c") == (2, 13)
    assert at(text, 0, "g", "c") == (1, 16)


@pytest.mark.parametrize("text", ["<<: 1", "<<: [1]", "a: {<<: b}"])
def test_only_mappings_can_be_merged(text: str) -> None:
    assert "merges something that is not a mapping" in mistake(text).problem


def test_a_key_that_is_written_twice_names_its_first_line() -> None:
    found = mistake("a: 1\nb:\n  c: 1\n  c: 2\n")

    assert (found.field, found.line, found.column) == ("c", 4, 3)
    assert found.problem == "is written twice, first in line 3"


def test_a_yaml_mistake_has_file_line_and_column() -> None:
    found = mistake("service: a\nurl: [b\nhealth: c\n")

    assert (found.path, found.line, found.column) == ("slo.yml", 3, 7)
    assert "slo.yml:3: config: not valid YAML" in str(found)


def test_a_tab_is_called_a_tab() -> None:
    found = mistake("service: a\nmonitoring:\n\tinterval: 15s\n")

    assert (found.line, found.column) == (3, 1)
    assert found.problem == "a tab, where YAML allows only spaces"


def test_a_control_character_is_found_where_it_stands() -> None:
    found = mistake("a: ü\nb: x\x07\n")

    assert (found.line, found.column) == (2, 5)


@pytest.mark.parametrize("odd", ["\r", "\x85", "\u2028", "\u2029"])
def test_what_ends_a_line_for_yaml_alone_is_refused_where_it_stands(odd: str) -> None:
    found = mistake(f"a: 1\nb: x{odd}y\n")

    assert (found.line, found.column) == (2, 5)
    assert found.problem == f"U+{ord(odd):04X} ends a line in YAML only"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 5_000, "nested more than 48 deep"),
        ("a: " + "{b: " * 100, "nested more than 48 deep"),
        ("!!timestamp '2025-01-01'", "the tag tag:yaml.org,2002:timestamp is not read"),
        ("!!python/object/apply:os.system ['x']", "is not read"),
        ("a: *b", "*b is not defined above"),
        ("&a [*a]", "*a contains itself"),
        ("? [a]\n: b", "keys are text"),
    ],
)
def test_what_is_refused_says_why(text: str, problem: str) -> None:
    found = mistake(text)

    assert problem in found.problem
    assert (found.path, found.line) == ("slo.yml", 1)


def test_aliases_cannot_make_a_small_file_endless() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20)
    )

    assert "aliases make the file too large" in mistake(bomb).problem


def test_a_large_file_may_repeat_what_it_says_by_aliases() -> None:
    text = "x: &x {a: 1, b: 2, c: 3}\nall:\n" + "  - *x\n" * 2_000

    assert read(text).mistakes == ()


def test_what_was_finished_before_a_mistake_is_kept() -> None:
    found = read("services:\n  - service: a\n    tags: [x]\n  - service: b\n    url: [c\n")

    assert not found.is_whole
    assert found.documents == ({"services": [{"service": "a", "tags": ["x"]}]},)


def test_without_a_list_nothing_of_the_broken_document_is_kept() -> None:
    found = read("a: 1\n---\nservice: b\nurl: {c\n")

    assert found.documents == ({"a": 1},)


_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), _TEXT)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES.filter(lambda v: isinstance(v, dict | list)))
def test_what_another_writer_writes_is_read_as_it_was_meant(meant: object) -> None:
    written = json.dumps(meant)

    assert "<<" in written or value(written) == meant


@given(st.one_of(st.text(), st.from_regex(r"[\[\]{}&*!|>'\"%@`:#,? a\n\t-]{0,40}")))
@example("&a [*a]")
@example("<<: 1")
@example("!<x> a")
@example("%YAML 9.9\n--- a")
def test_every_text_is_documents_or_mistakes_with_a_place(text: str) -> None:
    found = read(text)

    assert all(one.line and one.path == "slo.yml" for one in found.mistakes)
    assert found.is_whole or found.mistakes


@given(
    st.from_regex(
        r"([a-c]: ?([\[{]?[a-c0-9, ]{0,6}[\]}]?)?\n( {0,4}- ?[a-c]\n){0,2}){0,5}", fullmatch=True
    )
)
def test_what_pyyaml_refuses_is_refused_here_too(text: str) -> None:
    try:
        list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        assert read(text).mistakes


def test_the_document_s_own_file_is_read_without_a_mistake() -> None:
    document = Path(__file__).parents[1] / "fixtures" / "slo.yml"

    assert len(read(document.read_text(encoding="utf-8")).documents) == 6
