"""Variables of a journey that no step before has captured."""

from collections.abc import Iterator

from slo_action.core.matrix_spots import Entry
from slo_action.core.quoting import quoted
from slo_action.core.rules import Spot
from slo_action.core.templates import undefined


def undefined_variable(entry: Entry) -> Iterator[Spot]:
    """A step can use only what a step before it has captured."""
    for number, journey in enumerate(entry.service.journeys):
        for index, name in undefined(journey):
            step = quoted(journey.steps[index].name)
            words = f"step {step} uses ${{{name}}}, which no step captures before it"
            yield Spot(key=("journeys", number, "steps", index), words=words)
