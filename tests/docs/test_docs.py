"""The documentation says what the code does: derived where it can be, compared where not."""

import re
from pathlib import Path

import pytest
import yaml

from scripts.generate import stale
from slo_action import __version__
from slo_action.config.inputs import INPUTS
from slo_action.config.slo.forms import Form, ServiceForm
from slo_action.config.slo.json_schema import key_meanings
from slo_action.config.slo.load import read_slo_yml
from slo_action.core.decision.decide import FailOn, exit_code_of
from slo_action.core.model import Cause, Ending, Outcome, Trigger, Verdict
from slo_action.errors import all_errors
from slo_action.render.endings import ENDINGS
from slo_action.render.outputs import OUTPUTS
from tests.docs.pages import (
    DOCS,
    PAGES,
    ROOT,
    anchors,
    first_cells,
    headings,
    links,
    name,
    prose,
    read,
    row_of,
)
from tests.docs.timelines import STORIES, Story, told

README = ROOT / "README.md"
CODE = ("slo_action", "scripts", "tests", "container", "examples", ".github")
REMOVED_INPUTS = {"rollback-engine"}
ADR = re.compile(r"ADR (\d{4})")


def test_nothing_derived_is_stale() -> None:
    assert [path.relative_to(ROOT) for path in stale()] == []


@pytest.mark.parametrize("page", ["inputs", "outputs", "verdicts", "troubleshooting"])
def test_each_table_is_where_the_generator_fills_it(page: str) -> None:
    assert "<!-- generated: " in read(DOCS / f"{page}.md")


def test_every_input_is_documented() -> None:
    assert {spec.name for spec in INPUTS} <= first_cells(DOCS / "inputs.md")


def test_every_output_is_documented() -> None:
    assert {spec.name for spec in OUTPUTS} <= first_cells(DOCS / "outputs.md")


def test_every_error_has_a_heading() -> None:
    titles = {error.title for error in all_errors()}

    assert titles <= set(headings(DOCS / "troubleshooting.md"))


def test_every_outcome_class_has_a_row() -> None:
    assert {str(outcome) for outcome in Outcome} <= first_cells(DOCS / "verdicts.md")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_counts_as_its_row_says(outcome: Outcome) -> None:
    row = row_of(DOCS / "verdicts.md", outcome)
    counts = "good" if outcome.is_good else "neutral" if outcome.is_neutral else "bad"

    assert row.split("|")[3].strip().startswith(counts)
    assert ("¹" in row) is outcome.is_unanswered


@pytest.mark.parametrize("ending", list(Ending))
def test_an_ending_has_its_exit_status_and_headline(ending: Ending) -> None:
    row = row_of(DOCS / "verdicts.md", ending)

    assert row.split("|")[2].strip().startswith(str(exit_code_of(ending, FailOn.INCONCLUSIVE)))
    assert ENDINGS[ending].mark in row


@pytest.mark.parametrize("word", [*Verdict, *Cause, *Trigger])
def test_every_term_of_the_outputs_is_explained(word: str) -> None:
    assert word in first_cells(DOCS / "verdicts.md")


def test_every_exit_status_is_explained() -> None:
    verdicts = {str(exit_code_of(ending, FailOn.INCONCLUSIVE)) for ending in Ending}
    errors = {str(error.exit_code) for error in all_errors()}

    assert verdicts | {"1", "2"} <= first_cells(DOCS / "outputs.md")
    assert errors <= first_cells(DOCS / "troubleshooting.md")


def test_every_key_of_slo_yml_has_a_meaning() -> None:
    forms: list[type[Form]] = [*Form.__subclasses__(), ServiceForm]
    assert all(meaning for form in forms for meaning in key_meanings(form).values())


