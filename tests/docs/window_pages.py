"""What the pages quote of gate and window: sentences and timelines, played each time.

Part of `make docs`: `python -m tests.docs.window_pages` writes them anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from slo_action.core.model import Trigger
from slo_action.core.record.record import AuditRecord
from tests.docs import timelines
from tests.docs.pages import DOCS, read
from tests.docs.window_stories import (
    BROKEN,
    GOOD,
    Played,
    Reply,
    Sent,
    Service,
    every_third,
    play,
    until,
)

_SLOW = Reply(200, 5.4)


def _hiccup(_path: str, at: float) -> Reply:
    """Fail everything for twelve seconds."""
    return BROKEN if 100 < at < 112 else GOOD


def _slow_api(path: str, _at: float) -> Reply:
    return Reply(200, 2.5) if path == "/api/orders" else GOOD


def _missing_api(path: str, _at: float) -> Reply:
    return Reply(404) if path == "/api/orders" else GOOD


@dataclass(frozen=True)
class Quote:
    """A sentence that a page quotes below a heading, and the row of the table that says it."""

    page: str
    heading: str
    service: Service
    row: str
    triggers: tuple[Trigger, ...] = ()


QUOTES = (
    Quote(
        "verdicts",
        "`health-check-failure`",
        until(0, BROKEN),
        "missed-app",
        (Trigger.HEALTH_CHECK_FAILURE, Trigger.SERVICE_UNAVAILABILITY),
    ),
    Quote(
        "verdicts",
        "`error-rate-breach`",
        every_third("/api/orders"),
        "window-breach",
        (Trigger.ERROR_RATE_BREACH,),
    ),
    Quote(
        "verdicts",
        "`response-time-degradation`",
        every_third("/healthz", _SLOW),
        "window-breach",
        (Trigger.ERROR_RATE_BREACH, Trigger.RESPONSE_TIME_DEGRADATION),
    ),
    Quote(
        "verdicts",
        "`service-unavailability`",
        until(120, BROKEN),
        "window-outage",
        (Trigger.SERVICE_UNAVAILABILITY,),
    ),
    Quote("observation", "Passed", lambda _path, _at: GOOD, "met"),
    Quote("observation", "Inconclusive", _hiccup, "window-unsure"),
    Quote("observation", "Response times", _slow_api, "window-slow"),
    Quote(
        "observation",
        "Endpoints that are starting",
        _missing_api,
        "window-config",
        (Trigger.ERROR_RATE_BREACH,),
    ),
)


@dataclass(frozen=True)
class Timeline:
    """A timeline of docs/schedule.md, below its heading."""

    title: str
    service: Service


TIMELINES = (
    Timeline("A healthy deploy", lambda _path, _at: GOOD),
    Timeline("An API that fails every third request", every_third("/api/orders")),
    Timeline("A service that dies after two minutes", until(120, BROKEN)),
)


@cache
def played(service: Service) -> Played:
    """Play a service once: those that count their requests must not be asked again."""
    return play(service)


def quoted(quote: Quote) -> AuditRecord:
    """Return the record whose reason the page quotes."""
    return played(quote.service).record


def told(timeline: Timeline) -> str:
    """Return the timeline as the page shows it: probes that end alike in a row are one line."""
    found = played(timeline.service)
    window = found.record.window
    assert window is not None
    attempts = found.record.gate.observations
    events = [(o.started_seconds, f"gate         {o.result}") for o in attempts]
    starts = [at for at, _ in events]
    seen = [sent for sent in found.sent if sent.at_seconds <= window.ended_seconds]
    events += [(row[0].at_seconds, _row_line(row)) for row in _rows(seen, starts)]
    lines = [f"{at:7.1f} s  {line}" for at, line in sorted(events)]
    return "\n".join([*lines, f"          -> {window.end} at {window.ended_seconds:.1f} s"])


def _rows(sent: Sequence[Sent], starts: Sequence[float]) -> list[list[Sent]]:
    """Return runs of probes with one outcome, broken where the gate's attempts are."""
    rows: list[list[Sent]] = []
    for probe in sent:
        last = rows[-1][-1] if rows else None
        alike = last is not None and last.outcome is probe.outcome
        if last and alike and not any(last.at_seconds < at <= probe.at_seconds for at in starts):
            rows[-1].append(probe)
        else:
            rows.append([probe])
    return rows


def _row_line(row: Sequence[Sent]) -> str:
    if len(row) == 1:
        return f"{row[0].path:11}  {row[0].outcome}"
    return f"{f'{len(row)} probes':11}  {row[0].outcome} ... until {row[-1].at_seconds:.1f} s"


def filled(name: str, page: str) -> str:
    """Return a page with its quotes and timelines: each is the first text block of its section."""
    blocks = {q.heading: quoted(q).judgement.reason for q in QUOTES if q.page == name}
    if name == "schedule":
        blocks |= {timeline.title: told(timeline) for timeline in TIMELINES}
        blocks |= {story.title: timelines.told(story) for story in timelines.STORIES}
    for heading, text in blocks.items():
        before, found, rest = page.partition(f"### {heading}\n")
        assert found, f"docs/{name}.md has no section {heading}"
        section, following, others = rest.partition("\n### ")
        lead, fence, tail = section.partition("```text\n")
        assert fence, f"section {heading} of docs/{name}.md quotes nothing"
        after = tail.partition("```")[2]
        section = f"{lead}{fence}{text}\n```{after}"
        page = f"{before}{found}{section}{following}{others}"
    return page


if __name__ == "__main__":
    for quoting in ("observation", "schedule", "verdicts"):
        path = DOCS / f"{quoting}.md"
        path.write_text(filled(quoting, read(path)), encoding="utf-8")
