"""What attempts say of machines and of the public address."""

from dataclasses import replace

import pytest

from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import Outcome
from slo_action.core.verdict.context import fails_outside_only
from tests.builders import observation, sample

OK, BAD = Outcome.OK, Outcome.HTTP_5XX


def gate(public: Outcome, **machines: tuple[Outcome, ...]) -> Gate:
    """A gate of one attempt; a machine has an outcome for each time that it was asked."""
    asked = [sample(one, machine=name) for name, found in machines.items() for one in found]
    failing = tuple(name for name, found in machines.items() if found[-1] is BAD)
    attempt = replace(observation(public), samples=(sample(public), *asked), spared=failing)
    return Gate(policy=GatePolicy(), begun_seconds=0.0, observations=(attempt,))


@pytest.mark.parametrize(
    ("machines", "outside"),
    [
        ({"a": (OK,), "b": (OK,)}, True),
        ({"a": (BAD, OK), "b": (OK,)}, True),
        ({"a": (BAD, BAD), "b": (OK,)}, False),
        ({"a": (Outcome.CACHED,), "b": (OK,)}, False),
    ],
    ids=["all are well", "one is well when asked again", "one fails", "one is not judged"],
)
def test_the_fault_lies_outside_only_where_every_machine_answers_well(
    machines: dict[str, tuple[Outcome, ...]], outside: bool
) -> None:
    assert fails_outside_only(gate(BAD, **machines)) is outside
    assert not fails_outside_only(gate(OK, **machines))
