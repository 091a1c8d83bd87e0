"""The repository's Markdown as data: pages, headings, links, code blocks, table rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))

_FENCED = re.compile(
    r"^(?P<fence>```+)(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced code block; `page` is relative to the repository."""

    page: str
    language: str
    text: str


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCED.sub("", read(page))


def blocks(page: Path, language: str) -> Iterator[Block]:
    for found in _FENCED.finditer(read(page)):
        if found["language"] == language:
            yield Block(name(page), language, found["text"])


def anchors(page: Path) -> frozenset[str]:
    """Return what can stand behind a `#`, as GitHub derives it from the headings."""
    return frozenset(anchor(heading) for heading in headings(page))


def headings(page: Path) -> list[str]:
    return _HEADING.findall(prose(page))


def anchor(heading: str) -> str:
    return _NOT_IN_ANCHORS.sub("", heading.lower().strip()).replace(" ", "-")


def links(page: Path) -> list[str]:
    return [found["target"] for found in _LINK.finditer(prose(page))]


def first_cells(page: Path) -> frozenset[str]:
    """Return the first cell of every table row, without its backticks."""
    rows = (line for line in prose(page).splitlines() if line.startswith("| "))
    return frozenset(row.split("|")[1].strip().strip("`") for row in rows)


def row_of(page: Path, cell: str) -> str:
    """Return the last table row that begins with a cell of this code."""
    rows = [line for line in prose(page).splitlines() if line.startswith(f"| `{cell}` |")]
    assert rows, f"{name(page)} has no row for {cell}"
    return rows[-1]
