"""Each example's step is executed as a runner would, against a service on loopback."""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from slo_action.audit.statement import PREDICATE_TYPE
from slo_action.config.inputs import PlatformName, read_inputs
from slo_action.config.request import RunEnvironment, read_request
from slo_action.config.slo.load import read_slo_yml
from slo_action.core.model import Release, RunIdentity
from slo_action.core.text.secrets import Scrubber
from slo_action.platforms import PLATFORMS, PlatformContext
from tests.docs.example_job import OBSERVED, SECRET, ExampleJob
from tests.docs.pages import DOCS, ROOT, first_cells, read
from tests.docs.workflow_files import Workflow, documented, examples
from tests.sizes import THOROUGH
from tests.worlds.fly import DEPLOY_TOKEN, FlyWorld, broken, image
from tests.worlds.fly.real_time import RealTime, served
from tests.worlds.runner import StepResult, as_subprocess
from tests.worlds.runner_environment import SHA
from tests.worlds.virtual_clock import VirtualClock

VERIFYING = [
    "attest-verdict",
    "README",
    "all-services",
    "deploy-and-verify",
    "fly",
    "matrix",
    "protected-service",
    "rollback-command",
    "use-outputs",
]
OBSERVING = ["README", "deploy-and-verify", "fly"]
EXAMPLES = [*VERIFYING, "check", "fly-rollback"]
FORMER = "1.0.0"


class Server(ThreadingHTTPServer):
    """All examples ask at once; nobody is to be refused for that."""

    request_queue_size = 512
    daemon_threads = True


class Service(BaseHTTPRequestHandler):
    """Healthy on the expected version, wherever it is asked; GitHub's API takes check runs."""

    protocol_version = "HTTP/1.1"
    check_runs: ClassVar[list[object]] = []

    def do_GET(self) -> None:
        is_known = self.headers["Authorization"] == f"Bearer {SECRET}"
        if self.path.startswith("/internal") and not (is_known and f"bypass={SECRET}" in self.path):
            self._answer(401, {"error": f"{self.path} wants a token"})
        else:
            self._answer(200, {"status": "healthy", "version": SHA})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.check_runs.append(json.loads(self.rfile.read(length)))
        self._answer(201, {"id": 1})

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True)
class Played:
    job: ExampleJob
    result: StepResult


@dataclass(frozen=True)
class ServedFly:
    world: FlyWorld
    address: str


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def jq() -> None:
    if shutil.which("jq") is None:
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail("jq is not installed: runners have it")
        pytest.skip("jq is not installed: runners have it")


@pytest.fixture(scope="module")
def fly() -> Iterator[dict[str, ServedFly]]:
    """A Fly.io for each of its examples: one at rest, one whose newest release is bad."""
    with ExitStack() as stack:
        places = {example: _served(stack) for example in ("fly", "fly-rollback")}
        places["fly-rollback"].world.deploy(
            broken("1.1.0"), strategy="immediate", skips_release_command=True
        )
        yield places


def _served(stack: ExitStack) -> ServedFly:
    clock = RealTime()
    world = FlyWorld(clock, "dashboard")
    world.latencies.usual, world.latencies.by_action = 0.02, {}
    world.app_state.flyd.pace.start = world.app_state.flyd.pace.stop = 0.1
    check = {"interval": "1s", "timeout": "1s", "grace_period": "0s", "path": "/healthz"}
    world.launch(
        image(FORMER, pull_seconds=0.1, boot_seconds=0.1),
        machines=2,
        version=41,
        changes={"http_service": {"checks": [check]}},
    )
    return ServedFly(world=world, address=stack.enter_context(served(world, clock)))


@pytest.fixture(scope="module")
def played(
    address: str, fly: dict[str, ServedFly], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Played]:
    """Play all examples side by side: each watches for ten seconds, a Fly.io one twice that."""
    jobs = [_job(workflow, tmp_path_factory.mktemp("job"), address, fly) for workflow in examples()]
    jobs.append(_quick_start(tmp_path_factory.mktemp("job"), address))
    with ThreadPoolExecutor(len(jobs)) as threads:
        results = threads.map(lambda job: job.start().result(), jobs)
        return {
            Path(job.workflow.name).stem: Played(job, result)
            for job, result in zip(jobs, results, strict=True)
        }


