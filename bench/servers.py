"""The servers that are probed and the prober that is a server: started, spoken to, stopped."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from select import select
from time import perf_counter, sleep
from typing import IO

import trustme

from bench.loopback import Record

HERE = Path(__file__).parent
BLACKBOX = "prometheus-blackbox-exporter"
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_START_SECONDS = 10.0
_FIRST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Certificates:
    """A throw-away CA. `bundle` is the system's roots and ours, `ours` is ours alone."""

    bundle: Path
    ours: Path
    server: Path


@dataclass(frozen=True, slots=True)
class Loopback:
    """The exact server, running."""

    port: int
    tls: bool
    process: subprocess.Popen[str]

    def url(self, host: str = "127.0.0.1") -> str:
        """Return what to ask for."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/healthz"

    def forget(self) -> list[Record]:
        """Return the records so far, and start anew."""
        self._say("all")
        return self._told()

    def first(self) -> Record:
        """Wait until a request has been answered, and return the first record."""
        self._say("next")
        assert self.process.stdout
        assert select([self.process.stdout], [], [], _FIRST_SECONDS)[0], "no request came"
        return self._told()[0]

    def _say(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def _told(self) -> list[Record]:
        return [Record(**one) for one in json.loads(_line(self.process.stdout))]


def issue_certificates(folder: Path) -> Certificates:
    """Write a CA and a server's certificate below `folder`."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", socket.gethostname())
    made = Certificates(folder / "bundle.pem", folder / "ca.pem", folder / "server.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(made.server)
    authority.cert_pem.write_to_path(made.ours)
    roots = _SYSTEM_BUNDLE.read_bytes() if _SYSTEM_BUNDLE.exists() else b""
    made.bundle.write_bytes(roots + b"\n" + authority.cert_pem.bytes())
    return made


@contextmanager
def loopback(delay_ms: float, certificate: Path | None = None) -> Iterator[Loopback]:
    """Run the exact server in a process of its own."""
    command = [sys.executable, "-I", str(HERE / "loopback.py"), "--delay-ms", str(delay_ms)]
    if certificate:
        command += ["--certificate", str(certificate)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        try:
            yield Loopback(int(_line(process.stdout)), certificate is not None, process)
        finally:
            process.terminate()


@contextmanager
def nginx(folder: Path, certificate: Path) -> Iterator[tuple[str, str]]:
    """Run nginx with a static answer; yield its plain and its TLS URL."""
    plain, secured = free_port(), free_port()
    (folder / "nginx.conf").write_text(
        f"""
        worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off;
        events {{ worker_connections 256; }}
        http {{
          access_log off; default_type application/json;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
          scgi_temp_path {folder}/scgi;
          server {{
            listen 127.0.0.1:{plain}; listen 127.0.0.1:{secured} ssl;
            ssl_certificate {certificate}; ssl_certificate_key {certificate};
            location / {{ return 200 '{{"status":"ok"}}'; }}
          }}
        }}""",
        encoding="utf-8",
    )
    command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as process:
        try:
            _await_port(plain)
            yield f"http://127.0.0.1:{plain}/healthz", f"https://127.0.0.1:{secured}/healthz"
        finally:
            process.terminate()


@contextmanager
def blackbox(authority: Path) -> Iterator[tuple[int, int]]:
    """Run blackbox-exporter on loopback, trusting `authority`; yield its port and process id."""
    port = free_port()
    config = f"--config.file={HERE / 'blackbox.yml'}"
    with subprocess.Popen(
        [BLACKBOX, config, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        env={"SSL_CERT_FILE": str(authority), "PATH": "/usr/sbin:/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await_port(port)
            yield port, process.pid
        finally:
            process.terminate()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_installed(program: str) -> bool:
    """Tell whether a peer is here at all."""
    return shutil.which(program) is not None


def _await_port(port: int) -> None:
    until = perf_counter() + _START_SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.connect()
        except OSError:
            if perf_counter() > until:
                raise
            sleep(0.05)
        else:
            return
        finally:
            connection.close()


def _line(stream: IO[str] | None) -> str:
    assert stream
    line = stream.readline()
    assert line, "the server ended"
    return line
