"""Several services in one summary, one set of outputs and one set of messages: the worst first."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from slo_action import __version__
from slo_action.core.model import Annotation, Level, Verdict
from slo_action.core.record.multi_service import ServiceEnding, worst_first
from slo_action.render.annotations import annotations
from slo_action.render.endings import ending_text, headline, reason
from slo_action.render.outputs import OUTPUTS, record_values
from slo_action.render.summary.summary import LIMIT_BYTES, summary
from slo_action.render.text.escape import code, json_line, markdown, output, shortened, word
from slo_action.render.text.markdown import folded, table

SERVICES_LIMIT_BYTES = 100 * 1024
_CELL_LIMIT = 200
_NAME_LIMIT = 80
_LONG = 1200
_NAMES_SHOWN = 20
_MARKS = {Verdict.HEALTHY: "✅", Verdict.DEGRADED: "⚠️"}
_CUT = "*Cut to stay within the summary's limit: the rest is in the evidence.*"


def several_headline(ends: Sequence[ServiceEnding]) -> str:
    """Return what became of all, in one sentence: the worst one's ending first. Untrusted."""
    worst, *others = worst_first(ends)
    if worst.verdict is Verdict.HEALTHY:
        return f"✅ all {len(ends)} services are verified healthy" if others else _title(worst)
    return "; ".join([_title(worst), *_others(others)])


def several_reason(ends: Sequence[ServiceEnding]) -> str:
    """Return why, in one sentence that names the worst service; untrusted."""
    worst, *others = worst_first(ends)
    if worst.verdict is Verdict.HEALTHY and others:
        return f"all {len(ends)} services are healthy"
    return "; ".join([f"{worst.service}: {_why(worst)}", *_others(others)])


def _others(others: Sequence[ServiceEnding]) -> list[str]:
    """Return how many others there are of each verdict; nothing where there are none."""
    counts = Counter(end.verdict for end in others)
    if not counts:
        return []
    told = [f"{count} {verdict}" for verdict, count in counts.items()]
    if len(counts) == 1:
        (verdict,) = counts
        return [f"{len(others)} other{'s' * (len(others) > 1)} {verdict}"]
    return [f"others: {', '.join(told)}"]


def _title(end: ServiceEnding) -> str:
    if end.record:
        return headline(end.record)
    return f"⚪ {end.service} was not judged"


def _why(end: ServiceEnding) -> str:
    if end.record:
        return reason(end.record)
    return f"{end.trouble.title}: {end.trouble.message}" if end.trouble else ""


def several_summary(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str], evidence_url: str = ""
) -> str:
    """Return the summary of all as Markdown of at most 700 KiB: a table, then a section a service.

    What is healthy is folded. `audit_paths` are the audit records by service, as later steps know
    them; `evidence_url` is the artifact's page, empty where nothing was uploaded (yet).
    """
    ranked = worst_first(ends)
    head = "\n\n".join((_headline(ends), _table(ranked), _footer(evidence_url)))
    room = (LIMIT_BYTES - len(head.encode())) // len(ranked)
    sections = [_section(end, audit_paths.get(end.service, ""), room) for end in ranked]
    return "\n\n".join((head, *sections)) + "\n"


def _headline(ends: Sequence[ServiceEnding]) -> str:
    title, why = shortened(several_headline(ends), _LONG), shortened(several_reason(ends), _LONG)
    return f"## {markdown(title)}\n\n**Why:** {markdown(why.rstrip('.'))}."


def _table(ranked: Sequence[ServiceEnding]) -> str:
    header = ("service", "verdict", "cause", "reason", "ending", "live version")
    return table(header, map(_row, ranked))


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


def _footer(evidence_url: str) -> str:
    evidence = f"[Evidence of all]({evidence_url}) · " if evidence_url else ""
    return f"<sub>{evidence}slo-verify {__version__}</sub>"


def _section(end: ServiceEnding, audit_path: str, room: int) -> str:
    """Return one service's section of at most `room` bytes."""
    where = f"\n\nAudit record: {code(audit_path)}" if audit_path else ""
    title = f"{_mark(end)} {_name(end)}: {code(end.verdict)}"
    body = summary(end.record, {}, limit_bytes=room) if end.record else _troubled(end)
    text = _framed(end, title, f"{body.rstrip()}{where}")
    return text if len(text.encode()) <= room else _framed(end, title, _CUT)