def _job(workflow: Workflow, root: Path, address: str, fly: dict[str, ServedFly]) -> ExampleJob:
    (name, *_) = workflow.document["jobs"]
    example = Path(workflow.name).stem
    if example in fly:
        asked = {"inputs.version": "v41", "inputs.rollback": "auto"}
        return ExampleJob(workflow, name, root, address, asked, fly=fly[example].address)
    if example in ("all-services", "check"):
        return _all_services(workflow, name, root, address)
    if example == "attest-verdict":
        asked = {"inputs.version": SHA, "inputs.digest": f"sha256:{'0' * 64}"}
        return ExampleJob(workflow, name, root, address, asked, observed=_observed(example))
    if example != "matrix":
        return ExampleJob(workflow, name, root, address, observed=_observed(example))
    matrix = {"service": workflow.document["jobs"][name]["strategy"]["matrix"]["service"][0]}
    known = {
        "matrix.service": matrix["service"],
        "inputs.version": SHA,
        "inputs.deployed-at": "2025-08-23T08:38:00Z",
    }
    services = root / "work" / "shop" / "shop" / ".github" / "slo.yml"
    services.parent.mkdir(parents=True)
    services.write_text(_matrix().replace(f"https://{matrix['service']}.fly.dev", address))
    return ExampleJob(workflow, name, root, address, known, matrix, observed=_observed(example))


def _all_services(workflow: Workflow, name: str, root: Path, address: str) -> ExampleJob:
    known = {"inputs.version": SHA, "inputs.deployed-at": "2025-08-23T08:38:00Z"}
    services = root / "work" / "shop" / "shop" / ".github" / "slo.yml"
    services.parent.mkdir(parents=True)
    services.write_text(re.sub(r"https://[\w-]+\.fly\.dev", address, _matrix()))
    return ExampleJob(workflow, name, root, address, known, observed=_observed(name))


def _observed(example: str) -> str:
    """All of them have a window with THOROUGH=1; a busy machine is too late for so many probes."""
    return OBSERVED if THOROUGH or example in OBSERVING else "0s"


def _matrix() -> str:
    """The example matrix with limits that a busy machine can keep: its speed is not the matter."""
    text = read(ROOT / "examples" / "slo.yml")
    patient = text.replace("response_time_p95: 500ms", "response_time_p95: 5s")
    return patient.replace("timeout: 2s", "timeout: 6s")


def _quick_start(root: Path, address: str) -> ExampleJob:
    (workflow, *_) = [one for one in documented() if one.name.startswith("README.md")]
    known = {"inputs.url": address}
    return ExampleJob(workflow, "verify", root, address, known, starts=as_subprocess)


def test_the_check_example_reports_for_code_scanning(played: dict[str, Played]) -> None:
    job, result = played["check"].job, played["check"].result

    assert (result.exit_code, result.problems) == (0, []), result.log.visible
    assert result.outputs["sarif-path"] == "slo-verify.sarif"
    report = json.loads((job.root / "work" / "shop" / "shop" / "slo-verify.sarif").read_text())
    assert report["version"] == "2.1.0"
    assert report["runs"][0]["results"]
    assert "slo&#46;yml" in result.summary


@pytest.mark.parametrize("example", VERIFYING)
def test_an_example_verifies_a_healthy_deploy(example: str, played: dict[str, Played]) -> None:
    result = played[example].result

    assert (result.exit_code, result.outcome) == (0, "success"), result.log.visible
    assert result.problems == []
    assert result.outputs["verdict"] == "healthy"
    assert result.outputs["ending"] == "verified"
    assert result.outputs["live-version"] == SHA
    assert "is verified healthy" in result.summary


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_names_no_input_that_a_runner_would_warn_of(
    example: str, played: dict[str, Played]
) -> None:
    told = [annotation.message for annotation in played[example].result.log.annotations]

    assert [message for message in told if message.startswith("Unexpected input")] == []


def test_every_file_of_the_evidence_is_documented(played: dict[str, Played]) -> None:
    described = {
        cell.replace("<service>", "dashboard").replace("<app>", "dashboard")
        for cell in first_cells(DOCS / "evidence.md")
    }
    runs = [
        directory
        for example in ("deploy-and-verify", "fly", "fly-rollback")
        for directory in (played[example].result.workspace / "slo-verify").iterdir()
        if directory.is_dir()
    ]
    files = {
        path.relative_to(directory).as_posix()
        for directory in runs
        for path in directory.rglob("*")
        if path.is_file()
    }

    assert {directory.name for directory in runs} == {
        "dashboard-1",
        "dashboard-prepare-1",
        "dashboard-rollback-1",
    }
    assert files <= described
    assert {
        "prepared.json",
        "proofs/fly/dashboard_machines.json",
        "proofs/fly/before/dashboard_status.json",
        "proofs/fly/after/dashboard_status.json",
    } <= files


