"""The probers that are compared, behind one seam: measure one URL `count` times at once."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from bench.product import Installed
from bench.servers import BLACKBOX, HERE, Certificates, blackbox, is_installed

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
OURS = "slo-verify"
BARE = "Python's http.client, bare"
CURL = "curl, a process a probe"
CURL_SMALL = "curl, a process a probe, trusting one CA"
CURL_WARM = "curl, the second connection of a process"
CURL_PARALLEL = "curl -Z, one process"
BLACKBOX_NAME = "blackbox-exporter"
_TIMES = (
    "time_namelookup",
    "time_connect",
    "time_appconnect",
    "time_starttransfer",
    "time_total",
    "http_code",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one probe was measured at, in seconds, by the tool that sent it."""

    total: float
    phases: Mapping[str, float]
    good: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Probes sent at once. `cpu` is None where it cannot be told apart for them.

    `uncounted` is how many connections before them only warmed the tool up.
    """

    measured: Sequence[Measured]
    cpu: float | None = None
    uncounted: int = 0


class Tool(Protocol):
    """A prober."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    def ask(self, url: str, count: int) -> Batch:
        """Send `count` probes at once and wait for all of them."""
        ...

    def cpu_seconds(self) -> float | None:
        """Return its process's CPU time so far; None if its batches tell theirs."""
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """A prober in Python, in a process that lives on: ours, or the least that Python can cost."""

    process: subprocess.Popen[str]
    name: str = OURS

    def ask(self, url: str, count: int) -> Batch:
        """See Tool."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([url, count]) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        return Batch([_ours(one) for one in told["samples"]], told["cpu"])

    def cpu_seconds(self) -> None:
        """See Tool."""


@dataclass(frozen=True, slots=True)
class Curl:
    """A new curl process for each probe, all of them spawned before any is waited for."""

    authority: Path
    name: str

    def ask(self, url: str, count: int) -> Batch:
        """See Tool."""
        command = ["curl", *_options(self.authority), url]
        return _waited([_spawned(command) for _ in range(count)])

    def cpu_seconds(self) -> None:
        """See Tool."""


@dataclass(frozen=True, slots=True)
class CurlWarm:
    """A curl process that has made one connection already; no TLS session is taken up again."""

    authority: Path
    name: str = CURL_WARM

    def ask(self, url: str, count: int) -> Batch:
        """See Tool; only one at a time."""
        assert count == 1
        again = ["--no-sessionid", "-o", "/dev/null", url, url]
        both = _waited([_spawned(["curl", *_options(self.authority), *again])])
        return Batch(both.measured[1:], uncounted=1)

    def cpu_seconds(self) -> None:
        """See Tool."""


@dataclass(frozen=True, slots=True)
class CurlParallel:
    """One curl process that sends them all at once, each on a connection of its own."""

    authority: Path
    name: str = CURL_PARALLEL

    def ask(self, url: str, count: int) -> Batch:
        """See Tool."""
        many = ["-Z", "--parallel-immediate", "--parallel-max", str(count)]
        outputs = ["-o", "/dev/null"] * (count - 1)
        urls = [url] * count
        return _waited([_spawned(["curl", *_options(self.authority), *many, *outputs, *urls])])

    def cpu_seconds(self) -> None:
        """See Tool."""


@dataclass(frozen=True, slots=True)
class Blackbox:
    """blackbox-exporter, asked as Prometheus asks it, over connections that stay open."""

    port: int
    pid: int
    name: str = BLACKBOX_NAME
    connections: list[HTTPConnection] = field(default_factory=list)

    def ask(self, url: str, count: int) -> Batch:
        """See Tool."""
        while len(self.connections) < count:
            self.connections.append(HTTPConnection("127.0.0.1", self.port))
        path = f"/probe?{urlencode({'target': url, 'module': 'http_200'})}"
        for connection in self.connections[:count]:
            connection.request("GET", path)
        answers = [one.getresponse().read().decode() for one in self.connections[:count]]
        return Batch([_exported(answer) for answer in answers])

    def cpu_seconds(self) -> float:
        """See Tool."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def tools(
    product: Installed, trusted: Certificates, *, at_once: int, tls: bool, by_name: bool
) -> Iterator[list[Tool]]:
    """Yield the tools of one cell. All trust the system's roots and ours, but where it says one.

    A curl process looks a name up only once, so its second connection is no match by name.
    """
    made: list[Tool] = []
    with ExitStack() as stack:
        made.append(Worker(stack.enter_context(worker(product, trusted.bundle))))
        if at_once == 1:
            bare = worker(product, trusted.bundle, "bare_worker.py")
            made.append(Worker(stack.enter_context(bare), BARE))
        made.append(Curl(trusted.bundle, CURL))
        if tls:
            made.append(Curl(trusted.ours, CURL_SMALL))
        if at_once > 1:
            made.append(CurlParallel(trusted.ours))
        elif not by_name:
            made.append(CurlWarm(trusted.ours))
        if is_installed(BLACKBOX):
            made.append(Blackbox(*stack.enter_context(blackbox(trusted.bundle))))
        yield made


@contextmanager
def worker(
    product: Installed, authority: Path, program: str = "probe_worker.py"
) -> Iterator[subprocess.Popen[str]]:
    """Run a prober in a process of its own, with the packages that the image has."""
    command = [product.python, "-I", "-u", "-B", str(HERE / program)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env={"SSL_CERT_FILE": str(authority)}, stdin=pipe, stdout=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _options(authority: Path) -> list[str]:
    told = " ".join(f"%{{{name}}}" for name in _TIMES) + "\\n"
    closing = ["-H", "Connection: close"]  # as ours asks; -Z would else use a connection twice
    return [*closing, "-s", "-o", "/dev/null", "--cacert", str(authority), "-w", told]


def _spawned(command: Sequence[str]) -> subprocess.Popen[str]:
    quiet = subprocess.DEVNULL  # -Z draws its progress there even if told -s
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True)


def _waited(processes: Sequence[subprocess.Popen[str]]) -> Batch:
    lines: list[str] = []
    cpu = 0.0
    for process in processes:
        assert process.stdout
        lines += process.stdout.read().splitlines()
        process.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
    return Batch([_curled(line) for line in lines], cpu)


def _curled(line: str) -> Measured:
    """Turn curl's instants, all since the start, into phases."""
    *instants, code = line.split()
    resolved, connected, secured, answered, total = (float(word) for word in instants)
    ready = secured or connected
    marks = (0.0, resolved, connected, ready, answered, total)
    spent = [after - before for before, after in pairwise(marks)]
    return Measured(total, dict(zip(PHASES, spent, strict=True)), code == "200")


def _ours(told: Mapping[str, object]) -> Measured:
    phases, total = told["phases"], told["total"]
    assert isinstance(phases, dict)
    assert isinstance(total, float)
    spent = {name: phases[f"{name}_seconds"] or 0.0 for name in PHASES}
    return Measured(total, spent, told["outcome"] == "ok")


def _exported(text: str) -> Measured:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    phases = {
        name: values.get(f'probe_http_duration_seconds{{phase="{name}"}}', 0.0) for name in PHASES
    }
    return Measured(values["probe_duration_seconds"], phases, values["probe_success"] == 1.0)
