"""What a new slo.yml changes, for its reviewer. All it quotes is untrusted, and escaped here.

Lines and annotations are made inert by whoever prints them; only Markdown is escaped here.
"""

import re
from collections.abc import Iterator, Sequence

from slo_action.core.model import Annotation, Level
from slo_action.core.slo_diff.change import Change, Direction
from slo_action.core.slo_diff.diff import by_direction
from slo_action.core.slo_diff.impact import POLICY, Impact
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table

NO_HISTORY = "No history yet: the effect on past deploys is not known."
_MOST_ROWS, _MOST_LINES, _MOST_LISTED = 100, 1_000, 5
_LIMIT = 200
_LOOSER_MARK = "⚠️\u00a0"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|%)(?!\w))")
_WHOLE_FILE = "whole file"


def slo_diff_section(path: str, changes: Sequence[Change], impacts: Sequence[Impact] = ()) -> str:
    """Return a section of the job summary as Markdown, looser changes first."""
    ordered = _sorted(changes)
    heading = f"### {markdown(shortened(path, _LIMIT))}: {counted(changes)}"
    rows = [_row(change, impacts) for change in ordered[:_MOST_ROWS]]
    rest = len(ordered) - len(rows)
    parts = [
        heading,
        table(("", "service", "what", "before → after", "means"), rows) if rows else "",
        f"{rest} more are in the log." if rest else "",
        "\n".join(f"- {markdown(line)}" for line in _replays(impacts)),
        _unknown(changes, impacts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def counted(changes: Sequence[Change]) -> str:
    """Return how many changes have which direction: `3 looser, 1 stricter, 2 neutral`."""
    counts = [(len(found), direction) for direction, found in by_direction(changes).items()]
    parts = [f"{n} {direction}" for n, direction in counts if n]
    return ", ".join(parts) or "no effective change"


def slo_diff_lines(
    path: str, changes: Sequence[Change], impacts: Sequence[Impact] = ()
) -> tuple[str, ...]:
    """Return the count and every change as lines of the log, as untrusted as the files."""
    ordered = _sorted(changes)
    lines = [f"{path}: {counted(changes)}"]
    for change in ordered[:_MOST_LINES]:
        means = "; ".join(_means(change, impacts))
        text = f"{change.direction}: {_whose(change)}: {_facts(change)}"
        lines.append(f"{text} ({means})" if means else text)
    rest = len(ordered) - _MOST_LINES
    lines += [f"{rest} more changes are not shown"] if rest > 0 else []
    return (*lines, *_replays(impacts), *filter(None, [_unknown(changes, impacts)]))


def looser_annotation(path: str, changes: Sequence[Change]) -> tuple[Annotation, ...]:
    """Return one notice on the file for all that is looser, a few named; none without any."""
    looser = by_direction(changes)[Direction.LOOSER]
    if not looser:
        return ()
    named = [f"{_whose(change)}: {_facts(change)}" for change in looser[:_MOST_LISTED]]
    rest = len(looser) - len(named)
    more = [f"and {rest} more, in the job summary"] if rest else []
    return (
        Annotation(
            level=Level.NOTICE,
            title=f"{len(looser)} looser than before",
            message="\n".join([*named, *more]),
            path=path,
        ),
    )


def unread_line(path: str, why: str) -> str:
    """Return the one line for a base file that cannot be read. Untrusted."""
    return f"{path}: the changes cannot be shown: {shortened(why, 2 * _LIMIT)}"


def impact_text(impact: Impact) -> str:
    """Return it as text: `3 of the last 30 days would have passed only under the new one`.

    A judgement of recorded runs may count on both sides.
    """
    last = f"the last {impact.compared} {impact.unit}{'' if impact.compared == 1 else 's'}"
    unknown = f"{impact.unknown} could not be judged" if impact.unknown else ""
    return "; ".join(filter(None, (_sides(impact, last), unknown)))


def _sides(impact: Impact, last: str) -> str:
    new, old = impact.only_after, impact.only_before
    if not (new or old):
        return f"{last} would have come out the same" if impact.compared else ""
    first, which = (new, "new") if new else (old, "old")
    ordered = f"{first} of {last} would have passed only under the {which} one"
    return f"{ordered}, {old} only under the old" if new and old else ordered


def _sorted(changes: Sequence[Change]) -> list[Change]:
    return [change for found in by_direction(changes).values() for change in found]


def _row(change: Change, impacts: Sequence[Impact]) -> tuple[str, ...]:
    mark = _LOOSER_MARK if change.direction is Direction.LOOSER else ""
    return (
        f"{mark}{change.direction}",
        code(_whose(change)) if change.service else _WHOLE_FILE,
        _cell(change.what),
        f"{_cell(change.before)} → {_cell(change.after)}",
        "; ".join(map(_cell, _means(change, impacts))),
    )


def _cell(text: str) -> str:
    """A number stays on one line with its unit."""
    return markdown(_BEFORE_UNIT.sub("\u00a0", shortened(text, _LIMIT)))


def _whose(change: Change) -> str:
    return shortened(change.service, _LIMIT) if change.service else _WHOLE_FILE


def _facts(change: Change) -> str:
    texts = (change.what, change.before, change.after)
    what, before, after = (shortened(text, _LIMIT) for text in texts)
    return f"{what} {before} → {after}"


def _means(change: Change, impacts: Sequence[Impact]) -> Iterator[str]:
    if change.effect:
        yield change.effect
    for one in impacts:
        if (one.service, one.what) == (change.service, change.what):
            yield impact_text(one)


def _replays(impacts: Sequence[Impact]) -> list[str]:
    return [
        f"{shortened(one.service, _LIMIT)}, recorded deploys judged by both policies: "
        f"{impact_text(one)}"
        for one in impacts
        if one.what == POLICY
    ]


def _unknown(changes: Sequence[Change], impacts: Sequence[Impact]) -> str:
    return NO_HISTORY if not impacts and any(change.limit for change in changes) else ""
