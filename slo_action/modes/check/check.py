"""`check`: fix → test files with rules → visit what runs → compare with the base → report."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from slo_action import __version__
from slo_action.config.check import CheckRequest, FlyFile
from slo_action.core.lint.edits import apply, compatible
from slo_action.core.lint.file_rules import FILE_RULES, FLY_MISTAKE, MISTAKE, SKIPPED
from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.fly.slo_rules import MATCH_RULES, fly_findings
from slo_action.core.lint.live.rules import LIVE_RULES
from slo_action.core.lint.rule import Finding, Place, Rule, findings
from slo_action.core.lint.slo.rules import SLO_RULES
from slo_action.core.model import Annotation, Level
from slo_action.core.slo_diff.change import Change
from slo_action.core.slo_diff.impact import Impact
from slo_action.core.text.secrets import hidden_in_line, without_url_credentials
from slo_action.errors import InputError, Mistake
from slo_action.modes.check.live import visits
from slo_action.modes.check.slo_diff import Difference, difference
from slo_action.modes.check.slo_lint import slo_findings
from slo_action.ports import CheckPorts
from slo_action.render.lint.check import check_annotations, check_lines, check_summary
from slo_action.render.lint.sarif import sarif
from slo_action.render.lint.slo_diff import looser_annotation, slo_diff_lines, slo_diff_section

RULES: tuple[Rule[Any], ...] = (*FILE_RULES, *SLO_RULES, *FLY_RULES, *MATCH_RULES, *LIVE_RULES)
"""Every rule there is, in the order of docs/check.md."""
_Shown = TypeVar("_Shown", Change, Impact)


def check(request: CheckRequest, ports: CheckPorts) -> int:
    """Return the exit status: 2 where a file has a mistake or contradicts itself, else 0.

    Raises WorkspaceError where a file cannot be fixed. Where the job summary cannot be written,
    raises RunnerError, and WorkspaceError for the report, after all else is reported.
    """
    request, fixed = _fixed(request, ports) if request.fix else (request, 0)
    targets, visited = _targets(request, ports)
    fly = [one for file in request.fly_files for one in fly_findings(file.document, file.services)]
    unredacted = (*_mistakes(request), *slo_findings(request.loaded), *fly, *targets)
    found = tuple(_without_secrets(one, ports) for one in unredacted)
    shown = difference(request, ports.base) if ports.base else None
    texts = _texts(request, found, ports)
    _say(check_lines(request.paths, found, texts), ports)
    annotations, section = _changes(shown, ports)
    ports.log.annotate((*annotations, *check_annotations(found)))
    summary = check_summary(request.paths, found, request.run, texts, visited=visited, fixed=fixed)
    ports.outputs.summarize(summary + section)
    if request.sarif_file:
        report = sarif(found, tool_version=__version__, rules=RULES, sources=texts, home=_HOME)
        ports.written.report(request.sarif_file, report)
        ports.outputs.set({"sarif-path": request.sarif_file})
    return InputError.exit_code if any(one.rule.level is Level.ERROR for one in found) else 0


_HOME = f"https://github.com/org/slo-verify/blob/v{__version__}"


def _without_secrets(finding: Finding, ports: CheckPorts) -> Finding:
    rule = replace(finding.rule, fix=_redacted(finding.rule.fix, ports))
    return replace(finding, rule=rule, message=_redacted(finding.message, ports))


def _texts(request: CheckRequest, found: Iterable[Finding], ports: CheckPorts) -> Mapping[str, str]:
    """Return the lines that were found something about, without anything that could be a secret.

    The others are empty: a large file has as many secrets as lines.
    """
    hidden = request.loaded.hidden if request.loaded else frozenset()
    pointed = {(one.path, one.place.line) for one in found}
    return {
        path: "\n".join(
            hidden_in_line(ports.redact(line), hidden) if (path, number) in pointed else ""
            for number, line in enumerate(text.split("\n"), start=1)
        )
        for path, text in request.texts.items()
    }


def _redacted(text: str, ports: CheckPorts) -> str:
    """Escaped, a secret would not be recognised any more. Lines stay where they are."""
    return "\n".join(ports.redact(without_url_credentials(line)) for line in text.split("\n"))


def _fixed(request: CheckRequest, ports: CheckPorts) -> tuple[CheckRequest, int]:
    """Apply the fixes that have exactly one safe answer; those of slo.yml come first."""
    files: list[FlyFile] = []
    count = 0
    for file in request.fly_files:
        edits = compatible(
            [one.edit for one in fly_findings(file.document, file.services) if one.edit]
        )
        files.append(file.with_text(apply(file.text, edits)) if edits else file)
        if edits:
            ports.written.fix(file.document.path, files[-1].text)
            ports.log.line(f"{file.document.path}: fixed {len(edits)}")
        count += len(edits)
    return replace(request, fly_files=tuple(files)), count


def _targets(request: CheckRequest, ports: CheckPorts) -> tuple[tuple[Finding, ...], int]:
    loaded = request.loaded
    if loaded is None or ports.prober is None or not request.visit:
        return (), 0
    asked = visits(
        request.services, ports.prober, ports.clock, allow_link_local=request.allow_link_local
    )
    found = [
        one
        for visit in asked
        for origin in (loaded.origins[visit.service.name],)
        for one in findings(LIVE_RULES, visit, origin.document.below(*origin.roots))
    ]
    return tuple(found), sum(bool(visit.asked) for visit in asked)


def _mistakes(request: CheckRequest) -> tuple[Finding, ...]:
    loaded = request.loaded
    texts = loaded.texts if loaded else {}
    skipped = loaded.skipped if loaded else ()
    return (
        *(_mistake(one, MISTAKE, request) for one in (loaded.mistakes if loaded else ())),
        *(
            _mistake(one, MISTAKE if one.path in texts else FLY_MISTAKE, request)
            for one in request.mistakes
        ),
        *(
            Finding(
                rule=SKIPPED,
                message=one.message,
                path=one.document.path,
                place=one.document.place(one.key),
            )
            for one in skipped
        ),
    )


def _mistake(mistake: Mistake, rule: Rule[object], request: CheckRequest) -> Finding:
    """A mistake has its own advice, better than that of a rule about all mistakes."""
    return Finding(
        rule=replace(rule, fix=mistake.accepted or rule.fix),
        message=mistake.wrong,
        path=mistake.path or request.config,
        place=Place(line=mistake.line or 1, column=mistake.column or 1),
    )


def _changes(shown: Difference | None, ports: CheckPorts) -> tuple[tuple[Annotation, ...], str]:
    """Log what changes for the reviewer; return its annotations and its section."""
    if shown is None:
        return (), ""
    if shown.unread:
        ports.log.line(shown.unread)
        return (), ""
    changes = [_redacted_texts(one, ports, *_TEXTS) for one in shown.changes]
    impacts = [_redacted_texts(one, ports, "service", "what") for one in shown.impacts]
    _say(slo_diff_lines(shown.path, changes, impacts), ports)
    section = slo_diff_section(shown.path, changes, impacts)
    return looser_annotation(shown.path, changes), f"\n{section}\n"


_TEXTS = ("service", "what", "before", "after", "effect")


def _redacted_texts(shown: _Shown, ports: CheckPorts, *names: str) -> _Shown:
    """Return it with secrets taken out of its texts."""
    texts: dict[str, Any] = {name: _redacted(getattr(shown, name), ports) for name in names}
    return replace(shown, **texts)


def _say(lines: Iterable[str], ports: CheckPorts) -> None:
    for line in lines:
        ports.log.line(line)
