"""What `prepare` found, as Markdown, lines and outputs."""

from slo_action.core.model import Annotation, Level, RunIdentity
from slo_action.core.observation.window import Window
from slo_action.core.release.baseline import Baseline, Prepared, ProofState, WayBackState
from slo_action.render.summary.window import window_section
from slo_action.render.text.escape import code, markdown, output, shortened, word
from slo_action.render.text.markdown import table

_LIMIT = 400
_MARKS = {
    ProofState.PROVEN: "✅\u00a0proven",
    ProofState.MISSING: "❌\u00a0missing",
    ProofState.UNKNOWN: "⚪\u00a0unknown",
}
_HEADLINES = {
    WayBackState.SAFE: "✅ {service}: the way back to {release} is proven",
    WayBackState.UNPROVEN: "⚠️ {service}: the way back to {release} could not be proven",
    WayBackState.NONE: "❌ {service}: there is no safe way back",
}
_LEVELS = {
    WayBackState.SAFE: Level.NOTICE,
    WayBackState.UNPROVEN: Level.WARNING,
    WayBackState.NONE: Level.WARNING,
}


def proof_lines(prepared: Prepared) -> tuple[str, ...]:
    """Return what was found, a line each. They quote the platform: untrusted."""
    return tuple(
        f"{proof.name}: {proof.state if proof.is_needed else 'good to know'}: {proof.words}"
        for proof in prepared.proofs
    )


def prepared_headline(prepared: Prepared) -> str:
    """Return the sentence that tells what was found; it quotes the platform: untrusted."""
    release = prepared.release.version if prepared.release else "what runs now"
    return _HEADLINES[prepared.way_back].format(service=prepared.service, release=release)


def prepared_reason(prepared: Prepared) -> str:
    """Return why, in one sentence: what is missing before what is unknown. Untrusted."""
    needed = [proof for proof in prepared.proofs if proof.is_needed]
    for state in (ProofState.MISSING, ProofState.UNKNOWN):
        told = [proof.words.rstrip(".") for proof in needed if proof.state is state]
        if told:
            return "; ".join(told)
    return "; ".join(proof.words for proof in needed) or "nothing was proven"


def prepared_annotation(prepared: Prepared, *, fails: bool) -> Annotation:
    """Return the one message beside the run; an error where it stops the deploy."""
    level = Level.ERROR if fails else _LEVELS[prepared.way_back]
    stops = "\nThe deploy is stopped here: `require-way-back: true`." if fails else ""
    return Annotation(
        level=level,
        title=prepared_headline(prepared),
        message=f"{prepared_reason(prepared)}.{stops}",
    )


def prepared_summary(prepared: Prepared, window: Window | None, run: RunIdentity) -> str:
    """Return the job summary of a `prepare` run as Markdown."""
    told = shortened(prepared_reason(prepared), _LIMIT)
    parts = [
        f"## {markdown(shortened(prepared_headline(prepared), _LIMIT))}",
        f"**Why:** {markdown(told)}.",
        "### The way back",
        _proofs(prepared),
        _lost(prepared),
        _baseline(prepared.baseline),
    ]
    if window is not None:
        parts.append(window_section(window, since="beginning", charted=False))
    parts.append(f"<sub>{code(prepared.platform)} app {code(prepared.app)}{_where(run)}</sub>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _where(run: RunIdentity) -> str:
    return f" · run {code(run.run_id)}" if run.run_id else ""


def _proofs(prepared: Prepared) -> str:
    rows = [
        (
            markdown(proof.name),
            _MARKS[proof.state] if proof.is_needed else "good to know",
            markdown(shortened(proof.words, _LIMIT)),
        )
        for proof in prepared.proofs
    ]
    return table(("a rollback needs", "found", "what was seen"), rows)


def _lost(prepared: Prepared) -> str:
    if not prepared.not_restored:
        return ""
    lines = [f"- {markdown(shortened(words, _LIMIT))}" for words in prepared.not_restored]
    return "\n".join(["A rollback would not restore:", "", *lines])


def _baseline(baseline: Baseline | None) -> str:
    if baseline is None:
        return ""
    rows = [
        (
            code(stream.name),
            f"{stream.bad} of {stream.valid}",
            "not enough data" if stream.p95_ms is None else f"{stream.p95_ms:.0f}\u00a0ms",
        )
        for stream in baseline.streams
    ]
    head = f"### Before the deploy, watched for {baseline.seconds:.0f} s"
    return f"{head}\n\n{table(('stream', 'failed', 'p95'), rows)}"


def prepared_outputs(prepared: Prepared) -> dict[str, str]:
    """Return the step outputs that `prepare` sets; every value is one inert line."""
    return {
        "way-back": prepared.way_back,
        "live-version": word(prepared.release.version if prepared.release else ""),
        "reason": output(prepared_reason(prepared)),
    }
