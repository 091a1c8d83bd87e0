"""Several services in one summary, one set of outputs and one set of messages: the worst first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from slo_action import __version__
from slo_action.core.model import Annotation, Level, Verdict
from slo_action.core.record.multi_service import ServiceEnding, worst_first
from slo_action.render.annotations import annotations
from slo_action.render.endings import ending_text, headline, reason
from slo_action.render.outputs import OUTPUTS, compact_json, record_values
from slo_action.render.summary.summary import LIMIT_BYTES, summary
from slo_action.render.text.escape import code, markdown, output, shell_word, shortened
from slo_action.render.text.markdown import folded, paragraphs, table

SERVICES_LIMIT_BYTES = 100 * 1024
_CELL_LIMIT = 200
_NAME_LIMIT = 80
_LONG = 1200
_NAMES_SHOWN = 20
_MARKS = {Verdict.HEALTHY: "✅", Verdict.DEGRADED: "⚠️"}
_CUT = "*Cut to stay within the summary's limit: the rest is in the evidence.*"


def several_headline(ends: Sequence[ServiceEnding]) -> str:
    """Return the result of all in one sentence: the worst one's ending first. Untrusted."""
    worst, *others = worst_first(ends)
    if worst.verdict is Verdict.HEALTHY and others:
        return f"✅ all {len(ends)} services are verified healthy"
    return "; ".join([_title(worst), *_counts(others)])


def several_reason(ends: Sequence[ServiceEnding]) -> str:
    """Return why, in one sentence that names the worst service; untrusted."""
    worst, *others = worst_first(ends)
    if worst.verdict is Verdict.HEALTHY and others:
        return f"all {len(ends)} services are healthy"
    return "; ".join([f"{worst.service}: {_why(worst)}", *_counts(others)])


def _counts(others: Sequence[ServiceEnding]) -> list[str]:
    """Return how many others there are of each verdict; nothing where there are none."""
    counts = Counter(end.verdict for end in others)
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    if len(counts) == 1:
        return [listed.replace(" ", f" other{'s' * (len(others) > 1)} ")]
    return [f"others: {listed}"] if listed else []


def _title(end: ServiceEnding) -> str:
    return headline(end.record) if end.record else f"⚪ {end.service} was not judged"


def _why(end: ServiceEnding) -> str:
    if end.record:
        return reason(end.record)
    return f"{end.trouble.title}: {end.trouble.message}" if end.trouble else ""


def several_summary(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str], evidence_url: str = ""
) -> str:
    """Return the summary of all as Markdown of at most 700 KiB: a table, then a section a service.

    Healthy services are folded. `audit_paths` are the audit records by service, as later steps
    find them; `evidence_url` is the artifact's page, empty where nothing was uploaded (yet).
    """
    ranked = worst_first(ends)
    header = ("service", "verdict", "cause", "reason", "ending", "live version")
    evidence = f"[Evidence of all]({evidence_url}) · " if evidence_url else ""
    head = paragraphs(
        _heading(several_headline(ends), several_reason(ends)),
        table(header, map(_row, ranked)),
        f"<sub>{evidence}slo-verify {__version__}</sub>",
    )
    room = (LIMIT_BYTES - len(head.encode())) // len(ranked)
    sections = (_section(end, audit_paths.get(end.service, ""), room) for end in ranked)
    return f"{paragraphs(head, *sections)}\n"


def _heading(title: str, why: str) -> str:
    shown = markdown(shortened(why, _LONG).rstrip("."))
    return f"## {markdown(shortened(title, _LONG))}\n\n**Why:** {shown}."


def _row(end: ServiceEnding) -> tuple[str, ...]:
    live = end.record.live_version if end.record else ""
    return (
        _name(end),
        f"{_mark(end)}\u00a0{code(end.verdict)}",
        code(end.cause),
        markdown(shortened(_why(end).partition(";")[0], _CELL_LIMIT)),
        code(end.ending),
        code(shortened(live, _NAME_LIMIT)) if live else "",
    )


def _name(end: ServiceEnding) -> str:
    return code(shortened(end.service, _NAME_LIMIT))


def _mark(end: ServiceEnding) -> str:
    fallback = ending_text(end.record).mark if end.record else "⚪"
    return _MARKS.get(end.verdict, fallback)


