"""The runner's file commands: step outputs and the job summary."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from slo_action.core.text.secrets import Scrubber
from slo_action.errors import RunnerError
from slo_action.render.outputs import CLOSED_OUTPUTS, JSON_OUTPUTS
from slo_action.render.text.escape import json_line

SUMMARY_LIMIT_BYTES = 1024 * 1024
"""The runner drops a larger summary whole."""


class RunnerFiles:
    """The Outputs port on a runner."""

    def __init__(self, output: Path, summary: Path | None, scrubber: Scrubber) -> None:
        self._output = output
        self._summary = summary
        self._scrubber = scrubber

    def set(self, values: Mapping[str, str]) -> None:
        """Append the outputs with a delimiter that no value can contain.

        Raises RunnerError where the file cannot be written.
        """
        block = ""
        for name, value in values.items():
            delimiter = f"slo_verify_{secrets.token_hex(16)}"
            block += f"{name}<<{delimiter}\n{self._scrubbed(name, value)}\n{delimiter}\n"
        self._write(self._output, block, "a")

    def summarize(self, markdown: str) -> None:
        """Replace the step's summary; nothing is written where the runner gave no file.

        Raises RunnerError for a text the runner would drop without showing any of it.
        """
        if self._summary is None:
            return
        text = self._scrubber.scrub_encoded(markdown)
        if len(text.encode()) > SUMMARY_LIMIT_BYTES:
            raise RunnerError("the summary is larger than 1 MiB", hint="read summary.md instead")
        self._write(self._summary, text, "w")

    def _scrubbed(self, name: str, value: str) -> str:
        """Verdicts, numbers and paths are our own, whatever a secret may be."""
        if name in JSON_OUTPUTS:
            return json_line(self._scrubber.scrub_json(value))
        return value if name in CLOSED_OUTPUTS else self._scrubber.scrub(value)

    def _write(self, path: Path, text: str, mode: str) -> None:
        try:
            with path.open(mode, encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        except OSError as error:
            raise RunnerError(
                f"{path.name}: {error.strerror}",
                hint="run the container as root: the runner's files belong to the runner's user",
            ) from error
