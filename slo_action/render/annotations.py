"""The few messages beside the run: one for the ending, one a kind of trouble. Data only."""

from collections.abc import Sequence

from slo_action.core.model import Annotation, Ending, Level, Mode, Sample, Verdict
from slo_action.core.observation.real_traffic import TrafficVerdict
from slo_action.core.record.record import AuditRecord
from slo_action.core.verdict.judge import Judgement
from slo_action.core.verdict.window_facts import alert_summary
from slo_action.render.endings import headline, next_steps, reason
from slo_action.render.proofs import window_failures

_LEVELS = {
    Ending.VERIFIED: Level.NOTICE,
    Ending.UNDECIDED: Level.WARNING,
}


def annotations(record: AuditRecord) -> tuple[Annotation, ...]:
    """Return the ending first, then the notes of the probes, each once. Untrusted text."""
    level = _LEVELS.get(record.ending, Level.ERROR)
    if record.mode is Mode.ROLLBACK and not record.exit_code:
        level = Level.NOTICE
    if record.judgement.verdict is Verdict.DEGRADED:
        level = Level.WARNING
    steps = "".join(f"\n{step}" for step in next_steps(record))
    told = Annotation(level=level, title=headline(record), message=f"{reason(record)}.{steps}")
    return (told, *_alerts(record), *_unseen(record), *_unread(record), *_notes(record))


def provisional_annotations(service: str, judgement: Judgement) -> tuple[Annotation, ...]:
    """Return what the gate alone says, while the window still watches. Untrusted text."""
    return (
        Annotation(
            level=Level.NOTICE,
            title=f"{service}: {judgement.verdict} for now",
            message=f"{judgement.reason}. It is watched on; the verdict comes at the end.",
        ),
    )


def _alerts(record: AuditRecord) -> tuple[Annotation, ...]:
    """Return the warning of a deploy that stands, though it fails more than it should."""
    window = record.window
    words = alert_summary(window) if window else ""
    if record.judgement.verdict is not Verdict.HEALTHY or not words:
        return ()
    title = f"{record.service}: healthy, above the alert threshold"
    return (Annotation(level=Level.WARNING, title=title, message=words),)


def _unseen(record: AuditRecord) -> tuple[Annotation, ...]:
    """Return the warning that machines were to be looked at, and nobody saw them."""
    if not record.unseen:
        return ()
    title = f"{record.service}: judged without its machines"
    told = f"{record.unseen}. No machine was seen by itself, and nothing could be rolled back."
    return (Annotation(level=Level.WARNING, title=title, message=told),)


def _unread(record: AuditRecord) -> tuple[Annotation, ...]:
    """Return the warning that real traffic was wanted, and had no say."""
    window = record.window
    if window is None or not window.readings:
        return ()
    if window.traffic.verdict is not TrafficVerdict.NO_DATA:
        return ()
    title = f"{record.service}: judged without real traffic"
    told = f"{window.traffic.sentence}; `on-no-data: {window.policy.traffic.on_no_data}`"
    return (Annotation(level=Level.WARNING, title=title, message=told),)


def _notes(record: AuditRecord) -> tuple[Annotation, ...]:
    asked = [s for o in record.gate.observations for s in o.samples]
    noted = (note for sample in (*asked, *_kept(record)) for note in sample.notes)
    return tuple(
        Annotation(level=Level.NOTICE, title=f"About {record.service}", message=note)
        for note in dict.fromkeys(noted)
    )


def _kept(record: AuditRecord) -> tuple[Sample, ...]:
    """Of a window's samples only failures and the last neutral ones are kept."""
    stream_stats = record.window.stream_stats.values() if record.window else ()
    neutral = tuple(stats.last_neutral for stats in stream_stats if stats.last_neutral)
    return (*window_failures(record), *neutral)


MOST_OF_A_LEVEL = 10
"""The runner keeps ten annotations of a level from one step and drops the rest silently."""


def aggregated(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """Return at most ten of each level, in order; the tenth counts what it stands for."""
    kept: list[Annotation] = []
    for level in Level:
        same = [annotation for annotation in annotations if annotation.level is level]
        if len(same) > MOST_OF_A_LEVEL:
            rest = len(same) - MOST_OF_A_LEVEL + 1
            more = Annotation(
                level=level,
                title=f"{rest} more",
                message=f"{rest} more of this level are in the log",
            )
            same = [*same[: MOST_OF_A_LEVEL - 1], more]
        kept += same
    return tuple(kept)
