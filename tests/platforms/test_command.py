"""The user's own commands: their words, our values, and nobody else's anything."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.request import RollbackCommands
from slo_action.core.model import Cause, Release, Verdict, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import PlatformError
from slo_action.platforms import PlatformContext
from slo_action.platforms.command import CommandPlatform, _argv, open_platform, scrubbed
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_clock import VirtualClock

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
SHOWN = (sys.executable, "-I", "-c", SHOW)
HOSTILE = ["$(touch canary)", "; touch canary", "a b", "--all", "`touch canary`", "x\ntouch canary"]


def platform(
    workspace: Path,
    rollback: tuple[str, ...] = SHOWN,
    previous: tuple[str, ...] = (),
    *,
    shell: bool = False,
    seconds: float = 10.0,
    service: str = "api",
    **environment: str,
) -> CommandPlatform:
    return CommandPlatform(
        service=service,
        commands=RollbackCommands(
            rollback=rollback, previous_version=previous, shell=shell, timeout_seconds=seconds
        ),
        context=PlatformContext(
            environment={"PATH": os.environ.get("PATH", os.defpath), **environment},
            workspace=workspace,
            clock=VirtualClock(),
            scrubber=Scrubber(),
        ),
    )


def restored(made: CommandPlatform, version: str = "v1", failed: str | None = "v2") -> list[object]:
    """Restore by a command that shows its words and variables; return those."""
    (step,) = made.restore(Release(version=version), failed, lambda _: None)
    assert step.succeeded, step
    shown: list[object] = json.loads(step.output)
    return shown


def told(workspace: Path, script: str) -> CommandPlatform:
    return platform(workspace, previous=("sh", "-c", script))


def test_placeholders_are_filled_in_within_their_arguments(tmp_path: Path) -> None:
    words = ("--to={previous-version}", "{service}/{failed-version}", "{other}", "{}")

    shown, _ = restored(platform(tmp_path, (*SHOWN, *words)))

    assert shown == ["--to=v1", "api/v2", "{other}", "{}"]


def test_a_value_is_never_a_second_argument_nor_code(tmp_path: Path) -> None:
    for value in HOSTILE:
        shown, _ = restored(platform(tmp_path, (*SHOWN, "{previous-version}", "end")), value)

        assert shown == [value, "end"]
    assert list(tmp_path.iterdir()) == []


def test_a_value_s_own_braces_are_not_filled_in_again(tmp_path: Path) -> None:
    made = platform(tmp_path, (*SHOWN, "{service}"), service="{failed-version}")

    assert restored(made)[0] == ["{failed-version}"]


@pytest.mark.parametrize("failed", [*HOSTILE, "", None, "-rf", ".hidden", "v" * 201, "v1\u2028"])
def test_what_the_service_calls_itself_reaches_a_command_only_if_it_is_plain(
    tmp_path: Path, failed: str | None
) -> None:
    shown, variables = restored(platform(tmp_path, (*SHOWN, "{failed-version}")), failed=failed)

    assert shown == [""]
    assert isinstance(variables, dict)
    assert variables["SLO_FAILED_VERSION"] == ""


@pytest.mark.parametrize("failed", ["v1.2.3", "sha256:0a1b", "registry.example/app:1+build@x"])
def test_a_plain_version_does(tmp_path: Path, failed: str) -> None:
    assert restored(platform(tmp_path, (*SHOWN, "{failed-version}")), failed=failed)[0] == [failed]


def test_no_shell_reads_the_command_unless_it_is_asked_for(tmp_path: Path) -> None:
    words = ("a;", "touch", "canary", "$HOME", "*", "|", "x")

    assert restored(platform(tmp_path, (*SHOWN, *words)))[0] == list(words)
    assert list(tmp_path.iterdir()) == []


def test_a_shell_gets_the_values_as_variables(tmp_path: Path) -> None:
    script = 'printf "%s|%s|%s" "$SLO_PREVIOUS_VERSION" "$SLO_FAILED_VERSION" "$SLO_SERVICE"'
    made = platform(tmp_path, (script,), shell=True, service="$(touch canary)")  # noqa: S604 - a keyword of ours

    (step,) = made.restore(Release(version="; touch canary"), "v2", lambda _: None)

    assert step.output == "; touch canary|v2|$(touch canary)"
    assert list(tmp_path.iterdir()) == []


def test_a_shell_s_text_is_never_changed_by_a_value() -> None:
    script = "echo {service} | cat"
    values = {"service": "x; touch canary"}

    argv = _argv((script,), values, shell=True)  # noqa: S604 - a keyword of ours

    assert argv == ["sh", "-c", script]


@given(st.text(), st.lists(st.sampled_from(["{service}", "a", "--x={service}", ""]), max_size=4))
def test_any_value_leaves_the_number_of_arguments(value: str, words: list[str]) -> None:
    filled = _argv(words, {"service": value}, shell=False)

    assert len(filled) == len(words)
    assert [w.replace("{service}", value) for w in words] == filled


def test_the_step_is_journalled_before_it_is_taken(tmp_path: Path) -> None:
    marker = tmp_path / "restored"
    seen: list[tuple[str, bool]] = []
    made = platform(tmp_path, ("touch", str(marker)))

    made.restore(Release(version="v1"), "v2", lambda step: seen.append((step, marker.exists())))

    assert seen == [("run rollback-command to restore v1", False)]
    assert marker.exists()


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        (("sh", "-c", "exit 7"), "exit status 7"),
        (("no-such-program",), "cannot start: No such file or directory"),
        (("sleep", "60"), "stopped after 0.2 s, its time limit"),
    ],
)
def test_a_command_that_fails_is_a_failed_step(
    tmp_path: Path, command: tuple[str, ...], detail: str
) -> None:
    (step,) = platform(tmp_path, command, seconds=0.2).restore(None, None, lambda _: None)

    assert not step.succeeded
    assert step.detail == detail


@pytest.mark.parametrize(
    "script", ["echo v1.2.2", "printf ' v1.2.2 '", "echo noise >&2; echo v1.2.2"]
)
def test_the_previous_version_is_what_its_command_prints(tmp_path: Path, script: str) -> None:
    assert told(tmp_path, script).previous_release() == Release(version="v1.2.2")


def test_without_its_command_the_platform_chooses(tmp_path: Path) -> None:
    assert platform(tmp_path).previous_release() is None


def verdict(version: str, verdict: Verdict = Verdict.HEALTHY) -> PastVerdict:
    return PastVerdict(
        service="api",
        version=version,
        digest="",
        verdict=verdict,
        cause=Cause.NONE if verdict is Verdict.HEALTHY else Cause.APP,
        at=VirtualClock().now(),
    )


PAST = (verdict("v1"), verdict("v2"), verdict("v3", Verdict.UNHEALTHY), verdict("v4"))
TAKES_VERSION = ("./restore", "{previous-version}")


@pytest.mark.parametrize(
    ("commands", "expected", "past", "target"),
    [
        (TAKES_VERSION, "v5", PAST, "v4"),
        (TAKES_VERSION, "v4", PAST, "v2"),
        (TAKES_VERSION, "", (*PAST, verdict("v3")), "v4"),
        (TAKES_VERSION, "", (*PAST, verdict("--all")), "v4"),
        (TAKES_VERSION, "v1", PAST[:1], None),
        (("./undo",), "v5", PAST, None),
    ],
)
def test_without_its_command_the_previous_version_is_the_last_that_was_verified(
    tmp_path: Path,
    commands: tuple[str, ...],
    expected: str,
    past: tuple[PastVerdict, ...],
    target: str | None,
) -> None:
    request = replace(
        VirtualRun({}, live="v5").request(Policy(rule=VersionRule(expected=expected or None))),
        commands=RollbackCommands(timeout_seconds=1.0, rollback=commands),
    )

    opened = open_platform(request, platform(tmp_path).context._replace(past=past))

    assert opened.previous_release() == (target and Release(version=target))


def test_a_version_that_a_person_names_is_the_one_to_restore(tmp_path: Path) -> None:
    request = VirtualRun({}, live="v5").request()
    commands = RollbackCommands(1.0, TAKES_VERSION, previous_version=("echo", "v1"))
    asked = replace(request, to_version="v2", commands=commands)

    opened = open_platform(asked, platform(tmp_path).context._replace(past=PAST))

    assert opened.previous_release() == Release(version="v2")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 3", "exit status 3"),
        ("true", "it printed nothing"),
        ("echo a; echo b", "more than one short line"),
        ("printf 'v%0300d' 1", "more than one short line"),
        ("echo --all", "could be taken for an option"),
        (r"printf 'v\0331'", "not plain text"),
    ],
)
def test_a_command_that_prints_no_version_says_why(
    tmp_path: Path, script: str, problem: str
) -> None:
    with pytest.raises(PlatformError, match=problem):
        told(tmp_path, script).previous_release()


def test_the_run_s_own_secrets_are_not_the_command_s() -> None:
    environment = {
        "PATH": "/bin",
        "KUBECONFIG": "/k",
        "GITHUB_SHA": "abc",
        "INPUT_TOKEN": "t",
        "ACTIONS_RUNTIME_TOKEN": "t",
        "STATE_x": "t",
        "GITHUB_OUTPUT": "/o",
        "GITHUB_ENV": "/e",
        "GITHUB_TOKEN": "t",
        "LD_LIBRARY_PATH": "/l",
        "LD_PRELOAD": "/l",
        "PYTHONPATH": "/p",
    }

    assert set(scrubbed(environment)) == {"PATH", "KUBECONFIG", "GITHUB_SHA"}


def test_the_runs_secrets_are_taken_out_of_captured_output(tmp_path: Path) -> None:
    scrubber = Scrubber()
    scrubber.learn("s3cr3t-token")
    made = platform(tmp_path, ("echo", "using s3cr3t-token"))
    redacting = replace(made, context=made.context._replace(scrubber=scrubber))
    step = redacting.restore(None, None, lambda _: None)[0]

    assert step.output == "using ***\n"
