"""What earlier verdicts say of a release."""

from datetime import timedelta
from typing import Any

import pytest

from slo_action.core.model import Cause, Release, Verdict
from slo_action.core.release.track_record import PastVerdict, Reputation, reputation
from tests.builders import DEPLOYED_AT

V42 = Release(version="v42", digest="sha256:a")


def verdict(verdict: Verdict = Verdict.HEALTHY, hours: int = 0, **changes: Any) -> PastVerdict:
    values: dict[str, Any] = {
        "service": "shop",
        "version": "v42",
        "digest": "sha256:a",
        "verdict": verdict,
        "cause": Cause.APP if verdict is Verdict.UNHEALTHY else Cause.NONE,
        "at": DEPLOYED_AT + timedelta(hours=hours),
    }
    return PastVerdict(**{**values, **changes})


def test_a_release_nobody_judged_has_no_reputation() -> None:
    assert reputation(V42, ()) == Reputation()


def test_the_newest_of_its_verdicts_counts() -> None:
    found = reputation(V42, [verdict(hours=1), verdict(hours=5), verdict(hours=3)])

    assert found.verified_at == DEPLOYED_AT + timedelta(hours=5)


def test_an_image_is_known_by_its_digest_under_whatever_version() -> None:
    again = verdict(Verdict.UNHEALTHY, version="v44")
    reused = verdict(Verdict.UNHEALTHY, digest="sha256:b")

    assert reputation(V42, [again]).failed_at
    assert not reputation(V42, [reused]).failed_at


def test_a_release_that_was_well_is_not_held_to_its_image_under_another_configuration() -> None:
    config_only = verdict(Verdict.UNHEALTHY, version="v43", hours=2)

    assert not reputation(V42, [verdict(), config_only]).failed_at
    assert reputation(V42, [config_only]).failed_at


def test_a_release_that_was_well_and_failed_later_is_no_target() -> None:
    assert reputation(V42, [verdict(), verdict(Verdict.UNHEALTHY, hours=2)]).failed_at


def test_without_a_digest_the_version_decides() -> None:
    assert reputation(Release(version="v42"), [verdict()]).verified_at
    assert reputation(V42, [verdict(digest="")]).verified_at


@pytest.mark.parametrize(
    "cause", [cause for cause in Cause if cause not in (Cause.APP, Cause.PLATFORM)]
)
def test_what_was_not_its_own_fault_is_not_held_against_it(cause: Cause) -> None:
    assert not reputation(V42, [verdict(Verdict.UNHEALTHY, cause=cause)]).failed_at


def test_only_healthy_verifies() -> None:
    assert not reputation(V42, [verdict(Verdict.DEGRADED, cause=Cause.APP)]).verified_at
