"""Markdown blocks that several sections are made of. Cells and titles come escaped."""

from collections.abc import Iterable


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; every row has as many cells as the header."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def folded(title: str, content: str) -> str:
    """Return a block that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
