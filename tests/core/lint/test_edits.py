"""Edits change what they say, and not a character beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.lint.edits import apply, compatible
from slo_action.core.lint.rule import Document, Edit, Place, Rule, Span, Table, Violation, findings
from slo_action.core.model import Level


def edit(start: tuple[int, int], end: tuple[int, int], text: str = "") -> Edit:
    return Edit(
        path="fly.toml",
        start=Place(line=start[0], column=start[1]),
        end=Place(line=end[0], column=end[1]),
        text=text,
    )


@pytest.mark.parametrize(
    ("edits", "becomes"),
    [
        ([], "a = 1\nb = 2\n"),
        ([edit((1, 5), (1, 6), "10")], "a = 10\nb = 2\n"),
        ([edit((2, 5), (2, 6), "20"), edit((1, 5), (1, 6), "10")], "a = 10\nb = 20\n"),
        ([edit((1, 1), (2, 1))], "b = 2\n"),
        ([edit((2, 1), (3, 1))], "a = 1\n"),
        ([edit((1, 1), (3, 1))], ""),
        ([edit((1, 6), (1, 6), " # one")], "a = 1 # one\nb = 2\n"),
        ([edit((3, 1), (3, 1), "c = 3\n")], "a = 1\nb = 2\nc = 3\n"),
        ([edit((1, 5), (1, 6), "10"), edit((1, 6), (1, 6), "0")], "a = 100\nb = 2\n"),
    ],
)
def test_what_is_from_start_up_to_end_becomes_the_text(edits: list[Edit], becomes: str) -> None:
    assert apply("a = 1\nb = 2\n", edits) == becomes


def test_columns_count_characters_and_not_bytes() -> None:
    assert apply('"é🙂" = 1\n', [edit((1, 8), (1, 9), "2")]) == '"é🙂" = 2\n'


def test_crlf_stays_and_what_is_put_in_gets_it_too() -> None:
    edits = [edit((1, 5), (1, 6), "[\n1\n]"), edit((2, 1), (3, 1))]

    assert apply("a = 1\r\nb = 2\r\nc = 3\r\n", edits) == "a = [\r\n1\r\n]\r\nc = 3\r\n"


@pytest.mark.parametrize(
    "second",
    [
        edit((1, 5), (1, 6), "30"),
        edit((1, 1), (2, 1)),
        edit((1, 1), (1, 6), "c = 1"),
        edit((1, 5), (1, 7), "30"),
    ],
)
def test_of_edits_that_overlap_the_first_given_is_done(second: Edit) -> None:
    first = edit((1, 5), (1, 6), "10")

    assert compatible([first, second]) == (first,)
    assert compatible([second, first]) == (second,)
    assert apply("a = 1 \n", [first, second]) == "a = 10 \n"


def test_two_insertions_at_one_point_are_in_each_others_way() -> None:
    first, second = edit((1, 1), (1, 1), "x"), edit((1, 1), (1, 1), "y")

    assert apply("", [first, second]) == "x"


def test_edits_that_only_touch_are_both_done() -> None:
    assert apply("abcd", [edit((1, 3), (1, 5), "D"), edit((1, 1), (1, 3), "A")]) == "AD"


@pytest.mark.parametrize(
    "wrong",
    [
        edit((3, 2), (3, 2), "x"),
        edit((4, 1), (4, 1), "x"),
        edit((1, 7), (1, 7), "x"),
        edit((0, 1), (1, 1), "x"),
        edit((1, 0), (1, 1), "x"),
        edit((2, 1), (1, 1), "x"),
        edit((1, 3), (1, 2), "x"),
    ],
)
def test_a_place_that_the_text_does_not_have_is_refused(wrong: Edit) -> None:
    with pytest.raises(ValueError, match=r"changed|before it starts"):
        apply("a = 1\nb = 2\n", [wrong])


SMALL = st.tuples(st.integers(1, 6), st.integers(1, 6)).map(sorted)


@given(st.lists(SMALL, max_size=8))
def test_what_is_kept_never_overlaps_and_nothing_else_is_left_out(spans: list[list[int]]) -> None:
    given_edits = [edit((1, start), (1, end)) for start, end in spans]
    expected: list[Edit] = []
    for one in given_edits:
        if all(_apart(one, other) for other in expected):
            expected.append(one)

    assert compatible(given_edits) == tuple(expected)


def _apart(one: Edit, other: Edit) -> bool:
    first, second = (one.start.column, one.end.column), (other.start.column, other.end.column)
    return first != second and (first[1] <= second[0] or second[1] <= first[0])


def test_thousands_of_edits_are_done_at_once() -> None:
    lines = 5_000
    edits = [edit((line, 5), (line, 6), "2") for line in range(lines, 0, -1)]

    assert apply("a = 1\n" * lines, edits) == "a = 2\n" * lines


LINES = st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=6), min_size=1)


@given(st.data(), LINES, st.sampled_from(["\n", "\r\n"]))
def test_everything_outside_the_edits_stays(
    data: st.DataObject, lines: list[str], newline: str
) -> None:
    """Each edit writes a mark; between the marks stands what stood between the edits."""
    text = "\n".join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(text)), unique=True, max_size=6).map(sorted))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    edits = [
        Edit(path="", start=_place(text, start), end=_place(text, end), text="\0")
        for start, end in pairs
    ]
    borders = [0, *(border for pair in pairs for border in pair), len(text)]
    kept = [text[start:end] for start, end in zip(borders[::2], borders[1::2], strict=True)]

    changed = apply(text.replace("\n", newline), data.draw(st.permutations(edits)))

    has_lines = "\n" in text
    assert changed == "\0".join(kept).replace("\n", newline if has_lines else "\n")


def _place(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(line=before.count("\n") + 1, column=offset - (before.rfind("\n") + 1) + 1)


def _one(key: tuple[str, ...], replacement: str | None) -> Rule[Table]:
    return Rule(
        name="one",
        level=Level.NOTICE,
        title="",
        why="",
        fix="",
        find=lambda _: [Violation(key=key, message="", replacement=replacement)],
    )


def _stretch(line: int, end: int) -> Span:
    return Span(start=Place(line=line, column=1), end=Place(line=end, column=1))


def document(content: Table) -> Document:
    return Document(
        path="fly.toml",
        content=content,
        places={},
        values={("t", "a"): _stretch(2, 2)},
        entries={("t",): _stretch(1, 3), ("t", "a"): _stretch(2, 3)},
    )


def edit_of(
    replacement: str | None, content: Table, key: tuple[str, ...] = ("t", "a")
) -> Edit | None:
    (finding,) = findings([_one(key, replacement)], content, document(content))
    return finding.edit


def test_a_value_is_fixed_where_it_stands() -> None:
    assert edit_of("'x'", {"t": {"a": 1}}) == edit((2, 1), (2, 1), "'x'")


def test_a_key_that_is_taken_out_takes_the_table_that_it_leaves_empty() -> None:
    assert edit_of("", {"t": {"a": 1}}) == edit((1, 1), (3, 1))


def test_a_key_that_is_taken_out_leaves_its_neighbours() -> None:
    assert edit_of("", {"t": {"a": 1, "b": 2}}) == edit((2, 1), (3, 1))


@pytest.mark.parametrize(("replacement", "key"), [(None, "a"), ("", "b"), ("1", "b")])
def test_where_there_is_no_hold_a_person_must_fix(replacement: str | None, key: str) -> None:
    assert edit_of(replacement, {"t": {"a": 1, "b": 2}}, ("t", key)) is None