def _section(end: ServiceEnding, audit_path: str, room: int) -> str:
    """Return one service's section of at most `room` bytes."""
    body = _heading(_title(end), _why(end))
    if end.record:
        body = summary(end.record, {}, limit_bytes=room).rstrip()
    text = paragraphs(body, f"Audit record: {code(audit_path)}" if audit_path else "")
    title = f"{_mark(end)} {_name(end)}: {code(end.verdict)}"
    healthy = end.verdict is Verdict.HEALTHY
    shown, cut = (folded(title, part) if healthy else part for part in (text, _CUT))
    return shown if len(shown.encode()) <= room else cut


def several_outputs(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str]
) -> dict[str, str]:
    """Return the outputs of all together; every value is one inert line.

    Verdict, cause and ending are the worst service's. A value that is the same for all services is
    set, one that differs is empty: `services` holds each service's own.
    """
    worst = worst_first(ends)[0]
    each = [_values(end) for end in ends]
    triggers = [name for one in each for name in one["triggers"].split(",") if name]
    common = {name: value for name, value in each[0].items() if all(o[name] == value for o in each)}
    return {
        **dict.fromkeys(each[0], ""),
        **common,
        "verdict": worst.verdict,
        "cause": worst.cause,
        "ending": worst.ending,
        "reason": output(several_reason(ends)),
        "rollback-triggered": _flag(any(end.rollback_begun for end in ends)),
        "triggers": ",".join(dict.fromkeys(triggers)),
        "audit": compact_json(dict(audit_paths)),
        "services": _services_line(services(ends, audit_paths)),
    }


def _values(end: ServiceEnding) -> dict[str, str]:
    """Return one service's own outputs; where it was not judged, most are empty."""
    if end.record:
        return record_values(end.record)
    return {
        **{spec.name: "" for spec in OUTPUTS if spec.value is not None},
        "verdict": end.verdict,
        "cause": end.cause,
        "reason": output(_why(end)),
        "ending": end.ending,
        "rollback-triggered": _flag(end.rollback_begun),
    }


def _flag(value: bool) -> str:  # noqa: FBT001 - what it writes
    return "true" if value else "false"


def services(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return each service's values by its name, as JSON data: numbers and flags are typed."""
    return {
        end.service: {
            **_values(end),
            "exit-code": end.exit_code,
            "rollback-triggered": end.rollback_begun,
            "audit-path": audit_paths.get(end.service, ""),
        }
        for end in ends
    }


def _services_line(found: Mapping[str, dict[str, Any]]) -> str:
    """Return them as one line; texts are shortened where it would be longer than 100 KiB."""
    line = compact_json(found)
    if len(line) <= SERVICES_LIMIT_BYTES:
        return line
    return compact_json(
        {
            name: {
                key: shell_word(shortened(value, _NAME_LIMIT)) if isinstance(value, str) else value
                for key, value in values.items()
            }
            for name, values in found.items()
        }
    )


def several_annotations(ends: Sequence[ServiceEnding]) -> tuple[Annotation, ...]:
    """Return the ending of each that is not healthy, worst first, then one notice of the others.

    Other annotations of a service come last: the runner shows ten of a level. Untrusted.
    """
    ranked = worst_first(ends)
    own = {end.service: annotations(end.record) for end in ranked if end.record}
    bad = [end for end in ranked if end.verdict is not Verdict.HEALTHY]
    first = [own[end.service][0] if end.record else _trouble(end) for end in bad]
    more = [note for end in ranked for note in own.get(end.service, ())[1:]]
    return (*first, *_healthy([end for end in ranked if end not in bad]), *more)


def _trouble(end: ServiceEnding) -> Annotation:
    level = Level.ERROR if end.exit_code else Level.WARNING
    message = end.trouble.message if end.trouble else ""
    title = f"{end.service}: {end.trouble.title}" if end.trouble else end.service
    return Annotation(level=level, title=title, message=message)


def _healthy(ends: Sequence[ServiceEnding]) -> tuple[Annotation, ...]:
    if not ends:
        return ()
    names = [shortened(end.service, _NAME_LIMIT) for end in ends]
    more = len(names) - _NAMES_SHOWN
    listed = ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    count = "1 service is" if len(ends) == 1 else f"{len(ends)} services are"
    return (Annotation(level=Level.NOTICE, title=f"✅ {count} verified healthy", message=listed),)
