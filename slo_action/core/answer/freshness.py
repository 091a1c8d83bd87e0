"""Whether two answers were made twice, or once and kept."""

from dataclasses import replace

from slo_action.core.model import Outcome, Sample, Witness

_APART_SECONDS = 2.0
_RESOLUTION_SECONDS = 1.0
"""HTTP dates count whole seconds."""


def refreshed(previous: Sample | None, current: Sample) -> Sample:
    """Return `current`, as `cached` where its Date says that `previous` was answered again.

    `previous` is the latest sample of the same endpoint, None if it has none. A journey whose last
    page is cached was made all the same.
    """
    if (
        current.witness is Witness.JOURNEY
        or previous is None
        or not cached_by_date(previous, current)
    ):
        return current
    detail = (
        f"answers {current.status} from a cache: its Date header is that of an earlier answer; "
        f"send `Cache-Control: no-store` on this path"
    )
    return replace(current, outcome=Outcome.CACHED, detail=detail)


def cached_by_date(previous: Sample, current: Sample) -> bool:
    """Return whether a cache gave `current`: its Date is that of an answer at least 2 s older.

    The older answer may have been made as late as its last byte, so that end counts, too.
    """
    if previous.url != current.url or previous.response is None or current.response is None:
        return False
    apart = (current.at - previous.at).total_seconds()
    idle = apart - previous.total_seconds
    if apart < _APART_SECONDS or idle <= _RESOLUTION_SECONDS:
        return False
    date = current.response.header("date")
    return date is not None and date == previous.response.header("date")
