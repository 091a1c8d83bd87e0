"""Several services on every surface: the worst first, hostile names inert, limits kept."""

import json
import re
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings

from slo_action.core.model import Ending, Level, Outcome, Verdict
from slo_action.core.record.multi_service import ServiceEnding, Trouble
from slo_action.core.record.record import AuditRecord
from slo_action.render.annotations import aggregated
from slo_action.render.outputs import OUTPUTS
from slo_action.render.summary.multi_service import (
    SERVICES_LIMIT_BYTES,
    services,
    several_annotations,
    several_headline,
    several_outputs,
    several_reason,
    several_summary,
)
from slo_action.render.summary.summary import LIMIT_BYTES
from tests.builders import always, drive, judged, record
from tests.hostile import CORPUS, TEXTS, record_full_of
from tests.sizes import sized
from tests.worlds.rendered import Page, rendered

TROUBLE = Trouble(title="The platform request failed", message="it is away; wait", exit_code=5)


def run(verdict: Verdict = Verdict.HEALTHY, service: str = "shop") -> ServiceEnding:
    gate = drive(always(Outcome.OK if verdict is Verdict.HEALTHY else Outcome.HTTP_5XX))
    ending = Ending.VERIFIED if verdict is Verdict.HEALTHY else Ending.NOT_ROLLED_BACK
    found = replace(judged(gate), verdict=verdict)
    outcome = replace(record(gate, judgement=found, ending=ending, exit_code=10), service=service)
    return ServiceEnding(service=service, outcome=outcome)


def broken(service: str = "tools") -> ServiceEnding:
    return ServiceEnding(service=service, outcome=TROUBLE)


@cache
def hostile(text: str) -> list[ServiceEnding]:
    own = record_full_of(text)
    return [
        ServiceEnding(service=text, outcome=replace(own, service=text)),
        ServiceEnding(service=f"{text}2", outcome=Trouble(title=text, message=text, exit_code=1)),
        run(service=f"{text}3"),
    ]


@cache
def page_of(text: str) -> Page:
    ends = hostile(text)
    return rendered(several_summary(ends, paths(ends)))


def paths(ends: list[ServiceEnding]) -> dict[str, str]:
    return {end.service: f"slo-verify/several-1/{n}/audit.json" for n, end in enumerate(ends)}


def test_the_headline_is_the_worst_ones_and_counts_the_others() -> None:
    bad, well = run(Verdict.UNHEALTHY, "cart"), run()

    assert several_headline([well, bad]).startswith("❌ cart")
    assert several_headline([well, bad]).endswith("; 1 other healthy")
    assert several_headline([well, bad, broken()]).endswith("; others: 1 inconclusive, 1 healthy")
    assert several_headline([well, run()]) == "✅ all 2 services are verified healthy"
    assert several_headline([well, broken()]) == "⚪ tools was not judged; 1 other healthy"


def test_one_service_alone_is_reported_as_itself() -> None:
    assert several_headline([run()]).startswith("✅ shop")
    assert several_reason([run()]).startswith("shop: ")


def test_trouble_stands_in_the_reason() -> None:
    assert several_reason([run(), broken()]) == (
        "tools: The platform request failed: it is away; wait; 1 other healthy"
    )


def test_the_summary_has_a_row_and_a_section_a_service_and_folds_the_healthy_ones() -> None:
    ends = [run(), run(Verdict.UNHEALTHY, "cart"), broken()]
    page = several_summary(ends, paths(ends), "https://github.example/artifact")

    rows = re.findall(r"^\| <code>(\w+)</code>", page, re.MULTILINE)
    assert rows == ["cart", "tools", "shop"]
    assert page.count("<details><summary>✅ <code>shop</code>") == 1
    assert page.index("## ❌ cart") < page.index("## ⚪ tools") < page.index("<details><summary>✅")
    assert "[Evidence of all](https://github.example/artifact)" in page
    assert page.count("audit&#46;json") == 3


def test_a_summary_of_fifty_long_records_stays_within_the_limit() -> None:
    long = record_full_of("|" * 4_000)
    ends = [ServiceEnding(service=f"{n}{'x' * 500}", outcome=long) for n in range(50)]

    page = several_summary(ends, paths(ends))

    assert len(page.encode()) <= LIMIT_BYTES
    assert page.count("Cut to stay within") == 50


@pytest.mark.parametrize("text", CORPUS)
def test_no_name_is_more_than_text_in_the_summary(text: str) -> None:
    inert(text)


@settings(max_examples=sized(5, 50))
@given(TEXTS)
def test_no_text_at_all_is_more_than_text_in_the_summary(text: str) -> None:
    inert(text)


def inert(text: str) -> None:
    """The page is the same as with a plain word in its place."""
    found, plain = page_of(text), page_of("words")
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in plain.elements]
    assert found.unclosed == []


@pytest.mark.parametrize("text", CORPUS)
def test_outputs_are_one_inert_line_each(text: str) -> None:
    ends = hostile(text)

    for value in several_outputs(ends, paths(ends)).values():
        assert "\n" not in value
        assert not set(value) & set("`$;&|<>\\") or value.startswith("{")


@pytest.mark.parametrize("text", CORPUS)
def test_services_are_found_by_the_very_name_that_they_have(text: str) -> None:
    ends = hostile(text)

    found = json.loads(several_outputs(ends, paths(ends))["services"])

    assert list(found) == [end.service for end in ends]


def test_the_outputs_are_those_of_the_interface() -> None:
    ends = [run(), broken()]

    assert set(several_outputs(ends, {})) <= {spec.name for spec in OUTPUTS}
    found = {spec.name for spec in OUTPUTS if spec.value is not None}
    assert found | {"audit", "services"} == set(several_outputs(ends, {}))


def test_a_value_is_common_only_where_all_have_it() -> None:
    ends = [run(), run(service="cart")]
    other = [run(), run(Verdict.UNHEALTHY, "cart")]

    assert several_outputs(ends, {})["success-count"] == "3"
    assert several_outputs(other, {})["success-count"] == ""


def test_flags_and_numbers_are_typed_in_the_json() -> None:
    (one,) = services([run()], {"shop": "a/audit.json"}).values()

    assert one["rollback-triggered"] is False
    assert one["exit-code"] == 10
    assert one["audit-path"] == "a/audit.json"


def test_reasons_give_way_where_the_line_would_be_too_long() -> None:
    def long(number: int) -> AuditRecord:
        own = run(Verdict.UNHEALTHY, f"s{number}").record
        assert own is not None
        return replace(own, judgement=replace(own.judgement, reason="x" * 10_000))

    ends = [ServiceEnding(service=f"s{n}", outcome=long(n)) for n in range(50)]

    line = several_outputs(ends, {})["services"]

    assert len(line) <= SERVICES_LIMIT_BYTES
    assert len(json.loads(line)) == 50


def test_what_is_bad_comes_before_what_the_runner_drops() -> None:
    ends = [run(service=f"s{n}") for n in range(20)]
    ends += [run(Verdict.UNHEALTHY, f"bad{n}") for n in range(12)]

    shown = aggregated(several_annotations(ends))

    errors = [note.title for note in shown if note.level is Level.ERROR]
    notices = [note for note in shown if note.level is Level.NOTICE]
    assert len(errors) == 10
    assert errors[-1] == "3 more"
    assert notices[0].title == "✅ 20 services are verified healthy"


def test_trouble_is_an_error_beside_the_run() -> None:
    (note, *_) = several_annotations([run(), broken()])

    assert note.level is Level.ERROR
    assert note.title == "tools: The platform request failed"
