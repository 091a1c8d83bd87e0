"""Samples to numbers to Markdown."""

import math
from collections.abc import Sequence
from statistics import median

__all__ = ["median", "ms", "p95", "ratio", "signed", "spread", "table"]


def p95(values: Sequence[float]) -> float:
    """Return the nearest-rank 95th percentile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def ms(seconds: float, digits: int = 2) -> str:
    """Show seconds as milliseconds."""
    return f"{seconds * 1e3:.{digits}f}"


def signed(seconds: float, digits: int = 2) -> str:
    """Show a difference in milliseconds."""
    return f"{seconds * 1e3:+.{digits}f}"


def ratio(ours: float, theirs: float) -> str:
    """Show how many times theirs ours is."""
    return f"{ours / theirs:.2f}x" if theirs else "-"


def spread(values: Sequence[float]) -> str:
    """Show the quartiles: how far to trust a median."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    return f"{ms(low, 1)} to {ms(high, 1)}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; every column but the first holds numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))