def _framed(end: ServiceEnding, title: str, text: str) -> str:
    return folded(title, text) if end.verdict is Verdict.HEALTHY else text


def _troubled(end: ServiceEnding) -> str:
    told = markdown(shortened(_why(end), _LONG))
    return f"## {markdown(shortened(_title(end), _LONG))}\n\n**Why:** {told}"


def several_outputs(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str]
) -> dict[str, str]:
    """Return the outputs of all together; every value is one inert line.

    Verdict, cause and ending are the worst service's. A value that is the same for all services is
    told, one that differs is empty: `services` holds each service's own.
    """
    worst = worst_first(ends)[0]
    each = [_values(end) for end in ends]
    common = {spec.name: _common([one[spec.name] for one in each]) for spec in _TOLD}
    begun = any(end.record and end.record.rollback for end in ends)
    triggers = [name for one in each for name in one["triggers"].split(",") if name]
    return {
        **common,
        "verdict": worst.verdict,
        "cause": worst.cause,
        "ending": worst.ending,
        "reason": output(several_reason(ends)),
        "rollback-triggered": "true" if begun else "false",
        "triggers": ",".join(dict.fromkeys(triggers)),
        "audit": json_line(json.dumps(dict(audit_paths), separators=(",", ":"))),
        "services": services_line(ends, audit_paths),
    }


_TOLD = tuple(spec for spec in OUTPUTS if spec.value is not None)


def _values(end: ServiceEnding) -> dict[str, str]:
    """Return one service's own outputs; where it was not judged, most are empty."""
    if end.record:
        return record_values(end.record)
    return {
        **{spec.name: "" for spec in _TOLD},
        "verdict": end.verdict,
        "cause": end.cause,
        "reason": output(_why(end)),
        "ending": end.ending,
        "rollback-triggered": "false",
    }


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else ""


def services(
    ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return each service's values by its name, as JSON data: numbers and flags are typed."""
    return {
        end.service: {
            **_values(end),
            "exit-code": end.exit_code,
            "rollback-triggered": bool(end.record and end.record.rollback),
            "audit-path": audit_paths.get(end.service, ""),
        }
        for end in ends
    }


def services_line(ends: Sequence[ServiceEnding], audit_paths: Mapping[str, str]) -> str:
    """Return them as one line; reasons are shortened where it would be longer than 100 KiB."""
    found = services(ends, audit_paths)
    line = _line(found)
    if len(line) <= SERVICES_LIMIT_BYTES:
        return line
    short = {
        name: {key: _short(value) for key, value in values.items()}
        for name, values in found.items()
    }
    return _line(short)


def _short(value: object) -> object:
    return word(shortened(value, _NAME_LIMIT)) if isinstance(value, str) else value


def _line(found: Mapping[str, object]) -> str:
    return json_line(json.dumps(found, separators=(",", ":"), ensure_ascii=True))


def several_annotations(ends: Sequence[ServiceEnding]) -> tuple[Annotation, ...]:
    """Return what became of each that is not healthy, worst first, then one notice of the others.

    What else there is to say of a service comes last: the runner shows ten of a level. Untrusted.
    """
    ranked = worst_first(ends)
    told = {end.service: annotations(end.record) for end in ranked if end.record}
    bad = [end for end in ranked if end.verdict is not Verdict.HEALTHY]
    well = [end for end in ranked if end.verdict is Verdict.HEALTHY]
    first = [told[end.service][0] if end.record else _trouble(end) for end in bad]
    more = [note for end in ranked for note in told.get(end.service, ())[1:]]
    return (*first, *_healthy(well), *more)


def _trouble(end: ServiceEnding) -> Annotation:
    level = Level.ERROR if end.exit_code else Level.WARNING
    message = end.trouble.message if end.trouble else ""
    title = f"{end.service}: {end.trouble.title}" if end.trouble else end.service
    return Annotation(level=level, title=title, message=message)


def _healthy(well: Sequence[ServiceEnding]) -> tuple[Annotation, ...]:
    if not well:
        return ()
    names = [shortened(end.service, _NAME_LIMIT) for end in well]
    more = len(names) - _NAMES_SHOWN
    listed = ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    count = "1 service is" if len(well) == 1 else f"{len(well)} services are"
    return (Annotation(level=Level.NOTICE, title=f"✅ {count} verified healthy", message=listed),)
