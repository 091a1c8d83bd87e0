"""The runner's line protocol, and the only writer to stdout inside an action.

Every line begins with a marker that is no white space, so no text can begin one with `::`, and
passes `escape.log_line`, so no text can carry `##[` or a hidden line break.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from slo_action.core.model import Annotation
from slo_action.core.text.secrets import Scrubber
from slo_action.render.annotations import aggregated
from slo_action.render.text.escape import log_line, shortened

MESSAGE_LIMIT = 4096
"""The runner cuts longer messages without saying so."""
_TITLE_LIMIT = 250
_MARKER = "│ "


class WorkflowLog:
    """The Log port on a runner. Masks are written before anything else can be."""

    def __init__(self, stream: TextIO, scrubber: Scrubber) -> None:
        self._stream = stream
        self._scrubber = scrubber

    def line(self, text: str) -> None:
        """Print one inert line."""
        self._write(_MARKER + log_line(self._scrubber.scrub(text)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is printed within; the group is closed whatever happens."""
        self._write(f"::group::{_data(log_line(self._scrubber.scrub(title)))}")
        try:
            yield
        finally:
            self._write("::endgroup::")

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Show at most ten of a level; the tenth stands for the rest, which become lines."""
        shown = aggregated(annotations)
        for annotation in shown:
            self._write(self._command(annotation))
        for annotation in annotations:
            if annotation not in shown:
                first, *more = annotation.message.split("\n")
                for line in (f"{annotation.level}: {annotation.title}: {first}", *more):
                    self.line(line)

    def progress(self, text: str) -> None:
        """Show nothing: a runner keeps every line."""

    def mask(self, secret: str) -> None:
        """Teach runner and scrubber a secret in all its forms."""
        for form in self._scrubber.learn(secret):
            self._write(f"::add-mask::{_data(form)}")

    def _command(self, annotation: Annotation) -> str:
        title = shortened(log_line(self._scrubber.scrub(annotation.title)), _TITLE_LIMIT)
        properties = {
            "title": title,
            "file": log_line(annotation.path or ""),
            "line": annotation.line,
            "col": annotation.column,
        }
        shown = ",".join(
            f"{key}={_data(str(value)).replace(':', '%3A').replace(',', '%2C')}"
            for key, value in properties.items()
            if value
        )
        message = "\n".join(map(log_line, self._scrubber.scrub(annotation.message).split("\n")))
        return f"::{annotation.level} {shown}::{_data(shortened(message, MESSAGE_LIMIT - 64))}"

    def _write(self, line: str) -> None:
        """A closed pipe must not end a run."""
        with suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
