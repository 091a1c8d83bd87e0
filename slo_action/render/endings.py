"""What a run's ending is called, and what a person should do next. One table."""

from collections.abc import Callable
from dataclasses import dataclass

from slo_action.core.model import Cause, Ending, Mode, Verdict
from slo_action.core.record.record import AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingText:
    """A headline for each ending; no two are alike. `conclusion` is the check run's."""

    mark: str
    headline: Callable[[AuditRecord], str]
    conclusion: str


def _version(record: AuditRecord) -> str:
    """Name what was judged in the platform's words, where it has some: those it is undone by."""
    if record.released is None:
        return f" {record.judged_version}" if record.judged_version else ""
    expected = record.policy.rule.expected
    own = f" ({expected})" if expected and expected != record.released.version else ""
    return f" {record.released.version}{own}"


def _target(record: AuditRecord) -> str:
    return record.rolled_back_to or "the previous release"


def _is_verified_bad(record: AuditRecord) -> bool:
    verification = record.rollback.verification if record.rollback else None
    return verification is not None and verification.judgement.verdict is Verdict.UNHEALTHY


def _is_taken_over(record: AuditRecord) -> bool:
    """Tell whether somebody else deployed while we restored, or while we verified that."""
    if record.rollback is None:
        return False
    verification = record.rollback.verification
    if verification and verification.judgement.cause is Cause.SUPERSEDED:
        return True
    return any(step.taken_over for step in record.rollback.steps)


def _not_restored(record: AuditRecord) -> str:
    if _is_taken_over(record):
        return "another deploy took over while it was rolled back: see its own run"
    return "the rollback failed: a human is needed now"


def _afterwards(record: AuditRecord) -> str:
    if _is_taken_over(record):
        return "another deploy took over before that was verified: see its own run"
    bad = _is_verified_bad(record)
    what = "is still not healthy" if bad else "could not be verified"
    return f"{what}: a human is needed now"


def _restored(record: AuditRecord) -> str:
    """What changed nothing is not said to be restored, though the service is well by now.

    A platform that names each machine's image has proven it already.
    """
    verification = record.rollback.verification if record.rollback else None
    if verification and verification.fleet:
        return "which is verified healthy"
    if record.live_version and record.live_version == record.judged_version:
        return f"but {record.live_version} still answers; it is healthy now"
    return "which is verified healthy"


def _verified(record: AuditRecord) -> str:
    if record.judgement.verdict is Verdict.DEGRADED:
        return f"{record.service}{_version(record)} is live, but degraded"
    return f"{record.service}{_version(record)} is verified healthy"


ENDINGS: dict[Ending, EndingText] = {
    Ending.VERIFIED: EndingText(mark="✅", headline=_verified, conclusion="success"),
    Ending.ROLLED_BACK_VERIFIED: EndingText(
        mark="↩️",
        headline=lambda record: (
            f"{record.service}{_version(record)} was bad; rolled back to {_target(record)}, "
            f"{_restored(record)}"
        ),
        conclusion="failure",
    ),
    Ending.ROLLED_BACK_UNHEALTHY: EndingText(
        mark="🔥",
        headline=lambda record: (
            f"{record.service} was rolled back to {_target(record)} and {_afterwards(record)}"
        ),
        conclusion="failure",
    ),
    Ending.ROLLBACK_FAILED: EndingText(
        mark="🔥",
        headline=lambda record: (
            f"{record.service}{_version(record)} is bad and {_not_restored(record)}"
        ),
        conclusion="failure",
    ),
    Ending.NOT_ROLLED_BACK: EndingText(
        mark="❌",
        headline=lambda record: (
            f"{record.service}{_version(record)} is unhealthy and was not rolled back"
        ),
        conclusion="failure",
    ),
    Ending.UNDECIDED: EndingText(
        mark="⚪",
        headline=lambda record: (
            f"could not tell whether {record.service} is healthy; nothing was changed"
        ),
        conclusion="neutral",
    ),
}


