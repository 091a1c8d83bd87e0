"""Variables of a journey that no step before has captured."""

import re
from collections.abc import Iterator, Mapping

from slo_action.core.journeys import Journey, JourneyStep
from slo_action.core.matrix_spots import Entry
from slo_action.core.quoting import quoted
from slo_action.core.rules import Spot

_VARIABLE = re.compile(r"\$\{([^}]{1,80})\}")


def undefined_variable(entry: Entry) -> Iterator[Spot]:
    """A step can use only what a step before it has captured."""
    for number, journey in enumerate(entry.service.journeys):
        for index, name in _undefined(journey):
            step = journey.steps[index]
            words = f"step {quoted(step.name)} uses ${{{quoted(name)}}}, which no step captures"
            yield Spot(key=("journeys", number, "steps", index), words=f"{words} before it")


def _undefined(journey: Journey) -> Iterator[tuple[int, str]]:
    known: set[str] = set()
    for index, step in enumerate(journey.steps):
        for name in dict.fromkeys(_uses(step)):
            if name not in known and not name.startswith("secrets."):
                yield index, name
        known |= {capture.variable for capture in step.captures}


def _uses(step: JourneyStep) -> Iterator[str]:
    texts = [step.target, step.body, *step.headers.values(), *(step.form or {}).values()]
    for text in (*texts, *_strings(step.json)):
        yield from _VARIABLE.findall(text)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
