"""Ports of the process of one service: everything is posted to the parent, which writes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from slo_action.core.model import Annotation, Verdict
from slo_action.core.text.secrets import Scrubber
from slo_action.modes.verify import POLICY
from slo_action.render.outputs import rollback_begun

Post = Callable[[object], None]
"""Sends something that can be pickled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line for the live log."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFound:
    """A secret that the parent must mask, too."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionalVerdict:
    """The verdict of the gate of one service, before its window has ended."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackBegun:
    """The rollback of one service begins now."""


class PostedLog:
    """The Log port of a process that must not write to the stream itself."""

    def __init__(self, post: Post, scrubber: Scrubber) -> None:
        self._post = post
        self._scrubber = scrubber
        self._is_muted = False

    def line(self, text: str) -> None:
        """Post one line, unless the parent has logged it for all services."""
        if not self._is_muted:
            self._post(LogLine(text=self._scrubber.scrub(text)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Post the title as a line: lines of other services come in between, so it cannot fold."""
        self._is_muted = title == POLICY
        self.line(title)
        try:
            yield
        finally:
            self._is_muted = False

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Post each as a line: annotations are few, and are made at the end."""
        for annotation in annotations:
            self.line(f"{annotation.level}: {annotation.title}: {annotation.message}")

    def progress(self, text: str) -> None:
        """Show nothing: services would replace each other's line."""

    def mask(self, secret: str) -> None:
        """Learn a secret, and post it, so that it is masked before any line that follows."""
        self._scrubber.learn(secret)
        self._post(SecretFound(secret=secret))


class PostedOutputs:
    """The Outputs port of one service: what is of use before the end is posted."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def set(self, values: Mapping[str, str]) -> None:
        """Post the provisional verdict, or that a rollback begins, where the values say so."""
        if "provisional-verdict" in values:
            self._post(ProvisionalVerdict(verdict=Verdict(values["provisional-verdict"])))
        if values == rollback_begun():
            self._post(RollbackBegun())

    def summarize(self, markdown: str) -> None:
        """Drop it: one step has one summary."""
