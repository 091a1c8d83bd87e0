"""A dot chart of the two ways to be wrong, as SVG text: one row a policy, best first."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench.verdicts.score import Summary
from scripts import screenshot

WIDTH, ROW, LEFT, TOP, RIGHT, MARGIN = 980, 26, 190, 92, 110, 16
FALSE, MISSED, INK, FAINT, OURS = "#bc4c00", "#0969da", "#1f2328", "#d1d9e0", "#ddf4ff"
_FONT = "font-family='DejaVu Sans, Noto Sans, Helvetica, Arial, sans-serif'"


def draw(title: str, summaries: Sequence[Summary], ours: Sequence[str]) -> str:
    """Return the chart. Rows of `ours` are shaded; policies without both figures are left out."""
    rows = sorted(
        (each for each in summaries if each.balanced is not None),
        key=lambda each: each.balanced or 0.0,
    )
    height = TOP + ROW * len(rows) + 40
    size = f"width='{WIDTH}' height='{height}' viewBox='{-MARGIN} 0 {WIDTH + MARGIN} {height}'"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_FONT} font-size='13' fill='{INK}'>",
        f"<title>{escape(title)}</title>",
        f"<rect x='{-MARGIN}' width='{WIDTH + MARGIN}' height='{height}' fill='#ffffff'/>",
        _text(16, 28, title, size=17, weight="bold"),
        *_legend(),
        *_axis(TOP + ROW * len(rows)),
    ]
    for number, summary in enumerate(rows):
        parts += _row(TOP + ROW * number, summary, is_ours=summary.policy in ours)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    return [
        _dot(LEFT + 6, 52, MISSED),
        _text(LEFT + 18, 56, "bad deploys missed"),
        _ring(LEFT + 196, 52, FALSE),
        _text(LEFT + 208, 56, "deploys rolled back that should not be"),
        _text(WIDTH - 12, 56, "mean", anchor="end"),
    ]


def _axis(bottom: int) -> list[str]:
    parts = []
    for percent in range(0, 101, 20):
        x = _x(percent / 100.0)
        parts.append(
            f"<line x1='{x:.1f}' y1='{TOP - 12}' x2='{x:.1f}' y2='{bottom}' stroke='{FAINT}'/>"
        )
        parts.append(_text(x, bottom + 18, f"{percent} %", anchor="middle"))
    return parts


def _row(top: int, summary: Summary, *, is_ours: bool) -> list[str]:
    middle = top + ROW / 2 - 4
    false, missed = summary.false or 0.0, summary.missed or 0.0
    low, high = sorted((_x(false), _x(missed)))
    weight = "bold" if is_ours else "normal"
    shade = [f"<rect x='0' y='{top - 4}' width='{WIDTH}' height='{ROW}' fill='{OURS}'/>"]
    return [
        *(shade if is_ours else []),
        _text(LEFT - 14, middle + 5, summary.policy, anchor="end", weight=weight),
        f"<path d='M{low:.1f} {middle}H{high:.1f}' stroke='{FAINT}' stroke-width='3'/>",
        _dot(_x(missed), middle, MISSED),
        _ring(_x(false), middle, FALSE),
        _text(
            WIDTH - 12, middle + 5, f"{summary.balanced or 0.0:.1%}", anchor="end", weight=weight
        ),
    ]


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _dot(x: float, y: float, colour: str) -> str:
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>"


def _ring(x: float, y: float, colour: str) -> str:
    look = f"fill='#fff' stroke='{colour}' stroke-width='2'"
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4.5' {look}/>"


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, weight: str = "normal"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' "
        f"font-weight='{weight}'>{escape(words)}</text>"
    )


def photograph(source: Path) -> None:
    """Let Chromium paint an SVG file into a PNG file beside it."""
    svg = source.read_text(encoding="utf-8")
    height = int(svg.split("height='", 1)[1].split("'", 1)[0])
    page = f"<!doctype html><meta charset='utf-8'><body style='margin:0'>{svg}"
    screenshot.photograph(page, source.with_suffix(".png"), height)
