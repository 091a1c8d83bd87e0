"""What a run's ending is called, why, and what a person should do next. One table."""

from math import ceil
from typing import NamedTuple

from slo_action.core.decision.decide import ROLLBACK_CAUSES
from slo_action.core.model import Cause, Ending, Mode, Verdict
from slo_action.core.record.record import AuditRecord, Rollback, Verification
from slo_action.core.text.quantities import duration_words


class EndingText(NamedTuple):
    """A headline for each ending; no two are alike. `conclusion` is the check run's."""

    mark: str
    headline: str
    conclusion: str = "failure"


ENDINGS: dict[Ending, EndingText] = {
    Ending.VERIFIED: EndingText("✅", "{release} is {verified}", "success"),
    Ending.ROLLED_BACK_VERIFIED: EndingText(
        "↩️", "{release} failed; rolled back to {target}, {restored}"
    ),
    Ending.ROLLED_BACK_UNHEALTHY: EndingText(
        "🔥", "{service} was rolled back to {target} {afterwards}"
    ),
    Ending.ROLLBACK_FAILED: EndingText("🔥", "{release} failed, {not_restored}"),
    Ending.NOT_ROLLED_BACK: EndingText("❌", "{release} is unhealthy and was not rolled back"),
    Ending.UNDECIDED: EndingText("⚪", "{release}: inconclusive; nothing was changed", "neutral"),
}

BY_HAND: dict[Ending, EndingText] = {
    Ending.ROLLED_BACK_VERIFIED: EndingText(
        "↩️", "{service} was rolled back to {target} on request, {restored}", "success"
    ),
    Ending.ROLLED_BACK_UNHEALTHY: ENDINGS[Ending.ROLLED_BACK_UNHEALTHY],
    Ending.ROLLBACK_FAILED: EndingText("🔥", "the rollback of {service} {stopped}"),
    Ending.NOT_ROLLED_BACK: EndingText("⚪", "{service} {planned}; nothing was changed", "neutral"),
}
"""The endings of a rollback that a person asked for, which judges nothing before it acts."""


def ending_text(record: AuditRecord) -> EndingText:
    """Return what the ending is called in the run's mode."""
    return (BY_HAND if record.mode is Mode.ROLLBACK else ENDINGS)[record.ending]


def headline(record: AuditRecord) -> str:
    """Return the sentence that says how the run ended; it quotes versions: untrusted."""
    text = ending_text(record)
    return f"{text.mark} {text.headline.format_map(_values(record))}"


def _values(record: AuditRecord) -> dict[str, str]:
    degraded = record.judgement.verdict is Verdict.DEGRADED
    rehearsed = record.plan if record.decision.rehearsed else None
    taken_over, restored = _is_taken_over(record), _restored(record)
    is_late = record.rollback is not None and record.rollback.is_late
    return {
        "service": record.service,
        "release": f"{record.service}{_version(record)}",
        "target": _target(record),
        "verified": "live, but degraded" if degraded else "verified healthy",
        "restored": _still_answering(record)
        or ("live, but degraded" if restored is Verdict.DEGRADED else "verified healthy"),
        "afterwards": "but another deploy took over before that was verified: see its run"
        if taken_over
        else "and is still unhealthy: manual action needed"
        if restored is Verdict.UNHEALTHY
        else "but could not be verified: manual action needed",
        "not_restored": "another deploy took over during the rollback: see its run"
        if taken_over
        else "and its rollback is not finished: run `mode: rollback`"
        if is_late
        else "and so did the rollback: manual action needed",
        "stopped": "stopped: another deploy took over, see its run"
        if taken_over
        else "is not finished: run it again"
        if is_late
        else "failed: manual action needed",
        "planned": f"would be rolled back to {rehearsed.target.version}"
        if rehearsed
        else "was not rolled back",
    }


def _version(record: AuditRecord) -> str:
    """Return the release as the platform names it, where it does: that is what is rolled back."""
    if record.released is None:
        return f" {record.judged_version}" if record.judged_version else ""
    expected = record.policy.rule.expected
    own = f" ({expected})" if expected and expected != record.released.version else ""
    return f" {record.released.version}{own}"


def _target(record: AuditRecord) -> str:
    return record.rolled_back_to or "the previous release"


