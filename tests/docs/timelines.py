"""The worked timelines of docs/schedule.md, played by the shipped state machine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from slo_action.core.gate.gate import Gate, GateEnd, GatePolicy
from slo_action.core.model import Observation, ObservationKind, ObservationResult, Outcome, Sample
from slo_action.core.model import Witness as Who

ANSWER_SECONDS = 0.1
_EPOCH = datetime(2025, 8, 23, 8, 38, tzinfo=UTC)
_KINDS = {
    ObservationKind.ATTEMPT: "attempt",
    ObservationKind.WARMUP: "in grace",
    ObservationKind.PEEK: "peek",
}
_RESULTS = {
    ObservationResult.PASSED: "passed",
    ObservationResult.FAILED: "failed",
    ObservationResult.NEUTRAL: "says nothing",
}

Service = Callable[[float], Outcome]
"""What the service answers at an instant, in seconds since the deploy."""


@dataclass(frozen=True)
class Story:
    """One timeline: a heading of the page, a service, and how late the watch begins."""

    title: str
    service: Service
    begun_seconds: float = 0.0


def from_second(healthy: float, before: Outcome = Outcome.CONNECT_REFUSED) -> Service:
    """Return a service that becomes healthy at an instant and stays so."""
    return lambda at: Outcome.OK if at >= healthy else before


def flapping(at: float) -> Outcome:
    """Answer well for three seconds out of every nine."""
    return Outcome.OK if at % 9 < 3 else Outcome.HTTP_5XX


STORIES = (
    Story("A service that is up", from_second(0)),
    Story("A service that takes 41 s to start", from_second(41)),
    Story("A service that never comes up", from_second(1000, Outcome.HTTP_5XX)),
    Story("A service that comes up just before the deadline", from_second(86)),
    Story("A service that comes up after the deadline", from_second(93)),
    Story("A service that flaps", flapping),
    Story(
        "A firewall that challenges every probe",
        lambda _at: Outcome.WAF_CHALLENGE,
    ),
    Story(
        "A run that starts five minutes late, of a healthy service",
        from_second(0),
        begun_seconds=300.0,
    ),
    Story(
        "A run that starts five minutes late, of a broken service",
        from_second(1000),
        begun_seconds=300.0,
    ),
)


def played(story: Story) -> Gate:
    """Return the gate that has watched the story to its end."""
    gate = Gate(policy=GatePolicy(), begun_seconds=story.begun_seconds)
    while not isinstance(step := gate.next(), GateEnd):
        at = step.at_seconds
        sample = Sample(
            witness=Who.HEALTH,
            url="https://dashboard.example.com/healthz",
            at=_EPOCH,
            outcome=story.service(at),
            detail="",
            total_seconds=ANSWER_SECONDS,
        )
        gate = gate.feed(
            Observation(
                kind=step.kind,
                started_seconds=at,
                ended_seconds=at + ANSWER_SECONDS,
                samples=(sample,),
            )
        )
    return gate


def told(story: Story) -> str:
    """Return the timeline as the page shows it: peeks that fail in a row are one line."""
    gate = played(story)
    lines: list[str] = []
    silent: list[Observation] = []
    for observation in gate.observations:
        is_failing_peek = (
            observation.kind is ObservationKind.PEEK
            and observation.result is not ObservationResult.PASSED
        )
        if is_failing_peek:
            silent.append(observation)
            continue
        lines += _peeks(silent)
        silent = []
        lines.append(_line(observation, _KINDS[observation.kind]))
    lines += _peeks(silent)
    attempts = "attempt" if len(gate.attempts) == 1 else "attempts"
    lines.append(f"          -> {gate.end}, {len(gate.attempts)} {attempts} counted")
    return "\n".join(lines)


def _peeks(peeks: list[Observation]) -> list[str]:
    if not peeks:
        return []
    if len(peeks) == 1:
        return [_line(peeks[0], "peek")]
    last = f"... until {peeks[-1].started_seconds:.1f} s"
    return [f"{_line(peeks[0], f'{len(peeks)} peeks')} {last}"]


def _line(observation: Observation, kind: str) -> str:
    at = f"{observation.started_seconds:7.1f} s"
    return f"{at}  {kind:9} {_RESULTS[observation.result]}"
