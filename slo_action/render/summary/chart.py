"""A window over time: a timeline of squares, and Mermaid charts with their numbers in a table."""

from collections.abc import Sequence
from math import ceil
from statistics import median

from slo_action.core.observation.timeline import Bucket
from slo_action.core.observation.window import Window
from slo_action.core.text.quantities import milliseconds_words
from slo_action.render.text.escape import fence
from slo_action.render.text.markdown import folded, paragraphs, table, unbroken

_BARS = "▁▂▃▄▅▆▇█"

_STYLE = (
    '%%{{init: {{"xyChart": {{"width": 900, "height": 340}}, '
    '"themeVariables": {{"xyChart": {{"plotColorPalette": "{}"}}}}}}}}%%'
)
_RED = "#cf222e"
_GREY_AND_BLUE = "#afb8c1, #0969da"


def timeline(window: Window, since: str) -> str:
    """Return one line of errors and one of latencies; empty where nothing was answered."""
    buckets = window.timeline.buckets()
    if not buckets:
        return ""
    medians = [one.median_seconds for one in buckets if one.median_seconds is not None]
    # Twice the usual latency, or the worst: what is steady stays in the middle.
    top = max(2 * median(medians), *medians) if medians else 0.0
    errors = "".join("🟥" if one.bad else "🟩" if one.good else "⬜" for one in buckets)
    latency = "".join(2 * _bar(one.median_seconds, top) for one in buckets)
    begun, ended = buckets[0].from_seconds, buckets[-1].to_seconds
    width = buckets[0].to_seconds - begun
    if window.end:
        ended = min(ended, window.ended_seconds)
    scale = f" (█ = {milliseconds_words(top)})" if top else ""
    block = fence(f"answers  {errors}\nlatency  {latency}")
    span = f"{begun:.0f} s to {ended:.0f} s after the {since}, {width:.3g} s a square"
    return (
        f"{block}\n\n<sub>{span}. 🟩 no failures, 🟥 failures, ⬜ no data. "
        f"Latency: median of good answers{scale}</sub>"
    )


def _bar(seconds: float | None, top: float) -> str:
    if seconds is None:
        return "·"
    height = ceil(len(_BARS) * seconds / top) if top else 1
    return _BARS[min(len(_BARS), max(1, height)) - 1]


def charts(buckets: Sequence[Bucket], since: str) -> str:
    """Return the charts GitHub draws, and the same numbers as a folded table.

    One bucket makes no chart. Failures are drawn only where there were any.
    """
    if len(buckets) <= 1:
        return ""
    failed = [one.bad for one in buckets]
    failures = latency = ""
    if any(failed):
        failures = _mermaid("Failed answers", buckets, "failed", _RED, f"bar {failed}", max(failed))
    if any(one.median_seconds is not None for one in buckets):
        slowest = [round(1000 * (one.max_seconds or 0.0)) for one in buckets]
        middle = [round(1000 * (one.median_seconds or 0.0)) for one in buckets]
        series = f"bar {slowest}\n    line {middle}"
        title = "Good answers: slowest (bars) and median (line)"
        latency = _mermaid(title, buckets, "ms", _GREY_AND_BLUE, series, max(slowest))
    note = f"<sub>Seconds after the {since}; 0 ms where there was no good answer.</sub>"
    header = ("seconds", "good", "failed", "neutral", "median", "slowest")
    numbers = folded("The charts' numbers", table(header, map(_row, buckets)))
    return paragraphs(failures, latency, note, numbers)


def _mermaid(
    title: str, buckets: Sequence[Bucket], unit: str, colours: str, series: str, top: int
) -> str:
    """Only numbers and our own text: what Mermaid reads is never untrusted."""
    axis = ", ".join(f'"{one.from_seconds:.0f}"' for one in buckets)
    return f"""```mermaid
{_STYLE.format(colours)}
xychart-beta
    title "{title}"
    x-axis "seconds" [{axis}]
    y-axis "{unit}" 0 --> {max(1, top)}
    {series}
```"""


def _row(bucket: Bucket) -> tuple[str, ...]:
    times = (bucket.median_seconds, bucket.max_seconds)
    return (
        f"{bucket.from_seconds:.0f}–{bucket.to_seconds:.0f}",
        str(bucket.good),
        str(bucket.bad),
        str(bucket.neutral),
        *("" if one is None else unbroken(milliseconds_words(one)) for one in times),
    )
