"""SARIF as its schema and GitHub's code scanning want it, whatever a file holds."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.live.rules import LIVE_RULES
from slo_action.core.lint.rule import Edit, Finding, Place, Rule
from slo_action.core.model import Level
from slo_action.render.lint.sarif import MOST_RESULTS, sarif
from slo_action.render.text.escape import visible
from tests.hostile import CORPUS, TEXTS
from tests.sizes import sized
from tests.worlds.rendered import rendered

SCHEMA = Path(__file__).parents[1] / "fixtures" / "sarif-2.1.0-rtm.5.json"
VALIDATOR = Draft4Validator(
    json.loads(SCHEMA.read_text(encoding="utf-8")),
    format_checker=Draft4Validator.FORMAT_CHECKER,
)
HOME = "https://github.com/org/slo-verify/blob/v1"
WARNING = next(rule for rule in FLY_RULES if rule.name == "auto-rollback-no-op")
NOTICE = next(rule for rule in FLY_RULES if rule.level is Level.NOTICE)
ERROR = replace(WARNING, name="slo-mistake", level=Level.ERROR)


def finding(rule: Rule[Any] = WARNING, message: str = "words", **changes: Any) -> Finding:
    values = {"path": "apps/shop/fly.toml", "place": Place(line=19, column=3), "edit": None}
    return Finding(rule=rule, message=message, **{**values, **changes})


def run_of(*found: Finding, **changes: Any) -> dict[str, Any]:
    """The one run of a valid log."""
    values = {"tool_version": "1.2.3", "home": HOME}
    log = json.loads(sarif(found, **{**values, **changes}))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    assert (log["version"], log["$schema"]) == (
        "2.1.0",
        "https://json.schemastore.org/sarif-2.1.0.json",
    )
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_the_schema_refuses_what_is_no_sarif() -> None:
    assert not VALIDATOR.is_valid({"version": "2.1.0"})
    assert not VALIDATOR.is_valid({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


def test_nothing_found_is_a_run_without_results_and_with_its_rules() -> None:
    rules: tuple[Rule[Any], ...] = (*FLY_RULES, *LIVE_RULES)
    run = run_of(rules=rules)

    assert run["results"] == []
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == [rule.name for rule in rules]
    assert run["columnKind"] == "unicodeCodePoints"


def test_a_rule_has_all_that_code_scanning_shows() -> None:
    driver = run_of(finding())["tool"]["driver"]
    (rule,) = driver["rules"]

    assert (driver["name"], driver["version"], driver["informationUri"]) == (
        "slo-verify",
        "1.2.3",
        HOME,
    )
    assert rule["shortDescription"]["text"] == WARNING.title
    assert rule["fullDescription"]["text"] == f"{WARNING.title}: {WARNING.why}."
    assert rule["help"]["text"] == f"Why: {WARNING.why}.\nInstead: {WARNING.fix}."
    assert rule["help"]["markdown"].startswith("**Why**: flyctl parses it")
    assert rule["helpUri"] == f"{HOME}/docs/check.md#auto-rollback-no-op"
    assert rule["defaultConfiguration"] == {"level": "warning"}
    assert rule["properties"] == {
        "tags": ["reliability", "deployment"],
        "precision": "high",
        "problem.severity": "warning",
    }


def test_a_result_s_own_fix_does_not_become_its_rule_s() -> None:
    own = finding(replace(ERROR, fix="write this"))
    run = run_of(own, rules=[ERROR])

    assert run["results"][0]["message"]["text"].endswith("Instead: write this.")
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["help"]["text"].endswith(f"Instead: {ERROR.fix}.")


def test_without_a_home_there_are_no_links() -> None:
    driver = run_of(finding(), home="")["tool"]["driver"]

    assert "informationUri" not in driver
    assert "helpUri" not in driver["rules"][0]


def test_a_result_says_what_where_and_what_instead() -> None:
    (result,) = run_of(finding(message="auto_rollback = true"))["results"]

    assert (result["ruleId"], result["ruleIndex"], result["level"]) == (WARNING.name, 0, "warning")
    assert result["message"]["text"] == (
        f"auto_rollback = true: {WARNING.why}.\nInstead: {WARNING.fix}."
    )
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "apps/shop/fly.toml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 19, "startColumn": 3, "endLine": 19},
            }
        }
    ]
    assert "fixes" not in result


@pytest.mark.parametrize(
    ("rule", "level"), [(NOTICE, "note"), (WARNING, "warning"), (ERROR, "error")]
)
def test_levels_are_reported_as_sarif_names_them(rule: Rule[Any], level: str) -> None:
    run = run_of(finding(rule))

    assert run["results"][0]["level"] == level
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] == level


def test_results_name_their_rule_by_its_place_among_all() -> None:
    run = run_of(finding(NOTICE), finding(ERROR), rules=FLY_RULES)
    rules = run["tool"]["driver"]["rules"]

    assert [result["ruleId"] for result in run["results"]] == [ERROR.name, NOTICE.name]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        ERROR.name,
        NOTICE.name,
    ]
    assert len(rules) == len(FLY_RULES) + 1


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("one\nüß = 😀1\n", 8),
        ("\ufeffone\r\nüß = 😀1\r\n", 8),
        ("one", None),
        ("one\n  ", None),
    ],
)
def test_a_region_ends_with_its_line_where_that_is_known(text: str, end: int | None) -> None:
    found = finding(path="slo.yml", place=Place(line=2, column=6))
    (result,) = run_of(found, sources={"slo.yml": text})["results"]

    region = result["locations"][0]["physicalLocation"]["region"]
    assert region.get("endColumn") == end


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ü#?%.toml", "a%20b/%C3%BC%23%3F%25.toml"),
        ("//evil.example/x", "evil.example/x"),
        ("https://evil.example", "https%3A//evil.example"),
    ],
)
def test_a_path_is_a_relative_uri_whatever_it_is_called(path: str, uri: str) -> None:
    (result,) = run_of(finding(path=path))["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def edit(text: str) -> Edit:
    start, end = Place(line=19, column=3), Place(line=20, column=1)
    return Edit(path="fly.toml", start=start, end=end, text=text)


def test_an_edit_is_a_fix() -> None:
    (result,) = run_of(finding(edit=edit('timeout = "2s"\n\tx')))["results"]

    (fix,) = result["fixes"]
    assert fix["description"]["text"] == WARNING.fix
    assert fix["artifactChanges"] == [
        {
            "artifactLocation": {"uri": "fly.toml", "uriBaseId": "%SRCROOT%"},
            "replacements": [
                {
                    "deletedRegion": {
                        "startLine": 19,
                        "startColumn": 3,
                        "endLine": 20,
                        "endColumn": 1,
                    },
                    "insertedContent": {"text": 'timeout = "2s"\n\tx'},
                }
            ],
        }
    ]


@pytest.mark.parametrize("text", ["\x1b[31m", "a\u202eb", "\ufeff", "x" * 2001])
def test_an_edit_that_cannot_be_reported_as_it_is_is_no_fix(text: str) -> None:
    (result,) = run_of(finding(edit=edit(text)))["results"]

    assert "fixes" not in result


def prints(*found: Finding) -> list[str]:
    return [one["partialFingerprints"]["sloVerifyFinding/v1"] for one in run_of(*found)["results"]]


def test_a_finding_that_moves_or_is_measured_again_keeps_its_fingerprint() -> None:
    old = finding(message="took 0.712 s on line 3")
    new = finding(message="took 0.934 s on line 14", place=Place(line=40, column=9))

    assert prints(old) == prints(new)


def test_other_findings_have_other_fingerprints() -> None:
    others = [
        finding(),
        finding(NOTICE),
        finding(message="other words"),
        finding(path="fly.toml"),
        finding(),
    ]

    assert len(set(prints(*others))) == len(others)
    assert prints(finding(), finding())[1].endswith(":2")


def test_the_hash_that_the_upload_makes_itself_is_left_to_it() -> None:
    """It warns, once a result, of one that is not its own."""
    (result,) = run_of(finding())["results"]

    assert set(result["partialFingerprints"]) == {"sloVerifyFinding/v1"}


def test_only_the_worst_findings_are_reported_and_the_file_stays_small() -> None:
    dice = random.Random(7)
    letters = [chr(number) for number in range(0x4E00, 0x9FFF)]
    noise = ["".join(dice.choices(letters, k=sized(80, 400))) for _ in range(5_500)]
    found = [finding(NOTICE, words) for words in noise] + [finding(ERROR)] * 100
    text = sarif(found, tool_version="1")
    results = json.loads(text)["runs"][0]["results"]

    assert len(results) == MOST_RESULTS == 5_000
    assert [result["level"] for result in results[:101]] == ["error"] * 100 + ["note"]
    assert len(gzip.compress(text.encode())) < 10_000_000


def strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def inert(text: str, place: Place) -> None:
    """Valid, bounded, and free of what could act or hide."""
    rule = replace(WARNING, name=text, title=text, why=text, fix=text)
    hostile = Finding(rule=rule, message=text, path=text, place=place, edit=edit(text))
    run = run_of(hostile, finding(), sources={text: text}, tool_version=text)

    assert len(run["results"]) == 2
    for descriptor in run["tool"]["driver"]["rules"]:
        shown = rendered(descriptor["help"].pop("markdown"))
        assert [tag for tag, _ in shown.elements] == ["p", "strong", "p", "strong"]
    for reported in strings(run):
        assert all(part == visible(part) for part in re.split(r"[\n\t]", reported))
    result = run["results"][0]
    message = result["message"]["text"]
    assert "](" not in message
    assert not any(f"{{{digit}" in message for digit in range(10))
    assert len(message) < 1300
    assert len(result["ruleId"]) <= 255
    descriptor = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert all(
        len(descriptor[key]["text"]) <= 1024 for key in ("shortDescription", "fullDescription")
    )


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_stays_text(text: str) -> None:
    inert(text, Place(line=1, column=1))


@settings(deadline=None)
@given(TEXTS, st.integers(1, 10**6), st.integers(1, 10**6))
def test_any_text_stays_text(text: str, line: int, column: int) -> None:
    inert(text, Place(line=line, column=column))
