"""Markdown blocks that several sections are made of. What goes in comes escaped."""

from collections.abc import Iterable


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; every row has as many cells as the header."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def bullets(items: Iterable[str], title: str = "") -> str:
    """Return a list below an optional title; empty without items."""
    lines = "\n".join(f"- {item}" for item in items)
    return f"{title}\n\n{lines}" if title and lines else lines


def folded(title: str, content: str) -> str:
    """Return a block that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def paragraphs(*parts: str) -> str:
    """Return the parts that are not empty, a blank line between them."""
    return "\n\n".join(part for part in parts if part)


def unbroken(quantity: str) -> str:
    """Return an amount whose unit stays on the line of its number."""
    return quantity.replace(" ", "\u00a0")
