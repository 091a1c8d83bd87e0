"""What `prepare` found, as Markdown, lines and outputs."""

from slo_action.core.model import Annotation, Level, RunIdentity
from slo_action.core.observation.window import Window
from slo_action.core.release.baseline import Baseline, Prepared, ProofState, WayBackState
from slo_action.core.text.quantities import milliseconds_words
from slo_action.render.summary.window import window_section
from slo_action.render.text.escape import code, markdown, output, shell_word, shortened
from slo_action.render.text.markdown import bullets, paragraphs, table, unbroken

_LIMIT = 400
_MARKS = {
    ProofState.PROVEN: "✅\u00a0proven",
    ProofState.MISSING: "❌\u00a0missing",
    ProofState.UNKNOWN: "⚪\u00a0unknown",
}
_HEADLINES = {
    WayBackState.SAFE: "✅ {service}: a rollback to {release} is possible",
    WayBackState.UNPROVEN: "⚠️ {service}: a rollback to {release} may not be possible",
    WayBackState.NONE: "❌ {service}: a rollback is not possible",
}


def proof_lines(prepared: Prepared) -> tuple[str, ...]:
    """Return what was found, a line each. They quote the platform: untrusted."""
    return tuple(
        f"{proof.name}: {proof.state if proof.is_needed else 'for information'}: {proof.words}"
        for proof in prepared.proofs
    )


def prepared_headline(prepared: Prepared) -> str:
    """Return whether a rollback is possible; it quotes the platform: untrusted."""
    target = prepared.target or prepared.release
    release = target.version if target else "what runs now"
    return _HEADLINES[prepared.way_back].format(service=prepared.service, release=release)


def prepared_reason(prepared: Prepared) -> str:
    """Return why, in one sentence: what is missing before what is unknown. Untrusted."""
    needed = [proof for proof in prepared.proofs if proof.is_needed]
    for state in (ProofState.MISSING, ProofState.UNKNOWN):
        found = [proof.words.rstrip(".") for proof in needed if proof.state is state]
        if found:
            return "; ".join(found)
    return "; ".join(proof.words for proof in needed) or "nothing was checked"


def prepared_annotation(prepared: Prepared, *, fails: bool) -> Annotation:
    """Return the one message beside the run; an error where it stops the deploy."""
    well = Level.NOTICE if prepared.way_back is WayBackState.SAFE else Level.WARNING
    stops = "\nThe deploy is stopped here: `require-way-back: true`." if fails else ""
    return Annotation(
        level=Level.ERROR if fails else well,
        title=prepared_headline(prepared),
        message=f"{prepared_reason(prepared)}.{stops}",
    )


def prepared_summary(prepared: Prepared, window: Window | None, run: RunIdentity) -> str:
    """Return the job summary of a `prepare` run as Markdown."""
    rows = [
        (
            markdown(proof.name),
            _MARKS[proof.state] if proof.is_needed else "for information",
            markdown(shortened(proof.words, _LIMIT)),
        )
        for proof in prepared.proofs
    ]
    lost = (markdown(shortened(words, _LIMIT)) for words in prepared.not_restored)
    where = f" · run {code(run.run_id)}" if run.run_id else ""
    page = paragraphs(
        f"## {markdown(shortened(prepared_headline(prepared), _LIMIT))}",
        f"**Why:** {markdown(shortened(prepared_reason(prepared), _LIMIT))}.",
        "### What a rollback needs",
        table(("needed", "found", "details"), rows),
        bullets(lost, "A rollback would not restore:"),
        _baseline(prepared.baseline) if prepared.baseline else "",
        window_section(window, since="beginning", charted=False) if window else "",
        f"<sub>{code(prepared.platform)} app {code(prepared.app)}{where}</sub>",
    )
    return f"{page}\n"


def _baseline(baseline: Baseline) -> str:
    rows = [
        (
            code(stream.name),
            f"{stream.bad} of {stream.valid}",
            "not enough data"
            if stream.p95_ms is None
            else unbroken(milliseconds_words(stream.p95_ms / 1000)),
        )
        for stream in baseline.streams
    ]
    head = f"### Baseline: {baseline.seconds:.0f} s before the deploy"
    return paragraphs(head, table(("stream", "failed", "p95"), rows))


def prepared_outputs(prepared: Prepared) -> dict[str, str]:
    """Return the step outputs that `prepare` sets; every value is one inert line."""
    return {
        "way-back": prepared.way_back,
        "live-version": shell_word(prepared.release.version if prepared.release else ""),
        "reason": output(prepared_reason(prepared)),
    }
