"""What the pages say of the observation window is what the shipped code says and does today."""

import re
from dataclasses import fields

import pytest

from slo_action.core.model import Trigger, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.streams import DEFAULT_OBJECTIVES
from slo_action.core.observation.window import MAX_EVENTS, POOLED
from slo_action.core.verdict import triggers
from slo_action.core.verdict.judge import TABLE
from tests.docs.pages import DOCS, ROOT, prose, read, row_of
from tests.docs.window_pages import QUOTES, Quote, filled, quoted

OBSERVATION = DOCS / "observation.md"
NUMBERS = {
    name: value
    for name in (field.name for field in fields(WindowPolicy))
    if isinstance(value := getattr(WindowPolicy(), name), int | float) and name != "alert_ratio"
}
"""Every number that judges; the alert threshold only warns."""


@pytest.mark.parametrize("page", ["observation", "schedule", "verdicts"])
def test_a_page_quotes_what_the_code_says(page: str) -> None:
    """`python -m tests.docs.window_pages` writes the quotes anew."""
    assert filled(page, read(DOCS / f"{page}.md")) == read(DOCS / f"{page}.md")


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: quote.heading)
def test_a_quote_comes_from_the_row_and_fires_the_triggers_that_its_section_names(
    quote: Quote,
) -> None:
    section = _section(quote.page, quote.heading)
    judgement = quoted(quote).judgement

    assert (judgement.row, judgement.triggers) == (quote.row, quote.triggers)
    assert f"`{quote.row}`" in section


@pytest.mark.parametrize("trigger", list(Trigger))
def test_each_trigger_has_a_section_that_names_its_function(trigger: Trigger) -> None:
    section = _section("verdicts", f"`{trigger}`")
    function = trigger.value.replace("-", "_")

    assert f"`{function}`" in section
    assert callable(getattr(triggers, function))


@pytest.mark.parametrize("page", ["verdicts", "observation", "troubleshooting", "rollback"])
def test_every_row_that_a_page_names_exists(page: str) -> None:
    text = prose(DOCS / f"{page}.md")
    named = set(re.findall(r"\brows? `([\w-]+)`", text))
    named |= set(re.findall(r"`((?:window|missed|unjudged|no-traffic)-[\w-]+)`", text))

    assert named
    assert named <= {row.name for row in TABLE}


@pytest.mark.parametrize(("name", "value"), NUMBERS.items())
def test_each_number_of_the_window_is_reported_with_its_default(name: str, value: float) -> None:
    assert row_of(OBSERVATION, name).split("|")[2].strip() == f"{value:g}"


@pytest.mark.parametrize("kind", [kind for kind, _ in DEFAULT_OBJECTIVES])
def test_each_kind_of_endpoint_has_its_response_time_reported(kind: Witness) -> None:
    goal = dict(DEFAULT_OBJECTIVES)[kind]

    assert f"{goal.name} < {1000 * goal.limit_seconds:.0f} ms" in row_of(OBSERVATION, kind)


def test_the_rates_and_the_size_of_a_record_are_reported() -> None:
    rates = WindowPolicy().rates
    text = prose(OBSERVATION)

    assert f"{100 * rates.null_rate:.2f} %" in text
    assert f"blocks of {rates.block_seconds:g} s" in text
    assert f"{MAX_EVENTS:,}" in text
    assert POOLED in text


@pytest.mark.parametrize(
    "words",
    [
        "say nothing about the service",
        "but too few answers to be sure",
        "the control did not answer either, so the fault may be the runner's network",
        "no count of real traffic (",
    ],
)
def test_a_message_that_troubleshooting_quotes_is_one_of_ours(words: str) -> None:
    core = "".join(read(path) for path in sorted((ROOT / "slo_action" / "core").rglob("*.py")))

    assert words in re.sub(r"\s+", " ", prose(DOCS / "troubleshooting.md"))
    assert words in re.sub(r'"\s*f?"', "", core)


def _section(page: str, heading: str) -> str:
    _, found, rest = read(DOCS / f"{page}.md").partition(f"### {heading}\n")
    assert found, f"docs/{page}.md has no section {heading}"
    return rest.partition("\n### ")[0].partition("\n## ")[0]
