"""What `check` found, as text: whole, short, and inert whatever a file holds."""

import pytest
from hypothesis import given

from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.model import Level, RunIdentity
from slo_action.core.rules import Finding, Place, Rule, Table
from slo_action.render.check import check_annotations, check_lines, check_summary, counted
from tests.hostile import CANARY, CORPUS, TEXTS
from tests.worlds.rendered import rendered

RULES = {rule.name: rule for rule in FLY_RULES}
BY_LEVEL = {
    Level.WARNING: RULES["auto-rollback-no-op"],
    Level.NOTICE: RULES["release-command"],
}


def finding(
    rule: Rule[Table], words: str = "words", path: str = "fly.toml", line: int = 19
) -> Finding:
    return Finding(rule=rule, words=words, path=path, place=Place(line=line, column=3))


WARNING = finding(BY_LEVEL[Level.WARNING])
NOTICE = finding(BY_LEVEL[Level.NOTICE])


def test_an_annotation_says_what_why_and_what_instead() -> None:
    (told,) = check_annotations([WARNING])
    rule = WARNING.rule

    assert (told.level, told.title) == (Level.WARNING, "auto_rollback does nothing")
    assert (told.path, told.line, told.column) == ("fly.toml", 19, 3)
    assert told.message.split("\n") == [
        f"words: {rule.why}.",
        f"Instead: {rule.fix}.",
        "Rule auto-rollback-no-op: docs/check.md#auto-rollback-no-op",
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "nothing to remark"),
        ([NOTICE], "1 notice"),
        ([NOTICE, WARNING, NOTICE], "1 warning, 2 notices"),
        ([WARNING, WARNING], "2 warnings"),
    ],
)
def test_the_count_names_the_worst_first(found: list[Finding], words: str) -> None:
    assert counted(found) == words
    assert check_lines("fly.toml", found)[0] == f"fly.toml: {words}"


@pytest.mark.parametrize(
    ("found", "mark"),
    [([], "✅"), ([NOTICE], "ℹ️"), ([NOTICE, WARNING], "⚠️")],  # noqa: RUF001
)
def test_the_summary_is_led_by_the_worst_mark(found: list[Finding], mark: str) -> None:
    page = rendered(check_summary("fly.toml", found, RunIdentity(run_id="12345")))

    assert page.headings == [f"{mark} fly.toml: {counted(found)}"]
    assert page.prose.endswith("changes nothing · run \n")
    assert page.inline[-1] == "12345"


def test_the_summary_has_a_row_for_each_finding() -> None:
    page = rendered(check_summary("fly.toml", [WARNING, NOTICE], RunIdentity()))

    assert page.rows[0] == ["line", "rule", "why", "instead"]
    assert [row[0] for row in page.rows[1:]] == ["19", "19"]
    assert page.rows[1][3] == WARNING.rule.fix


def test_a_file_full_of_faults_has_a_short_summary() -> None:
    found = [finding(BY_LEVEL[Level.WARNING], line=line) for line in range(1, 10_001)]
    summary = check_summary("fly.toml", found, RunIdentity())

    assert len(rendered(summary).rows) == 101
    assert "9900 more are in the log." in summary
    assert len(check_lines("fly.toml", found)) == 10_001


def inert(text: str) -> None:
    """The page has the shape of one with plain words, and nothing of the text acts."""
    run = RunIdentity()
    page = rendered(check_summary(text, [finding(WARNING.rule, text, text)], run))
    shape = rendered(check_summary("words", [finding(WARNING.rule, "words", "words")], run))

    assert page.elements == shape.elements
    assert [len(row) for row in page.rows] == [len(row) for row in shape.rows]
    assert page.unclosed == []


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_stays_text(text: str) -> None:
    inert(text)


@given(TEXTS)
def test_any_text_stays_text(text: str) -> None:
    inert(text)


def test_long_words_are_cut() -> None:
    (told,) = check_annotations([finding(WARNING.rule, CANARY * 1000)])

    assert len(told.message) < 1000
