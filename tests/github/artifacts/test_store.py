"""Uploading to GitHub: what arrives, and what happens when something goes wrong on the way."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tests.worlds.artifact_bench import FILES, GitHubBench, unpacked
from tests.worlds.artifact_http import json_reply, twirp_error
from tests.worlds.seeded import seeded

MEGABYTE = 1024 * 1024


@pytest.fixture
def bench(tmp_path: Path) -> GitHubBench:
    return GitHubBench(tmp_path / "evidence")


def test_the_files_arrive_and_the_answer_states_where(bench: GitHubBench) -> None:
    uploaded = bench.upload()

    content = bench.service.content("report")
    assert unpacked(content) == FILES
    assert uploaded.name == "report"
    assert uploaded.size_bytes == len(content)
    assert uploaded.digest == f"sha256:{sha256(content).hexdigest()}"
    page = f"https://github.com/octo/shop/actions/runs/42/artifacts/{uploaded.artifact_id}"
    assert uploaded.url == page


def test_the_service_is_reported_size_and_digest_of_what_was_sent(bench: GitHubBench) -> None:
    uploaded = bench.upload()

    (artifact,) = bench.service.listed()
    assert (artifact.size, artifact.digest) == (uploaded.size_bytes, uploaded.digest)


def test_a_zip_is_announced_as_version_4_without_a_mime_type(bench: GitHubBench) -> None:
    bench.upload()

    create = dict(bench.service.messages)["CreateArtifact"]
    assert create["version"] == 4
    assert "mime_type" not in create
    assert "expires_at" not in create


def test_large_evidence_goes_in_blocks_of_equal_size_one_after_the_other(
    bench: GitHubBench,
) -> None:
    noise = seeded(1).randbytes(20 * MEGABYTE)
    bench.write("large.bin", noise)

    bench.upload()

    sizes = [len(request.content) for request in _blocks(bench)]
    assert sizes[:2] == [8 * MEGABYTE] * 2
    assert len(sizes) == 3
    assert unpacked(bench.service.content("report"))["large.bin"] == noise


def test_the_signed_address_is_extended_and_never_rewritten(bench: GitHubBench) -> None:
    bench.upload()

    block = _blocks(bench)[0].url.raw_path.decode()
    signed, _, added = block.partition("&comp=block&blockid=")
    assert added
    assert "%2B%2F%2F%2B" in signed.partition("&sig=")[2]


def test_the_blob_store_never_sees_the_runtime_token(bench: GitHubBench) -> None:
    bench.upload()

    puts = [request for request, _ in bench.wire.requests if request.method == "PUT"]
    assert len(puts) == 2
    assert not any("authorization" in request.headers for request in puts)


def test_the_blob_gets_the_content_type_of_a_zip(bench: GitHubBench) -> None:
    bench.upload()

    (blob,) = bench.service.blobs.blobs.values()
    assert blob.content_type == "application/zip"


def test_token_and_signature_are_masked_before_they_are_used(bench: GitHubBench) -> None:
    token = bench.runner.token.reveal()

    bench.upload()

    _, masked_at_create = bench.wire.requests[0]
    put, masked_at_put = next(one for one in bench.wire.requests if one[0].method == "PUT")
    signature = put.url.raw_path.decode().partition("&sig=")[2].partition("&")[0]
    assert token in masked_at_create
    assert {signature, unquote(signature)} <= set(masked_at_put)
    assert bench.scrubber.scrub(str(put.url)).count("***") == 1


def test_answers_in_camel_case_with_numbers_are_read_as_well(bench: GitHubBench) -> None:
    bench.service.faults.answer(
        "FinalizeArtifact", json_reply(200, {"ok": True, "artifactId": 7, "newField": None})
    )

    assert bench.upload().artifact_id == "7"


def test_the_retention_that_was_asked_for_is_sent(bench: GitHubBench) -> None:
    bench.set_runner(retention_days=5, max_retention_days=90)

    bench.upload()

    assert dict(bench.service.messages)["CreateArtifact"]["expires_at"] == "2026-11-07T10:00:00Z"


def test_the_repositorys_maximum_wins_over_what_was_asked_for(bench: GitHubBench) -> None:
    bench.set_runner(retention_days=400, max_retention_days=30)

    bench.upload()

    assert dict(bench.service.messages)["CreateArtifact"]["expires_at"] == "2026-12-02T10:00:00Z"


def test_a_taken_name_gets_a_suffix(bench: GitHubBench) -> None:
    bench.upload()

    second = bench.upload()

    assert second.name.startswith("report-")
    assert {one.name for one in bench.service.listed()} == {"report", second.name}


def test_an_invalid_name_is_made_valid(bench: GitHubBench) -> None:
    assert bench.upload("api / eu:west").name == "api - eu-west"


def test_when_every_name_is_taken_it_gives_up_at_once(bench: GitHubBench) -> None:
    taken = twirp_error(409, "already_exists", "an artifact with this name already exists")
    bench.service.faults.answer("CreateArtifact", taken, times=99)

    error = bench.refused()

    assert "All artifact names that were tried" in str(error)
    assert bench.service.calls == ["CreateArtifact"] * 5
    assert bench.clock.waits == []


def test_a_create_whose_answer_was_lost_has_burnt_its_name(bench: GitHubBench) -> None:
    bench.service.faults.lose_reply("CreateArtifact")

    uploaded = bench.upload()

    assert uploaded.name.startswith("report-")
    assert bench.service.calls[:3] == ["CreateArtifact"] * 3
    assert [one.name for one in bench.service.listed()] == [uploaded.name]


def _blocks(bench: GitHubBench) -> list[httpx.Request]:
    return [request for request, _ in bench.wire.requests if "comp=block&" in str(request.url)]
