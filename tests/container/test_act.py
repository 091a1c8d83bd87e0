"""The README's workflow and the examples, run by act against services on loopback.

Only how long a run watches is shorter than what is shown. Runs take real seconds, so they run at
the same time.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.container.act import (
    PROGRAM,
    SELF_HOSTED,
    Act,
    ActRun,
    action_as_in_the_tree,
    action_as_released,
    build_job_image,
    podman_socket,
)
from tests.container.podman import cannot_be_tested
from tests.docs.pages import ROOT
from tests.docs.workflow_files import ACTION as OURS
from tests.docs.workflow_files import documented
from tests.worlds.artifact_faces import loopback_face
from tests.worlds.artifact_http import Asked, Reply
from tests.worlds.shop import BAD, GOOD, Shop

pytestmark = pytest.mark.container

Runs = Mapping[str, Future[ActRun]]

LANES = 3
OBSERVED_NOT = ("          url: ", "          observe: 0s\n          url: ")

STEPS = """\
name: Steps
on: push
jobs:
  verify:
    runs-on: ubuntu-latest
    steps:
      - name: A bad deploy
        id: bad
        continue-on-error: true
        uses: org/slo-verify@v1
        with:
          service: shop
          url: SHOP
          observe: 0s
          health-deadline: 3s
          grace: 0s
          rollback-command: sh rollback.sh {previous-version}
          previous-version-command: cat previous-version
      - name: After the bad deploy
        env:
          BAD: >-
            ${{ steps.bad.outcome }} ${{ steps.bad.conclusion }} ${{ steps.bad.outputs.ending }}
            ${{ steps.bad.outputs.rolled-back-to }}
        run: echo "$BAD"
      - name: The same service again
        id: again
        uses: org/slo-verify@v1
        with:
          service: shop
          url: SHOP
          observe: 0s
      - name: The evidence of both
        run: ls slo-verify/*/audit.json
      - name: A mistake
        uses: org/slo-verify@v1
        with:
          service: shop
          url: SHOP
          fail-on: unhelthy
      - name: Not after a failure
        run: echo no
      - name: After a failure
        if: failure()
        run: echo yes
"""


class Chat:
    """Keeps the messages that it is sent."""

    def __init__(self, messages: list[str]) -> None:
        self.origin = ""
        self._messages = messages

    def serve(self, asked: Asked) -> Reply:
        self._messages.append(json.loads(asked.body)["text"])
        return Reply(status=200)


MESSAGES: list[str] = []
"""Those of all runs: only the bad deploy sends one."""


def readme(act: Act) -> ActRun:
    """Its Dockerfile is built by act, and its workspace is a volume that act makes."""
    (first, *_) = [found for found in documented() if found.name.startswith("README.md")]
    with _shop(act) as url:
        workflow = first.text.replace(*OBSERVED_NOT)
        return act.run(workflow, "workflow_dispatch", f"--input=url={url}", bind=False)


def outputs_of_a_good_deploy(act: Act) -> ActRun:
    return _use_outputs(act, '"$2"')


def outputs_of_a_bad_deploy(act: Act) -> ActRun:
    return _use_outputs(act, BAD, "grace: 0s", "health-deadline: 3s")


def several_steps(act: Act) -> ActRun:
    rollback = 'echo "$1" > live-version\n'
    files = {"rollback.sh": rollback, "previous-version": GOOD}
    with _shop(act, BAD) as url:
        return replace(act, files=files).run(STEPS.replace("SHOP", url))


def self_hosted(act: Act) -> ActRun:
    """The job runs on the host, and the action in a container that does not see its workspace."""
    return replace(act, job_image=SELF_HOSTED).run(STEPS.replace("SHOP", "http://127.0.0.1:9"))


SCENES: tuple[Callable[[Act], ActRun], ...] = (
    readme,
    several_steps,
    outputs_of_a_bad_deploy,
    outputs_of_a_good_deploy,
    self_hosted,
)


@contextmanager
def _shop(act: Act, live: str = GOOD) -> Iterator[str]:
    act.workspace.mkdir(parents=True)
    shop = Shop(act.workspace / "live-version")
    shop.deploy(live)
    with loopback_face(shop) as url:
        yield url


def _use_outputs(act: Act, version: str, *watch: str) -> ActRun:
    text = (ROOT / "examples" / "workflows" / "use-outputs.yml").read_text(encoding="utf-8")
    files = {"scripts/deploy.sh": f"#!/bin/sh\necho {version} > live-version\n"}
    with _shop(act) as url, loopback_face(Chat(MESSAGES)) as chat:
        watched = "".join(f"          {line}\n" for line in ("observe: 0s", *watch))
        workflow = text.replace(
            "          url: https://staging.example.com\n", f"          url: {url}\n{watched}"
        )
        secrets = ("--secret=DEPLOY_TOKEN=a-secret", f"--secret=CHAT_WEBHOOK={chat}/hook")
        return replace(act, files=files).run(workflow, "push", *secrets)


@pytest.fixture(scope="module")
def runs(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    assert image
    if not PROGRAM.exists():
        cannot_be_tested(f"build act into {PROGRAM.parent}, as .ci/run does")
    build_job_image()
    root = tmp_path_factory.mktemp("act")
    in_the_tree = action_as_in_the_tree(root / "tree")
    released = action_as_released(root / "released")
    with podman_socket(root) as socket, ThreadPoolExecutor(LANES) as pool:
        yield {
            scene.__name__: pool.submit(
                scene,
                Act(
                    root / scene.__name__,
                    podman_socket=socket,
                    action=in_the_tree if scene is readme else released,
                ),
            )
            for scene in SCENES
        }
        pool.shutdown(cancel_futures=True)


def test_the_readmes_workflow_runs_as_it_stands(runs: Runs) -> None:
    run = runs["readme"].result()
    assert run.exit_code == 0
    assert run.results("verify") == {OURS: "success"}
    assert run.outputs(OURS)["ending"] == "verified"
    assert run.summary(OURS).splitlines()[0].endswith("is verified healthy")


def test_the_evidence_is_an_artifact_of_acts_own_server(runs: Runs) -> None:
    run = runs["readme"].result()
    assert list(run.artifacts) == ["slo-verify-dashboard-1-verify"]
    assert {"audit.json", "summary.md", "samples.jsonl"} <= set(*run.artifacts.values())
    assert run.outputs(OURS)["artifact-id"] in run.outputs(OURS)["artifact-url"]


def test_later_steps_and_jobs_read_the_outputs_of_a_good_deploy(runs: Runs) -> None:
    run = runs["outputs_of_a_good_deploy"].result()
    assert run.exit_code == 0
    assert "Message the team" not in run.results("staging")
    assert run.printed("Count the attempts of the health gate") == "attempts: 3\n"
    assert run.results("production")["Deploy what was verified"] == "success"
    assert "verification.intoto.json" in run.artifacts["slo-verify-dashboard-1-staging"]


def test_a_bad_deploy_is_messaged_and_the_next_environment_is_not_deployed(runs: Runs) -> None:
    run = runs["outputs_of_a_bad_deploy"].result()
    assert run.exit_code == 1
    assert run.results("staging")["Verify the deploy"] == "failure"
    assert run.failures("Verify the deploy") == ["exit with `FAILURE`: 10"]
    assert run.results("staging")["Message the team"] == "success"
    assert [message.partition(":")[0] for message in MESSAGES] == ["unhealthy (not-rolled-back)"]
    assert run.printed("Count the attempts of the health gate") == "attempts: 2\n"
    assert run.results("production") == {}


def test_the_job_goes_on_after_a_rollback_with_continue_on_error(runs: Runs) -> None:
    run = runs["several_steps"].result()
    assert run.printed("After the bad deploy") == (f"failure success rolled-back-verified {GOOD}\n")
    assert run.outputs("The same service again")["live-version"] == GOOD


def test_two_verifications_of_a_service_in_one_job_keep_both_their_evidence(runs: Runs) -> None:
    run = runs["several_steps"].result()
    assert len(run.printed("The evidence of both").split()) == 2
    assert len(run.artifacts) == 2


def test_a_mistake_fails_the_step_and_only_steps_for_failures_follow(runs: Runs) -> None:
    run = runs["several_steps"].result()
    assert run.exit_code == 1
    assert run.failures("A mistake") == ["exit with `FAILURE`: 2"]
    assert "Not after a failure" not in run.results("verify")
    assert run.printed("After a failure") == "yes\n"


def test_a_workspace_that_the_container_does_not_see_is_named_as_that(runs: Runs) -> None:
    run = runs["self_hosted"].result()
    (error,) = run.told("The same service again", "error")
    assert "the workspace does not exist in this container" in error["arg"]
    assert run.failures("The same service again") == ["exit with `FAILURE`: 4"]
