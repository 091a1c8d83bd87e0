"""How a user's way through a service differs between two versions of slo.yml.

A journey or a step less is looser, and so are a longer interval and a longer limit. What a step
sends, captures and thinks is neither: it asks for something else, not for less.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from slo_action.core.journey.assertions import Subject
from slo_action.core.journey.journeys import Capture, Journey, JourneyStep
from slo_action.core.slo_diff.assertions import assertion_changes
from slo_action.core.slo_diff.change import Change, Fact, compared, paired
from slo_action.core.slo_diff.objectives import interval_fact, objective_changes, timeout_fact
from slo_action.core.text.quantities import duration_words

_ANOTHER = "sends something else"


def journey_changes(
    service: str, before: Sequence[Journey], after: Sequence[Journey]
) -> Iterator[Change]:
    """Yield what differs; journeys and steps belong together by their names."""
    for old, new in paired(before, after, lambda one: one.name):
        name = (old or new or _NOBODY).name
        if old is not None and new is not None:
            yield from _journey(service, f"journey {name}", old, new)
        else:
            yield from compared(service, _whole(f"journey {name}", _steps), old, new)


_NOBODY = Journey(name="", steps=())


def _whole(what: str, words: Any) -> Fact:  # noqa: ANN401 - a journey's or a step's
    gone, new = "no longer walked", "walked from now on"
    return Fact(what=what, words=words, absent=1, gone=gone, new=new)


def _steps(journey: Journey) -> str:
    return f"{len(journey.steps)} step{'' if len(journey.steps) == 1 else 's'}"


def _request(step: JourneyStep) -> str:
    return f"{step.method} {step.target}"


def _journey(service: str, where: str, old: Journey, new: Journey) -> Iterator[Change]:
    interval, timeout = interval_fact(f"{where} interval"), timeout_fact(f"{where} timeout")
    yield from compared(
        service, interval, _duration(old.interval_seconds), _duration(new.interval_seconds)
    )
    yield from compared(
        service, timeout, _duration(old.timeout_seconds), _duration(new.timeout_seconds)
    )
    yield from objective_changes(service, where, old.objective, new.objective, measured=where)
    for left, right in paired(old.steps, new.steps, lambda step: step.name):
        step = f"{where}, step {(left or right or _NO_STEP).name}"
        if left is not None and right is not None:
            yield from _step(service, step, left, right)
        else:
            yield from compared(service, _whole(step, _request), left, right)
    yield from _order(service, where, old, new)


_NO_STEP = JourneyStep(name="", target="")


def _order(service: str, where: str, old: Journey, new: Journey) -> Iterator[Change]:
    before, after = [s.name for s in old.steps], [s.name for s in new.steps]
    if sorted(before) == sorted(after):
        fact = Fact(what=f"{where} order of steps", words=", ".join)
        yield from compared(service, fact, before, after)


def _step(service: str, where: str, old: JourneyStep, new: JourneyStep) -> Iterator[Change]:
    facts = (
        (Fact(what=f"{where} request", words=_request), old, new)
        if _request(old) != _request(new)
        else None,
        (_names(f"{where} headers"), old.headers, new.headers),
        (_hidden(f"{where} JSON"), old.json, new.json),
        (_names(f"{where} form"), old.form, new.form),
        (_hidden(f"{where} body"), old.body or None, new.body or None),
        (
            timeout_fact(f"{where} timeout"),
            _duration(old.timeout_seconds),
            _duration(new.timeout_seconds),
        ),
        (_thinking(where), _duration(old.think_seconds), _duration(new.think_seconds)),
    )
    for entry in filter(None, facts):
        yield from compared(service, *entry)
    yield from assertion_changes(service, where, old.assertions, new.assertions)
    for left, right in paired(old.captures, new.captures, lambda capture: capture.variable):
        yield from compared(service, Fact(what=f"{where} capture", words=_capture), left, right)


def _names(what: str) -> Fact:
    """Values may hold what nobody should read in a summary: only the names are told."""
    return Fact(what=what, words=_named, means=lambda _old, _new: _ANOTHER)


def _named(values: Mapping[str, str]) -> str:
    return ", ".join(values) or "none"


def _hidden(what: str) -> Fact:
    return Fact(what=what, words=_size, means=lambda _old, _new: _ANOTHER)


def _size(body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body, default=str)
    return f"{len(text)} characters"


def _thinking(where: str) -> Fact:
    return Fact(what=f"{where} think time", words=duration_words)


def _capture(capture: Capture) -> str:
    kind = "JSON" if capture.subject is Subject.JSON else "header"
    return f"{capture.variable} from {kind} {capture.name}"


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
