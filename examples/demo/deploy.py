"""The demo's platform: `deploy.py STATE VERSION` replaces the running release by another.

`deploy.py STATE --previous` prints the version before the running one. STATE is a JSON file with
the port, the process and the history.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

SERVICE = Path(__file__).with_name("service.py")
_START_SECONDS = 10.0


def deploy(state_file: Path, version: str) -> None:
    """Stop the running release, start `version`, and wait until its port answers."""
    state = json.loads(state_file.read_text(encoding="utf-8"))
    stop(state)
    process = subprocess.Popen(
        [sys.executable, str(SERVICE), str(state["port"]), version],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    state |= {"pid": process.pid, "history": [*state["history"], version]}
    state_file.write_text(json.dumps(state), encoding="utf-8")
    wait_for(state["port"])
    print(f"deployed {version}")


def stop(state: dict[str, int]) -> None:
    """Stop the running release, if there is one."""
    if not state["pid"]:
        return
    os.kill(state["pid"], signal.SIGTERM)
    give_up = time.monotonic() + _START_SECONDS
    while answers(state["port"]) and time.monotonic() < give_up:
        time.sleep(0.05)


def wait_for(port: int) -> None:
    """Wait until something accepts connections."""
    give_up = time.monotonic() + _START_SECONDS
    while not answers(port):
        if time.monotonic() > give_up:
            raise SystemExit("the release did not start")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """True where the port accepts a connection."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def previous(state_file: Path) -> str:
    """Return the version before the running one."""
    history = json.loads(state_file.read_text(encoding="utf-8"))["history"]
    return next((version for version in reversed(history[:-1]) if version != history[-1]), "")


if __name__ == "__main__":
    state_path, what = Path(sys.argv[1]), sys.argv[2]
    if what == "--previous":
        print(previous(state_path))
    else:
        deploy(state_path, what)