def _not_by_hand(record: AuditRecord) -> str:
    if record.decision.rehearsed and record.plan:
        goal = record.plan.target.version
        return f"{record.service} would be rolled back to {goal}; nothing was changed"
    return f"{record.service} was not rolled back; nothing was changed"


def _failed_by_hand(record: AuditRecord) -> str:
    if _is_taken_over(record):
        return f"the rollback of {record.service} ended: another deploy took over, see its own run"
    return f"the rollback of {record.service} failed: a human is needed now"


BY_HAND: dict[Ending, EndingText] = {
    Ending.ROLLED_BACK_VERIFIED: EndingText(
        mark="↩️",
        headline=lambda record: (
            f"{record.service} was rolled back to {_target(record)} as asked, {_restored(record)}"
        ),
        conclusion="success",
    ),
    Ending.ROLLED_BACK_UNHEALTHY: ENDINGS[Ending.ROLLED_BACK_UNHEALTHY],
    Ending.ROLLBACK_FAILED: EndingText(
        mark="🔥",
        headline=_failed_by_hand,
        conclusion="failure",
    ),
    Ending.NOT_ROLLED_BACK: EndingText(
        mark="⚪",
        headline=_not_by_hand,
        conclusion="neutral",
    ),
}
"""The endings of a rollback that a person asked for, which judges nothing before it acts."""

_TEXTS = {Mode.VERIFY: ENDINGS, Mode.ROLLBACK: BY_HAND}


def ending_text(record: AuditRecord) -> EndingText:
    """Return what the ending is called in the run's mode."""
    return _TEXTS[record.mode][record.ending]


def headline(record: AuditRecord) -> str:
    """Return the sentence that tells how the run ended; it quotes versions: untrusted."""
    text = ending_text(record)
    return f"{text.mark} {text.headline(record)}"


def reason(record: AuditRecord) -> str:
    """Return why, in one sentence; untrusted."""
    verification = record.rollback.verification if record.rollback else None
    told = record.judgement.reason
    if record.mode is Mode.ROLLBACK:
        return told
    if record.ending is Ending.NOT_ROLLED_BACK and record.judgement.cause is not Cause.SUPERSEDED:
        return f"{told}; not rolled back: {record.decision.why}"
    if record.ending is Ending.ROLLBACK_FAILED and record.rollback:
        step = record.rollback.steps[-1]
        return f"{told}; the rollback failed at {step.name}: {step.detail}"
    if record.ending is Ending.ROLLED_BACK_UNHEALTHY:
        after = verification.judgement.reason if verification else "it was not verified"
        return f"{told}. Restored, but not well: {after}"
    if record.ending is Ending.ROLLED_BACK_VERIFIED and verification:
        return f"{told}. Restored: {verification.judgement.reason}"
    return told


_NEXT_BY_ENDING: dict[Ending, tuple[str, ...]] = {
    Ending.ROLLED_BACK_VERIFIED: (
        "Mend the change and deploy again; this run stays red, whatever answers now.",
    ),
    Ending.ROLLED_BACK_UNHEALTHY: (
        "Both releases fail, so look at what they share: database, secrets, dependencies.",
        "The rollback is not repeated by itself.",
    ),
    Ending.ROLLBACK_FAILED: (
        "Restore the previous release by hand; the output of the rollback is below.",
        "Then run this workflow again to verify it.",
    ),
    Ending.UNDECIDED: (
        "Nothing is known against the deploy, and nothing was changed. Run the job again.",
    ),
}
_NEXT_BY_CAUSE: dict[Cause, tuple[str, ...]] = {
    Cause.CONFIG: (
        "Correct the check: its paths or credentials, or send Cache-Control: no-store.",
    ),
    Cause.PATH: ("Renew the certificate or mend the DNS record; no rollback would.",),
    Cause.WRONG_VERSION: (
        "The deploy did not take effect: look at the platform's release log before this step.",
    ),
    Cause.SUPERSEDED: ("Look at the newer deploy's own verification.",),
    Cause.OBSERVER: ("If it fails so again, look at the runner's network.",),
    Cause.PRE_EXISTING: (
        "Look at what failed before the deploy already: no rollback would mend it.",
    ),
    Cause.APP: ("Look at the service's log from the time of the first failure on.",),
}


