"""Whether what a record states is what the shipped schedule and window make of its evidence."""

from dataclasses import replace

from slo_action.audit.document import StreamEntry, WindowEntry
from slo_action.audit.window import window_entry
from slo_action.core.gate.gate import Ask, Gate
from slo_action.core.observation.window import GATE_TICKET, Window, WindowEnd
from slo_action.core.policy.policy import Policy

_LONGEST_VALUE = 60
_DIGITS = 6
"""Floats of another machine's mathematics may differ in the last of their digits."""
_SENTENCES = frozenset({"sentence", "traffic_sentence", "streams", "rows", "interval"})


def schedule_problems(what: str, gate: Gate, window: Window | None, *, stopped: bool) -> list[str]:
    """The shipped state machine must ask, count and end exactly as the record says it did.

    A gate is left before its end where the run was stopped, or the window failed meanwhile.
    """
    driven = Gate(policy=gate.policy, begun_seconds=gate.begun_seconds)
    for number, observation in enumerate(gate.observations, start=1):
        step = driven.next()
        if not isinstance(step, Ask):
            return [f"{what}: the gate ends before observation {number}"]
        driven = driven.feed(replace(observation, kind=step.kind))
        kind = driven.observations[-1].kind
        if kind is not observation.kind:
            asked = f"the schedule asks for a {kind}"
            return [f"{what}: observation {number} is a {observation.kind}, {asked}"]
    left = window is not None and window.end not in (None, WindowEnd.OVER)
    if driven.end is None and not (stopped or left):
        return [f"{what}: the record ends before the gate does"]
    return []


def window_problems(
    what: str, entry: WindowEntry, window: Window, policy: Policy, *, met: bool
) -> list[str]:
    """Every number and row that the shipped window makes of the answers must be the one stated.

    `met` says that the health gate was met, which the window records as an event.
    """
    stated, reached = _numbers(entry), _numbers(window_entry(window))
    stated["policy's grace_seconds"] = entry.grace_seconds
    reached["policy's grace_seconds"] = policy.gate.grace_seconds
    stated["policy's deadline_seconds"] = entry.ready_by_seconds
    reached["policy's deadline_seconds"] = policy.gate.deadline_seconds
    stated["gate was met"] = met or _has_gate_event(window)
    reached["gate was met"] = _has_gate_event(window)
    return [
        f"{what}: {name} is {_short(reached.get(name))}, the record states {_short(value)}"
        for name, value in stated.items()
        if value != reached.get(name)
    ]


def _has_gate_event(window: Window) -> bool:
    return any(row.ticket == GATE_TICKET for row in window.rows)


def _numbers(entry: WindowEntry) -> dict[str, object]:
    """Return what a window states, by name; sentences may be worded anew in a later release."""
    found: dict[str, object] = _fields(entry, "")
    for number, row in enumerate(entry.rows, start=1):
        found[f"row {number}"] = row
    for stream in entry.streams:
        low, high = stream.interval
        found |= _fields(stream, f"{stream.name}: ")
        found[f"{stream.name}: interval"] = (round(low, _DIGITS), round(high, _DIGITS))
    return found


def _fields(entry: WindowEntry | StreamEntry, prefix: str) -> dict[str, object]:
    names = [name for name in type(entry).model_fields if name not in _SENTENCES]
    return {f"{prefix}{name}": getattr(entry, name) for name in names}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
