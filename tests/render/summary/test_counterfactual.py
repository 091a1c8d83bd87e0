"""What would have changed the verdict is checked by letting it happen."""

import re
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Verdict
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.render.summary.counterfactual import counterfactuals
from tests.builders import World, always, between, observed, rolled_back, watched
from tests.sizes import sized

OK = always(Outcome.OK)
ALIKE = WindowPolicy(closer_probes=0)
"""Every answer stands for one planned probe."""
STEP = re.compile(r"(\d+) (?:more failures? would have made it )?(?:at least )?<code>(\w+)</code>")
ORDER = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.INCONCLUSIVE, Verdict.UNHEALTHY)


def sentences(window: Window) -> str:
    return "\n".join(counterfactuals(observed(window)))


def failing_last(failures: int, answers: int) -> World:
    turn = count()
    return lambda _: Outcome.HTTP_5XX if next(turn) >= answers - failures else Outcome.OK


def verdict(window: Window) -> Verdict:
    return observed(window).judgement.verdict


def answers(window: Window, name: str = "/api") -> int:
    return sum(window.stream_stats[name].outcomes.values())


def test_every_step_of_a_healthy_run_is_what_happens_with_so_many_failures() -> None:
    healthy = watched(OK, policy=ALIKE)
    (line,) = counterfactuals(observed(healthy))
    steps = [(int(number), Verdict(word)) for number, word in STEP.findall(line)]

    assert [word for _, word in steps] == [*ORDER[1:]]
    for failures, word in steps:
        world = {"/api": failing_last(failures, answers(healthy))}
        assert ORDER.index(verdict(watched(world, policy=ALIKE))) >= ORDER.index(word)
    first = {"/api": failing_last(steps[0][0] - 1, answers(healthy))}
    assert verdict(watched(first, policy=ALIKE)) is Verdict.HEALTHY


@settings(max_examples=sized(7, 15))
@given(st.integers(0, 6))
def test_so_many_failures_more_are_never_better_than_sentences(failures: int) -> None:
    window = watched({"/api": failing_last(failures, 145)}, policy=ALIKE)
    for line in counterfactuals(observed(window)):
        if not line.startswith("<code>&#47;api"):
            continue
        for number, word in STEP.findall(line):
            worse = failures + int(number)
            other = watched({"/api": failing_last(worse, answers(window))}, policy=ALIKE)
            assert ORDER.index(verdict(other)) >= ORDER.index(Verdict(word))


def test_fewer_failures_of_a_degraded_run_leave_it_healthy() -> None:
    window = watched({"/api": failing_last(3, 145)}, policy=ALIKE)
    assert verdict(window) is Verdict.DEGRADED
    (fewer,) = re.findall(r"(\d+) fewer would have left it <code>healthy</code>", sentences(window))

    other = watched({"/api": failing_last(3 - int(fewer), 145)}, policy=ALIKE)
    assert verdict(other) is Verdict.HEALTHY


def test_an_inconclusive_window_says_how_many_good_answers_would_have_refuted_the_trigger() -> None:
    window = watched(
        between(90.0, 1e9, Outcome.CONNECT_TIMEOUT), controlled=True, alive=lambda at: at < 90
    )
    least = next(n for n in count() if 0.95**n <= 0.05)
    more = least - window.stream_stats["health"].rate.valid

    assert verdict(window) is Verdict.INCONCLUSIVE
    assert f"{more} more good answers would have ruled out the trigger of 5 %" in sentences(window)


def test_a_breach_by_significance_says_what_the_count_alone_would_have_done() -> None:
    turn = count()
    window = watched(
        {"/api": lambda at: Outcome.HTTP_5XX if at > 60 and next(turn) % 5 == 0 else Outcome.OK}
    )

    assert window.end is WindowEnd.BREACHED
    assert "the trigger would not have fired by" in sentences(window)


def test_a_breach_by_count_says_nothing_more() -> None:
    window = watched({"/api": between(60.0, 1e9)})

    assert window.end is WindowEnd.BREACHED
    assert sentences(window) == ""


def test_an_outage_says_what_would_have_delayed_it() -> None:
    hanging = between(60.0, 1e9, Outcome.READ_TIMEOUT)
    window = watched(hanging, endpoints=(), took=6.0)
    since = window.outage_since or 0.0
    once = watched(
        lambda at: Outcome.OK if since + 5.0 < at < since + 6.5 else hanging(at),
        endpoints=(),
        took=6.0,
    )

    assert window.end is WindowEnd.OUTAGE
    assert "A good answer from any endpoint in those seconds would have delayed it." in sentences(
        window
    )
    assert once.end is not WindowEnd.OUTAGE or once.ended_seconds > window.ended_seconds


def test_a_missed_latency_says_how_many_fewer_slow_answers_were_no_miss() -> None:
    window = watched(OK, took=lambda at: 0.6 if at > 250 else 0.05)

    assert observed(window).judgement.row == "window-slow"
    (fewer,) = re.findall(r"(\d+) fewer answers above 500 ms", sentences(window))
    assert 0 < int(fewer) < window.stream_stats["health"].latency.over[0.5]


def test_a_missed_gate_says_nothing() -> None:
    assert counterfactuals(rolled_back()) == ()


def test_a_verdict_that_other_things_decided_is_not_explained_by_counts() -> None:
    run = observed(watched(OK), judgement=observed(watched({"/api": between(60, 1e9)})).judgement)

    assert counterfactuals(run) == ()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_any_outcome_has_sentences_that_are_whole(outcome: Outcome) -> None:
    assert all(
        line.endswith(".")
        for line in counterfactuals(observed(watched(between(100, 130, outcome))))
    )
