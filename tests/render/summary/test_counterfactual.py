"""What would have changed the verdict is checked by letting it happen."""

import re
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Verdict
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.render.summary.counterfactual import otherwise
from tests.builders import World, always, between, observed, rolled_back, watched
from tests.sizes import sized

OK = always(Outcome.OK)
ALIKE = WindowPolicy(closer_probes=0)
"""Every answer stands for one planned probe."""
STEP = re.compile(r"(\d+) (?:more failures? would have made it )?(?:at least )?<code>(\w+)</code>")
ORDER = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.INCONCLUSIVE, Verdict.UNHEALTHY)


def told(window: Window) -> str:
    return "\n".join(otherwise(observed(window)))


def failing_last(failures: int, answers: int) -> World:
    turn = count()
    return lambda _: Outcome.HTTP_5XX if next(turn) >= answers - failures else Outcome.OK


def verdict(window: Window) -> Verdict:
    return observed(window).judgement.verdict


def answers(window: Window, name: str = "/api") -> int:
    return sum(window.tracks[name].outcomes.values())


def test_every_step_of_a_healthy_run_is_what_happens_with_so_many_failures() -> None:
    healthy = watched(OK, policy=ALIKE)
    (line,) = otherwise(observed(healthy))
    steps = [(int(number), Verdict(word)) for number, word in STEP.findall(line)]

    assert [word for _, word in steps] == [*ORDER[1:]]
    for failures, word in steps:
        world = {"/api": failing_last(failures, answers(healthy))}
        assert ORDER.index(verdict(watched(world, policy=ALIKE))) >= ORDER.index(word)
    first = {"/api": failing_last(steps[0][0] - 1, answers(healthy))}
    assert verdict(watched(first, policy=ALIKE)) is Verdict.HEALTHY


@settings(max_examples=sized(7, 15))
@given(st.integers(0, 6))
def test_so_many_failures_more_are_never_better_than_told(failures: int) -> None:
    window = watched({"/api": failing_last(failures, 145)}, policy=ALIKE)
    for line in otherwise(observed(window)):
        if not line.startswith("<code>&#47;api"):
            continue
        for number, word in STEP.findall(line):
            worse = failures + int(number)
            other = watched({"/api": failing_last(worse, answers(window))}, policy=ALIKE)
            assert ORDER.index(verdict(other)) >= ORDER.index(Verdict(word))


def test_fewer_failures_of_a_degraded_run_leave_it_healthy() -> None:
    window = watched({"/api": failing_last(3, 145)}, policy=ALIKE)
    assert verdict(window) is Verdict.DEGRADED
    (fewer,) = re.findall(r"(\d+) fewer would have left it <code>healthy</code>", told(window))

    other = watched({"/api": failing_last(3 - int(fewer), 145)}, policy=ALIKE)
    assert verdict(other) is Verdict.HEALTHY


def test_a_doubt_tells_how_many_good_answers_would_have_ended_it() -> None:
    window = watched(
        between(90.0, 1e9, Outcome.CONNECT_TIMEOUT), controlled=True, alive=lambda at: at < 90
    )
    least = next(n for n in count() if 0.95**n <= 0.05)
    more = least - window.tracks["health"].rate.valid

    assert verdict(window) is Verdict.INCONCLUSIVE
    assert f"{more} more good answers would have refuted the trigger of 5 %" in told(window)


def test_a_breach_by_evidence_tells_what_the_plain_rule_would_have_done() -> None:
    turn = count()
    window = watched(
        {"/api": lambda at: Outcome.HTTP_5XX if at > 60 and next(turn) % 5 == 0 else Outcome.OK}
    )

    assert window.end is WindowEnd.BREACHED
    assert "would have watched on" in told(window)


def test_a_breach_by_count_tells_nothing_more() -> None:
    window = watched({"/api": between(60.0, 1e9)})

    assert window.end is WindowEnd.BREACHED
    assert told(window) == ""


def test_an_outage_tells_what_would_have_put_it_off() -> None:
    hanging = between(60.0, 1e9, Outcome.READ_TIMEOUT)
    window = watched(hanging, endpoints=(), took=6.0)
    since = window.outage_since or 0.0
    once = watched(
        lambda at: Outcome.OK if since + 5.0 < at < since + 6.5 else hanging(at),
        endpoints=(),
        took=6.0,
    )

    assert window.end is WindowEnd.OUTAGE
    assert "A good answer of any endpoint in those seconds would have put it off." in told(window)
    assert once.end is not WindowEnd.OUTAGE or once.ended_seconds > window.ended_seconds


def test_a_missed_latency_tells_how_many_fewer_slow_answers_were_no_miss() -> None:
    window = watched(OK, took=lambda at: 0.6 if at > 250 else 0.05)

    assert observed(window).judgement.row == "window-slow"
    (fewer,) = re.findall(r"(\d+) fewer answers above 500 ms", told(window))
    assert 0 < int(fewer) < window.tracks["health"].latency.over[0.5]


def test_a_missed_gate_tells_nothing() -> None:
    assert otherwise(rolled_back()) == ()


def test_a_verdict_that_other_things_decided_is_not_explained_by_counts() -> None:
    run = observed(watched(OK), judgement=observed(watched({"/api": between(60, 1e9)})).judgement)

    assert otherwise(run) == ()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_any_outcome_has_sentences_that_are_whole(outcome: Outcome) -> None:
    assert all(
        line.endswith(".") for line in otherwise(observed(watched(between(100, 130, outcome))))
    )
