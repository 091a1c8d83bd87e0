"""`mode: check` as a workflow starts it: the real entry point, files on disk, real servers."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tests.test_bad_input import started
from tests.worlds import forked
from tests.worlds.raw_server import Connection, closed_port, serving
from tests.worlds.rendered import rendered
from tests.worlds.runner_files import read_pairs

ROOT = Path(__file__).parents[3]
SHAPES = ROOT / "tests" / "config" / "fixtures" / "fly"
SCHEMA = ROOT / "tests" / "render" / "fixtures" / "sarif-2.1.0-rtm.5.json"
FIXTURES = Path(__file__).parents[1] / "fixtures"
BROKEN = (FIXTURES / "broken.yml").read_text(encoding="utf-8")


def write(workspace: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def on_a_runner(workspace: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the entry point with what a workflow of `check` gives: neither service nor address."""
    changes = {
        "INPUT_MODE": "check",
        "INPUT_SERVICE": "",
        "INPUT_URL": "",
        "INPUT_TOKEN": "",
        "INPUT_VISIT": "false",
        "GITHUB_STEP_SUMMARY": str(workspace / "summary.md"),
        **more,
    }
    return started(workspace, **changes)


def commands(finished: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in finished.stdout.splitlines() if line.startswith("::")]


def summary(workspace: Path) -> str:
    return (workspace / "summary.md").read_text(encoding="utf-8")


def test_every_kind_of_mistake_is_annotated_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, {".github/slo.yml": BROKEN})

    finished = on_a_runner(tmp_path)

    assert (finished.returncode, finished.stderr) == (2, "")
    expected = (FIXTURES / "annotations.txt").read_text(encoding="utf-8")
    assert commands(finished) == expected.splitlines()
    assert "│   9 |     url: cart.example\n│     |     ^\n" in finished.stdout
    assert rendered(summary(tmp_path)).headings == ["❌ .github/slo.yml: 6 errors"]


def test_the_documents_own_file_is_annotated_where_auto_rollback_stands(tmp_path: Path) -> None:
    write(tmp_path, {"fly.toml": (SHAPES / "document.toml").read_text(encoding="utf-8")})

    finished = on_a_runner(tmp_path)

    (command,) = commands(finished)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert command.startswith(
        "::warning title=auto_rollback does nothing,file=fly.toml,line=19,col=3::"
    )
    assert summary(tmp_path).startswith("## ⚠️ fly&#46;toml: 1 warning, 1 fixable with fix: true\n")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"fly.toml", "output.txt", "summary.md"}


def test_a_broken_fly_toml_is_an_error_on_its_line_and_slo_yml_is_looked_at(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"fly.toml": "app = 'shop'\n[vm\n", ".github/slo.yml": "- service: a\n"})

    finished = on_a_runner(tmp_path)

    assert finished.returncode == 2
    assert [line.partition("::")[2].partition("::")[0] for line in commands(finished)] == [
        "error title=A mistake in the file,file=.github/slo.yml,line=1,col=3",
        "error title=A fly.toml that cannot be read,file=fly.toml,line=2,col=4",
    ]


def test_without_a_file_it_says_what_it_looked_for(tmp_path: Path) -> None:
    finished = on_a_runner(tmp_path)

    assert finished.returncode == 2
    assert "neither .github/slo.yml nor fly.toml is there" in finished.stdout


def test_wrong_inputs_and_a_file_that_is_not_there_are_reported_together(tmp_path: Path) -> None:
    finished = on_a_runner(
        tmp_path,
        INPUT_GRACE="30",
        INPUT_FIX="maybe",
        **{"INPUT_SARIF-FILE": "../out.sarif", "INPUT_FLY-CONFIG": "none.toml"},
    )

    assert finished.returncode == 2
    assert len(commands(finished)) == 4
    assert not (tmp_path.parent / "out.sarif").exists()


