"""JSON paths and patterns: what is accepted, and that a stranger's text cannot make them hang."""

import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.text.patterns import (
    MOST_NODES,
    finds,
    nodes,
    valid_json_path,
    valid_pattern,
)

SECONDS = 1.0
"""What backtracks takes years."""


@pytest.mark.parametrize(
    "path", ["$", "$.status", "$['a b'][0]", "$.items[?@.id == 'x'].n", "$..id", "$.a[-1]"]
)
def test_a_path_of_the_standard_is_taken_as_it_is(path: str) -> None:
    assert valid_json_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "status", ".status", "$.", "$.[", "$.a | $.b", "$.a.~", "$[?@.a =~ /x/]", "$" * 2000],
)
def test_a_path_that_is_none_is_answered_with_the_form(path: str) -> None:
    with pytest.raises(ValueError, match=r"such as \$\.items\[0\]\.id"):
        valid_json_path(path)


@pytest.mark.parametrize("pattern", ["ok", "^v[0-9]+\\.", "(?i)ready", "é"])
def test_a_pattern_is_taken_as_it_is(pattern: str) -> None:
    assert valid_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "(", "(?=a)b", "(a)\\1", "x" * 1001, "a{5000}"])
def test_a_pattern_that_could_hang_or_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="as RE2 takes it"):
        valid_pattern(pattern)


def test_a_refused_pattern_is_not_told_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="RE2"):
        valid_pattern("(unclosed")

    assert capfd.readouterr().err == ""


def test_a_pattern_that_backtracks_elsewhere_is_quick_on_any_body() -> None:
    began = perf_counter()

    assert not finds("(a+)+$", "a" * 65_536 + "b")
    assert nodes("$[?match(@, '(a+)+')]", ["a" * 65_536 + "b"]) == ()
    assert perf_counter() - began < SECONDS


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$.a[*].b", (1, None)),
        ("$.a[?match(@.n, 'x+')].b", (1,)),
        ("$.a[?search(@.n, 'y')].b", (None,)),
        ("$.a[?match(@.n, '(')]", ()),
        ("$.missing", ()),
        ("$.a[0].b.c", ()),
    ],
)
def test_a_path_selects_values_in_order(path: str, selected: tuple[object, ...]) -> None:
    document = {"a": [{"b": 1, "n": "xx"}, {"b": None, "n": "xy"}]}

    assert nodes(path, document) == selected


def test_a_document_that_is_text_is_not_taken_for_json_text() -> None:
    assert nodes("$", '{"a": 1}') == ('{"a": 1}',)
    assert nodes("$.a", '{"a": 1}') == ()


def test_half_of_a_surrogate_pair_is_no_error() -> None:
    assert finds("b", "a\ud800b")


@pytest.mark.parametrize("body", ["[" * 900 + "]" * 900, "[" + "1," * 30_000 + "1]"])
def test_a_monstrous_document_is_looked_at_within_bounds(body: str) -> None:
    began = perf_counter()

    assert len(nodes("$..*", json.loads(body))) <= MOST_NODES
    assert perf_counter() - began < SECONDS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_the_root_is_the_document_itself(document: object) -> None:
    assert nodes("$", document) == (document,)


@given(st.text(), st.text())
def test_whatever_text_meets_a_valid_pattern_there_is_an_answer(pattern: str, text: str) -> None:
    try:
        valid_pattern(pattern)
    except ValueError:
        return
    assert finds(pattern, text) in (True, False)
