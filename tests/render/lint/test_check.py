"""What `check` found, as text: whole, short, and inert whatever a file holds."""

from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.rule import Edit, Finding, Place, Rule, Table
from slo_action.core.model import Level, RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.github.commands import WorkflowLog
from slo_action.render.lint.check import check_annotations, check_lines, check_summary
from slo_action.render.text.escape import visible
from slo_action.render.text.source import excerpt
from tests.hostile import CANARY, CORPUS, TEXTS
from tests.worlds.rendered import Page, rendered

RULES = {rule.name: rule for rule in FLY_RULES}
BY_LEVEL = {
    Level.WARNING: RULES["auto-rollback-no-op"],
    Level.NOTICE: RULES["release-command"],
}


def finding(
    rule: Rule[Table], words: str = "words", path: str = "fly.toml", line: int = 19
) -> Finding:
    return Finding(rule=rule, message=words, path=path, place=Place(line=line, column=3))


WARNING = finding(BY_LEVEL[Level.WARNING])
NOTICE = finding(BY_LEVEL[Level.NOTICE])


def test_an_annotation_says_what_why_and_what_instead() -> None:
    (reported,) = check_annotations([WARNING])
    rule = WARNING.rule

    assert (reported.level, reported.title) == (Level.WARNING, "auto_rollback does nothing")
    assert (reported.path, reported.line, reported.column) == ("fly.toml", 19, 3)
    assert reported.message.split("\n") == [
        f"words: {rule.why}.",
        f"Instead: {rule.fix}.",
        "Rule auto-rollback-no-op: docs/check.md#auto-rollback-no-op",
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "no findings"),
        ([NOTICE], "1 notice"),
        ([NOTICE, WARNING, NOTICE], "1 warning, 2 notices"),
        ([WARNING, WARNING], "2 warnings"),
    ],
)
def test_the_count_names_the_worst_first(found: list[Finding], words: str) -> None:
    assert check_lines(["fly.toml"], found)[0] == f"fly.toml: {words}"


@pytest.mark.parametrize(
    ("found", "mark"),
    [([], "✅"), ([NOTICE], "ℹ️"), ([NOTICE, WARNING], "⚠️")],  # noqa: RUF001
)
def test_the_summary_is_led_by_the_worst_mark(found: list[Finding], mark: str) -> None:
    page = rendered(check_summary(["fly.toml"], found, RunIdentity(run_id="12345")))

    assert page.headings == [f"{mark} {check_lines(['fly.toml'], found)[0]}"]
    assert page.prose.endswith("changed nothing · run \n")
    assert page.inline[-1] == "12345"


def test_the_summary_has_a_row_for_each_finding() -> None:
    page = rendered(check_summary(["fly.toml"], [WARNING, NOTICE], RunIdentity()))

    assert page.rows[0] == ["line", "rule", "why", "instead"]
    assert [row[0] for row in page.rows[1:]] == ["19", "19"]
    assert page.rows[1][3] == WARNING.rule.fix


def test_a_file_full_of_faults_has_a_short_summary() -> None:
    found = [finding(BY_LEVEL[Level.WARNING], line=line) for line in range(1, 10_001)]
    summary = check_summary(["fly.toml"], found, RunIdentity())

    assert len(rendered(summary).rows) == 101
    assert "9900 more are in the log." in summary
    assert len(check_lines(["fly.toml"], found)) == 1 + 2 * 10_000


ERROR = finding(
    replace(WARNING.rule, name="slo-mistake", level=Level.ERROR), path="slo.yml", line=2
)
EDIT = Edit(path="fly.toml", start=WARNING.place, end=WARNING.place, text="x")
MENDABLE = replace(WARNING, edit=EDIT)
BOTH = ["slo.yml", "fly.toml"]
SOURCES = {
    "slo.yml": "- service: shop\n  url: shop.example\n",
    "fly.toml": "\n" * 18 + "\tauto = 1\n",
}


def test_what_can_be_fixed_is_said_everywhere() -> None:
    (reported,) = check_annotations([MENDABLE])
    lines = check_lines(["fly.toml"], [MENDABLE, NOTICE])
    page = rendered(check_summary(["fly.toml"], [MENDABLE, NOTICE], RunIdentity()))

    assert f"Instead: {WARNING.rule.fix} (fixable with fix: true)." in reported.message
    assert lines[0] == "fly.toml: 1 warning, 1 notice, 1 fixable with fix: true"
    assert lines[1].endswith(": words (fixable with fix: true)")
    assert page.headings[0].endswith("1 warning, 1 notice, 1 fixable with fix: true")
    assert page.rows[1][3] == f"{WARNING.rule.fix} (fixable with fix: true)"
    assert page.rows[2][3] == NOTICE.rule.fix


def test_several_files_are_reported_one_by_one_with_their_lines() -> None:
    assert check_lines(BOTH, [MENDABLE, ERROR], SOURCES) == (
        "2 files: 1 error, 1 warning, 1 fixable with fix: true",
        "slo.yml: 1 error",
        "slo.yml:2: error: slo-mistake: words",
        "  2 |   url: shop.example",
        "    |   ^",
        f"    = {ERROR.rule.why}; instead: {ERROR.rule.fix}",
        "fly.toml: 1 warning, 1 fixable with fix: true",
        "fly.toml:19: warning: auto-rollback-no-op: words (fixable with fix: true)",
        "  19 |     auto = 1",
        "     |      ^",
        f"     = {WARNING.rule.why}; instead: {WARNING.rule.fix}",
    )