def on_a_laptop(
    workspace: Path, *options: str, really: bool = False
) -> "subprocess.CompletedProcess[str]":
    if not really:
        return forked.run(forked.MODULE, "check", *options, environment={}, cwd=workspace)
    return subprocess.run(
        [sys.executable, "-B", "-m", "slo_action", "check", *options],
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        cwd=workspace,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_on_a_laptop_it_reads_the_directory_it_is_started_in(tmp_path: Path) -> None:
    write(tmp_path, {"fly.toml": (SHAPES / "launch.toml").read_text(encoding="utf-8")})

    finished = on_a_laptop(tmp_path, really=True)

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("fly.toml: 1 warning, 3 notices\n")
    assert "fly.toml:14: warning: no-service-checks: http_service has no checks" in finished.stdout
    assert "\n  14 | [http_service]\n     | ^\n     = Fly cannot see" in finished.stdout
    assert finished.stdout.count("no-service-checks") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fly.toml"]


def test_on_a_laptop_a_wrong_option_is_reported_though_nothing_is_annotated(tmp_path: Path) -> None:
    finished = on_a_laptop(tmp_path, "--config", "none.yml")

    assert finished.returncode == 2
    assert "config: cannot be read: No such file or directory" in finished.stdout


AUTO = "# ours\r\napp = 'shop'\r\n[experimental]\r\n  auto_rollback = true\r\n"


def test_fix_writes_the_file_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    write(tmp_path, {"fly.toml": AUTO})

    first = on_a_runner(tmp_path, INPUT_FIX="true")
    fixed = (tmp_path / "fly.toml").read_bytes()
    second = on_a_runner(tmp_path, INPUT_FIX="true")

    assert (first.returncode, second.returncode) == (0, 0)
    assert fixed == b"# ours\r\napp = 'shop'\r\n" == (tmp_path / "fly.toml").read_bytes()
    assert "│ fly.toml: fixed 1\n" in first.stdout
    assert second.stdout == "│ fly.toml: no findings\n"
    assert {path.name for path in tmp_path.iterdir()} == {"fly.toml", "output.txt", "summary.md"}


@pytest.mark.real
def test_fix_follows_a_link_within_the_workspace_to_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path, {"apps/fly.toml": AUTO})
    (tmp_path / "fly.toml").symlink_to("apps/fly.toml")

    assert on_a_runner(tmp_path, INPUT_FIX="true").returncode == 0
    assert (tmp_path / "fly.toml").is_symlink()
    assert (tmp_path / "apps" / "fly.toml").read_bytes() == b"# ours\r\napp = 'shop'\r\n"


def test_a_file_that_cannot_be_written_ends_it_with_status_4(tmp_path: Path) -> None:
    write(tmp_path, {"fly.toml": AUTO})

    finished = on_a_runner(tmp_path, **{"INPUT_SARIF-FILE": "fly.toml/check.sarif"})

    assert finished.returncode == 4
    assert "::error title=A file could not be written::fly.toml/check.sarif: " in finished.stdout
    assert "make the place writable" in finished.stdout
    assert (tmp_path / "fly.toml").read_bytes() == AUTO.encode()


# For code scanning


def sarif(path: Path) -> dict[str, object]:
    log = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert [error.message for error in Draft4Validator(schema).iter_errors(log)] == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.real
def test_sarif_is_written_and_named(tmp_path: Path) -> None:
    write(tmp_path, {".github/slo.yml": BROKEN, "fly.toml": AUTO})

    finished = on_a_runner(tmp_path, **{"INPUT_SARIF-FILE": "out/check.sarif"})

    pairs = dict(read_pairs((tmp_path / "output.txt").read_text(encoding="utf-8")))
    results = sarif(tmp_path / "out" / "check.sarif")["results"]
    assert finished.returncode == 2
    assert pairs == {"sarif-path": "out/check.sarif"}
    assert isinstance(results, list)
    assert [result["level"] for result in results] == ["error"] * 6 + ["warning"]
    assert "fixes" in results[-1]


@pytest.mark.real
def test_without_findings_sarif_holds_the_rules_and_clears_alerts(tmp_path: Path) -> None:
    write(tmp_path, {"fly.toml": "app = 'shop'\n"})

    assert on_a_runner(tmp_path, **{"INPUT_SARIF-FILE": "check.sarif"}).returncode == 0
    assert sarif(tmp_path / "check.sarif")["results"] == []


