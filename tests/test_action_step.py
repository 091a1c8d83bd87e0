"""The action as a step: started like a runner starts it, every surface read back.

Scenes run in real time, so they run together: a healthy gate takes 10 s, one that is missed 30 s.
"""

import json
import os
import signal
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from io import BytesIO
from pathlib import Path
from time import sleep

import pytest

from tests.worlds.runner import ACT, as_subprocess
from tests.worlds.runner_environment import Step
from tests.worlds.runner_scene import (
    OTHER_USER,
    PROMPTLY_SECONDS,
    Playbill,
    Played,
    plant_traps,
    scene,
    sprung,
    wait_until,
)
from tests.worlds.shop import BAD, GOOD, ROLLBACK, write_rollback_script

Plays = Mapping[str, Future[Played]]
PLAYBILL = Playbill()
LANES = 6
CREDENTIALS = "deploy:s3cr%25t-pass"
FORMS_OF_CREDENTIALS = ("s3cr%25t-pass", "s3cr%t-pass", "ZGVwbG95OnMzY3IldC1wYXNz")
OBEYED = {"add-mask", "group", "endgroup", "notice", "warning", "error"}


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    with PLAYBILL.playing(tmp_path_factory.mktemp("plays"), LANES) as futures:
        yield futures


@PLAYBILL.scene
def rolled_back(root: Path) -> Played:
    with scene(root) as here:
        here.shop.deploy(BAD)
        write_rollback_script(here.runner.workspace)
        previous = f"echo {GOOD}"
        return here.played(rollback_command=ROLLBACK, previous_version_command=previous)


@PLAYBILL.scene
def stopped_in_the_rollback(root: Path) -> Played:
    """The command ignores the polite signal, too."""
    with scene(root) as here:
        here.shop.deploy(BAD)
        begun = write_rollback_script(here.runner.workspace, before="trap '' TERM; sleep 60")
        running = here.start(rollback_command=ROLLBACK)
        wait_until(begun, sleep)
        return here.stopped(running, signal.SIGTERM)


@PLAYBILL.scene
def killed_in_the_rollback(root: Path) -> Played:
    with scene(root) as here:
        here.shop.deploy(BAD)
        begun = write_rollback_script(here.runner.workspace, before="sleep 20")
        running = here.start(rollback_command=ROLLBACK)
        wait_until(begun, sleep)
        return here.stopped(running, signal.SIGKILL)


@PLAYBILL.scene
def healthy(root: Path) -> Played:
    with scene(root, start=as_subprocess) as here:
        return here.played(expected_version=GOOD, rollback="off")


@PLAYBILL.scene
def stopped_in_the_upload(root: Path) -> Played:
    with scene(root) as here:
        here.artifacts.faults.delay("CreateArtifact", 30)
        running = here.start()
        wait_until(lambda: "CreateArtifact" in here.artifacts.calls, sleep)
        return here.stopped(running, signal.SIGTERM)


@PLAYBILL.scene
def with_credentials_in_the_url(root: Path) -> Played:
    """An earlier step of the job has verified the same service."""
    with scene(root) as here:
        (here.runner.workspace / "slo-verify" / "web-1").mkdir(parents=True)
        return here.played(url=here.shop.origin.replace("://", f"://{CREDENTIALS}@"))


@PLAYBILL.scene
def in_act(root: Path) -> Played:
    with scene(root, dialect=ACT) as here:
        return here.played()


@PLAYBILL.scene
def on_enterprise_server(root: Path) -> Played:
    with scene(root, server_url="https://ghe.example") as here:
        return here.played(token="", service="api\r\n", rollback="off")


@PLAYBILL.scene
def in_a_hostile_place(root: Path) -> Played:
    """The workspace shadows modules; earlier steps exported whatever leads into it."""
    with scene(root, start=as_subprocess) as here:
        workspace = here.runner.workspace
        plant_traps(workspace)
        leaked = {
            "ALL_PROXY": "http://127.0.0.1:9",
            "GHAPI_DEBUG": "1",
            "GH_HOST": "evil.example",
            "GITHUB_JWT_TOKEN": "a-token-of-somebody-else",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
            "PYTHONHOME": str(workspace),
            "PYTHONINSPECT": "1",
            "PYTHONPATH": str(workspace),
            "PYTHONSTARTUP": str(workspace / "json.py"),
            "SSL_CERT_DIR": "/home/runner/certs",
            "SSL_CERT_FILE": "/home/runner/certs/ca.pem",
            "TMPDIR": "/home/runner/tmp",
            "VIRTUAL_ENV": str(workspace),
        }
        proxied = here.shop.origin.replace("127.0.0.1", "localhost")
        return here.played(leaked, url=proxied)


