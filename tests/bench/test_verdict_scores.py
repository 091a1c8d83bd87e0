from xml.etree import ElementTree as ET

import pytest

from bench.verdicts import contest, oracle, picture, report
from bench.verdicts.pieces import Fault, Plan, since
from bench.verdicts.score import HORIZON, Judged, Mark, mark, nearest_rank, seeded, summarize
from bench.verdicts.service import Service
from bench.verdicts.world import Label


def _mark(label: Label, judged: Judged, *, excused: bool = False) -> Mark:
    return Mark("p", "s", "g", label, judged, 10.0, excused, None)


ROLLED = Judged(True, 40.0, 5)
RED = Judged(False, 40.0, 5, "unhealthy")
GREEN = Judged(False, 40.0, 5, "healthy")


@pytest.mark.parametrize(
    ("label", "judged", "excused", "wrong"),
    [
        (Label.PASS, ROLLED, False, True),
        (Label.WARN, ROLLED, False, True),
        (Label.PASS, RED, False, False),
        (Label.ROLLBACK, ROLLED, False, False),
        (Label.ROLLBACK, RED, False, True),
        (Label.ROLLBACK, RED, True, False),
        (Label.ROLLBACK, ROLLED, True, False),
        (Label.ROLLBACK, GREEN, True, True),
        (Label.EITHER, ROLLED, False, False),
        (Label.EITHER, GREEN, False, False),
    ],
)
def test_who_is_wrong(label: Label, judged: Judged, excused: bool, wrong: bool) -> None:
    assert _mark(label, judged, excused=excused).wrong is wrong


def test_a_summary_counts_each_side_by_itself() -> None:
    marks = [
        _mark(Label.PASS, GREEN),
        _mark(Label.PASS, ROLLED),
        _mark(Label.WARN, GREEN),
        _mark(Label.WARN, RED),
        _mark(Label.ROLLBACK, ROLLED),
        _mark(Label.ROLLBACK, GREEN),
        _mark(Label.EITHER, ROLLED),
    ]
    found = summarize("p", marks)

    assert (found.false_pass, found.false_warn, found.false) == (0.5, 0.0, 0.25)
    assert (found.missed, found.balanced) == (0.5, 0.375)
    assert (found.red, found.silent) == (0.5, 0.5)
    assert (found.delay50, found.pass_at, found.requests) == (30.0, 40.0, 5.0)


def test_harm_ends_with_the_rollback_and_is_not_counted_where_none_would_help() -> None:
    plan = Plan(faults=(Fault("503", since(10.0)),))
    service = Service(plan, name="x", group="g")
    service.label, service.onset = Label.ROLLBACK, 10.0
    borne = oracle.bad_seconds(service)

    assert mark("p", service, ROLLED, borne).borne == pytest.approx(30.0)
    assert mark("p", service, GREEN, borne).borne == pytest.approx(HORIZON - 10.0)
    service.expected = ("config",)
    assert mark("p", service, ROLLED, borne).borne is None


def test_percentiles_are_by_nearest_rank() -> None:
    assert nearest_rank([], 0.5) is None
    assert nearest_rank([3.0, 1.0, 2.0], 0.5) == 2.0
    assert nearest_rank([float(i) for i in range(1, 101)], 0.95) == 95.0


def test_verdicts_do_not_hang_on_the_workers_or_on_the_company() -> None:
    jobs = list(contest.tasks(contest.RANDOM, 4, 60, ["curl_3x", "gatus"]))
    alone = contest.run(contest.tasks(contest.RANDOM, 4, 60, ["gatus"]), 1)

    together = contest.run(jobs, 1)
    assert contest.run(jobs, 2) == together
    assert [each for each in together if each.policy == "gatus"] == alone


def test_seeds_that_differ_in_one_part_differ() -> None:
    assert seeded(1, "a").random() == seeded(1, "a").random()
    assert seeded(1, "a").random() != seeded(2, "a").random()


def test_the_tables_and_the_picture_say_the_same() -> None:
    marks = [_mark(Label.PASS, GREEN), _mark(Label.ROLLBACK, GREEN)]
    summary = summarize("p", marks)
    drawn = picture.draw("a < b", [summary], ["p"])

    assert "50.00%" in report.figures(marks, ["p"]).markdown()
    assert report.scenarios(marks, ["p"]).rows == (("s", "rollback", "50.0%"),)
    root = ET.fromstring(drawn)  # noqa: S314 - drawn above
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "p", "50.0%"} <= set(words)
