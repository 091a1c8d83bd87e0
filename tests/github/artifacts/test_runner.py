"""Where there is no artifact service to talk to, and what act does differently."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.errors import ArtifactError
from slo_action.github.artifacts.store import GitHubArtifactStore
from tests.worlds.artifact_bench import FILES, ActBench, GitHubBench, unpacked
from tests.worlds.seeded import seeded


@pytest.fixture
def bench(tmp_path: Path) -> GitHubBench:
    return GitHubBench(tmp_path / "evidence")


@pytest.fixture
def act(tmp_path: Path) -> ActBench:
    return ActBench(tmp_path / "evidence")


@pytest.mark.parametrize("server", ["https://github.acme.com", "https://notgithub.com", "http://x"])
def test_an_enterprise_server_has_no_such_artifacts(bench: GitHubBench, server: str) -> None:
    bench.set_runner(server_url=server, results_url="")

    error = bench.refused()

    assert "GitHub Enterprise Server, Gitea and Forgejo have no v4 artifacts" in str(error)
    assert bench.service.calls == []


@pytest.mark.parametrize(
    "server", ["https://github.com", "https://acme.ghe.com", "http://github.localhost:3000", ""]
)
def test_github_data_residency_and_a_local_github_have_them(
    bench: GitHubBench, server: str
) -> None:
    bench.set_runner(server_url=server)

    assert bench.upload().name == "report"


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"results_url": ""}, "ACTIONS_RESULTS_URL"),
        ({"token": Secret("")}, "ACTIONS_RUNTIME_TOKEN"),
    ],
)
def test_a_runner_without_artifact_service_is_reported_what_it_lacks(
    bench: GitHubBench, changes: dict[str, object], missing: str
) -> None:
    bench.set_runner(**changes)

    error = bench.refused()

    assert f"{missing} is not set" in str(error)
    assert "--artifact-server-path" in error.hint


@pytest.mark.parametrize(
    "url", ["ftp://results.example/", "results", "http://", "http://[::1", "http://h:x/"]
)
def test_an_address_that_is_none_is_reported(bench: GitHubBench, url: str) -> None:
    bench.set_runner(results_url=url)

    assert "ACTIONS_RESULTS_URL is not an http(s) address" in str(bench.refused())


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://results.example/", "https://results.example"),
        ("https://user:word@results.example/a/b?c", "https://results.example"),
        ("http://192.168.0.2:34567/", "http://192.168.0.2:34567"),
        ("http://[::1]:34567/", "http://[::1]:34567"),
    ],
)
def test_only_the_origin_of_the_address_counts(bench: GitHubBench, url: str, origin: str) -> None:
    bench.set_runner(results_url=url)

    assert bench.runner.origin() == origin


def _jwt(claims: bytes) -> Secret:
    return Secret(f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln")


@pytest.mark.parametrize(
    "token",
    [
        Secret("not-a-token"),
        Secret("a.%%%.c"),
        _jwt(b"[]"),
        _jwt(b"\xff"),
        _jwt(b"{}"),
        _jwt(b'{"scp": 7}'),
        _jwt(b'{"scp": "Actions.Other:1:2"}'),
        _jwt(b'{"scp": "Actions.Results:1"}'),
        _jwt(b'{"scp": "Actions.Results:1:2:3"}'),
    ],
)
def test_a_token_without_the_runs_ids_is_refused_without_asking(
    bench: GitHubBench, token: Secret
) -> None:
    bench.set_runner(token=token)

    error = bench.refused()

    assert "names no workflow run" in str(error)
    assert token.reveal() not in str(error)
    assert bench.service.calls == []


def test_the_ids_are_found_among_other_scopes(bench: GitHubBench) -> None:
    bench.set_runner(token=_jwt(b'{"scp": "Actions.Other:9 Actions.Results:run-1:job-2"}'))

    ids = bench.runner.backend_ids()

    assert (ids.run, ids.job) == ("run-1", "job-2")


def test_in_act_the_files_arrive(act: ActBench) -> None:
    uploaded = act.upload()

    assert unpacked(act.service.files["report"]) == FILES
    assert uploaded.artifact_id.isdigit()


def test_in_act_blocks_arrive_in_order_since_it_ignores_their_ids(act: ActBench) -> None:
    noise = seeded(1).randbytes(17 * 1024 * 1024)
    act.write("large.bin", noise)

    act.upload()

    assert unpacked(act.service.files["report"])["large.bin"] == noise


def test_in_act_a_name_can_be_used_again(act: ActBench) -> None:
    act.upload()
    act.write("more.txt", b"more")

    assert act.upload().name == "report"
    assert "more.txt" in unpacked(act.service.files["report"])


def test_in_act_a_retention_is_understood(act: ActBench) -> None:
    act.set_runner(retention_days=3)

    assert act.upload().name == "report"


def test_in_act_an_answer_without_text_is_reported_by_its_status(act: ActBench) -> None:
    act.set_runner(token=Secret(act.service.token(run="ce7f54c7-not-a-number")))

    assert "refused CreateArtifact: HTTP 400." in str(act.refused())


def test_in_act_a_finalize_that_was_lost_is_found_again(act: ActBench) -> None:
    act.service.faults.lose_reply("FinalizeArtifact")

    assert act.upload().name == "report"
    assert act.service.calls[-2:] == ["FinalizeArtifact", "ListArtifacts"]


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", "gopher://proxy"), ("SSL_CERT_FILE", "/nowhere/ca.pem")]
)
def test_network_settings_that_leaked_into_the_container_are_reported(
    bench: GitHubBench, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    over_the_network = GitHubArtifactStore(
        bench.runner, clock=bench.clock, scrubber=Scrubber(), mask=print, random=seeded(1).random
    )

    with pytest.raises(ArtifactError, match="proxy or certificate settings are wrong"):
        over_the_network.upload("report", bench.root, bench.files())
