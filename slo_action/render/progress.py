"""The live log's lines, and the samples as JSON lines. Escaping is the writer's."""

import json
from dataclasses import asdict
from datetime import datetime

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Observation, ObservationKind, ObservationResult, Sample
from slo_action.core.observation.streams import Slot
from slo_action.core.observation.window import Window
from slo_action.core.verdict.window_facts import endpoints, journeys, rate_details

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


_EVERY_SECONDS = 30.0
_MOST_FAILURE_LINES = 20


class WindowProgress:
    """What the live log hears of a window: its first failures, and sums every half minute."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._told_at = window.begun_seconds
        self._failures = 0
        self._waiting: list[str] = []

    def saw(self, slot: Slot, sample: Sample) -> None:
        """Take an answer; only what is not good gets a line of its own, and only so many do."""
        if sample.outcome.is_good:
            return
        self._failures += 1
        if self._failures <= _MOST_FAILURE_LINES:
            self._waiting.append(_window_line(slot, sample))
        if self._failures == _MOST_FAILURE_LINES:
            self._waiting.append("further failures are told in sums; each is in samples.jsonl")

    def lines(self, now_seconds: float) -> tuple[str, ...]:
        """Return what is to be told now; it quotes the target: untrusted."""
        told, self._waiting = self._waiting, []
        if now_seconds - self._told_at >= _EVERY_SECONDS:
            self._told_at = now_seconds
            told.extend(
                f"{now_seconds:6.1f} s  {rate_details(t.stream.name, t.rate, self._window)}"
                for t in (*endpoints(self._window), *journeys(self._window))
            )
        return tuple(told)


def _window_line(slot: Slot, sample: Sample) -> str:
    mark = _MARKS[
        ObservationResult.NEUTRAL if sample.outcome.is_neutral else ObservationResult.FAILED
    ]
    took = f"{sample.outcome} in {sample.total_seconds * 1000:.0f} ms"
    return f"{mark} {slot.at_seconds:6.1f} s  {slot.stream.name}  {took}: {sample.detail}"


def window_sample_line(slot: Slot, sample: Sample) -> str:
    """Return a window's sample as a line of JSON, complete with newline."""
    told = {key: value for key, value in asdict(sample).items() if key != "response"}
    place = {"kind": "window", "stream": slot.stream.name, "scheduled_seconds": slot.at_seconds}
    return json.dumps({**place, **told}, ensure_ascii=True, default=_instant) + "\n"
