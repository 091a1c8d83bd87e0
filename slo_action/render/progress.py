"""The live log's lines, and the samples as JSON lines. Escaping is the writer's."""

import json
from dataclasses import asdict
from datetime import datetime

from slo_action.core.model import Observation, ObservationKind, ObservationResult, Sample
from slo_action.core.schedule import Gate

_MARKS = {
    ObservationResult.PASSED: "✓",
    ObservationResult.FAILED: "✗",
    ObservationResult.NEUTRAL: "?",
}


def observation_line(gate: Gate) -> str:
    """Return the line of a gate's newest observation; it quotes the target: untrusted."""
    observation = gate.observations[-1]
    mark = _MARKS[observation.result]
    return f"{mark} {observation.started_seconds:6.1f} s  {_name(gate)}  {_told(observation)}"


def _name(gate: Gate) -> str:
    kind = gate.observations[-1].kind
    if kind is ObservationKind.ATTEMPT:
        return f"attempt {len(gate.attempts)}/{gate.policy.max_attempts}"
    return "peek       " if kind is ObservationKind.PEEK else "in grace   "


def _told(observation: Observation) -> str:
    sample = observation.deciding
    version = f", version {observation.version}" if observation.version else ""
    control = {True: ", control answers", False: ", control is dead too", None: ""}
    return (
        f"{sample.outcome} in {sample.total_seconds * 1000:.0f} ms{version}: {sample.detail}"
        f"{control[observation.control_alive]}"
    )


def sample_lines(observation: Observation) -> str:
    """Return the observation's samples as JSON, a line each, every one complete with newline."""
    return "".join(
        json.dumps(_sample(sample, observation), ensure_ascii=True, default=_instant) + "\n"
        for sample in observation.samples
    )


def _sample(sample: Sample, observation: Observation) -> dict[str, object]:
    """The response itself is kept in the proofs."""
    told = {key: value for key, value in asdict(sample).items() if key != "response"}
    return {"kind": observation.kind, "started_seconds": observation.started_seconds, **told}


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
