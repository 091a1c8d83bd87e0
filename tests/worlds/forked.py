"""Programs of the checkout in processes of their own, forked from one that has imported them.

Such a process has its own directory, environment, signals, streams and exit status; only its
interpreter and its imports were started before. What depends on the start itself is tested with
`subprocess`: each surface once, a hostile workspace, and a signal in the first moments.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).parents[2]
ENTRYPOINT = str(ROOT / "entrypoint.py")
MODULE = "slo_action"
_SERVER = """\
import sys
sys.path.insert(0, {root!r})
from tests.worlds import forked
forked.serve(int(sys.argv[1]))
"""
_CHUNK = 1 << 16
_ONE_AT_A_TIME = threading.Lock()


class Forked:
    """One process: as much of `subprocess.Popen` as a runner needs."""

    def __init__(self, pid: int, stdout: IO[str], stderr: IO[str], status: IO[str]) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self._status = status
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status; below zero it is a signal's."""
        if self._code is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            with self._status:
                self._code = int(self._status.read())
        return self._code

    def send_signal(self, sig: int) -> None:
        if self._code is None and not self._has_ended(0):
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        return bool(select([self._status], [], [], timeout)[0])


def start(*argv: str, environment: Mapping[str, str], cwd: Path) -> Forked:
    """Start `entrypoint.py` or the module; its streams end lines at LF, CR LF and a bare CR."""
    (out, out_end), (err, err_end), (status, status_end) = (os.pipe() for _ in range(3))
    pid = _forked(argv, environment, cwd, [out_end, err_end, status_end])
    for end in (out_end, err_end, status_end):
        os.close(end)
    streams = (os.fdopen(one, encoding="utf-8", errors="replace") for one in (out, err, status))
    return Forked(pid, *streams)


def run(
    *argv: str, environment: Mapping[str, str], cwd: Path, timeout: float = 60.0
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as err:
        status, status_end = os.pipe()
        pid = _forked(argv, environment, cwd, [out.fileno(), err.fileno(), status_end])
        os.close(status_end)
        process = Forked(pid, out, err, os.fdopen(status))
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(argv, code, out.read(), err.read())


def serve(descriptor: int) -> None:
    """Import the whole package once; then fork for each request, until nobody can ask any more."""
    package = import_module(MODULE)
    for found in pkgutil.walk_packages(package.__path__, f"{MODULE}."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    gc.freeze()  # what nobody collects stays shared by all forks
    requests = socket.socket(fileno=descriptor)
    while True:
        content, streams = _request(requests)
        if not content:
            return
        if os.fork() == 0:
            _fork_and_wait(json.loads(content), requests, *streams)
            return
        for stream in streams:
            os.close(stream)
        with suppress(ChildProcessError):  # nobody waits for those who waited
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _request(requests: socket.socket) -> tuple[bytes, list[int]]:
    content, streams, _, _ = socket.recv_fds(requests, _CHUNK, 3)
    while content and not content.endswith(b"\n"):
        content += requests.recv(_CHUNK)
    return content, streams


def _fork_and_wait(
    request: dict[str, Any], requests: socket.socket, out: int, err: int, status: int
) -> None:
    pid = os.fork()
    if pid == 0:
        requests.detach()
        _become(request, out, err)
        return
    requests.sendall(f"{pid}\n".encode())
    os.close(out)
    os.close(err)
    _, ended = os.waitpid(pid, 0)
    os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
    os._exit(0)


def _become(request: dict[str, Any], out: int, err: int) -> None:
    """Be that program to the end, which is that of this interpreter."""
    os.setsid()
    with Path(os.devnull).open() as nothing:
        for here, there in ((nothing.fileno(), 0), (out, 1), (err, 2)):
            os.dup2(here, there)
    os.closerange(3, 256)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    if sys.argv[0] == MODULE:
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        runpy.run_path(sys.argv[0], run_name="__main__")


def _forked(
    argv: tuple[str, ...], environment: Mapping[str, str], cwd: Path, streams: list[int]
) -> int:
    """Ask for a process, and return its number."""
    request = {"argv": argv, "environment": dict(environment), "cwd": str(cwd)}
    content = json.dumps(request).encode() + b"\n"
    with _ONE_AT_A_TIME:
        server = _server()
        sent = socket.send_fds(server, [content], streams)
        server.sendall(content[sent:])
        answer = b""
        while not answer.endswith(b"\n"):
            answer += server.recv(_CHUNK) or b"0\n"
    return int(answer)


@cache
def _server() -> socket.socket:
    """Start the one that forks; it ends when this process does."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-u", "-B", "-X", "utf8", "-c", _SERVER.format(root=str(ROOT))]
    process = subprocess.Popen(
        [*command, str(theirs.fileno())],
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
