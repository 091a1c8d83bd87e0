"""What the figures were measured on, without names that identify the machine."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.servers import BLACKBOX, is_installed

_VERSIONS = (
    ("curl", ["curl", "--version"]),
    ("Node", ["node", "--version"]),
    ("blackbox-exporter", [BLACKBOX, "--version"]),
    ("nginx", ["nginx", "-v"]),
    ("podman", ["podman", "--version"]),
)


def facts() -> Sequence[str]:
    """Return the machine and the peers, a line each."""
    model = _field(Path("/proc/cpuinfo"), "model name", ":") or platform.processor()
    system = _field(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"')
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {_version(command)}" for name, command in _VERSIONS]
    return (
        f"{os.cpu_count()} cores, {model}; {system}, Linux {_kernel()}",
        "; ".join(versions),
    )


def load() -> str:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return ", ".join(f"{one:.2f}" for one in os.getloadavg())


def _kernel() -> str:
    return ".".join(platform.release().split(".")[:2])


def _field(path: Path, name: str, separator: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next(
        (line.partition(separator)[2].strip() for line in lines if line.startswith(name)), ""
    )


def _version(command: Sequence[str]) -> str:
    if not is_installed(command[0]):
        return "not installed"
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    return found[0] if found else "unknown"
