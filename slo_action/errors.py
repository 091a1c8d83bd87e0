"""Everything that stops a run, one exit code per class.

    SloVerifyError
    ├── InputError            2   inputs or slo.yml are wrong; nothing was sent
    ├── RunnerError           3   the runner did not give what an action needs
    ├── WorkspaceError        4   evidence cannot be written
    ├── PlatformError         5   the platform or its command could not be asked
    ├── ArtifactError         6   the evidence could not be uploaded
    ├── GitHubError           7   GitHub's API refused or did not answer
    ├── RecordError           8   an audit record cannot be read
    └── ReplayError           9   a record does not lead to the verdict it states

Exit 1 is a bug of ours. 10, 11 and 12 are verdicts (core/decision/decide.py), not errors. While a
result is published, ArtifactError and GitHubError become warnings: they never change a verdict.
"""

import traceback
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import ClassVar

from slo_action.core.text.quoting import quoted, shown_value

EXIT_BUG = 1


class SloVerifyError(Exception):
    """Base of all errors a person can act on. `hint` is the next step, in one sentence."""

    exit_code: ClassVar[int] = EXIT_BUG
    title: ClassVar[str] = "slo-verify failed"

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def description(self) -> str:
        """What happened and the next step, in one line."""
        return f"{self.message.rstrip('.')}; {self.hint}"

    def next_step(self, inputs: str) -> str:  # noqa: ARG002 - for mistakes in the inputs
        """Return the hint; `inputs` is what a surface calls all inputs of a run."""
        return self.hint


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in what the user wrote.

    `value` is shown to the user, so it is None for secrets. `accepted` says what would be right.
    `path`, `line` and `column` are set where the mistake stands in a file; both count from 1.
    `source` is that line's text, as untrusted as the file; empty where it is not at hand.
    """

    field: str
    problem: str
    accepted: str
    value: str | int | float | None = None
    _: KW_ONLY
    path: str | None = None
    line: int | None = None
    column: int | None = None
    source: str = ""

    def at(self, path: str, line: int = 1, column: int | None = 1) -> "Mistake":
        """Return the mistake with its place in a file."""
        return replace(self, path=path, line=line, column=column)

    @property
    def wrong(self) -> str:
        """What is wrong, without the place and what would be right."""
        value = quoted(self.value) if isinstance(self.value, str) else shown_value(self.value)
        shown = "" if self.value is None else f" (got {value})"
        return f"{self.field}: {self.problem}{shown}"

    @property
    def description(self) -> str:
        """What is wrong and what would be right, without the place."""
        return f"{self.wrong}; {self.accepted}"

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.path and self.line else ""
        return f"{place}{self.description}"


class InputError(SloVerifyError):
    """Inputs or slo.yml are wrong. Holds all mistakes at once; nothing was sent."""

    exit_code = 2
    title = "Inputs are wrong"

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        super().__init__(f"{count} in the inputs:{lines}", hint=self.next_step("the inputs"))

    def next_step(self, inputs: str) -> str:
        """Return what to correct: the inputs, files, or both."""
        wrong = dict.fromkeys(mistake.path or inputs for mistake in self.mistakes)
        return f"correct {' and '.join(wrong)}; nothing was sent"


class RunnerError(SloVerifyError):
    """The runner did not give what an action needs, such as GITHUB_OUTPUT."""

    exit_code = 3
    title = "The runner's files are missing"


class WorkspaceError(SloVerifyError):
    """Evidence cannot be written, so nothing may be started that would have to be explained."""

    exit_code = 4
    title = "Evidence cannot be written"


class FileWriteError(WorkspaceError):
    """A file that is no evidence cannot be written: a report, or a file to be fixed."""

    title = "A file could not be written"


class PlatformError(SloVerifyError):
    """The platform, or the command that stands for it, could not be asked."""

    exit_code = 5
    title = "The platform request failed"


class ArtifactError(SloVerifyError):
    """The evidence artifact could not be uploaded."""

    exit_code = 6
    title = "The evidence was not uploaded"


class GitHubError(SloVerifyError):
    """GitHub's API refused or did not answer.

    `forbidden`: the token may not do this. `missing`: there is no such thing, or
    the token may not see it.
    """

    exit_code = 7
    title = "GitHub did not accept the report"

    def __init__(
        self, message: str, *, hint: str, forbidden: bool = False, missing: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.forbidden = forbidden
        self.missing = missing


class RecordError(SloVerifyError):
    """An audit record cannot be read, or is not valid against the published schema."""

    exit_code = 8
    title = "The audit record cannot be read"


class ReplayError(SloVerifyError):
    """A record's evidence does not lead to the verdict the record states."""

    exit_code = 9
    title = "The replay disagrees with the record"


def bug_description(error: Exception) -> str:
    """Describe a bug by its kind and place alone: its text may hold anything."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in last)
    return f"{type(error).__name__}{place}\nPlease report it with the log of this step."


def all_errors() -> tuple[type[SloVerifyError], ...]:
    """Return every class of the tree, in the order of its exit codes; for the docs and tests."""
    return tuple(sorted(SloVerifyError.__subclasses__(), key=lambda error: error.exit_code))


class Interrupted(BaseException):
    """A signal stopped the run while it could be stopped; not an error and no exit code."""