@pytest.mark.real
@pytest.mark.parametrize("link", ["check.sarif", "out"])
def test_sarif_is_not_written_through_a_link(tmp_path: Path, link: str) -> None:
    workspace, outside = tmp_path / "workspace", tmp_path / "outside"
    write(workspace, {"fly.toml": "app = 'shop'\n"})
    outside.mkdir()
    (workspace / link).symlink_to(outside / "check.sarif" if "." in link else outside)
    name = link if "." in link else f"{link}/check.sarif"

    finished = on_a_runner(workspace, **{"INPUT_SARIF-FILE": name})

    assert finished.returncode == 4
    assert "is a symbolic link" in finished.stdout
    assert list(outside.iterdir()) == []


# Running services


def matrix(port: int, host: str = "127.0.0.1") -> str:
    return (
        f"service: shop\nurl: http://{host}:{port}\nhealth_endpoint: /healthz\n"
        "build_endpoint: /build\n"
    )


def degraded(connection: Connection) -> None:
    headers = b"Content-Type: application/json\r\nCache-Control: no-store\r\n"
    connection.answer(b'{"status": "degraded", "version": "1.2.3"}', headers=headers)


def event(directory: Path, head: str) -> str:
    repositories = {"head": {"repo": {"full_name": head}}, "base": {"repo": {"full_name": "o/s"}}}
    path = directory / "event.json"
    path.write_text(json.dumps({"pull_request": repositories}), encoding="utf-8")
    return str(path)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    place.mkdir()
    return place


@pytest.mark.real
def test_a_running_service_is_asked_on_a_push(workspace: Path) -> None:
    with serving(degraded) as server:
        write(workspace, {".github/slo.yml": matrix(server.port)})
        finished = on_a_runner(workspace, INPUT_VISIT="")

    asked = sorted(request.split(b" ")[1].partition(b"?")[0] for request in server.requests)
    assert asked == [b"/build", b"/healthz", b"/healthz"]
    assert all(request.startswith(b"GET ") for request in server.requests)
    assert finished.returncode == 0
    assert (
        "title=An unhealthy service answers 200,file=.github/slo.yml,line=3,col=1"
        in finished.stdout
    )
    assert "a few plain GETs to 1 running service" in rendered(summary(workspace)).prose


@pytest.mark.real
@pytest.mark.parametrize(
    ("head", "visit", "is_asked"),
    [
        ("o/s", "", True),
        ("stranger/s", "", False),
        ("stranger/s", "true", False),
        ("", "false", False),
    ],
)
def test_who_may_be_asked_is_not_for_a_stranger_to_say(
    workspace: Path,
    head: str,
    visit: str,
    is_asked: bool,
) -> None:
    reported = {"GITHUB_EVENT_PATH": event(workspace.parent, head)} if head else {}
    with serving(degraded) as server:
        write(workspace, {".github/slo.yml": matrix(server.port)})
        finished = on_a_runner(workspace, INPUT_VISIT=visit, **reported)

    assert finished.returncode == 0
    assert bool(server.requests) is is_asked
    assert ("check sent nothing" in summary(workspace)) is not is_asked


@pytest.mark.real
def test_a_service_that_is_down_is_a_notice(workspace: Path) -> None:
    write(workspace, {".github/slo.yml": matrix(closed_port())})

    finished = on_a_runner(workspace, INPUT_VISIT="true")

    (command,) = commands(finished)
    assert finished.returncode == 0
    assert command.startswith("::notice title=A running service was not checked,")


@pytest.mark.real
@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
def test_link_local_addresses_are_not_asked(workspace: Path, host: str) -> None:
    write(workspace, {".github/slo.yml": matrix(80, host)})

    finished = on_a_runner(workspace, INPUT_VISIT="true")

    assert "link-local" in finished.stdout
    assert "check sent nothing" in summary(workspace)
