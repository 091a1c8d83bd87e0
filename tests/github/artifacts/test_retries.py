"""Trouble that passes: what is repeated, for how long, and what must not happen twice."""

from pathlib import Path

import pytest

from tests.worlds.artifact_bench import FILES, GitHubBench, unpacked
from tests.worlds.artifact_http import Reply, twirp_error

DOWN = Reply(status=503)
UNFINALIZED = twirp_error(403, "permission_denied", "Forbidden")


@pytest.fixture
def bench(tmp_path: Path) -> GitHubBench:
    return GitHubBench(tmp_path / "evidence")


def test_a_finalize_that_is_forbidden_for_a_while_is_repeated(bench: GitHubBench) -> None:
    bench.service.faults.answer("FinalizeArtifact", UNFINALIZED, times=3)

    assert bench.upload().name == "report"
    assert bench.service.calls.count("CreateArtifact") == 1


def test_a_finalize_that_stays_forbidden_costs_one_second_name(bench: GitHubBench) -> None:
    bench.service.faults.answer("FinalizeArtifact", UNFINALIZED, times=5)

    uploaded = bench.upload()

    assert uploaded.name.startswith("report-")
    assert unpacked(bench.service.content(uploaded.name)) == FILES
    assert [one.name for one in bench.service.listed()] == [uploaded.name]


def test_a_finalize_that_fails_for_good_is_reported_within_a_minute(bench: GitHubBench) -> None:
    bench.service.faults.answer("FinalizeArtifact", UNFINALIZED, times=99)

    error = bench.refused()

    assert "kept failing" in str(error)
    assert "HTTP 403" in str(error)
    assert bench.service.calls.count("CreateArtifact") == 2
    assert sum(bench.clock.waits) <= 60


def test_failures_of_all_steps_share_one_minute(bench: GitHubBench) -> None:
    bench.service.faults.answer("CreateArtifact", DOWN, times=4)
    bench.service.faults.answer("PutBlock", DOWN, times=3)
    bench.service.faults.answer("FinalizeArtifact", DOWN, times=99)

    bench.refused()

    assert 40 < sum(bench.clock.waits) <= 60


def test_a_finalize_whose_answer_was_lost_makes_no_second_artifact(bench: GitHubBench) -> None:
    bench.service.faults.lose_reply("FinalizeArtifact")

    uploaded = bench.upload()

    (artifact,) = bench.service.listed()
    assert [str(one) for one in artifact.database_ids] == [uploaded.artifact_id]


def test_a_finalize_that_never_arrived_is_repeated(bench: GitHubBench) -> None:
    bench.service.faults.lose_request("FinalizeArtifact", times=2)

    uploaded = bench.upload()

    (artifact,) = bench.service.listed()
    assert [str(one) for one in artifact.database_ids] == [uploaded.artifact_id]


def test_a_busy_service_is_asked_again_as_the_toolkit_does(bench: GitHubBench) -> None:
    bench.service.faults.answer("CreateArtifact", DOWN, times=4)

    bench.upload()

    first, *others = bench.clock.waits
    assert first == 3.0
    assert all(
        low <= wait < low * 1.5 for low, wait in zip((4.5, 6.75, 10.125), others, strict=True)
    )


def test_a_service_that_says_when_is_believed(bench: GitHubBench) -> None:
    late = Reply(status=429, headers={"Retry-After": "17"})
    bench.service.faults.answer("CreateArtifact", late)

    bench.upload()

    assert bench.clock.waits == [17.0]


def test_a_service_that_wants_an_hour_is_not_waited_for(bench: GitHubBench) -> None:
    late = Reply(status=429, headers={"Retry-After": "3600"})
    bench.service.faults.answer("CreateArtifact", late, times=99)

    assert "HTTP 429" in str(bench.refused())
    assert bench.clock.waits == []


def test_an_answer_that_is_no_json_is_asked_for_again(bench: GitHubBench) -> None:
    bench.service.faults.answer("CreateArtifact", Reply(status=200, body=b"<html>"))

    assert bench.upload().name == "report"


def test_a_service_that_hangs_costs_little_more_than_a_minute(bench: GitHubBench) -> None:
    bench.service.faults.delay("CreateArtifact", 3600, times=99)

    error = bench.refused()

    assert "CreateArtifact got no answer (ReadTimeout)" in str(error)
    assert bench.clock.monotonic() < 100


def test_a_slow_service_that_answers_costs_no_patience(bench: GitHubBench) -> None:
    for operation in ("CreateArtifact", "PutBlock", "PutBlockList", "FinalizeArtifact"):
        bench.service.faults.delay(operation, 29)

    assert bench.upload().name == "report"
    assert bench.clock.waits == []


@pytest.mark.parametrize("operation", ["PutBlock", "PutBlockList"])
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_blob_store_is_asked_again(bench: GitHubBench, operation: str, status: int) -> None:
    bench.service.faults.answer(operation, Reply(status=status), times=3)

    bench.upload()

    assert unpacked(bench.service.content("report")) == FILES
    assert bench.clock.waits == [0.0, 4.0, 12.0]


@pytest.mark.parametrize("operation", ["PutBlock", "PutBlockList"])
def test_a_broken_connection_to_the_blob_store_is_fixed(bench: GitHubBench, operation: str) -> None:
    bench.service.faults.lose_request(operation)
    bench.service.faults.lose_reply(operation)

    bench.upload()

    assert bench.service.calls.count(operation) == 3
    assert unpacked(bench.service.content("report")) == FILES
