"""The words of CONTRIBUTING.md's style page: names and sentences use the field's, not our own."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PACKAGE = ROOT / "slo_action"
_ANYWHERE = (
    r"alibi|convict\w*|crew|dead|diary|diaries|flights?|former|guilty|hindsight|lookout|mend\w*|"
    r"nobody|opening|pace|sick\w*|silen\w+|somebody|spared|stage|street|strip|tells?|together|told|"
    r"wire"
)
NAMES = re.compile(rf"(?:^|_)(?:{_ANYWHERE})(?:_|$)|^(?:known|words?|in_words)$")
"""Parts of an identifier in snake case, and whole ones."""

_PHRASES = (
    r"(?:am|are|be|been|being|is|was|were) told|"
    r"tells? (?:how|it|that|them|us|what|which|whether|you)|"
    r"told (?:apart|as|by|of|us|you)|the document(?:'s|’s| means| says)|the platform(?:'s|’s) word"
)
TEXT = re.compile(
    rf"\b(?:{_PHRASES}|alibi|convict\w*|could not tell|diary|guilty|hindsight|hopeless|last look|"
    r"lookout|mend(?:s|ed|ing)?|pace|refut\w+|sick\w*|silences?|spared|street|way back|"
    r"witness(?:es)?)\b",
    re.IGNORECASE,
)
"""What a reader would stumble over in a message, on a page, in a docstring or a schema."""

UNNAMED = re.compile(r"\b(?:nobody|somebody|tells?)\b", re.IGNORECASE)
"""A message names who, and says what."""

CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|#[\w-]+")
"""Names, links and places: words of the interface, and not of a sentence."""

ALLOWED: dict[str, str] = {
    "spared": "a key of the published audit record",
    "tells_version": "the same",
    "sick": "of the vocabulary that health bodies are read by",
    "words": "a key of the published `prepared.json`",
    "word": "of the vocabulary that health bodies are read by",
    "in_flight": "a probe that was sent and not answered is in flight",
    "InFlight": "the same",
    "MOST_IN_FLIGHT": "the same",
    "most_in_flight": "the same",
}
"""Names and texts, as they are found, that stay, and why."""

PAGES = [
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "action.yml",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.yml")),
]
MODULES = sorted(PACKAGE.rglob("*.py"))
SCHEMAS = sorted((PACKAGE / "schemas").glob("*.json"))


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield what a module names itself: definitions, parameters, assigned names, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case _:
                pass


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every sentence: what a program can show, and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def descriptions(schema: object) -> Iterator[str]:
    """Yield the description of each part of a JSON schema."""
    if isinstance(schema, list):
        for part in schema:
            yield from descriptions(part)
    elif isinstance(schema, dict):
        if isinstance(text := schema.get("description"), str):
            yield text
        yield from descriptions([*schema.values()])


def offences(path: Path) -> list[str]:
    """Return every banned word of a file and where it stands."""
    where, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        parts = list(enumerate(descriptions(json.loads(text)), 1))
        return [*_in_text(where, parts), *_in_text(where, parts, UNNAMED)]
    if path.suffix != ".py":
        return [*_in_text(where, enumerate(text.splitlines(), 1))]
    tree = ast.parse(text)
    names = [
        f"{where}:{line}: {name}"
        for line, name in identifiers(tree)
        if name.lstrip("_") not in ALLOWED and NAMES.search(snake(name))
    ]
    file = [f"{where}: its name"] if NAMES.search(path.stem) else []
    messages = list(strings(tree))
    return [*file, *names, *_in_text(where, messages), *_in_text(where, messages, UNNAMED)]


def _in_text(
    where: str, texts: Iterable[tuple[int, str]], banned: re.Pattern[str] = TEXT
) -> Iterator[str]:
    for line, text in texts:
        for found in banned.finditer(CODE.sub("", text)):
            if found.group() not in ALLOWED:
                yield f"{where}:{line}: {found.group()!r}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_names_and_messages_are_the_fields_words(path: Path) -> None:
    assert offences(path) == []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_schemas_that_editors_show_are_written_in_the_fields_words(path: Path) -> None:
    assert offences(path) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_are_written_in_the_fields_words(path: Path) -> None:
    assert offences(path) == []


@pytest.mark.parametrize(
    ("name", "is_banned"),
    [
        ("told_gate", True),
        ("alibi", True),
        ("MemoryFormerFiles", True),
        ("in_words", True),
        ("restored", False),
        ("known", True),
        ("known_fields", False),
        ("percent_words", False),
        ("keyword_only", False),
        ("stagehand", False),
    ],
)
def test_a_banned_word_is_found_as_a_part_of_a_name(name: str, is_banned: bool) -> None:
    assert bool(NAMES.search(snake(name))) is is_banned
