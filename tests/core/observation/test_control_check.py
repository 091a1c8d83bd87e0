"""Silences wait for the control's word before they count."""

import pytest

from slo_action.core.model import Cause, Outcome, Sample, Verdict
from slo_action.core.observation.control_check import Attribution, ControlEvidence, ControlProbe
from slo_action.core.observation.streams import Slot, Stream
from slo_action.core.observation.window import Window, WindowEnd
from slo_action.core.verdict.facts import Facts, OnLateStart
from slo_action.core.verdict.judge import Judgement, judge
from tests.builders import always, drive, sample
from tests.core.observation.test_window import (
    HEALTH,
    PLAIN,
    RULE,
    Alive,
    api,
    between,
    like,
    opened,
    watch,
)

_SILENT = Outcome.CONNECT_TIMEOUT
_ALIVE = always(Outcome.OK)


def alive(_: float) -> bool:
    return True


def dead(begin: float, end: float) -> Alive:
    return lambda now: not begin <= now < end


def judged_by(window: Window) -> Judgement:
    return judge(
        Facts(
            gate=drive(_ALIVE, version="v2"),
            rule=RULE,
            on_late_start=OnLateStart.WARN,
            window_policy=window.policy,
            window=window,
        )
    )


def asked(*seconds: float) -> ControlEvidence:
    """An evidence whose control answered at these seconds, and was dead at the negative ones."""
    evidence = ControlEvidence()
    for second in seconds:
        evidence.heard(ControlProbe(abs(second), abs(second) + 0.1, second > 0))
    return evidence


@pytest.mark.parametrize(
    ("heard", "word"),
    [
        ((), Attribution.WAIT),
        ((106.0,), Attribution.SERVICE),
        ((105.5,), Attribution.SERVICE),
        ((104.0,), Attribution.WAIT),
        ((-102.0,), Attribution.RUNNER),
        ((-99.5,), Attribution.RUNNER),
        ((-106.5,), Attribution.RUNNER),
        ((-98.0,), Attribution.WAIT),
        ((-108.0,), Attribution.RUNNER),
        ((-108.0, 120.0), Attribution.RUNNER),
        ((108.0, -120.0), Attribution.SERVICE),
        ((-102.0, 106.5), Attribution.RUNNER),
        ((106.5, -106.8), Attribution.RUNNER),
    ],
)
def test_a_timeout_from_100_to_106_is_judged_by_when_the_control_answered(
    heard: tuple[float, ...], word: Attribution
) -> None:
    assert asked(*heard).attribution(100.0, 106.0) is word


def test_what_the_control_said_long_ago_is_forgotten() -> None:
    evidence = asked(*[float(second) for second in range(1, 4000, 2)])

    assert len(evidence._heard) <= 16


def test_the_control_is_asked_every_two_seconds_only_while_timeouts_are_fresh() -> None:
    evidence, questions = ControlEvidence(), []
    for tenth in range(400):
        now = tenth / 10
        if now == 10.0:
            evidence.note_unanswered(10.0)
        if evidence.wants_control(now):
            evidence.asked(now)
            questions.append(now)

    assert questions == [10.0, 12.0, 14.0, 16.0]


def test_a_service_that_answers_is_no_reason_to_ask_the_control() -> None:
    questions: list[float] = []

    def count(now: float) -> bool:
        questions.append(now)
        return True

    watch(opened(controlled=True, rates=PLAIN), like(between(50.0, 60.0)), count)

    assert questions == []


def test_timeouts_fail_once_the_control_has_answered_after_them() -> None:
    window = opened(controlled=True)
    watch(window, like(between(100.0, 1e9, _SILENT), took=0.05), alive)

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds < 118.0
    assert judged_by(window).verdict is Verdict.UNHEALTHY


def test_timeouts_wait_while_the_control_has_not_answered_yet() -> None:
    window = opened(controlled=True)
    slot = window.next()
    assert slot is not None
    window.sent(slot)
    window.feed(slot.ticket, sample(_SILENT), heard_seconds=11.0, now_seconds=11.0)

    assert window.wants_control(11.0)
    assert window.waiting
    assert window.stream_stats["health"].rate.valid == 0


def test_without_a_control_timeouts_count_at_once() -> None:
    window = opened()
    watch(window, like(between(100.0, 1e9, _SILENT)))

    assert window.end is WindowEnd.OUTAGE
    assert window.ended_seconds < 117.0


def test_an_error_that_was_answered_needs_no_control() -> None:
    window = opened(controlled=True)
    watch(window, like(between(100.0, 1e9)), dead(0.0, 1e9))

    assert window.end is WindowEnd.OUTAGE


@pytest.mark.parametrize("begin", [10.0, 47.3, 150.0, 268.0])
@pytest.mark.parametrize("took", [0.01, 6.0])
@pytest.mark.parametrize("silence", [0.01, 6.0])
@pytest.mark.parametrize("streams", [(HEALTH,), (HEALTH, api())])
def test_a_runners_network_lost_for_thirty_seconds_never_fails(
    begin: float, took: float, silence: float, streams: tuple[Stream, ...]
) -> None:
    window = opened(*streams, controlled=True)
    end = begin + 30.0

    def answer(slot: Slot) -> Sample:
        if begin <= slot.at_seconds < end:
            return sample(_SILENT, total_seconds=took, detail="connecting timed out")
        return sample(version="v2")

    watch(window, answer, dead(begin, end), dead_seconds=silence)
    judgement = judged_by(window)
    excused = sum(stats.excused for stats in window.stream_stats.values())

    assert (judgement.verdict, judgement.cause) in [
        (Verdict.HEALTHY, Cause.NONE),
        (Verdict.INCONCLUSIVE, Cause.OBSERVER),
    ]
    assert excused >= 25
    assert window.endpoint_counts[0] <= 2, "only the last ones, whose control answers again"


def test_a_runners_network_lost_for_most_of_the_window_is_reported_as_such() -> None:
    window = opened(controlled=True)
    watch(window, like(between(40.0, 290.0, _SILENT), took=0.01), dead(40.0, 290.0))
    judgement = judged_by(window)

    assert (judgement.verdict, judgement.cause) == (Verdict.INCONCLUSIVE, Cause.OBSERVER)
    assert judgement.reason.startswith("inconclusive because 250 of 290 answers from health")
    assert "the control did not answer either" in judgement.reason


def test_timeouts_that_the_control_did_not_settle_by_the_end_say_nothing() -> None:
    window = opened(controlled=True)
    watch(window, like(between(299.0, 300.0, _SILENT), took=6.0))

    assert window.end is WindowEnd.OVER
    assert window.stream_stats["health"].rate.bad == 0
    assert window.stream_stats["health"].excused == 1
