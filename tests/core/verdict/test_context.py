"""What attempts say of machines and of the public address."""

from dataclasses import replace

import pytest

from slo_action.core.gate.gate import Gate, GatePolicy
from slo_action.core.model import Outcome
from slo_action.core.release.fleet import Fleet, Machine
from slo_action.core.verdict.context import fails_outside_only, single_failing_machine
from tests.builders import DEPLOYED_AT, World, always, observation, sample
from tests.core.observation.test_window import HEALTH, api, between, like, machine, opened, watch

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


FLEET = Fleet(app="shop", taken_at=DEPLOYED_AT, machines=(Machine(name="a"), Machine(name="b")))
FAILS = always(BAD)
SECOND_HALF = between(150.0, 1e9)


@pytest.mark.parametrize(
    ("worlds", "sick"),
    [
        ({"health@a": FAILS, "health": lambda now: BAD if int(now) % 2 else OK}, "a"),
        ({"health@a": FAILS, "health": FAILS, "/api": FAILS}, "a"),
        (dict.fromkeys(("health", "/api", "health@a", "health@b"), SECOND_HALF), ""),
        (
            {
                name: lambda now: BAD if int(now) % 3 == 0 else OK
                for name in ("health", "/api", "health@a", "health@b")
            },
            "",
        ),
    ],
    ids=["half the answers are its own", "all answers are its own", "an outage", "all fail alike"],
)
def test_a_machine_is_sick_by_itself_only_while_the_service_does_not_fail_as_a_whole(
    worlds: dict[str, World], sick: str
) -> None:
    window = opened(HEALTH, api(), machine("a"), machine("b"))
    watch(window, like(worlds))

    assert window.end is not None
    assert single_failing_machine(gate(OK), window, FLEET) == sick
