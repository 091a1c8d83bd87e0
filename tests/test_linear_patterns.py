"""No regular expression of the package takes more than linear time, whatever it reads.

Texts are made from what each pattern is made of: its characters and words, repeated. A pattern that
backtracks from every place of a run takes sixteen times as long for four times as much.
"""

import ast
import pkgutil
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import slo_action
from tests.sizes import sized

PACKAGE = Path(slo_action.__file__).parent
LENGTH = 20_000
QUICK_SECONDS = 0.02
"""Of processor time. A quadratic pattern takes ten times as long."""
MOST_TIMES = 9
"""As long, for four times as much: 4 is linear, 16 quadratic."""
SEARCHING = frozenset({"search", "findall", "finditer", "sub", "subn", "split"})
MOST_TEXTS = sized(25, 1000)
_CLASSES = {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "w"}
_ANY = "\x01"


@cache
def modules() -> tuple[ModuleType, ...]:
    found = pkgutil.walk_packages(slo_action.__path__, "slo_action.")
    return tuple(import_module(one.name) for one in found if not one.name.endswith("__main__"))


def patterns_in(value: object) -> Iterator["re.Pattern[str]"]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (one for part in value.values() for one in patterns_in(part))
    elif isinstance(value, tuple | list | set | frozenset):
        yield from (one for part in value for one in patterns_in(part))


@cache
def patterns() -> dict[str, "re.Pattern[str]"]:
    """Every pattern of the package's modules, each once, by the name it is first found under."""
    found: dict[tuple[str, int], tuple[str, re.Pattern[str]]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for number, pattern in enumerate(patterns_in(value)):
                label = f"{module.__name__.removeprefix('slo_action.')}.{name}"
                label += "" if value is pattern else f"[{number}]"
                found.setdefault((pattern.pattern, pattern.flags), (label, pattern))
    return dict(found.values())


@cache
def searched() -> frozenset[str]:
    """Names whose patterns look for a place to begin; the others begin where they are told to.

    Private ones by their module, since others use the same names; public ones wherever they are.
    """
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in SEARCHING:
                of = node.value
                name = of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")
                names |= {f"{module}.{name}"} if name.startswith("_") else {name}
    return frozenset(names)


def pieces(tree: Any) -> tuple[set[str], set[str]]:
    """Return the characters and the words that a parsed pattern is made of."""
    characters: set[str] = set()
    words: set[str] = set()
    word = ""
    for operation, argument in tree:
        name = str(operation)
        if name == "LITERAL":
            word += chr(argument)
            characters.add(chr(argument))
            continue
        words |= {word} if word else set()
        word = ""
        if name == "IN":
            characters |= {*(_member(*one) for one in argument), _ANY}
        elif name in {"ANY", "NOT_LITERAL"}:
            characters.add(_ANY)
        for inner in _inner(argument):
            more = pieces(inner)
            characters |= more[0]
            words |= more[1]
    return characters, words | ({word} if word else set())


def _member(operation: object, argument: Any) -> str:
    if str(operation) in {"LITERAL", "RANGE"}:
        return chr(argument if isinstance(argument, int) else argument[0])
    return _CLASSES.get(str(argument), "-")


def _inner(argument: object) -> Iterator[Any]:
    """Yield the patterns within a part of a pattern."""
    if type(argument).__name__ == "SubPattern":
        yield argument
    elif isinstance(argument, tuple | list):
        yield from (one for part in argument for one in _inner(part))


@dataclass(frozen=True, slots=True)
class Hostile:
    """A text of any length: a unit again and again."""

    before: str
    unit: str
    end: str

    def text(self, length: int) -> str:
        return self.before + self.unit * (length // len(self.unit)) + self.end


def hostile_texts(pattern: "re.Pattern[str]") -> list[Hostile]:
    parser: Any = import_module("re._parser")
    characters, words = pieces(parser.parse(pattern.pattern, pattern.flags))
    few, named = sorted(characters)[:14], sorted(words, key=len)[-6:]
    pairs = (a + b for a, b in product(few, few) if a != b)
    units = dict.fromkeys((*named, *few, *pairs, *(a + b for a, b in product(named, few))))
    made = [("", unit) for unit in units] + list(product(named, few))
    texts = [Hostile(before, unit, end) for before, unit in made for end in ("", "\x02")]
    return texts[:: max(1, len(texts) // MOST_TEXTS)]


def processor_seconds(pattern: "re.Pattern[str]", text: str, *, is_searched: bool) -> float:
    begun = time.thread_time()
    pattern.match(text)
    pattern.fullmatch(text)
    if is_searched:
        for _ in pattern.finditer(text):
            pass
    return time.thread_time() - begun


def slow_text(pattern: "re.Pattern[str]", *, is_searched: bool) -> Hostile | None:
    """Return a text that a pattern takes more than linear time for; None where none is found."""
    for hostile in hostile_texts(pattern):
        taken = processor_seconds(pattern, hostile.text(LENGTH), is_searched=is_searched)
        if taken > QUICK_SECONDS:
            short = hostile.text(LENGTH // 4)
            quarter = processor_seconds(pattern, short, is_searched=is_searched)
            again = processor_seconds(pattern, hostile.text(LENGTH), is_searched=is_searched)
            if min(taken, again) > MOST_TIMES * quarter:
                return hostile
    return None


@pytest.mark.parametrize("label", sorted(patterns()))
def test_a_pattern_reads_any_text_in_linear_time(label: str) -> None:
    is_searched = bool({label, label.rpartition(".")[2]} & searched()) or label.endswith("]")

    assert slow_text(patterns()[label], is_searched=is_searched) is None


@pytest.mark.parametrize(
    "pattern", [r"\$\{[^}]*\}", r"[^@]*@", r"\s*\|", r"\w+://", r'"(?:[^"\\]|\\.)*"']
)
def test_a_quadratic_pattern_is_found(pattern: str) -> None:
    assert slow_text(re.compile(pattern), is_searched=True)