def _verification(record: AuditRecord) -> Verification | None:
    return record.rollback.verification if record.rollback else None


def _restored(record: AuditRecord) -> Verdict | None:
    """Return the verdict on what was restored; None where it was not verified."""
    verification = _verification(record)
    return verification.judgement.verdict if verification else None


def _is_taken_over(record: AuditRecord) -> bool:
    """Return whether another deploy began while we restored, or while we verified that."""
    verification = _verification(record)
    if verification and verification.judgement.cause is Cause.SUPERSEDED:
        return True
    return any(step.taken_over for step in record.rollback.steps) if record.rollback else False


def _still_answering(record: AuditRecord) -> str:
    """Return the version that a rollback should have replaced, and did not; empty if it did.

    A platform that names each machine's image has proven it already.
    """
    verification = _verification(record)
    has_fleet = verification is not None and verification.fleet is not None
    if has_fleet or not record.live_version or record.live_version != record.judged_version:
        return ""
    return f"but {record.live_version} still answers; it is healthy now"


def reason(record: AuditRecord) -> str:
    """Return what failed and what was done about it, in one or two sentences; untrusted."""
    judgement, done = record.judgement, ""
    if record.mode is not Mode.VERIFY:
        return judgement.reason
    if record.rollback:
        done = f". {_rollback_result(record, record.rollback)}"
    elif record.ending is Ending.NOT_ROLLED_BACK and judgement.cause is not Cause.SUPERSEDED:
        done = f". Not rolled back: {record.decision.why}"
    return f"{judgement.reason}{done}"


def _rollback_result(record: AuditRecord, rollback: Rollback) -> str:
    if record.ending is Ending.ROLLBACK_FAILED:
        step = rollback.steps[-1]
        if rollback.is_late:
            return f"The rollback is not finished: {step.detail}"
        return f"The rollback failed at {step.name}: {step.detail}"
    seconds = sum(step.duration_seconds for step in rollback.steps)
    done = f"Rolled back to {_target(record)} within {duration_words(max(1, ceil(seconds)))}"
    if rollback.verification is None:
        return f"{done}; not verified"
    after = rollback.verification.judgement
    if record.ending is Ending.ROLLED_BACK_VERIFIED and after.verdict is not Verdict.DEGRADED:
        return f"{done}; {_still_answering(record) or 'healthy since'}"
    results = {Verdict.DEGRADED: "degraded since", Verdict.UNHEALTHY: "still unhealthy"}
    return f"{done}; {results.get(after.verdict, 'not verified')}: {after.reason}"


_NEXT_BY_ENDING: dict[Ending, tuple[str, ...]] = {
    Ending.ROLLED_BACK_VERIFIED: ("Fix the change and deploy again; this run stays red.",),
    Ending.ROLLED_BACK_UNHEALTHY: (
        "Both releases fail: check what they share, such as database, secrets, dependencies.",
        "The rollback is not repeated automatically.",
    ),
    Ending.ROLLBACK_FAILED: (
        "Restore the previous release by hand; the output of the rollback is below.",
        "Then run this workflow again to verify it.",
    ),
    Ending.UNDECIDED: (
        "There is no evidence against the deploy, and nothing was changed. Run the job again.",
    ),
}
_NEXT_BY_CAUSE: dict[Cause, tuple[str, ...]] = {
    Cause.CONFIG: ("Fix the check as the reason says: its path, method, credentials or captures.",),
    Cause.PATH: ("Fix the TLS, DNS or routing fault that the reason names.",),
    Cause.WRONG_VERSION: (
        "The deploy did not take effect: check the platform's release log before this step.",
    ),
    Cause.SUPERSEDED: ("See the newer deploy's own verification.",),
    Cause.OBSERVER: ("If it happens again, check the runner's network.",),
    Cause.PRE_EXISTING: (
        "Check what failed already before the deploy: a rollback would not fix it.",
    ),
    Cause.APP: ("Check the service's log from the first failure on.",),
    Cause.PLATFORM: ("Check the platform's status page and the state of the machines.",),
}
_STILL_LIVE = "The failed release is still live: roll back by hand, or deploy a fix."
_DEGRADED_BODY = ("Fix what the health answer reports; the reason quotes it.",)
_NOT_CACHED = ("Send `Cache-Control: no-store` on the path that the reason names.",)