def test_a_file_is_reported_in_the_order_of_its_lines() -> None:
    found = [replace(WARNING, place=Place(line=line, column=1)) for line in (7, 19, 3)]
    reported = check_lines(["fly.toml"], found)[1:]

    assert [line.split(":")[1] for line in reported[::2]] == ["3", "7", "19"]
    assert reported[1] == f"   = {WARNING.rule.why}; instead: {WARNING.rule.fix}"


def test_a_file_that_was_not_named_is_reported_as_well() -> None:
    assert check_lines(["fly.toml"], [ERROR])[:3] == (
        "2 files: 1 error",
        "fly.toml: no findings",
        "slo.yml: 1 error",
    )


def test_a_line_that_is_not_there_is_not_shown() -> None:
    beyond = replace(ERROR, place=Place(line=99, column=1))

    assert len(check_lines(["slo.yml"], [beyond], SOURCES)) == 3


def test_the_summary_has_a_section_for_each_file_with_findings() -> None:
    paths = ["clean.toml", *BOTH]
    page = rendered(check_summary(paths, [MENDABLE, ERROR], RunIdentity(), SOURCES))

    assert page.headings == [
        "❌ 3 files: 1 error, 1 warning, 1 fixable with fix: true",
        "❌ slo.yml: 1 error",
        "⚠️ fly.toml: 1 warning, 1 fixable with fix: true",
    ]
    assert [row[2] for row in page.rows if row[0] != "line"] == [
        f"url: shop.examplewords: {ERROR.rule.why}",
        f"auto = 1words: {WARNING.rule.why}",
    ]
    assert "No findings in ." in page.prose
    assert page.inline[-1] == "clean.toml"


def test_many_clean_files_are_named_in_part() -> None:
    summary = check_summary([f"{n}.toml" for n in range(25)], [], RunIdentity())

    assert summary.startswith("## ✅ 25 files: no findings\n")
    assert summary.count("<code>") == 20
    assert "and 5 more." in summary


@pytest.mark.parametrize(
    ("visited", "fixed", "words"),
    [
        (0, 0, "check sent nothing and changed nothing"),
        (1, 0, "check sent a few plain GETs to 1 running service and changed nothing"),
        (6, 1, "check sent a few plain GETs to 6 running services and fixed 1 place"),
        (0, 2, "check sent nothing and fixed 2 places"),
    ],
)
def test_the_summary_says_what_was_sent_and_changed(visited: int, fixed: int, words: str) -> None:
    summary = check_summary(["fly.toml"], [], RunIdentity(), visited=visited, fixed=fixed)
    page = rendered(summary)

    assert page.prose.endswith(f"{words}\n")


def test_hundreds_of_the_longest_texts_stay_below_the_runners_limit() -> None:
    text = "\u2028@" * 600
    rule = replace(WARNING.rule, name=text, why=text, fix=text)
    found = [finding(rule, text, path=f"{number}{text}", line=1) for number in range(300)]
    sources = {one.path: text for one in found}

    summary = check_summary([one.path for one in found], found, RunIdentity(), sources)
    assert len(summary.encode()) < 1024 * 1024
    assert " more are in the log." in summary


@pytest.mark.parametrize(
    ("line", "column", "shown", "caret"),
    [
        ("url: x", 1, "url: x", "^"),
        ("  url: x", 3, "  url: x", "  ^"),
        ("\turl", 2, "    url", "    ^"),
        ("url", 99, "url", "   ^"),
        ("", 1, "", "^"),
        ("a\x1b[1mb", 3, "a\\x1b[1mb", "     ^"),
        ("鍵: e\u0301 x", 7, "鍵: e\u0301 x", "      ^"),
        ("a" * 200, 200, "a" * 200, " " * 199 + "^"),
        ("a" * 201, 1, "a" * 200 + "…", "^"),
        ("a" * 300 + "b" * 100, 301, "…" + "a" * 120 + "b" * 80 + "…", " " * 121 + "^"),
    ],
)
def test_an_excerpt_has_its_caret_under_the_column(
    line: str, column: int, shown: str, caret: str
) -> None:
    assert excerpt(line, column) == (shown, caret)


@given(TEXTS, st.integers(1, 1000))
def test_an_excerpt_of_anything_is_one_short_inert_line(text: str, column: int) -> None:
    shown, caret = excerpt(text * 3, column)

    assert shown == visible(shown)
    assert len(shown) <= 200 * len("\\uffff") + 2
    assert set(caret[:-1]) <= {" "}
    assert caret[-1] == "^"


def inert(text: str) -> None:
    """The page has the shape of one with plain words, and nothing of the text acts."""
    page, shape = (_page(word) for word in (text, "words"))

    assert page.elements == shape.elements
    assert [len(row) for row in page.rows] == [len(row) for row in shape.rows]
    assert page.unclosed == []
    lines = check_lines([text], [finding(WARNING.rule, text, text, line=1)], {text: f"x{text}"})
    stream = StringIO(newline="")
    for line in lines:
        WorkflowLog(stream, Scrubber()).line(line)
    written = stream.getvalue()
    assert written.count("\n") == len(lines) == len(written.splitlines())
    assert all(line.startswith("│ ") for line in written.splitlines())


def _page(text: str) -> Page:
    """Two files, both called after the text and full of it, one with findings and one without."""
    rule = replace(WARNING.rule, name=text, why=text, fix=text)
    found = [finding(rule, text, text, line=1)]
    paths, source = [text, f"{text}x"], {text: f"x{text}"}
    return rendered(check_summary(paths, found, RunIdentity(), source))


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_stays_text(text: str) -> None:
    inert(text)


@given(TEXTS)
def test_any_text_stays_text(text: str) -> None:
    inert(text)


def test_long_texts_are_shortened() -> None:
    (reported,) = check_annotations([finding(WARNING.rule, CANARY * 1000)])

    assert len(reported.message) < 1000
