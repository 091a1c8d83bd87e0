"""The example workflows, those in the documentation and our own, read as GitHub reads them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from tests.docs.pages import PAGES, ROOT, blocks, name, read

EXAMPLES = tuple(sorted((ROOT / "examples" / "workflows").glob("*.yml")))
OWN = tuple(sorted((ROOT / ".github" / "workflows").glob("*.yml")))
ACTION = "org/slo-verify@v1"

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_REFERENCE = re.compile(r"[a-zA-Z_][\w-]*(?:\.[\w-]+)+")
_OUTPUT = re.compile(r"\bsteps\.(?P<step>[\w-]+)\.outputs\.(?P<output>[\w-]+)")
_AROUND_STEPS = """\
on: push
permissions: {{}}
jobs:
  example:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
{steps}"""


@dataclass(frozen=True)
class Workflow:
    """A workflow; `name` says where it stands."""

    name: str
    text: str

    @property
    def document(self) -> Mapping[str, Any]:
        document = yaml.safe_load(self.text)
        assert isinstance(document, dict)
        return document

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        jobs = self.document["jobs"].values()
        return [step for job in jobs for step in job.get("steps", ())]

    @property
    def ours(self) -> list[Mapping[str, Any]]:
        """The steps that use the action."""
        return [step for step in self.steps if step.get("uses") == ACTION]

    @property
    def read_outputs(self) -> list[tuple[str, str]]:
        """Every output that an expression reads, with the id of its step."""
        return [(found["step"], found["output"]) for found in _OUTPUT.finditer(self.text)]


def examples() -> list[Workflow]:
    return [Workflow(name(path), read(path)) for path in EXAMPLES]


def own() -> list[Workflow]:
    return [Workflow(name(path), read(path)) for path in OWN]


def documented() -> list[Workflow]:
    """Return what stands in Markdown: whole workflows, or steps with a workflow put around them."""
    return [workflow for page in PAGES for workflow in _on_page(page)]


def _on_page(page: Path) -> Iterator[Workflow]:
    for number, block in enumerate(blocks(page, "yaml"), start=1):
        documents = list(yaml.safe_load_all(block.text))
        document = documents[0] if len(documents) == 1 else {}
        where = f"{block.page}#{number}"
        if isinstance(document, list):
            yield Workflow(where, _AROUND_STEPS.format(steps=indent(block.text, " " * 6)))
        elif "jobs" in document and True in document:  # YAML 1.1 reads `on` as true
            yield Workflow(where, block.text)


def expressions(text: str) -> list[str]:
    return _EXPRESSION.findall(text)


def filled(text: str, known: Mapping[str, str]) -> str:
    """Fill in expressions that are references. Raises KeyError for one that nothing gives."""

    def value(found: re.Match[str]) -> str:
        assert _REFERENCE.fullmatch(found[1]), f"not a plain reference: {found[1]}"
        return known[found[1]]

    return _EXPRESSION.sub(value, text)
