"""The published schema of slo.yml accepts what a run accepts, and refuses what a run refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo_action.config.files.yaml import read_yaml
from slo_action.config.slo.json_schema import SCHEMA_PATH, SCHEMA_URL, generated_slo_schema
from slo_action.config.slo.load import load_slo_yml
from slo_action.errors import Mistake
from tests.sizes import sized

ROOT = Path(__file__).parents[3]
FIXTURE = Path(__file__).parents[1] / "fixtures" / "slo.yml"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class OneFile:
    """A matrix that is one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self, name: str, field: str) -> str | Mistake:
        assert (name, field) == ("slo.yml", "config")
        return self._text

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        assert (bool(pattern), beside) == (True, "slo.yml")
        return ()


def mistakes(document: object) -> list[str]:
    loaded = load_slo_yml(OneFile(json.dumps(document)), "slo.yml", "config")
    return [str(mistake) for mistake in loaded.mistakes]


def test_the_committed_schema_is_the_generated_one() -> None:
    assert generated_slo_schema() == SCHEMA


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "path", [FIXTURE, ROOT / "examples" / "slo.yml"], ids=["document", "example"]
)
def test_the_document_s_services_fit_it(path: Path) -> None:
    documents = read_yaml(path.read_text(encoding="utf-8"), path.name, "config").documents

    assert documents
    assert [error.message for one in documents for error in VALIDATOR.iter_errors(one)] == []


def test_the_example_names_the_schema_for_editors() -> None:
    first = (ROOT / "examples" / "slo.yml").read_text(encoding="utf-8").split("\n")[0]

    assert first == f"# yaml-language-server: $schema={SCHEMA_URL}"
    assert SCHEMA["$id"] == SCHEMA_URL


def test_an_editor_is_reported_what_is_wrong_with_a_service_and_not_that_nothing_fits() -> None:
    (error,) = VALIDATOR.iter_errors({"service": "a", "url": "https://a.example", "grace": "5s"})

    assert "grace" in error.message


def test_every_key_is_explained() -> None:
    unexplained = [
        (form, key)
        for form, schema in SCHEMA["$defs"].items()
        for key, property_ in schema.get("properties", {}).items()
        if not property_.get("description")
    ]

    assert unexplained == []


_DURATIONS = st.sampled_from(
    ["15s", "500ms", "1h30m", "0s", "15", "", "1.5s", "1s1s", "-1s", 15, None]
)
_RATIOS = st.sampled_from(
    ["99.9%", "<1%", "< 1 %", "0.999", 0.5, 1, 0, "101%", "1.1", 2, -1, True, "x"]
)
_PATHS = st.sampled_from(["/healthz", "/", "//a", "a", "", "/a b", None, 7])
_NAMES = st.sampled_from(["shop", "a b", "", " ", "-a", "a,b", "all", 7, None, "x\ny"])
_TARGETS = st.fixed_dictionaries(
    {}, optional={"availability": _RATIOS, "response_time_p95": _DURATIONS, "nope": st.just(1)}
)
_MONITORING = st.fixed_dictionaries(
    {}, optional={"interval": _DURATIONS, "grace_period": _DURATIONS}
)
_ASSERTIONS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from([200, "2xx", [200, "3xx"], [], 99, "abc", 2000]),
            "body_matches": st.sampled_from(["a", "", 7]),
            "certificate_days": st.sampled_from([0, 14, -1, 4000, "14"]),
        },
    ).filter(lambda one: len(one) == 1),
    max_size=2,
)  # fmt: skip
_SERVICES = st.fixed_dictionaries(
    {"service": _NAMES, "url": st.sampled_from(["https://a.example", "ftp://a", "a", 7])},
    optional={
        "health_endpoint": _PATHS,
        "build_endpoint": _PATHS,
        "slo_targets": _TARGETS,
        "monitoring": _MONITORING,
        "platform": st.sampled_from(["fly", "auto", "heroku", None, 1]),
        "app": st.sampled_from(["shop", "Shop", "", None]),
        "notify": st.sampled_from([["https://h.example"], [], "x", [7]]),
        "assertions": st.fixed_dictionaries(
            {}, optional={"health": _ASSERTIONS, "api": _ASSERTIONS}
        ),
        "x-mine": st.just({"a": 1}),
        "other": st.just(1),
    },
)


@settings(max_examples=sized(60, 300))
@given(_SERVICES)
@example({"service": "a", "url": "https://a.example", "slo_targets": {"response_time_p95": "1s1s"}})
def test_what_the_schema_says_of_a_service_a_run_says_too(service: dict[str, object]) -> None:
    fits = not list(VALIDATOR.iter_errors(service))

    # The schema cannot know what depends on units: durations above zero, rates between others.
    reported = [
        one
        for one in mistakes(service)
        if "above zero" not in one and "slo_targets.error" not in one
    ]
    assert fits == (not reported)


@pytest.mark.parametrize(
    "document",
    [
        {"services": [], "teams": {"a": {"notify": ["x"]}}},
        {"services": [], "teams": {"a": 7}},
        {"services": [], "include": "a.yml"},
        {"services": [], "include": 7},
        {"services": [], "policy": {"min_requests": 0}},
        {"services": [], "policy": {"min_requests": 5, "on_late_start": "warn"}},
        {"services": [], "defaults": {"service": "a"}},
        {"services": [], "polcy": {}},
        {"services": 7},
        [{"service": "a", "url": "https://a.example"}],
        [7],
        7,
    ],
)
def test_what_the_schema_says_of_a_file_a_run_says_too(document: object) -> None:
    fits = not list(VALIDATOR.iter_errors(document))
    silent = ("matches no file", "no service is in it")
    reported = [one for one in mistakes(document) if not any(words in one for words in silent)]

    assert fits == (not reported)
