"""Trouble that stays: each kind is told in words a person can act on, and tells no secret."""

from pathlib import Path

import httpx
import pytest

from tests.worlds.artifact_bench import GitHubBench
from tests.worlds.artifact_http import Reply, json_reply, twirp_error


@pytest.fixture
def bench(tmp_path: Path) -> GitHubBench:
    return GitHubBench(tmp_path / "evidence")


def test_a_used_up_quota_is_reported_as_such_and_not_asked_again(bench: GitHubBench) -> None:
    bench.service.quota_is_used_up = True

    error = bench.refused()

    assert "storage quota is used up" in str(error)
    assert bench.service.calls == ["CreateArtifact"]


@pytest.mark.parametrize(
    ("status", "told", "hint"),
    [
        (400, "name invalid length for artifact name", "artifact-name"),
        (401, "Unauthorized", "runtime token"),
        (403, "Forbidden", "Actions settings"),
        (404, "no handler", "githubstatus"),
    ],
)
def test_a_refusal_is_reported_in_the_services_text_with_a_next_step(
    bench: GitHubBench, status: int, told: str, hint: str
) -> None:
    bench.service.faults.answer("CreateArtifact", twirp_error(status, "code", told))

    error = bench.refused()

    assert f"HTTP {status} code: {told}" in str(error)
    assert hint in error.hint
    assert bench.clock.waits == []


def test_a_service_that_echoes_the_token_does_not_get_it_into_the_message(
    bench: GitHubBench,
) -> None:
    token = bench.runner.token.reveal()
    bench.service.faults.answer("CreateArtifact", twirp_error(400, "bad", f"Bearer {token}"))

    assert token[:40] not in str(bench.refused())


def test_an_expired_token_is_reported(bench: GitHubBench) -> None:
    bench.clock.advance(7 * 3600)

    assert "HTTP 401" in str(bench.refused())


def test_unreadable_evidence_burns_no_name(bench: GitHubBench) -> None:
    bench.write("12:30.txt", b"x")

    bench.refused()

    assert bench.service.calls == []


def test_no_error_shows_address_or_token(bench: GitHubBench) -> None:
    bench.service.faults.lose_request("PutBlock", times=99)

    error: BaseException | None = bench.refused()

    while error is not None:  # what a traceback would print
        assert "sig=" not in str(error)
        assert "blob" not in repr(getattr(error, "request", ""))
        assert not isinstance(error, httpx.HTTPError)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("method", ["CreateArtifact", "FinalizeArtifact"])
@pytest.mark.parametrize("content", [{"ok": False}, {}, {"ok": True}, [], {"ok": "perhaps"}])
def test_an_answer_that_makes_no_sense_is_not_taken_for_success(
    bench: GitHubBench, method: str, content: object
) -> None:
    bench.service.faults.answer(method, json_reply(200, content))

    assert "something else than artifact version 4" in str(bench.refused())


def test_a_blob_store_that_refuses_is_reported_by_its_code(bench: GitHubBench) -> None:
    refusal = Reply(status=403, headers={"x-ms-error-code": "AuthenticationFailed"})
    bench.service.faults.answer("PutBlock", refusal)

    error = bench.refused()

    assert "HTTP 403 AuthenticationFailed" in str(error)
    assert "FinalizeArtifact" not in bench.service.calls


def test_a_success_that_stored_nothing_is_no_success(bench: GitHubBench) -> None:
    bench.service.faults.answer("PutBlock", Reply(status=200))

    assert "HTTP 200" in str(bench.refused())


def test_an_upload_address_that_is_none_is_reported(bench: GitHubBench) -> None:
    answer = json_reply(
        200, {"ok": True, "signed_upload_url": "https://blob.example:x/?sig=tell-nobody"}
    )
    bench.service.faults.answer("CreateArtifact", answer)

    error = bench.refused()

    assert "an invalid upload URL" in str(error)
    assert "tell-nobody" not in str(error)
    assert "tell-nobody" in bench.masked
