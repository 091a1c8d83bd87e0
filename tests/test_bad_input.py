"""Wrong inputs as a runner would see them: the real entry point, nothing sent, no secret told."""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.worlds import forked


def surroundings(workspace: Path, changes: Mapping[str, str]) -> dict[str, str]:
    output = workspace / "output.txt"
    output.touch()
    return {
        "PATH": os.defpath,
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_API_URL": "https://api.github.example",
        "INPUT_SERVICE": "api",
        "INPUT_URL": "https://api.example",
        "INPUT_TOKEN": "ghs_123456",
        **changes,
    }


def started(workspace: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run the entry point as the runner does."""
    environment = surroundings(workspace, changes)
    return forked.run(forked.ENTRYPOINT, environment=environment, cwd=workspace)


def really_started(workspace: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run it with an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-B", forked.ENTRYPOINT],
        env=surroundings(workspace, changes),
        cwd=workspace,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_mistake_is_an_annotation_and_no_credential_is_shown(tmp_path: Path) -> None:
    finished = really_started(
        tmp_path,
        INPUT_URL="ftp://bob:hunter22@api.example",
        INPUT_GRACE="30",
        INPUT_COLOUR="red",
        INPUT_SERVICE="",
    )

    lines = finished.stdout.splitlines()
    masks = [line for line in lines if line.startswith("::add-mask::")]
    rest = "\n".join(line for line in lines if line not in masks)
    assert finished.returncode == 2
    assert finished.stderr == ""
    assert sum(1 for line in lines if line.startswith("::error ")) == 4
    assert "::add-mask::hunter22" in masks
    assert not any(secret in rest for secret in ("hunter22", "ghs_123456"))


def test_keys_and_what_is_likely_to_be_secret_are_masked_before_anything_is_read(
    tmp_path: Path,
) -> None:
    key = (
        "-----BEGIN PRIVATE KEY-----\nMIIBabcd+/0123==\nMIIBefgh+/4567==\n-----END PRIVATE KEY-----"
    )
    finished = started(
        tmp_path,
        **{
            "INPUT_CLIENT-KEY": key,
            "INPUT_SECRETS": f"KEY={key.replace('MIIB', 'NJJC')}\nSHORT",
            "INPUT_HEALTH-PATH": "/healthz?token=abcdefgh and a gap",
            "INPUT_HEADERS": "Authorization: Bearer headersecret\nno header: \N{SNOWMAN}",
        },
    )

    lines = finished.stdout.splitlines()
    masks = [line.removeprefix("::add-mask::") for line in lines if line.startswith("::add-mask")]
    rest = "\n".join(line for line in lines if not line.startswith("::add-mask"))
    assert finished.returncode == 2
    assert {"MIIBabcd+/0123==", "MIIBefgh+/4567==", "NJJCabcd+/0123==", "headersecret"} <= {*masks}
    assert 'health-path: is not accepted (got "/healthz?token=***' in rest
    assert not any(secret in rest for secret in ("IIBabcd", "JJCefgh", "abcdefgh", "headersecret"))


def outputs(workspace: Path) -> dict[str, str]:
    blocks = re.findall(
        r"^(\S+)<<(\S+)\n(.*)\n\2$", (workspace / "output.txt").read_text("utf-8"), re.MULTILINE
    )
    return {name: value for name, _, value in blocks}


def test_wrong_inputs_leave_no_files_and_outputs_that_later_steps_can_read(tmp_path: Path) -> None:
    started(tmp_path, INPUT_GRACE="30", INPUT_SERVICE="")

    assert [path.name for path in tmp_path.iterdir()] == ["output.txt"]
    found = outputs(tmp_path)
    assert (found["verdict"], found["cause"], found["ending"]) == (
        "inconclusive",
        "config",
        "undecided",
    )
    assert found["reason"].startswith("grace: is not accepted [got")
    assert found["reason"].endswith("[and 1 more, see the summary]")
    assert (found["rollback-triggered"], found["attempts"]) == ("false", "0")
    assert json.loads(found["audit"]) == json.loads(found["services"]) == {}


def test_a_mistake_in_slo_yml_is_annotated_on_its_line_and_stands_in_the_summary(
    tmp_path: Path,
) -> None:
    (tmp_path / ".github").mkdir()
    slo_yml = tmp_path / ".github/slo.yml"
    slo_yml.write_text("service: api\nurl: https://api.example\nplatform: heroku\n", "utf-8")
    summary = tmp_path / "summary.md"

    finished = started(tmp_path, GITHUB_STEP_SUMMARY=str(summary))

    said = '.github/slo.yml:3: platform: is not accepted (got "heroku"); known: auto, command'
    (error,) = [line for line in finished.stdout.splitlines() if line.startswith("::error ")]
    assert error.startswith(
        f"::error title=A mistake in the file,file=.github/slo.yml,line=3,col=1::{said}"
    )
    assert finished.stdout.count("heroku") == 2  # as the value, and in the line that is quoted
    assert "correct .github/slo.yml; nothing was sent" in finished.stdout
    assert "with:" not in finished.stdout
    shown = html.unescape(summary.read_text("utf-8")).replace("\u200b", "")
    assert said in shown
    assert "3 | platform: heroku" in shown
    assert "What next:** correct .github/slo.yml; nothing was sent." in shown


def test_where_there_is_nothing_to_ask_the_outputs_and_the_summary_say_it_too(
    tmp_path: Path,
) -> None:
    (tmp_path / "slo-verify").write_text("in the way", "utf-8")
    summary = tmp_path / "summary.md"

    finished = started(tmp_path, GITHUB_STEP_SUMMARY=str(summary))

    assert finished.returncode == 4
    assert outputs(tmp_path)["cause"] == "observer"
    assert "Evidence cannot be written: nothing was verified" in summary.read_text("utf-8")


def test_on_a_laptop_each_mistake_is_one_line_above_the_one_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "slo.yml").write_text(
        "service: api\nurl: https://a.example\nhelth_endpoint: /up\n", "utf-8"
    )
    given = ["verify", "--service", "api", "--config", "slo.yml", "--grace", "30"]

    finished = forked.run(forked.MODULE, *given, environment={}, cwd=tmp_path)

    assert finished.returncode == 2
    grace, helth, source, caret, hint = finished.stdout.splitlines()
    assert grace.startswith('✗ grace: is not accepted (got "30"); write a duration with a unit')
    assert helth.startswith(
        "✗ slo.yml:3: helth_endpoint: is not known; did you mean health_endpoint?"
    )
    assert (source, caret) == ("    3 | helth_endpoint: /up", "      | ^")
    assert hint == "correct the options and slo.yml; nothing was sent"


def test_more_mistakes_than_the_runner_keeps_are_all_in_the_log(tmp_path: Path) -> None:
    unknown = {f"INPUT_X{number}": "1" for number in range(14)}

    finished = started(tmp_path, **unknown)

    shown = finished.stdout.count("::error ")
    assert shown == 10
    assert "5 more of this level are in the log" in finished.stdout
    assert all(f"x{number}: unknown input" in finished.stdout for number in range(14))


def test_without_the_runner_s_files_it_says_which(tmp_path: Path) -> None:
    finished = started(tmp_path, GITHUB_OUTPUT="")

    assert finished.returncode == 3
    assert "GITHUB_OUTPUT not set" in finished.stdout


@pytest.mark.parametrize("name", ["GITHUB_WORKSPACE", "GITHUB_OUTPUT"])
def test_files_that_cannot_be_written_stop_the_run_before_anything_is_sent(
    tmp_path: Path, name: str
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    place = blocked if name == "GITHUB_WORKSPACE" else blocked / "output"

    finished = started(tmp_path, **{name: str(place)})

    assert finished.returncode == (4 if name == "GITHUB_WORKSPACE" else 3)
    assert "Not a directory" in finished.stdout
    assert "attempt" not in finished.stdout