def test_the_protected_example_sends_its_secrets_and_keeps_them(played: dict[str, Played]) -> None:
    result = played["protected-service"].result
    kept = b"".join(p.read_bytes() for p in result.evidence().rglob("*") if p.is_file())

    assert SECRET.encode() not in kept
    assert b"/internal/healthz?bypass=***" in kept
    assert SECRET not in f"{result.log.visible}{result.summary}{result.outputs}"
    asked = json.loads((result.evidence() / "audit.json").read_text(encoding="utf-8"))["asked"]
    assert asked["health"]["headers"] == ["Authorization", "User-Agent"]


def test_where_an_output_is_read_a_later_step_gets_it(played: dict[str, Played]) -> None:
    job, result = played["use-outputs"].job, played["use-outputs"].result
    job.learn(result)

    message, count = (job.environment(step) for step in job.after())

    assert message["VERDICT"] == "healthy"
    assert message["ENDING"] == "verified"
    assert message["REASON"] == result.outputs["reason"] != ""
    assert json.loads(count["AUDIT"])["status"] == "success"


@pytest.mark.usefixtures("jq")
def test_the_later_steps_do_what_they_say(played: dict[str, Played]) -> None:
    job, result = played["use-outputs"].job, played["use-outputs"].result
    job.learn(result)
    message, count = job.after()

    job.play(message, result.workspace)
    printed = job.play(count, result.workspace)

    sent = json.loads((job.stubs / "curl.log").read_text(encoding="utf-8"))
    assert sent["text"].startswith("healthy (verified): 3 health checks in a row passed")
    assert printed == "attempts: 3\n"


@pytest.mark.usefixtures("jq")
@pytest.mark.parametrize("verdict", ["healthy", "unhealthy"])
def test_only_a_signed_verdict_of_a_healthy_deploy_is_promoted(
    verdict: str, played: dict[str, Played]
) -> None:
    job, result = played["attest-verdict"].job, played["attest-verdict"].result
    job.learn(result)
    job.known.update({"github.token": "t", "github.repository": "org/dashboard"})
    take, attest = job.after()
    job.play(take, result.workspace)
    predicate = json.loads((result.workspace / attest["with"]["predicate-path"]).read_text())
    assert (predicate["verdict"], predicate["version"]) == ("healthy", SHA)
    assert attest["with"]["predicate-type"] == PREDICATE_TYPE

    signed = {"predicateType": PREDICATE_TYPE, "predicate": {**predicate, "verdict": verdict}}
    answer = json.dumps([{"verificationResult": {"statement": signed}}])
    (job.stubs / "gh").write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    (job.stubs / "gh").chmod(0o755)
    _, demand, _ = replace(job, name="promote").steps
    if verdict == "healthy":
        assert job.play(demand, result.workspace) == "true\n"
    else:
        with pytest.raises(AssertionError):
            job.play(demand, result.workspace)


@pytest.mark.usefixtures("jq")
def test_the_example_of_all_services_lists_those_that_are_not_healthy(
    played: dict[str, Played],
) -> None:
    job, result = played["all-services"].job, played["all-services"].result
    services = json.loads(result.outputs["services"])
    (listing,) = job.after()

    job.learn(result)
    assert job.play(listing, result.workspace) == ""

    (name, *_) = services
    services[name] |= {"verdict": "unhealthy", "ending": "not-rolled-back"}
    job.known["steps.slo.outputs.services"] = json.dumps(services)
    assert job.play(listing, result.workspace) == f"{name}: unhealthy, not-rolled-back\n"
    assert len(services) == 6


def test_the_rollback_example_notes_the_previous_image_and_takes_kubectl_along(
    played: dict[str, Played],
) -> None:
    job, result = played["rollback-command"].job, played["rollback-command"].result
    asked = (job.stubs / "kubectl.log").read_text(encoding="utf-8")

    assert "annotate deployment/dashboard former-image=ghcr.io/org/dashboard:former" in asked
    assert f"dashboard=ghcr.io/org/dashboard:{SHA}" in asked
    assert (result.workspace / ".kube" / "config").read_text(encoding="utf-8") == SECRET
    assert SECRET not in (result.evidence() / "audit.json").read_text(encoding="utf-8")


