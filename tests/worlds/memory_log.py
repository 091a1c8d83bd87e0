"""A Log that keeps what it was told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from slo_action.core.model import Annotation
from slo_action.core.text.secrets import Scrubber


class MemoryLog:
    """`lines` holds every line, groups' titles among them; `annotations` all annotations."""

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        self._scrubber = scrubber or Scrubber()
        self.lines: list[str] = []
        self.shown: list[str] = []
        self.annotations: list[Annotation] = []

    def line(self, text: str) -> None:
        self.lines.append(self._scrubber.scrub(text))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        self.line(title)
        yield

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        self.annotations += annotations

    def progress(self, text: str) -> None:
        self.shown.append(self._scrubber.scrub(text))

    def mask(self, secret: str) -> None:
        self._scrubber.learn(secret)