_NO_TRAFFIC_DATA = ("Check why the metric source has no data: address, credentials or query.",)
_LET_PASS = ("Let the probe through the firewall: by a header, a token, or the runner's address.",)
NEXT_BY_ROW: dict[str, tuple[str, ...]] = {
    "no-traffic-fail": _NO_TRAFFIC_DATA,
    "no-traffic-inconclusive": _NO_TRAFFIC_DATA,
    "window-unsure": (
        "Nothing was changed. Check the failures below, then run the job again.",
        "There were too few answers to decide: a longer `observe` brings more.",
    ),
    "window-cached": _NOT_CACHED,
    "unjudged-cached": _NOT_CACHED,
    "window-challenge": _LET_PASS,
    "unjudged-challenge": _LET_PASS,
    "window-silent": (
        "Nothing was changed. Exempt the probe from rate limits, if one applied.",
        "Otherwise check the runner's network. Then run the job again.",
    ),
    "interrupted": ("Nothing was changed: the run was stopped. Run the job again.",),
    "missed-protocol": (
        "Enable HTTP/1.1 on the server, or probe an address that speaks it.",
        "If the server wants a client certificate, set `client-cert` and `client-key`.",
    ),
    "outside": ("Check what lies between users and the machines: proxy, load balancer, DNS.",),
    "no-version": (
        "Set `version-path` or `health-path` to an endpoint that reports the version.",
        "If there is none, leave `expected-version` out.",
    ),
    "version-unverified": ("Set `expected-version` to a value that the service reports.",),
    "met-degraded": _DEGRADED_BODY,
    "window-degraded": _DEGRADED_BODY,
    "window-mixed": (
        "Two versions answer: find the machines that the deploy did not reach, or stop them.",
    ),
    "window-machine": ("Check that machine: stop it, or replace it.",),
    "window-slow": ("Check what makes it slow; the table below names the endpoint.",),
}
"""Rows whose steps are more specific than those of ending and cause."""


_TAKEN_OVER = (
    "See the newer deploy's own run. This one changes nothing any more.",
    "If there is no such run, verify what is live: it is unverified.",
)
_NEXT_BY_HAND: dict[Ending, tuple[str, ...]] = {
    Ending.ROLLED_BACK_VERIFIED: ("Check why the restored release is not fully healthy.",),
    Ending.ROLLED_BACK_UNHEALTHY: _NEXT_BY_ENDING[Ending.ROLLED_BACK_UNHEALTHY],
    Ending.ROLLBACK_FAILED: (
        "Check the steps below: each says what it changed, the last one why it stopped.",
        "Then run `mode: rollback`: machines that are already restored are not changed.",
    ),
    Ending.NOT_ROLLED_BACK: ("Nothing was changed. The decision above says why.",),
}


def next_steps(record: AuditRecord) -> tuple[str, ...]:
    """Return what to do now; empty if nothing. Trusted text."""
    if record.judgement.verdict is Verdict.HEALTHY:
        return ()
    if _is_taken_over(record):
        return _TAKEN_OVER
    if record.mode is Mode.ROLLBACK:
        return () if record.decision.rehearsed else _NEXT_BY_HAND[record.ending]
    return _next_after_verify(record)


def _next_after_verify(record: AuditRecord) -> tuple[str, ...]:
    if record.ending is Ending.ROLLED_BACK_UNHEALTHY and _restored(record) is not Verdict.UNHEALTHY:
        return ("Check the service now: what the rollback restored is unverified.",)
    if record.ending is Ending.ROLLBACK_FAILED and record.plan:
        return _NEXT_BY_HAND[Ending.ROLLBACK_FAILED]
    by_row = NEXT_BY_ROW.get(record.judgement.row)
    if by_row and not record.rollback:
        return by_row
    cause = record.judgement.cause
    first = _NEXT_BY_ENDING.get(record.ending, ())
    if record.ending is Ending.NOT_ROLLED_BACK and cause in ROLLBACK_CAUSES:
        first = (_STILL_LIVE,)
    return first + _NEXT_BY_CAUSE.get(cause, ())
