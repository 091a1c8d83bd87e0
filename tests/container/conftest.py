"""The image, built once; what is missing is skipped loudly, and never where CI_NO_SKIP is 1."""

import os
import shutil
import subprocess

import pytest

from tests.container.podman import BASE, IMAGE, build_image, cannot_be_tested


@pytest.fixture(scope="session")
def image() -> str:
    missing = [tool for tool in ("buildah", "podman", "runc") if shutil.which(tool) is None]
    if missing:
        cannot_be_tested(f"install {' '.join(missing)}")
    if os.geteuid() != 0:
        cannot_be_tested("be root: files are given to another user")
    if subprocess.run(["podman", "image", "exists", BASE], check=False).returncode:
        cannot_be_tested(f"pull {BASE}, or run container/local-base to make a stand-in")
    build_image()
    return IMAGE