def test_the_rollback_examples_commands_go_back_to_the_previous_image(
    played: dict[str, Played],
) -> None:
    """The step's own commands, by the platform that runs them; only the verdict is left out."""
    job, workspace = played["rollback-command"].job, played["rollback-command"].result.workspace
    clock = VirtualClock()
    request = read_request(
        {**job.given(), "token": "x", "deployed-at": ""},
        RunEnvironment(run=RunIdentity(), workspace=workspace, now=clock.now()),
    )
    environment = {"PATH": os.defpath, **job.environment(job.verifying)}
    platform = PLATFORMS[request.platform](
        request,
        PlatformContext(
            environment=environment, workspace=workspace, clock=clock, scrubber=Scrubber()
        ),
    ).platform
    log = workspace / "bin" / "kubectl.log"
    log.unlink(missing_ok=True)

    target = platform.previous_release()
    steps = platform.restore(target, SHA, lambda _: None)

    assert request.platform is PlatformName.COMMAND
    assert target == Release(version="ghcr.io/org/dashboard:former")
    assert [step.succeeded for step in steps] == [True]
    assert log.read_text(encoding="utf-8").splitlines()[1:] == [
        "set image deployment/dashboard dashboard=ghcr.io/org/dashboard:former",
        "rollout status deployment/dashboard --timeout=4m",
    ]


def test_the_fly_example_proves_the_way_back_and_asks_every_machine(
    played: dict[str, Played], fly: dict[str, ServedFly]
) -> None:
    (prepared,) = played["fly"].job.earlier
    result, world = played["fly"].result, fly["fly"].world

    assert (prepared.exit_code, prepared.problems) == (0, []), prepared.log.visible
    assert prepared.outputs["way-back"] == "safe"
    assert (result.workspace / prepared.outputs["prepared-path"]).is_file()
    assert prepared.outputs["live-version"] == "v41"
    assert set(world.running().values()) == {SHA}
    for machine in world.machines:
        assert f"<code>{machine.id}</code>" in result.summary
    assert f"{len(world.machines)}&#47;{len(world.machines)} on v42" in result.summary


def test_what_prepare_left_in_the_workspace_is_what_verify_compares_with(
    played: dict[str, Played],
) -> None:
    outputs = played["fly"].result.outputs
    audit = played["fly"].result.workspace / outputs["audit-path"]
    record = json.loads(audit.read_text(encoding="utf-8"))

    assert record["prepared"]["release"]["version"] == "v41"
    assert record["prepared"]["baseline"] is not None
    assert DEPLOY_TOKEN.partition(" ")[2] not in json.dumps(record)


def test_the_fly_rollback_example_goes_back_on_every_machine(
    played: dict[str, Played], fly: dict[str, ServedFly]
) -> None:
    result, world = played["fly-rollback"].result, fly["fly-rollback"].world

    assert (result.exit_code, result.outcome) == (0, "success"), result.log.visible
    assert result.outputs["ending"] == "rolled-back-verified"
    assert result.outputs["rolled-back-to"] == "v41"
    assert set(world.running().values()) == {FORMER}
    assert set(world.well().values()) == {True}
    assert world.leases() == ()
    assert "Rollback plan" in result.summary


def test_the_fly_rollback_example_changes_nothing_unless_it_is_asked_to() -> None:
    (workflow,) = [one for one in examples() if one.name.endswith("/fly-rollback.yml")]
    document: Mapping[Any, Any] = workflow.document
    asked = document[True]["workflow_dispatch"]["inputs"]["rollback"]  # YAML 1.1 reads `on` so

    assert asked["default"] == "dry-run"
    assert asked["options"] == ["dry-run", "auto"]


def test_the_matrix_example_names_every_service_of_the_example_matrix() -> None:
    (workflow,) = [one for one in examples() if one.name.endswith("/matrix.yml")]
    strategy = workflow.document["jobs"]["verify"]["strategy"]

    assert strategy["matrix"]["service"] == list(
        read_slo_yml(ROOT / "examples" / "slo.yml", ROOT, "config").slo_yml.services
    )


def test_every_example_gives_inputs_that_are_read_without_a_mistake(
    played: dict[str, Played],
) -> None:
    assert [read_inputs(one.job.given())[1] for one in played.values()] == [()] * len(EXAMPLES)
