"""`make demo`: a healthy deploy, then a bad one that is rolled back, as the action would do it."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = Path(__file__).with_name("deploy.py")
OUT = ROOT / "out" / "demo"
NOT_ROLLED_BACK = "the demo did not end as it should"
EXIT_HEALTHY, EXIT_ROLLED_BACK = 0, 10


def main() -> int:
    """Play the demo; return 0 only if both deploys ended as they should."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    state = OUT / "platform.json"
    port = free_port()
    state.write_text(json.dumps({"port": port, "pid": 0, "history": ["v1.2.2"]}), encoding="utf-8")
    print("Each deploy is watched for 15 s instead of five minutes, ten times as densely.")
    try:
        title("1. Deploy v1.2.3, and verify it")
        deploy(state, "v1.2.3")
        healthy = verify(state, port, "v1.2.3")
        title("2. Deploy v1.2.4: its health is fine, and a third of its orders fail")
        deploy(state, "v1.2.4")
        rolled_back = verify(state, port, "v1.2.4")
        title("3. Judge the second run again, offline, from its audit record alone")
        audit = newest_audit()
        replayed = subprocess.run(
            [sys.executable, "-m", "slo_action", "replay", str(audit)], cwd=ROOT, check=False
        )
    finally:
        pid = json.loads(state.read_text(encoding="utf-8"))["pid"]
        if pid:
            os.kill(pid, signal.SIGTERM)
    title("What to look at")
    print(f"the job summary of the second run: {audit.with_name('summary.md').relative_to(ROOT)}")
    print(f"its audit record:                  {audit.relative_to(ROOT)}")
    as_expected = (healthy, rolled_back, replayed.returncode) == (EXIT_HEALTHY, EXIT_ROLLED_BACK, 0)
    print("both deploys ended as they should" if as_expected else NOT_ROLLED_BACK)
    return 0 if as_expected else 1


def verify(state: Path, port: int, version: str) -> int:
    """Run slo-verify as a laptop user would, for 15 s instead of five minutes."""
    deployer = shlex.join([sys.executable, str(DEPLOY), str(state)])
    options = {
        "service": "dashboard",
        "url": f"http://127.0.0.1:{port}",
        "expected-version": version,
        "api-paths": "/api/orders",
        "observe": "15s",
        "grace": "2s",
        "deployed-at": datetime.now(UTC).isoformat(),
        "approver": "demo",
        "previous-version-command": f"{deployer} --previous",
        "rollback-command": f"{deployer} {{previous-version}}",
        "out": str(OUT),
    }
    command = [sys.executable, "-m", "slo_action", "verify"]
    pairs = [(f"--{name}", value) for name, value in options.items()]
    print("$", " \\\n    ".join(map(shown, [command, *pairs])), flush=True)
    words = [word for pair in pairs for word in pair]
    return subprocess.run([*command, *words], cwd=ROOT, check=False).returncode


def shown(command: Sequence[str]) -> str:
    """Return the command with this machine's paths left out."""
    text = shlex.join(command)
    for path, name in ((sys.executable, "python"), (f"{ROOT}/", "")):
        text = text.replace(path, name)
    return text


def deploy(state: Path, version: str) -> None:
    """Replace the running release."""
    subprocess.run([sys.executable, str(DEPLOY), str(state), version], check=True)


def newest_audit() -> Path:
    """Return the audit record written last."""
    return max((OUT / "slo-verify").glob("*/audit.json"), key=lambda path: path.stat().st_mtime)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n=== {text} ===", flush=True)


if __name__ == "__main__":
    sys.exit(main())
