"""Observation windows: to the document, and back from it by repeating what happened."""

from collections.abc import Mapping
from fractions import Fraction
from math import isinf
from urllib.parse import quote, unquote

from slo_action.audit.document import LatencyEntry, StreamEntry, WindowEntry
from slo_action.core.model import Outcome, Probe, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.replay import replayed
from slo_action.core.observation.stream_stats import StreamStats
from slo_action.core.observation.streams import Stream
from slo_action.core.observation.window import MAX_EVENTS, Window, WindowEvent
from slo_action.core.verdict.window_facts import rate_details
from slo_action.errors import RecordError, ReplayError

PERCENTILES = {f"p{hundredths}": Fraction(hundredths, 100) for hundredths in (50, 90, 95, 99)}
NOTHING = "-"
"""The outcome of a row that has none."""
_FIXED_FIELDS = 6
_LONGEST_SECONDS = 86_400.0
_MOST_PLANNED = 20 * MAX_EVENTS
"""A forged length must not keep a replay busy for ever."""
NEVER = -1.0
"""A percentile whose rank falls on an answer that never came; JSON knows no infinity."""


def window_entry(window: Window) -> WindowEntry:
    """Return the window as the document holds it."""
    return WindowEntry.of(
        window,
        streams=tuple(_stream(stats, window) for stats in window.stream_stats.values()),
        traffic=window.readings,
        traffic_sentence=window.traffic.sentence if window.readings else "",
        rows=tuple(map(row_text, window.rows)),
    )


def window_of(entry: WindowEntry, policy: WindowPolicy) -> Window:
    """Return the window that saw these rows, driven again by the shipped code.

    Raises RecordError where rows were left out, ReplayError where they do not follow from one
    another.
    """
    if entry.rows_left_out:
        raise RecordError(
            f"the window holds {entry.rows_left_out} more answers than a record does",
            hint="judge such a window by its sums, or by samples.jsonl",
        )
    try:
        window = _opened(entry, policy)
        rows = [parse_row(text) for text in entry.rows]
        return replayed(window, rows, entry.traffic, entry.closed_seconds)
    except (ValueError, LookupError, ArithmeticError) as error:
        raise ReplayError(
            f"the rows of the window do not follow from one another: {type(error).__name__}",
            hint="the record was changed, or another version wrote it",
        ) from error


def _opened(entry: WindowEntry, policy: WindowPolicy) -> Window:
    """Return the window as it began. Raises ValueError where it would not end in our lifetime."""
    longest = max(policy.length_seconds, policy.minimum_seconds, abs(entry.begun_seconds))
    if not longest <= _LONGEST_SECONDS:  # a NaN, too, is not below it
        raise ValueError("it is too long")
    window = Window(
        policy,
        tuple(_stream_of(stream) for stream in entry.streams),
        begun_seconds=entry.begun_seconds,
        grace_seconds=entry.grace_seconds,
        ready_by_seconds=entry.ready_by_seconds,
        controlled=entry.controlled,
    )
    planned = (window.ends_seconds - window.begun_seconds) / window.interval_seconds
    if not planned <= _MOST_PLANNED:
        raise ValueError("it is too long")
    return window


def row_text(row: WindowEvent) -> str:
    """Return a row as text; what is not known is left out."""
    fixed = (
        str(row.ticket),
        str(row.sent),
        repr(row.taken_seconds),
        repr(row.heard_seconds),
        row.outcome or NOTHING,
        repr(row.seconds),
    )
    named = {
        "version": None if row.version is None else quote(row.version, safe="", errors="replace"),
        "retry-after": row.retry_after_seconds,
        "asked": row.asked_seconds,
        "late": row.late_seconds or None,
    }
    given = tuple(f"{name}={value}" for name, value in named.items() if value is not None)
    return " ".join((*fixed, *given))


def parse_row(text: str) -> WindowEvent:
    """Return the row. Raises ValueError where it is none."""
    fields = text.split(" ")
    ticket, sent, taken, heard, outcome, seconds = fields[:_FIXED_FIELDS]
    named = dict(field.split("=", 1) for field in fields[_FIXED_FIELDS:])
    version = named.get("version")
    return WindowEvent(
        ticket=int(ticket),
        sent=int(sent),
        taken_seconds=float(taken),
        heard_seconds=float(heard),
        outcome=None if outcome == NOTHING else Outcome(outcome),
        seconds=float(seconds),
        version=None if version is None else unquote(version),
        retry_after_seconds=_number(named, "retry-after"),
        asked_seconds=_number(named, "asked"),
        late_seconds=_number(named, "late") or 0.0,
    )


def _number(named: Mapping[str, str], name: str) -> float | None:
    return float(named[name]) if name in named else None


def _stream(stats: StreamStats, window: Window) -> StreamEntry:
    rate, stream = stats.rate, stats.stream
    return StreamEntry.of(
        rate,
        name=stream.name,
        witness=stream.probe.witness,
        machine=stream.machine,
        url=stream.probe.url,
        tells_version=stream.probe.version_rule is not None,
        own_objective=stream.probe.objective,
        missed=stats.missed,
        interval=rate.interval(),
        refuted_at_end=rate.refuted_at_end(),
        outcomes=stats.outcomes,
        latency=_latency(stats),
        sentence=rate_details(stream.name, rate, window),
    )


def _latency(stats: StreamStats) -> LatencyEntry:
    latency, goal = stats.latency, stats.goal
    limit = f"{goal.name} < {1000 * goal.limit_seconds:g} ms" if goal else None
    return LatencyEntry.of(
        latency,
        over={f"{seconds:g}": count for seconds, count in latency.over.items()},
        percentiles_ms={
            name: _milliseconds(latency.percentile(quantile))
            for name, quantile in PERCENTILES.items()
        },
        objective=limit,
        state=latency.judge(goal) if goal else None,
    )


def _milliseconds(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    return NEVER if isinf(seconds) else round(1000 * seconds, 3)


def _stream_of(entry: StreamEntry) -> Stream:
    rule = VersionRule() if entry.tells_version else None
    probe = Probe(
        witness=entry.witness, url=entry.url, version_rule=rule, objective=entry.own_objective
    )
    return Stream(name=entry.name, probe=probe, machine=entry.machine)
