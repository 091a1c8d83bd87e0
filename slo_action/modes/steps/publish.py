"""Telling somebody without ever changing a verdict: each audience fails alone, with a warning."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from slo_action.core.model import Annotation, Level
from slo_action.errors import Interrupted, SloVerifyError
from slo_action.ports import (
    ArtifactStore,
    Evidence,
    Interrupts,
    Log,
    Outputs,
    UploadedArtifact,
)


class Logging(Protocol):
    """Whoever has a log to warn in."""

    @property
    def log(self) -> Log:
        """The live log."""
        ...


class Uploading(Logging, Protocol):
    """What an upload takes; `artifacts` is None where there is no store."""

    @property
    def evidence(self) -> Evidence:
        """The files."""
        ...

    @property
    def outputs(self) -> Outputs:
        """Who is told where they are."""
        ...

    @property
    def interrupts(self) -> Interrupts:
        """What may stop it."""
        ...

    @property
    def artifacts(self) -> ArtifactStore | None:
        """Where they go."""
        ...


def publish_or_warn(ports: Logging, audience: str, speak: Callable[[], None]) -> None:
    """Let one audience be told; one that cannot be is a warning, whatever the reason."""
    try:
        speak()
    except Interrupted:
        ports.log.line(f"{audience}: left out, the run was stopped")
    except SloVerifyError as error:
        _warn(ports, audience, error.description)
    except Exception as error:  # noqa: BLE001 - telling may fail in any way and change nothing
        _warn(ports, audience, f"{type(error).__name__} (a bug of slo-verify)")


def _warn(ports: Logging, audience: str, why: str) -> None:
    message = f"{why}. The verdict stands."
    ports.log.annotate(
        [Annotation(level=Level.WARNING, title=f"Not told: {audience}", message=message)]
    )


def upload(
    ports: Uploading, artifact_name: str, also: Sequence[Path] = ()
) -> UploadedArtifact | None:
    """Upload the evidence and set its outputs; None where there is no store, or no time left.

    `also` are files below the evidence's directory that somebody else wrote.
    """
    if ports.artifacts is None or ports.interrupts.received:
        return None
    with ports.interrupts.raising():
        artifact = ports.artifacts.upload(
            artifact_name, ports.evidence.directory, (*ports.evidence.files(), *also)
        )
    ports.outputs.set({"artifact-id": artifact.artifact_id, "artifact-url": artifact.url})
    ports.log.line(f"evidence uploaded as {artifact.name} ({artifact.size_bytes} bytes)")
    return artifact
