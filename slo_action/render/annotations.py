"""The few messages beside the run: one for the ending, one a kind of trouble. Data only."""

from collections.abc import Iterator, Sequence

from slo_action.core.model import Annotation, Ending, Level, Mode, Verdict
from slo_action.core.observation.real_traffic import TrafficVerdict
from slo_action.core.record.record import AuditRecord
from slo_action.core.verdict.judge import Judgement
from slo_action.core.verdict.window_facts import alert_summary
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.proofs import window_failures

_LEVELS = {Ending.VERIFIED: Level.NOTICE, Ending.UNDECIDED: Level.WARNING}


def annotations(record: AuditRecord) -> tuple[Annotation, ...]:
    """Return the ending first, then warnings, then the notes of the probes. Untrusted text."""
    level = _LEVELS.get(record.ending, Level.ERROR)
    if record.mode is Mode.ROLLBACK and not record.exit_code:
        level = Level.NOTICE
    if record.judgement.verdict is Verdict.DEGRADED:
        level = Level.WARNING
    message = "\n".join((f"{reason(record)}.", *next_steps(record)))
    ending = Annotation(level=level, title=headline(record), message=message)
    return (ending, *_warnings(record), *_notes(record))


def provisional_annotations(service: str, judgement: Judgement) -> tuple[Annotation, ...]:
    """Return the verdict of the gate alone, while the window still observes. Untrusted text."""
    return (
        Annotation(
            level=Level.NOTICE,
            title=f"{service}: {judgement.verdict} so far",
            message=f"{judgement.reason}. The verdict follows at the end of the window.",
        ),
    )


def no_platform_annotations(services: Sequence[str]) -> tuple[Annotation, ...]:
    """Warn of services that nothing can roll back; empty without any. Untrusted text."""
    if not services:
        return ()
    return (
        Annotation(
            level=Level.WARNING,
            title=f"An unhealthy deploy of {', '.join(services)} will not be rolled back",
            message=_NO_PLATFORM,
        ),
    )


_NO_PLATFORM = (
    "fly-api-token and rollback-command are empty (a secret that is not set is empty), or the "
    "platform is none.\n"
    "On Fly.io, set fly-api-token to an app deploy token: fly tokens create deploy -a APP. "
    "Elsewhere, set rollback-command.\n"
    "Where no rollback is wanted, set rollback: off."
)


def _warnings(record: AuditRecord) -> Iterator[Annotation]:
    """Warn of failures that are below the trigger, and of evidence that was missing."""
    window = record.window
    alert = alert_summary(window) if window else ""
    if alert and record.judgement.verdict is Verdict.HEALTHY:
        title = f"{record.service}: healthy, above the alert threshold"
        yield Annotation(level=Level.WARNING, title=title, message=alert)
    if record.unseen:
        title = f"{record.service}: judged without the platform's machines"
        message = f"{record.unseen}. No machine was probed, and a rollback was not possible."
        yield Annotation(level=Level.WARNING, title=title, message=message)
    if window and window.readings and window.traffic.verdict is TrafficVerdict.NO_DATA:
        title = f"{record.service}: judged without real traffic"
        message = f"{window.traffic.sentence}; `on-no-data: {window.policy.traffic.on_no_data}`"
        yield Annotation(level=Level.WARNING, title=title, message=message)


def _notes(record: AuditRecord) -> Iterator[Annotation]:
    """Return each note of a probe once. Of a window, failures and last neutral answers are kept."""
    stream_stats = record.window.stream_stats.values() if record.window else ()
    samples = [s for o in record.gate.observations for s in o.samples]
    samples += window_failures(record)
    samples += [stats.last_neutral for stats in stream_stats if stats.last_neutral]
    for note in dict.fromkeys(note for sample in samples for note in sample.notes):
        yield Annotation(level=Level.NOTICE, title=f"About {record.service}", message=note)


MOST_OF_A_LEVEL = 10
"""The runner keeps ten annotations of a level from one step and drops the rest."""


def aggregated(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """Return at most ten of each level, in order; the tenth counts what it stands for."""
    kept: list[Annotation] = []
    for level in Level:
        same = [annotation for annotation in annotations if annotation.level is level]
        if len(same) > MOST_OF_A_LEVEL:
            rest = f"{len(same) - MOST_OF_A_LEVEL + 1} more"
            more = Annotation(
                level=level, title=rest, message=f"{rest} of this level are in the log"
            )
            same = [*same[: MOST_OF_A_LEVEL - 1], more]
        kept += same
    return tuple(kept)