@PLAYBILL.scene
def stopped_at_the_start(root: Path) -> Played:
    with scene(root, start=as_subprocess) as here:
        running = here.start()
        running.log.wait_for("::add-mask::", 20)
        return here.stopped(running, signal.SIGTERM)


@PLAYBILL.scene
def stopped_in_the_watch(root: Path) -> Played:
    with scene(root) as here:
        running = here.start()
        running.log.wait_for("attempt 1/8", 20)
        return here.stopped(running, signal.SIGINT)


@PLAYBILL.scene
def stopped_while_the_service_hangs(root: Path) -> Played:
    with scene(root, hangs=True) as here:
        running = here.start(version_path="/__build")
        wait_until(lambda: bool(here.shop.requests), sleep)
        return here.stopped(running, signal.SIGTERM)


@PLAYBILL.scene
def killed(root: Path) -> Played:
    with scene(root, start=as_subprocess) as here:
        running = here.start()
        running.log.wait_for("attempt 1/8", 20)
        return here.stopped(running, signal.SIGKILL)


@PLAYBILL.scene
def with_bad_inputs(root: Path) -> Played:
    with scene(root) as here:
        url = f"{here.shop.origin.replace('://', f'://{CREDENTIALS}@')}/?page=1"
        return here.played(
            url=url, service="", servcie="web", health_deadline="90", fail_on="unhelthy"
        )


@PLAYBILL.scene
def without_an_output_file(root: Path) -> Played:
    with scene(root) as here:
        given = here.step().given
        step = Step(given=given, missing=frozenset({"GITHUB_OUTPUT"}))
        return Played(result=here.runner.run(step), scene=here)


@PLAYBILL.scene
def with_a_file_in_the_way(root: Path) -> Played:
    with scene(root) as here:
        (here.runner.workspace / "slo-verify").write_text("", encoding="utf-8")
        return here.played()


@PLAYBILL.scene
def with_a_link_out_of_the_workspace(root: Path) -> Played:
    with scene(root) as here:
        (root / "outside").mkdir()
        (here.runner.workspace / "slo-verify").symlink_to(root / "outside")
        return here.played(rollback="off")


@PLAYBILL.scene
def with_a_link_for_gitignore(root: Path) -> Played:
    """It dangles, so that writing through it would make the file it leads to."""
    with scene(root) as here:
        directory = here.runner.workspace / "slo-verify"
        directory.mkdir()
        (directory / ".gitignore").symlink_to(root / "outside")
        running = here.start()
        running.log.wait_for("attempt 1/8", 20)
        return here.stopped(running, signal.SIGTERM)


def test_a_healthy_step_succeeds_and_says_so_by_its_outputs(plays: Plays) -> None:
    result = plays["healthy"].result().result
    assert (result.exit_code, result.outcome, result.problems) == (0, "success", [])
    told = {name: result.outputs[name] for name in ("verdict", "cause", "ending", "live-version")}
    assert told == {
        "verdict": "healthy",
        "cause": "none",
        "ending": "verified",
        "live-version": GOOD,
    }
    assert (result.outputs["attempts"], result.outputs["success-count"]) == ("3", "3")
    assert result.outputs["rollback-triggered"] == "false"
    assert json.loads(result.outputs["audit"])["status"] == "success"


def test_outputs_are_provisional_until_the_end(plays: Plays) -> None:
    written = plays["healthy"].result().result.output_file
    assert written.startswith("verdict<<")
    assert written.splitlines()[1] == "inconclusive"
    assert written.count("verdict<<") == 2


def test_the_log_of_a_healthy_step_holds_one_notice_and_no_command_but_ours(plays: Plays) -> None:
    log = plays["healthy"].result().result.log
    assert [shown.level for shown in log.annotations] == ["notice"]
    assert "healthy" in log.annotations[0].title
    assert {command.name for command in log.commands} <= OBEYED


def test_the_summary_leads_to_the_evidence(plays: Plays) -> None:
    result = plays["healthy"].result().result
    assert "healthy" in result.summary.splitlines()[0]
    assert result.outputs["artifact-url"] in result.summary


def test_the_evidence_is_complete_and_belongs_to_the_workspaces_owner(plays: Plays) -> None:
    result = plays["healthy"].result().result
    evidence = result.evidence()
    assert evidence.relative_to(result.workspace) == Path(result.outputs["evidence-dir"])
    assert result.outputs["audit-path"] == f"{result.outputs['evidence-dir']}/audit.json"
    names = {str(path.relative_to(evidence)) for path in evidence.rglob("*") if path.is_file()}
    assert names >= {
        "audit.json",
        "journal.jsonl",
        "metrics.prom",
        "proofs/health/web.log",
        "samples.jsonl",
        "summary.md",
    }
    owner = OTHER_USER if os.geteuid() == 0 else os.geteuid()
    made = [evidence.parent, *evidence.parent.rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(owner, owner)}


