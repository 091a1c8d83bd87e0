"""Inputs and the service's own endpoints to what the observation window asks and judges by."""

from dataclasses import replace
from datetime import timedelta

from slo_action.config.inputs import Inputs
from slo_action.core.matrix import Service
from slo_action.core.model import Probe, Witness
from slo_action.core.policy_change import PolicyChange
from slo_action.core.window_policy import WindowPolicy

_SEARCH_TIMEOUT_SECONDS = 10.0
"""Twice the limit its p90 is judged by, so that slow and timed out stay apart."""


def endpoints(inputs: Inputs, health: Probe, service: Service | None) -> tuple[Probe, ...]:
    """Return the probes of the endpoints that only the window asks; `health` is the model.

    A search may take five seconds; any other answer that takes longer is a failed one.
    """
    base = health.url.removesuffix(inputs.health_path)
    other = replace(health, version_rule=None, reads_health=False)
    found = [replace(other, witness=Witness.API, url=base + path) for path in inputs.api_paths]
    searched = service.endpoint("search") if service else None
    if searched:
        search = replace(
            other,
            witness=Witness.SEARCH,
            url=base + searched.path,
            timeout_seconds=_SEARCH_TIMEOUT_SECONDS,
            slow_after_seconds=None,
        )
        found.append(search)
    told = service.endpoint("stats") if service else None
    if told:
        found.append(replace(other, witness=Witness.STATS, url=base + told.path))
    return tuple(found)


def window_policy(inputs: Inputs) -> WindowPolicy:
    """Return how the window watches and judges, as far as the inputs say."""
    confidence = float(inputs.confidence)
    base = WindowPolicy()
    return replace(
        base,
        length_seconds=inputs.observe.total_seconds(),
        rates=replace(base.rates, confidence=confidence),
        traffic=replace(base.traffic, confidence=confidence, on_no_data=inputs.on_no_data),
    )


def said_by(inputs: Inputs, unset: Inputs) -> PolicyChange:
    """Return what the inputs themselves say of the policy: they come before slo.yml.

    `unset` are the inputs of a run that is given none.
    """

    def said(name: str) -> timedelta | None:
        value: timedelta = getattr(inputs, name)
        return value if value != getattr(unset, name) else None

    late = inputs.on_late_start
    return PolicyChange(
        health_deadline=_seconds(said("health_deadline")),
        grace=_seconds(said("grace")),
        observe=_seconds(said("observe")),
        confidence=float(inputs.confidence) if inputs.confidence != unset.confidence else None,
        on_late_start=late if late is not unset.on_late_start else None,
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
