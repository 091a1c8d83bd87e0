"""A window over time: strips of cells, and Mermaid charts with their numbers in a table."""

from collections.abc import Callable, Sequence
from math import ceil
from statistics import median

from slo_action.core.observation.timeline import Bucket
from slo_action.core.observation.window import Window
from slo_action.render.text.escape import fence
from slo_action.render.text.markdown import folded, table

_BLOCKS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_LOOKS = (
    '%%{{init: {{"xyChart": {{"width": 900, "height": 340}}, '
    '"themeVariables": {{"xyChart": {{"plotColorPalette": "{}"}}}}}}}}%%'
)
_FAILED = "#cf222e"
_SLOWEST_AND_MEDIAN = "#afb8c1, #0969da"


def strips(window: Window, since: str) -> str:
    """Return one line of errors and one of latencies; empty where nothing was answered."""
    cells = window.timeline.buckets()
    if not cells:
        return ""
    top = _top(cells)
    errors = "".join(_error_mark(cell) for cell in cells)
    latency = "".join(2 * _block(cell.median_seconds, top) for cell in cells)
    begun, ended = cells[0].from_seconds, cells[-1].to_seconds
    if window.end:
        ended = min(ended, window.ended_seconds)
    width = cells[0].to_seconds - begun
    scale = f", █ is {1000 * top:.0f} ms" if top else ""
    axis = f"{begun:.0f} s to {ended:.0f} s after the {since}, {width:.3g} s a cell"
    block = fence(f"answers  {errors}\nlatency  {latency}")
    return (
        f"{block}\n\n<sub>{axis}. 🟩 none failed, 🟥 some failed, "
        f"⬜ nothing was told. Latency: the median of good answers{scale}</sub>"
    )


def _error_mark(cell: Bucket) -> str:
    if cell.bad:
        return "🟥"
    return "🟩" if cell.good else "⬜"


def _top(cells: Sequence[Bucket]) -> float:
    """Twice the usual latency, or the worst: what is steady stays in the middle."""
    medians = [cell.median_seconds for cell in cells if cell.median_seconds is not None]
    return max(2 * median(medians), *medians) if medians else 0.0


def _block(seconds: float | None, top: float) -> str:
    if seconds is None:
        return _NOTHING
    steps = ceil(len(_BLOCKS) * seconds / top) if top else 1
    return _BLOCKS[min(len(_BLOCKS), max(1, steps)) - 1]


def charts(cells: Sequence[Bucket], since: str) -> str:
    """Return the charts GitHub draws, and the same numbers as a folded table.

    One cell makes no chart. Failures are drawn only where there were any.
    """
    if len(cells) <= 1:
        return ""
    drawn = [_latency_chart(cells)] if any(c.median_seconds is not None for c in cells) else []
    if any(cell.bad for cell in cells):
        drawn.insert(0, _failure_chart(cells))
    numbers = folded("The charts' numbers", _numbers(cells))
    told = f"<sub>Seconds after the {since}; 0 ms where nothing was answered well.</sub>"
    return "\n\n".join((*drawn, told, numbers))


def _failure_chart(cells: Sequence[Bucket]) -> str:
    failed = [cell.bad for cell in cells]
    return _mermaid("Failed answers", cells, "failed", _FAILED, max(failed), f"bar {_list(failed)}")


def _latency_chart(cells: Sequence[Bucket]) -> str:
    middle, most = _milliseconds(cells, _median), _milliseconds(cells, _max)
    title = "Good answers: slowest (bars) and median (line)"
    return _mermaid(
        title,
        cells,
        "ms",
        _SLOWEST_AND_MEDIAN,
        max(most),
        f"bar {_list(most)}",
        f"line {_list(middle)}",
    )


def _mermaid(
    title: str, cells: Sequence[Bucket], unit: str, colours: str, top: int, *series: str
) -> str:
    """Only numbers and our own words: what Mermaid reads is never untrusted."""
    axis = ", ".join(f'"{cell.from_seconds:.0f}"' for cell in cells)
    lines = [
        _LOOKS.format(colours),
        "xychart-beta",
        f'    title "{title}"',
        f'    x-axis "seconds" [{axis}]',
        f'    y-axis "{unit}" 0 --> {max(1, top)}',
        *(f"    {line}" for line in series),
    ]
    return "\n".join(("```mermaid", *lines, "```"))


def _list(numbers: Sequence[int]) -> str:
    return f"[{', '.join(map(str, numbers))}]"


def _milliseconds(cells: Sequence[Bucket], of: Callable[[Bucket], float | None]) -> list[int]:
    return [round(1000 * (of(cell) or 0.0)) for cell in cells]


def _median(cell: Bucket) -> float | None:
    return cell.median_seconds


def _max(cell: Bucket) -> float | None:
    return cell.max_seconds


def _numbers(cells: Sequence[Bucket]) -> str:
    header = ("seconds", "good", "failed", "says nothing", "median", "slowest")
    return table(header, map(_numbers_row, cells))


def _numbers_row(cell: Bucket) -> tuple[str, ...]:
    return (
        f"{cell.from_seconds:.0f}–{cell.to_seconds:.0f}",
        str(cell.good),
        str(cell.bad),
        str(cell.neutral),
        _told(cell.median_seconds),
        _told(cell.max_seconds),
    )


def _told(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f}\u00a0ms"
