"""What the job summary shows of an observation window."""

from collections.abc import Iterable

from slo_action.core.model import Outcome
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.render.summary.chart import charts, strips
from slo_action.render.summary.streams import streams_table
from slo_action.render.text.escape import code, shortened

_DETAIL_LIMIT = 300
_ENDS = {
    WindowEnd.OVER: "watched to its end",
    WindowEnd.BREACHED: "ended early: the error-rate trigger fired",
    WindowEnd.OUTAGE: "ended early: nothing answered well any more",
    WindowEnd.VERSION: "ended: another version answers",
    WindowEnd.TRAFFIC: "ended early: real users' requests fail",
    None: "stopped before its end",
}


def window_section(window: Window, *, since: str = "deploy", charted: bool = True) -> str:
    """Return strips, streams, silences and charts as Markdown, without a heading.

    `since` names what second zero was. The charts are left out where not `charted`.
    """
    parts = [_span(window, since), strips(window, since)]
    parts += [streams_table(window), *_remarks(window)]
    if charted:
        parts.append(charts(window.timeline.buckets(), since))
    return "\n\n".join(part for part in parts if part)


def _span(window: Window, since: str) -> str:
    asked = sum(sum(stats.outcomes.values()) for stats in window.stream_stats.values())
    failed, valid = window.endpoint_counts
    planned = f"planned until {window.ends_seconds:.0f} s"
    until = f"{window.ended_seconds:.0f} s" if window.end else planned
    return (
        f"From {window.begun_seconds:.0f} s to {until} after the {since}, {_end(window)}. "
        f"{asked} answers came; {failed} of the {valid} that count for endpoints failed."
    )


def _end(window: Window) -> str:
    early = window.ended_seconds < window.ends_seconds
    if window.end is WindowEnd.BREACHED and not early:
        return "watched to its end, where the error-rate trigger fired"
    return _ENDS[window.end]


def _remarks(window: Window) -> Iterable[str]:
    """Tell what was not counted, and why: silences that are excused are no secret."""
    told = (_failures, _excused, _starts, _others, _limited, _missed)
    lines = [line for tell in told for line in tell(window)]
    if window.rows_left_out:
        lines.append(f"{window.rows_left_out} answers are told by their sums only.")
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _excused(window: Window) -> Iterable[str]:
    for stats in window.stream_stats.values():
        if stats.excused:
            yield (
                f"{_name(stats)}: {stats.excused} silences are excused: no independent host "
                "answered either, so they say nothing of the service."
            )


def _starts(window: Window) -> Iterable[str]:
    for stats in window.stream_stats.values():
        failed = sum(n for outcome, n in stats.outcomes.items() if _is_failure(outcome))
        early = failed - stats.rate.bad - stats.excused
        if early > 0:
            yield (
                f"{_name(stats)}: {early} failures before it had started, or in grace, do not "
                "count."
            )


def _is_failure(outcome: Outcome) -> bool:
    return outcome.is_bad and outcome is not Outcome.WRONG_VERSION


def _others(window: Window) -> Iterable[str]:
    if window.identity.bad:
        version = code(shortened(window.other_version or "unknown", _DETAIL_LIMIT))
        yield f"{window.identity.bad} of {window.identity.valid} answers came from {version}."


def _limited(window: Window) -> Iterable[str]:
    stream_stats = window.stream_stats.values()
    limited = _limits(t for t in stream_stats if not t.stream.is_journey)
    if limited:
        yield f"{limited} answers were 429 (too many requests): the watch paused after each."
    limited = _limits(t for t in stream_stats if t.stream.is_journey)
    if limited:
        yield f"{limited} runs of journeys met a 429 (too many requests): the journey waited."


def _limits(stream_stats: Iterable[StreamStats]) -> int:
    return sum(stats.outcomes.get(Outcome.RATE_LIMITED, 0) for stats in stream_stats)


def _missed(window: Window) -> Iterable[str]:
    missed = sum(stats.missed for stats in window.stream_stats.values())
    if missed:
        yield f"{missed} probes were not sent: the runner was late, which says nothing."


def _failures(window: Window) -> Iterable[str]:
    """The latest failure of each stream that had any, by its outcome and words."""
    for stats in window.stream_stats.values():
        sample = stats.last_failure
        if sample is not None:
            told = code(shortened(sample.detail, _DETAIL_LIMIT))
            yield f"{_name(stats)} failed last by {code(sample.outcome)}: {told}"


def _name(stats: StreamStats) -> str:
    return code(shortened(stats.stream.name, _DETAIL_LIMIT))
