"""A refusal names what is missing, the next step, and no secret."""

import httpx
import pytest

from slo_action.core.text.secrets import Scrubber
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyConflictError, FlyRefusedError
from tests.platforms.fly.answers import (
    CHANGES,
    FIRST,
    NONCE,
    READS,
    REQUEST_ID,
    SECOND,
    Fly,
    api,
    refusal,
    refused,
    told,
    update,
)


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        ("app", 401, "the token is expired or malformed"),
        ("machines", 403, "the token is for another app"),
        ("update", 403, "the token may read but not change machines"),
        ("start", 403, "the token may read but not change machines"),
        ("machines", 404, 'app "my-app" is unknown to this token'),
        ("machine", 404, "the machine is not there"),
        ("machines", 422, "it does not accept this"),
        ("machines", 302, "it redirects elsewhere"),
        ("update", 503, "it has an outage"),
        ("start", 412, "the machine's state does not allow it, or it was changed meanwhile"),
        ("start", 408, "it did not finish in time"),
    ],
)
def test_a_refusal_names_what_is_missing_and_the_next_step(
    call: str, status: int, words: str
) -> None:
    error = refused({**CHANGES, **READS}[call], refusal(status, "because"))

    assert error.status == status
    assert error.request_id == REQUEST_ID
    assert words in error.message
    assert f'(HTTP {status}, "because", request {REQUEST_ID})' in error.message


@pytest.mark.parametrize(
    ("call", "status", "hint"),
    [
        ("app", 401, "fly tokens create deploy -a my-app"),
        ("machines", 403, "fly tokens create deploy -a my-app"),
        ("update", 403, "for a rollback, set fly-api-token"),
        ("machines", 404, "`app` input"),
        ("machine", 404, "fly machine list -a my-app"),
        ("update", 409, "other deploy"),
        ("machines", 500, "status.flyio.net"),
        ("machines", 302, "FLY_*_BASE_URL"),
    ],
)
def test_a_refusals_hint_is_something_to_do(call: str, status: int, hint: str) -> None:
    assert hint in refused({**CHANGES, **READS}[call], refusal(status)).hint


@pytest.mark.parametrize("status", [409, 412])
def test_anothers_lease_and_a_version_that_is_no_longer_current_are_conflicts(status: int) -> None:
    held = "aborted: lease currently held by 1f@tokens.fly.io, expires at 2026-11-02T10:00:13Z"

    error = refused(update, refusal(status, held))

    assert isinstance(error, FlyConflictError)
    assert error.status == status
    assert held in error.message


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (409, "aborted: could not reserve resource for machine: insufficient memory", "unknown"),
        (412, "failed_precondition: deploys to this host are temporarily disabled", "unknown"),
        (422, "no room in this region", "insufficient_capacity"),
        (422, "no room for the volume", "volume_placement_capacity"),
    ],
)
@pytest.mark.parametrize("call", ["update", "start"])
def test_a_full_host_is_no_conflict_and_does_not_pass(
    call: str, status: int, error: str, code: str
) -> None:
    caught = refused(CHANGES[call], told({"error": error, "status": code}, status))

    assert caught.is_capacity
    assert not caught.is_passing
    assert not isinstance(caught, FlyConflictError)
    assert "there is no capacity for the machine" in caught.message
    assert f'(HTTP {status}, "{error}"' in caught.message
    assert "make room" in caught.hint


@pytest.mark.parametrize("body", [{"error": ["could not reserve resource"]}, {"status": []}, "no"])
def test_a_refusal_of_another_shape_says_nothing_of_capacity(body: object) -> None:
    assert not refused(update, told(body, 409)).is_capacity


def test_flys_texts_are_quoted_in_one_line_without_the_runs_secrets() -> None:
    words = f"bad\n::set-output::\x1b[31m {FIRST} {NONCE.reveal()} x:{FIRST},{SECOND}"
    scrubber = Scrubber()
    scrubber.learn(NONCE)
    client = api(Fly(refusal(400, words)), scrubber=scrubber)

    with pytest.raises(FlyRefusedError) as caught:
        client.app()

    assert '"bad ::set-output:: [31m *** *** x:***"' in caught.value.message


@pytest.mark.parametrize("told_id", ["a b", "x" * 65, "<b>", "::error::", "ä"])
def test_a_request_id_that_does_not_look_like_one_is_none(told_id: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, headers=[(b"fly-request-id", told_id.encode())])

    assert refused(FlyApi.app, answer).request_id == ""


def test_a_redirect_is_not_followed() -> None:
    fly = Fly(told({}, 307, Location="https://elsewhere.example/"))

    with pytest.raises(FlyRefusedError):
        api(fly).app()

    assert len(fly.requests) == 1
