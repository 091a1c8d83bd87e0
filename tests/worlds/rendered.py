"""Markdown as a reader's browser gets it: elements, tables, and the text between them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_VOID = frozenset({"br", "hr", "img", "input"})
Element = tuple[str, tuple[tuple[str, str | None], ...]]


@dataclass(slots=True)
class Page:
    """`elements` are tags with attributes, in order; `rows` the cells of every table row.

    `prose` is the text outside of code; `code` the texts of code blocks, `inline` of code spans.
    """

    elements: list[Element] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    prose: str = ""
    code: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, tuple(attrs)))
        if tag in _VOID:
            return
        self.page.unclosed.append(tag)
        if tag == "tr":
            self.page.rows.append([])
        if tag in ("td", "th"):
            self.page.rows[-1].append("")
        if tag == "code":
            (self.page.code if "pre" in self.page.unclosed else self.page.inline).append("")
        if tag in ("h2", "h3"):
            self.page.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.page.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        page, within = self.page, self.page.unclosed
        if "pre" in within:
            page.code[-1] += data
        elif "code" in within:
            page.inline[-1] += data
        else:
            page.prose += data
        if {"td", "th"} & set(within):
            page.rows[-1][-1] += data
        if {"h2", "h3"} & set(within):
            page.headings[-1] += data


def rendered(markdown: str) -> Page:
    """Render as GitHub does, raw HTML included; bare addresses are left to the tests."""
    reader = _Reader()
    reader.feed(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(markdown))
    reader.close()
    return reader.page
