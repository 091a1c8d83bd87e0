"""Wrong inputs as a runner would see them: the real entry point, nothing sent, no secret told."""

import os
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
    assert "health-path: not accepted (got '/healthz?token=***" in rest
    assert not any(secret in rest for secret in ("IIBabcd", "JJCefgh", "abcdefgh", "headersecret"))


def test_nothing_is_left_behind_when_the_inputs_are_wrong(tmp_path: Path) -> None:
    started(tmp_path, INPUT_GRACE="30")

    assert [path.name for path in tmp_path.iterdir()] == ["output.txt"]
    assert (tmp_path / "output.txt").read_text(encoding="utf-8") == ""


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
