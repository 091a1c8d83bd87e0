"""What the process of one service says: posted to the one that tells it, never written itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from slo_action.core.model import Annotation, Verdict
from slo_action.core.text.secrets import Scrubber
from slo_action.modes.verify import POLICY

Post = Callable[[object], None]
"""Sends something that can be pickled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line for the live log."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFound:
    """A secret that this process must not show, either."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionalVerdict:
    """What the gate of one service said, while its window still watches."""

    verdict: Verdict


class PostedLog:
    """The Log port of a process that must not write to the stream itself."""

    def __init__(self, post: Post, scrubber: Scrubber) -> None:
        self._post = post
        self._scrubber = scrubber
        self._is_muted = False

    def line(self, text: str) -> None:
        """Post one line, unless it was told for all before the beginning."""
        if not self._is_muted:
            self._post(LogLine(text=self._scrubber.scrub(text)))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Post the title as a line: lines of others come in between, so that nothing can fold."""
        self._is_muted = title == POLICY
        self.line(title)
        try:
            yield
        finally:
            self._is_muted = False

    def annotate(self, annotations: Sequence[Annotation]) -> None:
        """Post each as a line: the few that a step may show are told at the end."""
        for annotation in annotations:
            self.line(f"{annotation.level}: {annotation.title}: {annotation.message}")

    def mask(self, secret: str) -> None:
        """Learn a secret, and post it, so that it is masked before any line that follows."""
        self._scrubber.learn(secret)
        self._post(SecretFound(secret=secret))


class PostedOutputs:
    """The Outputs port of one service: only what it says for now is of use before the end."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def set(self, values: Mapping[str, str]) -> None:
        """Post the provisional verdict, where it is among the values."""
        if "provisional-verdict" in values:
            self._post(ProvisionalVerdict(verdict=Verdict(values["provisional-verdict"])))

    def summarize(self, markdown: str) -> None:
        """Drop it: one step has one summary."""