_NO_TRAFFIC_DATA = ("Look at why the metric source has no data: address, credentials or query.",)
_LET_PASS = ("Let the probe pass the firewall: by a header, a token, or the runner's address.",)
NEXT_BY_ROW: dict[str, tuple[str, ...]] = {
    "no-traffic-fail": _NO_TRAFFIC_DATA,
    "no-traffic-inconclusive": _NO_TRAFFIC_DATA,
    "window-unsure": (
        "Nothing was changed. Look at the failures below, then run the job again.",
        "Too few answers were heard to be sure: a longer `observe` brings more.",
    ),
    "window-challenge": _LET_PASS,
    "unjudged-challenge": _LET_PASS,
    "window-silent": (
        "Nothing was changed. Exempt the probe from a rate limit, if one silenced it.",
        "Else look at the runner's network. Then run the job again.",
    ),
    "interrupted": ("Nothing was changed: the run was stopped. Run the job again.",),
    "window-degraded": ("Look at what the body says of its checks.",),
    "window-mixed": (
        "Two versions answer: look for machines that the deploy did not reach, or stop them.",
    ),
    "window-machine": ("Look at that machine by itself: stop it, or replace it.",),
    "window-slow": ("Look at what makes it slow; the table below tells which endpoint.",),
}
"""Where the row knows better than ending and cause."""


_TAKEN_OVER = (
    "Look at the newer deploy's own run. This one touches nothing any more.",
    "Without such a run, verify what is live: nobody has.",
)
_NEXT_BY_HAND: dict[Ending, tuple[str, ...]] = {
    Ending.ROLLED_BACK_VERIFIED: ("Look at what makes the restored release less than healthy.",),
    Ending.ROLLED_BACK_UNHEALTHY: _NEXT_BY_ENDING[Ending.ROLLED_BACK_UNHEALTHY],
    Ending.ROLLBACK_FAILED: (
        "Look at the steps below: the last one says why it stopped, and each what it changed.",
        "Then run `mode: rollback`: machines that are restored already are left alone.",
    ),
    Ending.NOT_ROLLED_BACK: ("Nothing was changed. The decision above says why.",),
}


def next_steps(record: AuditRecord) -> tuple[str, ...]:
    """Return what to do now; empty where nothing is to be done. Trusted text."""
    if record.judgement.verdict is Verdict.HEALTHY:
        return ()
    if _is_taken_over(record):
        return _TAKEN_OVER
    return _next_by_hand(record) if record.mode is Mode.ROLLBACK else _next_after_verify(record)


def _next_by_hand(record: AuditRecord) -> tuple[str, ...]:
    return () if record.decision.rehearsed else _NEXT_BY_HAND[record.ending]


def _next_after_verify(record: AuditRecord) -> tuple[str, ...]:
    if record.ending is Ending.ROLLED_BACK_UNHEALTHY and not _is_verified_bad(record):
        return ("Look at the service now: nobody has verified what the rollback restored.",)
    if record.ending is Ending.ROLLBACK_FAILED and record.plan:
        return _NEXT_BY_HAND[Ending.ROLLBACK_FAILED]
    by_row = NEXT_BY_ROW.get(record.judgement.row)
    if by_row and not record.rollback:
        return by_row
    by_cause = _NEXT_BY_CAUSE.get(record.judgement.cause, ())
    return _NEXT_BY_ENDING.get(record.ending, ()) + by_cause
