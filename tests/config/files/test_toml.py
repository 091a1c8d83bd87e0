"""fly.toml from the workspace: read safely, and each key and every mistake has its line."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slo_action.config.files.toml import SIZE_LIMIT_BYTES, parse_toml
from slo_action.config.files.toml_positions import toml_positions
from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.core.lint.rule import Document, Key, Place
from slo_action.errors import Mistake
from tests.sizes import sized

SHAPES = Path(__file__).parents[1] / "fixtures" / "fly"


def read(directory: Path, content: str | bytes) -> Document | Mistake:
    path = directory / "fly.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    files = WorkspaceFiles(directory, limit_bytes=SIZE_LIMIT_BYTES, kind="TOML")
    text = files.text("fly.toml", "fly-config")
    return text if isinstance(text, Mistake) else parse_toml(text, "fly.toml", "fly-config")


def mistake(directory: Path, content: str | bytes) -> Mistake:
    found = read(directory, content)
    assert isinstance(found, Mistake)
    return found


def lines(toml: str) -> dict[Key, int]:
    return {key: place.line for key, place in toml_positions(toml).places.items()}


@pytest.mark.parametrize("shape", sorted(SHAPES.glob("*.toml")), ids=lambda path: path.stem)
def test_each_key_is_found_on_the_line_that_names_it(shape: Path) -> None:
    text = shape.read_text(encoding="utf-8")
    written = text.split("\n")
    found = toml_positions(text).places

    assert set(found) == set(_keys(tomllib.loads(text)))
    for key, place in found.items():
        name = next(part for part in reversed(key) if isinstance(part, str))
        assert name in written[place.line - 1]


def test_keys_in_every_form_are_found() -> None:
    toml = """\
a.b = 1 # a = 2
"c.d" = { e = [ 1, { f = "} # ]" } ], 'g' = 2 }
h = '''
a = 1
''''' # two quotes belong to it
i = \"""
[x]\\\"""
\"""
[ j . "k" ]
l = [
  1, # ]
  [ 2 ],
]
[[m]]
[[m]]
  [m.n]
  o = 1979-05-27 07:32:00
  [[m.p]]
"""
    assert lines(toml) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("c.d",): 2,
        ("c.d", "e"): 2,
        ("c.d", "e", 0): 2,
        ("c.d", "e", 1): 2,
        ("c.d", "e", 1, "f"): 2,
        ("c.d", "g"): 2,
        ("h",): 3,
        ("i",): 6,
        ("j",): 9,
        ("j", "k"): 9,
        ("j", "k", "l"): 10,
        ("j", "k", "l", 0): 11,
        ("j", "k", "l", 1): 12,
        ("j", "k", "l", 1, 0): 12,
        ("m",): 14,
        ("m", 0): 14,
        ("m", 1): 15,
        ("m", 1, "n"): 16,
        ("m", 1, "n", "o"): 17,
        ("m", 1, "p"): 18,
        ("m", 1, "p", 0): 18,
    }


def test_a_place_has_a_column_in_characters() -> None:
    assert toml_positions('"é" = { "ü" = 1, b = 2 }').places[("é", "b")] == Place(line=1, column=18)


def test_windows_line_ends_count_as_lines(tmp_path: Path) -> None:
    document = read(tmp_path, "a = 1\r\n\r\n[b]\r\n  c = 2\r\n")

    assert isinstance(document, Document)
    assert document.place(("b", "c")) == Place(line=4, column=3)


def test_a_key_that_is_not_written_is_where_its_table_is(tmp_path: Path) -> None:
    document = read(tmp_path, "\n[http_service]\n")

    assert isinstance(document, Document)
    assert document.place(("http_service", "checks")) == Place(line=2, column=1)
    assert document.place(("services", 0)) == Place(line=1, column=1)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("app = 'a'\n[http_service\n", 2, 14),
        ("app = 'a'\napp = 'b'\n", 2, 10),
        ("app = a\n", 1, 7),
        ("app = 'a'\n```\n", 2, 1),
        ("app = 'a'\nports = [80,", 2, None),
        (b"app = 'a'\n# \xc3\xa9t\xc3\xa9 \xff\n", 2, 7),
        (b"\xef\xbb\xbfapp = 'a'\n", 1, 1),
    ],
)
def test_a_mistake_has_file_line_and_column(
    tmp_path: Path, content: str | bytes, line: int, column: int | None
) -> None:
    found = mistake(tmp_path, content)

    assert (found.path, found.line, found.column) == ("fly.toml", line, column)
    assert str(found).startswith(f"fly.toml:{line}: fly-config: ")
    assert "(at " not in found.problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"# \xff", "byte 3 is not UTF-8"),
        ("#" * (SIZE_LIMIT_BYTES + 1), "larger than 64 KiB"),
        ("a = " + "[" * 30_000, "nested too deeply"),
        ("a = " + "9" * 5000, "cannot be read"),
        ("a = \x00", "not valid TOML"),
        ("a = 2025-13-45", "not valid TOML"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: str | bytes, problem: str) -> None:
    assert problem in mistake(tmp_path, content).problem


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, "#" * SIZE_LIMIT_BYTES), Document)


def test_the_line_of_a_fault_is_the_same_where_lines_end_in_crlf(tmp_path: Path) -> None:
    found = mistake(tmp_path, "a = 1\r\n[vm\r\n")

    assert (found.line, found.column) == (2, 4)


def _keys(value: object, key: Key = ()) -> Iterator[Key]:
    """Yield every key of a parsed text, list entries among them."""
    if key:
        yield key
    entries: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        entries = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        entries = list(enumerate(value))
    for name, inner in entries:
        yield from _keys(inner, (*key, name))


PIECES = st.lists(
    st.sampled_from(
        [
            "[a]",
            "[[b]]",
            "[b.c]",
            "[[b.d]]",
            "a.e = 1",
            "'f g' = ''",
            '"h\\n".i = "#"',
            "[k.'l']",
            "m = [",
            "]",
            "1,",
            "{n = 2},",
            "o = {p.q = [[], {}]}",
            "r = '''",
            "'''",
            "#",
            "s = inf",
            't = """"u"""""',
            "[ v . w ]",
            "x = 07:32:00",
            "y = [ # ]",
            ",",
        ]
    ),
    max_size=12,
)


@settings(max_examples=sized(60, 300))
@given(PIECES)
@example(["y = [ # ]", "1,", "]"])
@example(["[[b]]", "[b.c]", "[[b]]", "[[b.d]]", "o = {p.q = [[], {}]}"])
def test_in_every_text_that_is_toml_exactly_its_keys_are_found(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert set(toml_positions(text).places) == set(_keys(content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=sized(20, 100))
@given(st.one_of(st.text(), st.from_regex(r"[\[\]{}'\"=#.,a1 \n\r\t\\-]{0,40}")))
@example("a" + ".a" * 30 + " = 1")
@example("a = 1\r")
@example('"\\ud800" = 1')
def test_every_text_is_a_document_or_one_mistake(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text.encode("utf-8", errors="surrogatepass"))

    assert isinstance(found, Document | Mistake)
    assert isinstance(found, Mistake) or all(key in found.places for key in _top(found))


def _top(document: Document) -> list[Key]:
    return [(name,) for name in document.content]


def test_a_byte_order_mark_is_called_by_its_name(tmp_path: Path) -> None:
    wrong = mistake(tmp_path, "\ufeffapp = 'shop'\n")

    assert "byte order mark (BOM)" in wrong.problem
    assert "without BOM" in wrong.accepted
    assert (wrong.path, wrong.line, wrong.column) == ("fly.toml", 1, 1)
