"""Outcomes of real servers, the same over plain HTTP, TLS 1.2 and TLS 1.3; and what curl says."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from slo_action.core.model import Outcome
from tests.probing.test_outcomes import authority, certificate, probe_of, sends
from tests.worlds.odd_answers import LENIENT, OK, REFUSED
from tests.worlds.raw_server import Connection, RawServer, serving

pytestmark = pytest.mark.real

TRANSPORTS = ("plain", "TLS 1.2", "TLS 1.3")
Ports = dict[str, int]

KINDS: dict[str, tuple[Outcome, int | None]] = {
    "healthy": (Outcome.OK, 200),
    "chunked": (Outcome.OK, 200),
    "down": (Outcome.HTTP_5XX, 503),
    "missing": (Outcome.HTTP_4XX, 404),
    "redirect": (Outcome.REDIRECT, 302),
    "large": (Outcome.BODY_TOO_LARGE, 200),
    "cut": (Outcome.RESET, 200),
    "cut-chunked": (Outcome.RESET, 200),
    "cut-down": (Outcome.HTTP_5XX, 503),
    "close": (Outcome.RESET, None),
    "stall": (Outcome.READ_TIMEOUT, 200),
    "hang": (Outcome.READ_TIMEOUT, None),
}
_SOURCES = Path(__file__).parent / "servers"
_STALLS = ("stall", "hang")


def needed(program: str) -> str:
    """Return where a program is; skip, or fail where nothing may be skipped."""
    found = shutil.which(program) or shutil.which(program, path="/usr/local/go/bin:/usr/sbin")
    if found is None:
        missing = f"{program} is not installed"
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextmanager
def printing_ports(*command: str, home: Path) -> Iterator[Ports]:
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def node(home: Path) -> Iterator[Ports]:
    with printing_ports(needed("node"), str(_SOURCES / "node.js"), home=home) as ports:
        yield ports


@contextmanager
def go(home: Path) -> Iterator[Ports]:
    program = needed("go")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": str(home / "cache")}
    build = [program, "build", "-o", str(home / "server"), str(_SOURCES / "main.go")]
    subprocess.run(build, cwd=home, check=True, env=environment)
    with printing_ports(str(home / "server"), home=home) as ports:
        yield ports


@contextmanager
def nginx(home: Path) -> Iterator[Ports]:
    """Nginx before a service that breaks off: what a balancer makes of it."""
    program = needed("nginx")
    ports = {transport: free_port() for transport in TRANSPORTS}
    with serving(_upstream) as upstream:
        (home / "large").write_text("x" * 100_000)
        (home / "nginx.conf").write_text(_nginx_conf(ports, upstream, home))
        command = [program, "-p", str(home), "-c", "nginx.conf", "-e", "stderr"]
        with subprocess.Popen(command, cwd=home) as process:
            try:
                for port in ports.values():
                    wait_for(port)
                yield ports
            finally:
                process.terminate()
                process.wait(10)


def _upstream(connection: Connection) -> None:
    path = connection.path
    status = b"503 Service Unavailable" if path == "/cut-down" else b"200 OK"
    framing = b"Transfer-Encoding: chunked" if path == "/cut-chunked" else b"Content-Length: 400"
    if path == "/chunked":
        connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        return
    if path == "/hang":
        connection.hold()
    body = b'a\r\n{"status":\r\n' if path == "/cut-chunked" else b'{"status":'
    connection.send(b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\n" + body)
    if path == "/stall":
        connection.hold()


def _nginx_conf(ports: Ports, upstream: RawServer, home: Path) -> str:
    secured = "".join(
        f"""
  server {{
    listen 127.0.0.1:{ports[f"TLS {version}"]} ssl;
    ssl_certificate server.pem; ssl_certificate_key server.key; ssl_protocols TLSv{version};
    include answers.conf;
  }}"""
        for version in ("1.2", "1.3")
    )
    (home / "answers.conf").write_text(f"""
location = /healthy {{ return 200 ok; }}
location = /down {{ return 503; }}
location = /missing {{ return 404; }}
location = /redirect {{ return 302 /elsewhere; }}
location = /close {{ return 444; }}
location = /large {{ root {home}; }}
location / {{
  proxy_pass http://127.0.0.1:{upstream.port}; proxy_http_version 1.1; proxy_buffering off;
}}
""")
    return f"""
daemon off; master_process off; pid nginx.pid;
events {{}}
http {{
  access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .;
  uwsgi_temp_path .; scgi_temp_path .;
  server {{ listen 127.0.0.1:{ports["plain"]}; include answers.conf; }}{secured}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    until = monotonic() + 10
    while monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


_SERVERS = {"Node": node, "Go": go, "nginx": nginx}


@pytest.fixture(scope="module", params=_SERVERS)
def ports(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ports]:
    home = tmp_path_factory.mktemp(request.param)
    chain = b"".join(blob.bytes() for blob in certificate().cert_chain_pems)
    (home / "server.pem").write_bytes(chain)
    (home / "server.key").write_bytes(certificate().private_key_pem.bytes())
    (home / "ca.pem").write_bytes(authority().cert_pem.bytes())
    with _SERVERS[request.param](home) as started:
        yield started


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_real_server_s_answer_has_its_outcome(ports: Ports, kind: str, transport: str) -> None:
    outcome, status = KINDS[kind]
    scheme = "http" if transport == "plain" else "https"
    url = f"{scheme}://127.0.0.1:{ports[transport]}/{kind}"
    sample = probe_of(url, 0.8 if kind in _STALLS else 8.0)

    assert (sample.outcome, sample.status) == (outcome, status), sample.detail


@pytest.mark.parametrize("kind", [*LENIENT, *REFUSED])
def test_what_curl_takes_for_an_answer_is_one(kind: str, tmp_path: Path) -> None:
    raw = LENIENT[kind][0] if kind in LENIENT else REFUSED[kind]
    with serving(sends(raw)) as server:
        command = [needed("curl"), "-sS", "-m", "5", "-o", "body", server.url()]
        curl = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        sample = probe_of(server.url())

    body = tmp_path / "body"
    accepts = curl.returncode == 0 and body.exists() and body.read_bytes() == b"ok"
    assert sample.outcome is Outcome.OK or not accepts, (sample.detail, curl.stderr)
