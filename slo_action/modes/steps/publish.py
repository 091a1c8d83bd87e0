"""Publish without ever changing a verdict: each destination fails by itself, with a warning."""

from collections.abc import Callable, Sequence
from pathlib import Path

from slo_action.core.model import Annotation, Level
from slo_action.errors import Interrupted, SloVerifyError
from slo_action.ports import PublishPorts, UploadedArtifact


def publish_or_warn(ports: PublishPorts, destination: str, publish: Callable[[], object]) -> None:
    """Publish to one destination; whatever goes wrong there is a warning."""
    try:
        publish()
    except Interrupted:
        ports.log.line(f"{destination}: skipped, as the run was stopped")
    except SloVerifyError as error:
        _warn(ports, destination, error.description)
    except Exception as error:  # noqa: BLE001 - a failure here must not change the verdict
        _warn(ports, destination, f"{type(error).__name__} (a bug of slo-verify)")


def _warn(ports: PublishPorts, destination: str, why: str) -> None:
    message = f"{why}. The verdict stays the same."
    ports.log.annotate(
        [Annotation(level=Level.WARNING, title=f"Not published: {destination}", message=message)]
    )


def upload(
    ports: PublishPorts, artifact_name: str, also: Sequence[Path] = ()
) -> UploadedArtifact | None:
    """Upload the evidence and set its outputs; None where there is no store, or no time left.

    `also` are files below the evidence's directory written by others.
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
