"""The live log's lines, and the samples as JSON lines. Escaping is the writer's."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from math import ceil

from slo_action.core.gate.gate import Gate
from slo_action.core.model import Observation, ObservationKind, ObservationResult, Sample
from slo_action.core.observation.streams import Slot
from slo_action.core.observation.window import Window
from slo_action.core.text.quantities import milliseconds_words, rounded_duration
from slo_action.core.verdict.window_facts import endpoints, journeys, rate_details

_MARKS = {
    ObservationResult.PASSED: "✓",
    ObservationResult.FAILED: "✗",
    ObservationResult.NEUTRAL: "?",
}


def observation_line(gate: Gate) -> str:
    """Return the line of a gate's newest observation; it quotes the target: untrusted."""
    observation = gate.observations[-1]
    names = {
        ObservationKind.ATTEMPT: f"attempt {len(gate.attempts)}/{gate.policy.max_attempts}",
        ObservationKind.PEEK: "peek       ",
        ObservationKind.WARMUP: "in grace   ",
    }
    sample = observation.deciding
    version = f", version {observation.version}" if observation.version else ""
    control = {True: ", control answers", False: ", control fails, too", None: ""}
    return (
        f"{_MARKS[observation.result]} {observation.started_seconds:6.1f} s  "
        f"{names[observation.kind]}  {_took(sample)}{version}: {sample.detail}"
        f"{control[observation.control_alive]}"
    )


def _took(sample: Sample) -> str:
    return f"{sample.outcome} in {milliseconds_words(sample.total_seconds)}"


def sample_lines(observation: Observation) -> str:
    """Return the observation's samples as JSON, a line each, every one complete with newline."""
    place = {"kind": observation.kind, "started_seconds": observation.started_seconds}
    return "".join(_json_line(place, sample) for sample in observation.samples)


def window_sample_line(slot: Slot, sample: Sample) -> str:
    """Return a window's sample as a line of JSON, complete with newline."""
    place = {"kind": "window", "stream": slot.stream.name, "scheduled_seconds": slot.at_seconds}
    return _json_line(place, sample)


def _json_line(place: Mapping[str, object], sample: Sample) -> str:
    """The response itself is kept in the proofs."""
    seen = {field.name: getattr(sample, field.name) for field in fields(sample)}
    seen |= {"at": sample.at.isoformat(), "phases": asdict(sample.phases)}
    del seen["response"]
    return json.dumps({**place, **seen}, ensure_ascii=True) + "\n"


def gate_status(gate: Gate, next_seconds: float, now_seconds: float) -> str:
    """Return what a gate waits for, and how long it still may."""
    policy = gate.policy
    wait = _rounded(next_seconds - now_seconds)
    return (
        f"health gate: {gate.streak} of {policy.required_streak} successes, "
        f"{len(gate.attempts)} of {policy.max_attempts} attempts, next probe in {wait}, "
        f"{_rounded(gate.deadline_seconds - now_seconds)} left"
    )


def window_status(window: Window, now_seconds: float) -> str:
    """Return what a window waits for: its end, or the last answers."""
    left = window.ends_seconds - now_seconds
    waits = f"{_rounded(left)} left" if left > 0 else "waiting for the last answers"
    return f"observing: {waits}"


def stream_counts(window: Window) -> str:
    """Return how many answers of each stream there were, and how many failed."""
    counts = []
    for stats in window.stream_stats.values():
        failed = sum(count for outcome, count in stats.outcomes.items() if outcome.is_bad)
        counts.append(f"{stats.stream.name} {sum(stats.outcomes.values())} ({failed} failed)")
    return ", ".join(counts)


def _rounded(seconds: float) -> str:
    return rounded_duration(float(max(0, ceil(seconds)))) or "0s"


_EVERY_SECONDS = 30.0
_MOST_FAILURE_LINES = 20


class WindowProgress:
    """What the live log shows of a window: its first failures, and totals every half minute."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._reported_at = window.begun_seconds
        self._failures = 0
        self._waiting: list[str] = []

    def saw(self, slot: Slot, sample: Sample) -> None:
        """Take an answer; only what is not good gets a line of its own, and only so many do."""
        if sample.outcome.is_good:
            return
        self._failures += 1
        if self._failures <= _MOST_FAILURE_LINES:
            neutral = sample.outcome.is_neutral
            mark = _MARKS[ObservationResult.NEUTRAL if neutral else ObservationResult.FAILED]
            where = f"{mark} {slot.at_seconds:6.1f} s  {slot.stream.name}"
            self._waiting.append(f"{where}  {_took(sample)}: {sample.detail}")
        if self._failures == _MOST_FAILURE_LINES:
            self._waiting.append("further failures only in totals; each is in samples.jsonl")

    def lines(self, now_seconds: float) -> tuple[str, ...]:
        """Return the lines that are due; they quote the target: untrusted."""
        due, self._waiting = self._waiting, []
        if now_seconds - self._reported_at >= _EVERY_SECONDS:
            self._reported_at = now_seconds
            due.extend(
                f"{now_seconds:6.1f} s  {rate_details(t.stream.name, t.rate, self._window)}"
                for t in (*endpoints(self._window), *journeys(self._window))
            )
        return tuple(due)