def test_the_example_matrix_is_accepted() -> None:
    loaded = read_slo_yml(ROOT / "examples" / "slo.yml", ROOT, "config")

    assert loaded.mistakes == ()
    assert len(loaded.slo_yml.services) == 6


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_a_timeline_is_what_the_state_machine_plays(story: Story) -> None:
    _, heading, rest = read(DOCS / "schedule.md").partition(f"### {story.title}\n")

    assert heading
    assert f"```text\n{told(story)}\n```" in rest.partition("\n### ")[0]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_pages = {README}, [README]
    while open_pages:
        page = open_pages.pop()
        targets = (page.parent / link.partition("#")[0] for link in links(page) if ":" not in link)
        found = {path.resolve() for path in targets if path.suffix == ".md"} - reached
        reached |= found
        open_pages += found

    assert [name(page) for page in PAGES if page not in reached] == []


def test_the_readme_is_short() -> None:
    assert len(read(README).splitlines()) < 150
    assert len(read(ROOT / "CONTRIBUTING.md").splitlines()) <= 150


def test_the_readme_names_targets_that_exist() -> None:
    named = set(re.findall(r"^make (\w+)", read(README), re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", read(ROOT / "Makefile"), re.MULTILINE))

    assert named == {"demo", "test"}
    assert named <= targets


def test_every_record_that_the_code_names_exists() -> None:
    numbers = {path.name[:4] for path in (DOCS / "adr").glob("*.md")}
    named = {number for path in _code() for number in ADR.findall(read(path))}

    assert named
    assert named <= numbers


@pytest.mark.parametrize("record", sorted((DOCS / "adr").glob("*.md")), ids=name)
def test_a_decision_record_has_its_form(record: Path) -> None:
    title, *sections = headings(record)

    assert title.startswith(f"{int(record.name[:4])}. ")
    assert sections == [
        "Context",
        "Decision",
        "Alternatives",
        "Consequences",
        "What would change our mind",
    ]
    assert re.search(r"^Date: \d{4}-\d\d-\d\d\. Status: ", read(record), re.MULTILINE)
    assert len(read(record).splitlines()) <= 60


def test_the_changelog_begins_with_what_is_next() -> None:
    newest = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)[0]

    assert newest == "Unreleased" or newest.startswith(f"{__version__} - ")


def test_every_input_is_in_the_changelog_and_every_name_there_exists() -> None:
    named = set(re.findall(r"`([a-z][a-z-]+)(?:: [\w-]+)?`", prose(ROOT / "CHANGELOG.md")))
    inputs = {spec.name for spec in INPUTS}

    assert inputs - {"matrix"} <= named
    assert (
        named - inputs
        <= {spec.name for spec in OUTPUTS} | {"replay", "backtest", "off"} | REMOVED_INPUTS
    )


def test_action_yml_has_only_what_a_runner_knows() -> None:
    action = yaml.safe_load(read(ROOT / "action.yml"))
    top = {"name", "author", "description", "branding", "inputs", "outputs", "runs"}
    one_input = {"description", "default", "required", "deprecationMessage"}

    assert set(action) <= top
    assert all(set(spec) <= one_input for spec in action["inputs"].values())
    assert all(set(spec) <= {"description"} for spec in action["outputs"].values())
    assert set(action["runs"]) == {"using", "image", "entrypoint"}
    assert action["branding"]["color"] in {"green", "blue", "orange", "purple"}


def test_the_architecture_names_what_exists() -> None:
    page = ROOT / "ARCHITECTURE.md"
    table = prose(page).partition("## How a newcomer finds the place")[2]
    named = re.findall(r"`([\w/]+(?:\.py|/))`", table)

    assert named
    assert [path for path in named if not (ROOT / "slo_action" / path).exists()] == []


def test_the_architecture_names_every_room() -> None:
    page = read(ROOT / "ARCHITECTURE.md")
    rooms = [
        path.name
        for path in (ROOT / "slo_action").iterdir()
        if not path.name.startswith(("_", ".")) and (path.is_dir() or path.suffix == ".py")
    ]

    assert [room for room in rooms if f"\n  {room}" not in page] == []


def _code() -> list[Path]:
    suffixes = {".py", ".yml", ".mjs", ""}
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = [path for path in files if path.suffix in suffixes and "node_modules" not in path.parts]
    return [*kept, ROOT / "Dockerfile", ROOT / "Makefile"]