def test_nothing_is_left_in_the_runners_directories(plays: Plays) -> None:
    layout = plays["healthy"].result().result.layout
    assert list(layout.home.iterdir()) == []
    assert {path.name for path in layout.temp.iterdir()} == {
        "_github_home",
        "_github_workflow",
        "_runner_file_commands",
    }


def test_the_evidence_is_uploaded_and_the_check_run_created(plays: Plays) -> None:
    here = plays["healthy"].result().scene
    (artifact,) = here.artifacts.listed()
    with zipfile.ZipFile(BytesIO(here.artifacts.content(artifact.name))) as archive:
        assert "audit.json" in archive.namelist()
    ((body, headers),) = here.check_runs.created
    assert (body["conclusion"], body["name"]) == ("success", "slo-verify / web")
    assert headers["authorization"] == f"token {here.runner.job.token}"


def test_a_second_verification_of_a_job_has_an_artifact_of_its_own(plays: Plays) -> None:
    (first,) = plays["healthy"].result().scene.artifacts.listed()
    (second,) = plays["with_credentials_in_the_url"].result().scene.artifacts.listed()

    assert first.name.startswith("slo-verify-web-1-")
    assert second.name == first.name.replace("web-1", "web-1-2")


def test_the_runners_tokens_are_never_reported(plays: Plays) -> None:
    play = plays["healthy"].result()
    job = play.scene.runner.job
    for place, text in play.everything_told().items():
        assert job.token not in text, place
        assert job.runtime_token not in text, place


def test_a_bad_deploy_is_rolled_back_and_the_step_fails(plays: Plays) -> None:
    play = plays["rolled_back"].result()
    outputs = play.result.outputs
    assert (play.result.exit_code, play.result.problems) == (10, [])
    assert (outputs["verdict"], outputs["ending"]) == ("unhealthy", "rolled-back-verified")
    assert (outputs["rollback-triggered"], outputs["rolled-back-to"]) == ("true", GOOD)
    assert "health-check-failure" in outputs["triggers"]
    assert play.scene.shop.live == GOOD
    assert play.result.log.annotations[0].level == "error"
    assert "### Rollback" in play.result.summary


def test_all_mistakes_in_the_inputs_are_reported_and_nothing_is_sent(plays: Plays) -> None:
    play = plays["with_bad_inputs"].result()
    told = [shown.message for shown in play.result.log.annotations if shown.level == "error"]
    assert play.result.exit_code == 2
    for field in ("service", "servcie", "url", "health-deadline", "fail-on"):
        assert any(message.startswith(f"{field}: ") for message in told), field
    assert (play.scene.shop.requests, play.scene.artifacts.calls) == ([], [])
    assert (play.result.outputs["verdict"], play.result.outputs["cause"]) == (
        "inconclusive",
        "config",
    )


def test_a_missing_output_file_is_the_runners_fault(plays: Plays) -> None:
    play = plays["without_an_output_file"].result()
    assert play.result.exit_code == 3
    assert "GITHUB_OUTPUT" in play.log
    assert play.scene.shop.requests == []


def test_a_run_that_cannot_keep_evidence_does_not_begin(plays: Plays) -> None:
    play = plays["with_a_file_in_the_way"].result()
    assert play.result.exit_code == 4
    assert play.scene.shop.requests == []


def test_evidence_goes_beside_a_link_that_leads_elsewhere_and_the_run_says_so(plays: Plays) -> None:
    play = plays["with_a_link_out_of_the_workspace"].result()
    assert (play.result.exit_code, play.result.outputs["verdict"]) == (0, "healthy")
    assert play.result.outputs["audit-path"] == "slo-verify-2/web-1/audit.json"
    assert (play.result.workspace / "slo-verify-2/web-1/audit.json").is_file()
    assert list((play.result.workspace / "slo-verify").iterdir()) == []
    (warning,) = (shown for shown in play.result.log.annotations if shown.level == "warning")
    assert warning.message.startswith("slo-verify is a symbolic link")
    assert play.scene.artifacts.listed()


def test_evidence_is_not_written_through_a_link(plays: Plays) -> None:
    layout = plays["with_a_link_for_gitignore"].result().result.layout
    assert not (layout.work.parent / "outside").exists()


def test_credentials_in_the_url_are_sent(plays: Plays) -> None:
    play = plays["with_credentials_in_the_url"].result()
    assert play.result.exit_code == 0
    sent = {asked.headers["authorization"] for asked in play.scene.shop.requests}
    assert sent == {f"Basic {FORMS_OF_CREDENTIALS[-1]}"}


@pytest.mark.parametrize("name", ["with_credentials_in_the_url", "with_bad_inputs"])
def test_credentials_in_the_url_are_masked_and_never_reported(plays: Plays, name: str) -> None:
    play = plays[name].result()
    assert f"::add-mask::{CREDENTIALS.replace('%', '%25')}" in play.result.log.raw
    for place, text in {**play.everything_told(), "visible log": play.log}.items():
        for form in FORMS_OF_CREDENTIALS:
            assert form not in text, place


