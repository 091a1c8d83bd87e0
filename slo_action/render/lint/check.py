"""What `check` found, as annotations on their lines, lines of the log, and Markdown.

Findings and sources quote files and running services: all of it is untrusted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from slo_action.core.lint.rule import Finding
from slo_action.core.model import Annotation, Level, RunIdentity
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table
from slo_action.render.text.source import Lines, Sources, excerpt, line_at, lines_of, quoted_line

_LIMIT = 400
_MOST_ROWS = 100
_MOST_BYTES = 600_000
"""A runner takes one MiB of summary, for all of a job's steps."""
_MOST_FILES = 20
_MARKS = {Level.NOTICE: "ℹ️", Level.WARNING: "⚠️", Level.ERROR: "❌"}  # noqa: RUF001 - an emoji
_SOUND = "✅"
_FIXABLE = "fixable with fix: true"


def check_annotations(found: Sequence[Finding]) -> tuple[Annotation, ...]:
    """Return one message beside each line."""
    return tuple(
        Annotation(
            level=finding.rule.level,
            title=finding.rule.title,
            message=_message(finding),
            path=finding.path,
            line=finding.place.line,
            column=finding.place.column,
        )
        for finding in found
    )


def _message(finding: Finding) -> str:
    rule, (message, why, fix) = finding.rule, _texts(finding)
    fixable = f" ({_FIXABLE})" if finding.edit else ""
    return f"{message}: {why}.\nInstead: {fix}{fixable}.\nRule {rule.name}: {rule.page}"


def _texts(finding: Finding) -> tuple[str, ...]:
    texts = (finding.message, finding.rule.why, finding.rule.fix)
    return tuple(shortened(text, _LIMIT) for text in texts)


def check_lines(
    paths: Sequence[str], found: Sequence[Finding], sources: Sources | None = None
) -> tuple[str, ...]:
    """Return the counts, and file by file what was found, why it matters, and what to do instead.

    `paths` are all files that were looked at. Where `sources` has the text, the line that is meant
    stands beneath, with a caret under its column.
    """
    lines, groups = lines_of(sources or {}), _by_file(paths, found)
    texts: list[str] = [f"{_subject(groups)}: {_counts(found)}"]
    for path, group in groups.items():
        if len(groups) > 1:
            texts.append(f"{path}: {_counts(group)}")
        for finding in group:
            texts += _lines(finding, lines)
    return tuple(texts)


def _lines(finding: Finding, lines: Lines) -> Iterator[str]:
    rule, place = finding.rule, finding.place
    message, why, fix = _texts(finding)
    fixable = f" ({_FIXABLE})" if finding.edit else ""
    yield f"{finding.path}:{place.line}: {rule.level}: {rule.name}: {message}{fixable}"
    line = line_at(lines, finding.path, place)
    number = "" if line is None else str(place.line)
    if line is not None:
        yield from quoted_line(place.line, line, place.column)
    yield f"  {' ' * len(number)} = {why}; instead: {fix}"


def _counts(found: Sequence[Finding]) -> str:
    """Return how much of each level was found, the worst first, and how much can be fixed."""
    counts = Counter(finding.rule.level for finding in found)
    levels = (level for level in reversed(Level) if counts[level])
    parts = [f"{counts[one]} {one}{'' if counts[one] == 1 else 's'}" for one in levels]
    fixable = sum(finding.edit is not None for finding in found)
    parts += [f"{fixable} {_FIXABLE}"] if fixable else []
    return ", ".join(parts) or "no findings"


_Groups = Mapping[str, Sequence[Finding]]


def _by_file(paths: Iterable[str], found: Iterable[Finding]) -> _Groups:
    """Return each file's findings in the order of its lines; files in the order given."""
    groups: dict[str, list[Finding]] = {path: [] for path in paths}
    for finding in found:
        groups.setdefault(finding.path, []).append(finding)
    return {
        path: sorted(group, key=lambda one: (one.place.line, one.place.column))
        for path, group in groups.items()
    }


def _subject(groups: _Groups) -> str:
    return next(iter(groups)) if len(groups) == 1 else f"{len(groups)} files"


def check_summary(
    paths: Sequence[str],
    found: Sequence[Finding],
    run: RunIdentity,
    sources: Sources | None = None,
    *,
    visited: int = 0,
    fixed: int = 0,
) -> str:
    """Return the job summary of a `check` run as Markdown.

    `visited` is the number of running services that were asked, `fixed` that of places in files.
    """
    groups = _by_file(paths, found)
    subject = markdown(shortened(_subject(groups), _LIMIT))
    parts = [
        f"## {_mark(found)} {subject}: {_counts(found)}",
        *_sections(groups, lines_of(sources or {})),
        _clean(groups) if len(groups) > 1 else "",
        f"<sub>{_did(visited, fixed)}{f' · run {code(run.run_id)}' if run.run_id else ''}</sub>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _mark(found: Iterable[Finding]) -> str:
    levels = {finding.rule.level for finding in found}
    worst = next((level for level in reversed(Level) if level in levels), None)
    return _MARKS[worst] if worst else _SOUND


def _sections(groups: _Groups, lines: Lines) -> Iterator[str]:
    """As many rows as a summary has room for; those beyond are only counted."""
    count, size = 0, 0
    for path, group in groups.items():
        title = markdown(shortened(path, _LIMIT)) if len(groups) > 1 else ""
        rows: list[tuple[str, ...]] = []
        for finding in group:
            row = _row(finding, lines)
            size += len("".join((title, *row)).encode())
            if count == _MOST_ROWS or size > _MOST_BYTES:
                break
            rows.append(row)
            count += 1
        if rows and title:
            yield f"### {_mark(group)} {title}: {_counts(group)}"
        if rows:
            yield table(("line", "rule", "why", "instead"), rows)
    rest = sum(map(len, groups.values())) - count
    if rest:
        yield f"{rest} more are in the log."


def _row(finding: Finding, lines: Lines) -> tuple[str, ...]:
    rule, (message, why, fix) = finding.rule, map(markdown, _texts(finding))
    return (
        str(finding.place.line),
        f"{_MARKS[rule.level]}\u00a0{code(shortened(rule.name, _LIMIT))}",
        f"{_quoted_line(finding, lines)}{message}: {why}",
        fix + (f" ({markdown(_FIXABLE)})" if finding.edit else ""),
    )


def _quoted_line(finding: Finding, lines: Lines) -> str:
    line = line_at(lines, finding.path, finding.place)
    shown = excerpt(line, finding.place.column)[0].strip() if line else ""
    return f"{code(shown)}<br>" if shown else ""


def _clean(groups: _Groups) -> str:
    clean = [path for path, group in groups.items() if not group]
    named = ", ".join(code(shortened(path, _LIMIT)) for path in clean[:_MOST_FILES])
    more = len(clean) - _MOST_FILES
    return f"No findings in {named}{f' and {more} more' if more > 0 else ''}." if clean else ""


def _did(visited: int, fixed: int) -> str:
    services = "1 running service" if visited == 1 else f"{visited} running services"
    sent = f"a few plain GETs to {services}" if visited else "nothing"
    places = "1 place" if fixed == 1 else f"{fixed} places"
    return f"check sent {sent} and {f'fixed {places}' if fixed else 'changed nothing'}"
