"""Whether a health answer is but the page that the service gives for every path.

Single-page apps do so: a path that does not exist answers 200. It is proven by one path that cannot
exist.
"""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from slo_action.core.answer.health_body import is_page, page_title
from slo_action.core.journey.journeys import Subject
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.core.text.quoting import quoted

MAY_BE_CATCH_ALL = "the body is an HTML page: is this the right path, or a catch-all route?"
_NO_SUCH_PATH = "slo-verify-no-such-path"
_DETAIL = "answers every path with the same HTML page"
_HOME = frozenset({"", "/", "/index.html"})
"""Paths that mean the page itself."""


def is_doubtful(sample: Sample) -> bool:
    """Return whether a good health answer is a page, at a path that means no page."""
    body = sample.response.body if sample.response else ""
    is_health = sample.witness is Witness.HEALTH and sample.outcome.is_good
    return is_health and is_page(body) and urlsplit(sample.url).path not in _HOME


def is_catch_all(samples: Iterable[Sample]) -> bool | None:
    """Return what was found out before of the public address; None where nothing was yet."""
    found = [s for s in samples if not s.machine and is_doubtful(s)]
    return found[-1].detail.startswith(_DETAIL) if found else None


def no_such_path(health: Probe) -> Probe | None:
    """Return a probe of a path beside `health` that cannot exist.

    None where the user asserts what the body must hold: that says enough.
    """
    if any(one.subject in {Subject.BODY, Subject.JSON} for one in health.assertions):
        return None
    split = urlsplit(health.url)
    path = f"{split.path.rstrip('/').rpartition('/')[0]}/{_NO_SUCH_PATH}"
    url = urlunsplit(split._replace(path=path))
    return replace(health, url=url, version_rule=None, assertions=())


def is_same_page(health: Sample, nowhere: Sample) -> bool:
    """Return whether a path that cannot exist answers as the health path does, the path aside."""
    one, other = health.response, nowhere.response
    if one is None or other is None or nowhere.status != health.status or not is_page(other.body):
        return False
    pages = ((one.body, other.body), (page_title(one.body), page_title(other.body)))
    name = urlsplit(health.url).path.rstrip("/").rpartition("/")[2]
    return any(
        page and (page == beside or page.replace(name, "") == beside.replace(_NO_SUCH_PATH, ""))
        for page, beside in pages
    )


def judged(sample: Sample, nowhere: Sample | None, *, catch_all: bool) -> Sample:
    """Return a doubtful sample as it is now judged; `nowhere` is the answer that proves it."""
    kept = tuple(note for note in sample.notes if note != MAY_BE_CATCH_ALL)
    path = urlsplit(sample.url).path
    if catch_all:
        title = page_title(sample.response.body) if sample.response else ""
        detail = (
            f"{_DETAIL}{f' titled {quoted(title)}' if title else ''}: {path} is not a health "
            f"endpoint; set `health-path`, or assert in slo.yml what its body must hold"
        )
        return replace(sample, outcome=Outcome.DEGRADED_BODY, detail=detail, notes=kept)
    if nowhere is None:
        return replace(sample, notes=kept)
    if nowhere.status is None:
        return sample
    own = f"{path} answers with an HTML page of its own"
    note = f"{own}: a path that does not exist answers otherwise ({nowhere.status})"
    return replace(sample, notes=(*kept, note))