def test_act_gets_its_outputs_and_is_reported_why_there_is_no_artifact(plays: Plays) -> None:
    play = plays["in_act"].result()
    assert (play.result.outcome, play.result.outputs["verdict"]) == ("success", "healthy")
    assert "artifact-id" not in play.result.outputs
    assert "--artifact-server-path" in play.log
    assert play.scene.check_runs.created == []


def test_enterprise_server_is_reported_that_it_has_no_such_artifacts(plays: Plays) -> None:
    play = plays["on_enterprise_server"].result()
    (warning,) = (shown for shown in play.result.log.annotations if shown.level == "warning")
    assert "GitHub Enterprise Server, Gitea and Forgejo have no v4 artifacts" in warning.message
    assert (play.result.outcome, play.result.outputs["verdict"]) == ("success", "healthy")
    assert play.scene.artifacts.calls == []


def test_without_a_token_there_is_a_verdict_and_a_notice_instead_of_a_check_run(
    plays: Plays,
) -> None:
    play = plays["on_enterprise_server"].result()

    notices = [shown.title for shown in play.result.log.annotations if shown.level == "notice"]
    assert "No check run: the input token is empty" in notices
    assert play.result.outputs["verdict"] == "healthy"
    assert play.scene.check_runs.created == []


def test_neither_workspace_nor_leaked_variables_reach_the_run(plays: Plays) -> None:
    play = plays["in_a_hostile_place"].result()
    assert not sprung(play.result.workspace)
    assert (play.result.outcome, play.result.outputs["verdict"]) == ("success", "healthy")
    assert play.result.outputs["artifact-id"]
    ((_, headers),) = play.scene.check_runs.created
    assert headers["authorization"] == f"token {play.scene.runner.job.token}"


STOPPED = {
    "stopped_at_the_start": "SIGTERM",
    "stopped_in_the_watch": "SIGINT",
    "stopped_while_the_service_hangs": "SIGTERM",
}


@pytest.mark.parametrize("name", STOPPED)
def test_a_run_that_is_stopped_states_what_it_found_at_once(plays: Plays, name: str) -> None:
    play = plays[name].result()
    assert play.seconds < PROMPTLY_SECONDS
    assert (play.result.exit_code, play.result.problems) == (11, [])
    assert play.result.outputs["verdict"] == "inconclusive"
    audit = json.loads((play.result.evidence() / "audit.json").read_text(encoding="utf-8"))
    assert (audit["status"], audit["interrupted"]) == ("inconclusive", STOPPED[name])
    assert STOPPED[name] in play.result.summary
    assert play.scene.artifacts.calls == []


def test_a_rollback_that_is_stopped_is_reported_as_a_failed_one(plays: Plays) -> None:
    play = plays["stopped_in_the_rollback"].result()
    assert play.seconds < PROMPTLY_SECONDS
    assert play.result.exit_code == 12
    outputs = play.result.outputs
    assert (outputs["ending"], outputs["rollback-triggered"]) == ("rollback-failed", "true")
    assert play.scene.shop.live == BAD
    journal = (play.result.evidence() / "journal.jsonl").read_text(encoding="utf-8")
    assert "run rollback-command" in journal
    audit = json.loads((play.result.evidence() / "audit.json").read_text(encoding="utf-8"))
    assert audit["interrupted"] == "SIGTERM"
    assert "### Rollback" in play.result.summary


def test_a_run_that_is_killed_in_its_rollback_has_told_that_one_was_begun(plays: Plays) -> None:
    outputs = plays["killed_in_the_rollback"].result().result.outputs
    assert (outputs["ending"], outputs["rollback-triggered"]) == ("undecided", "true")
    assert outputs["reason"].startswith("a rollback was begun")


def test_a_verdict_that_was_reached_before_the_signal_stands(plays: Plays) -> None:
    play = plays["stopped_in_the_upload"].result()
    assert play.seconds < PROMPTLY_SECONDS
    assert (play.result.exit_code, play.result.outputs["verdict"]) == (0, "healthy")
    assert "healthy" in play.result.summary
    assert "skipped, as the run was stopped" in play.log


def test_a_run_that_is_killed_leaves_its_journal_and_undecided_outputs(plays: Plays) -> None:
    result = plays["killed"].result().result
    assert (result.exit_code, result.outcome) == (-signal.SIGKILL, "failure")
    assert (result.outputs["verdict"], result.outputs["ending"]) == ("inconclusive", "undecided")
    journal = (result.evidence() / "journal.jsonl").read_text(encoding="utf-8")
    assert "begin verifying web" in journal
    assert (result.evidence() / "samples.jsonl").read_text(encoding="utf-8")
