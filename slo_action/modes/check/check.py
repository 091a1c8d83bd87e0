"""`check`: mend → hold files against rules → visit what runs → compare with before → tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
from slo_action.render.lint.slo_diff import (
    looser_annotation,
    slo_diff_lines,
    slo_diff_section,
)

RULES: tuple[Rule[Any], ...] = (*FILE_RULES, *SLO_RULES, *FLY_RULES, *MATCH_RULES, *LIVE_RULES)
"""Every rule there is, in the order of docs/check.md."""


_Told = TypeVar("_Told", Change, Impact)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was found, and what else there is to tell."""

    request: CheckRequest
    found: tuple[Finding, ...]
    texts: Mapping[str, str]
    visited: int = 0
    mended: int = 0
    difference: Difference | None = None


def check(request: CheckRequest, ports: CheckPorts) -> int:
    """Return the exit status: 2 where a file has a mistake or contradicts itself, else 0.

    Raises WorkspaceError where a file cannot be mended. Where the job summary cannot be written,
    raises RunnerError, and WorkspaceError for the report, after all else is told.
    """
    request, mended = _mended(request, ports) if request.fix else (request, 0)
    targets, visited = _targets(request, ports)
    found = (*_mistakes(request), *slo_findings(request.loaded), *_fly(request), *targets)
    seen = _Seen(
        request=request,
        found=tuple(_without_secrets(one, ports) for one in found),
        texts=_texts(request, ports),
        visited=visited,
        mended=mended,
        difference=difference(request, ports.base) if ports.base else None,
    )
    _tell(seen, ports)
    return InputError.exit_code if any(_is_error(one) for one in found) else 0


def _without_secrets(finding: Finding, ports: CheckPorts) -> Finding:
    rule = replace(finding.rule, fix=_redacted(finding.rule.fix, ports))
    return replace(finding, rule=rule, message=_redacted(finding.message, ports))


def _texts(request: CheckRequest, ports: CheckPorts) -> Mapping[str, str]:
    """Return the files' lines without anything in them that could be a secret."""
    hidden = request.loaded.hidden if request.loaded else frozenset()
    return {
        path: "\n".join(hidden_in_line(ports.redact(line), hidden) for line in text.split("\n"))
        for path, text in request.texts.items()
    }


def _redacted(text: str, ports: CheckPorts) -> str:
    """Escaped, a secret would not be known any more. Lines stay where they are."""
    return "\n".join(ports.redact(without_url_credentials(line)) for line in text.split("\n"))


def _is_error(finding: Finding) -> bool:
    return finding.rule.level is Level.ERROR


def _mended(request: CheckRequest, ports: CheckPorts) -> tuple[CheckRequest, int]:
    """Write what can be mended; what slo.yml says comes before what a rule would make of it."""
    files: list[FlyFile] = []
    count = 0
    for file in request.fly_files:
        edits = compatible([one.edit for one in _in_fly(file) if one.edit])
        files.append(file.with_text(apply(file.text, edits)) if edits else file)
        if edits:
            ports.written.fix(file.document.path, files[-1].text)
            ports.log.line(f"{file.document.path}: mended {len(edits)}")
        count += len(edits)
    return replace(request, fly_files=tuple(files)), count


def _fly(request: CheckRequest) -> tuple[Finding, ...]:
    return tuple(one for file in request.fly_files for one in _in_fly(file))


def _in_fly(file: FlyFile) -> tuple[Finding, ...]:
    return fly_findings(file.document, file.services)


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
    """What would be right is known better than a rule about all mistakes can say it."""
    return Finding(
        rule=replace(rule, fix=mistake.accepted or rule.fix),
        message=mistake.wrong,
        path=mistake.path or request.config,
        place=Place(line=mistake.line or 1, column=mistake.column or 1),
    )


def _tell(seen: _Seen, ports: CheckPorts) -> None:
    request, found = seen.request, seen.found
    _say(check_lines(request.paths, found, seen.texts), ports)
    compared = _compared(seen, ports)
    ports.log.annotate((*compared.annotations, *check_annotations(found)))
    summary = check_summary(
        request.paths,
        found,
        request.run,
        seen.texts,
        visited=seen.visited,
        mended=seen.mended,
    )
    ports.outputs.summarize(summary + compared.section)
    if request.sarif_file:
        ports.written.report(request.sarif_file, _sarif(seen))
        ports.outputs.set({"sarif-path": request.sarif_file})


def _sarif(seen: _Seen) -> str:
    return sarif(seen.found, tool_version=__version__, rules=RULES, sources=seen.texts, home=_HOME)


_HOME = f"https://github.com/org/slo-verify/blob/v{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """What is told of the difference beside lines of the log."""

    annotations: tuple[Annotation, ...] = ()
    section: str = ""


def _compared(seen: _Seen, ports: CheckPorts) -> _Compared:
    """Tell the reviewer's difference in the log; return what else there is to show of it."""
    told = seen.difference
    if told is None:
        return _Compared()
    if told.unread:
        ports.log.line(told.unread)
        return _Compared()
    path = told.path
    changes = [_with_words(one, ports, *_WORDS) for one in told.changes]
    looked = [_with_words(one, ports, "service", "what") for one in told.looked]
    _say(slo_diff_lines(path, changes, looked), ports)
    return _Compared(
        annotations=looser_annotation(path, changes),
        section="\n" + slo_diff_section(path, changes, looked) + "\n",
    )


_WORDS = ("service", "what", "before", "after", "effect")


def _with_words(told: _Told, ports: CheckPorts, *names: str) -> _Told:
    """Return it with secrets taken out of its words."""
    words: dict[str, Any] = {name: _redacted(getattr(told, name), ports) for name in names}
    return replace(told, **words)


def _say(lines: Iterable[str], ports: CheckPorts) -> None:
    for line in lines:
        ports.log.line(line)
