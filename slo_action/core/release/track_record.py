"""What earlier runs found of earlier releases."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slo_action.core.model import Cause, Release, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One run's verdict on one release. `version` and `digest` are what the platform states for it.

    Where the platform names no releases, `version` is what was expected or what the service
    reported, and `digest` is empty.
    """

    service: str
    version: str
    digest: str
    verdict: Verdict
    cause: Cause
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reputation:
    """What is known of one release: None where it was never judged."""

    verified_at: datetime | None = None
    failed_at: datetime | None = None


def reputation(release: Release, past: Iterable[PastVerdict]) -> Reputation:
    """Return when a release was last found healthy, and when its image last failed.

    A release is known by its digest; by its version where either has none. An image that failed by
    its own fault once is never a target again, whatever a later run said; only a release that was
    itself found healthy is not held to what its image did under another configuration.
    """
    same = [verdict for verdict in past if _is_same(release, verdict)]
    healthy = [verdict for verdict in same if verdict.verdict is Verdict.HEALTHY]
    failed = [v for v in same if v.verdict is Verdict.UNHEALTHY and v.cause in _OWN_FAULT]
    if any(verdict.version == release.version for verdict in healthy):
        failed = [verdict for verdict in failed if verdict.version == release.version]
    return Reputation(verified_at=_newest(healthy), failed_at=_newest(failed))


def _newest(verdicts: Iterable[PastVerdict]) -> datetime | None:
    return max((verdict.at for verdict in verdicts), default=None)


_OWN_FAULT = frozenset({Cause.APP, Cause.PLATFORM})


def _is_same(release: Release, verdict: PastVerdict) -> bool:
    if release.digest and verdict.digest:
        return release.digest == verdict.digest
    return bool(release.version) and release.version == verdict.version
