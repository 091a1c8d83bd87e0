"""Check runs: GitHub's limits on their texts, and the commit they belong to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from slo_action.core.model import Annotation, Level
from slo_action.core.text.secrets import Scrubber
from slo_action.github.event import first_in_event
from slo_action.ports import CheckRun
from slo_action.render.text.escape import shortened, visible

TEXT_LIMIT_BYTES = 65_000
"""GitHub refuses above 65 535 characters and above 65 535 bytes."""
MOST_ANNOTATIONS = 50
_TITLE_LIMIT = 255
_NAME_LIMIT = 200
_LEVELS = {Level.NOTICE: "notice", Level.WARNING: "warning", Level.ERROR: "failure"}


class CheckRunApi(Protocol):
    """The two calls this needs; github/api.py has them."""

    def create_check_run(self, body: dict[str, Any]) -> int:
        """Create a check run and return its id."""
        ...

    def update_check_run(self, check_run_id: int, body: dict[str, Any]) -> None:
        """Update it; annotations are added."""
        ...


class GitHubCheckRuns:
    """The CheckRuns port. The API is opened only when there is something to publish."""

    def __init__(
        self, open_api: Callable[[], CheckRunApi], head_sha: str, scrubber: Scrubber
    ) -> None:
        self._open_api = open_api
        self._head_sha = head_sha
        self._scrubber = scrubber

    def publish(self, check_run: CheckRun) -> None:
        """Create the completed check run, its annotations fifty at a time."""
        api = self._open_api()
        located = [self._annotation(a) for a in check_run.annotations if a.path and a.line]
        output = {
            "title": shortened(visible(self._scrubber.scrub(check_run.title)), _TITLE_LIMIT),
            "summary": cut_to_bytes(
                self._scrubber.scrub_encoded(check_run.summary), TEXT_LIMIT_BYTES
            ),
        }
        number = api.create_check_run(
            {
                "name": shortened(
                    visible(self._scrubber.scrub_encoded(check_run.name)), _NAME_LIMIT
                ),
                "head_sha": self._head_sha,
                "external_id": check_run.external_id,
                "status": "completed",
                "conclusion": check_run.conclusion,
                "output": {**output, "annotations": located[:MOST_ANNOTATIONS]},
            }
        )
        for start in range(MOST_ANNOTATIONS, len(located), MOST_ANNOTATIONS):
            more = located[start : start + MOST_ANNOTATIONS]
            api.update_check_run(number, {"output": {**output, "annotations": more}})

    def _annotation(self, annotation: Annotation) -> dict[str, Any]:
        message = "\n".join(map(visible, self._scrubber.scrub(annotation.message).split("\n")))
        return {
            "path": annotation.path,
            "start_line": annotation.line,
            "end_line": annotation.line,
            "annotation_level": _LEVELS[annotation.level],
            "title": shortened(visible(self._scrubber.scrub(annotation.title)), _TITLE_LIMIT),
            "message": cut_to_bytes(message, TEXT_LIMIT_BYTES),
        }


def cut_to_bytes(text: str, limit: int) -> str:
    """Return at most `limit` bytes of UTF-8, cut between characters, with a note."""
    if len(text.encode()) <= limit:
        return text
    note = "\n\n*Cut: the whole text is in the job summary.*"
    kept = text.encode()[: limit - len(note.encode())]
    return kept.decode("utf-8", errors="ignore") + note


def head_sha(event_path: Path | None, sha: str) -> str:
    """Return the commit people look at; on pull requests GITHUB_SHA is a merge commit."""
    return first_in_event(event_path, _HEADS) or sha


_HEADS = (("pull_request", "head", "sha"), ("workflow_run", "head_sha"), ("deployment", "sha"))
