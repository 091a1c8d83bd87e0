"""Servers that never end, drip, or unpack to gigabytes: no client waits or grows with them."""

import gzip
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.errors import SloVerifyError
from slo_action.github.api import GitHubApi
from slo_action.github.artifacts.blob import put_block
from slo_action.github.artifacts.runner import RunnerResults
from slo_action.github.artifacts.store import GitHubArtifactStore
from slo_action.platforms.fly.client.errors import Call, FlyRefusedError
from slo_action.platforms.fly.client.http import FlyConnection
from slo_action.sources.prometheus.api import NoNumberError, PrometheusApi
from slo_action.system.clock import SystemClock
from slo_action.system.deadline import within
from slo_action.system.retry import TransientError
from tests.worlds.artifact_service import GitHubArtifactService
from tests.worlds.raw_server import Connection, serving

MOST_SECONDS = 0.15
SLACK_SECONDS = 5.0
"""For a machine that is busy."""
MOST_BYTES = 48 * 1024 * 1024
REFUSALS = (SloVerifyError, FlyRefusedError, NoNumberError, TransientError, TimeoutError)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BOMB = gzip.compress(b" " * (300 * 1024 * 1024), 9)
"""300 KB of it."""


def drips_its_head(connection: Connection) -> None:
    connection.send(_OK)
    connection.trickle(b"X-A: b\r\n")


def drips_its_body(connection: Connection) -> None:
    connection.send(_OK + b"\r\n")
    connection.trickle(b" ")


def drips_chunks(connection: Connection) -> None:
    connection.send(_OK + b"Transfer-Encoding: chunked\r\n\r\n")
    connection.trickle(b"1\r\n \r\n", every=0.005)


def never_answers(connection: Connection) -> None:
    connection.hold()


def sends_for_ever(connection: Connection) -> None:
    connection.send(_OK + b"\r\n")
    while not connection.closing.is_set():
        connection.send(b" " * 65536)


def is_a_bomb(connection: Connection) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(_BOMB)
    connection.send(_OK + b"Content-Encoding: gzip\r\n" + length + _BOMB)


def redirects_in_a_loop(connection: Connection) -> None:
    connection.answer(status="302 Found", headers=b"Location: /x\r\n")


SERVERS = (
    drips_its_head,
    drips_its_body,
    drips_chunks,
    never_answers,
    sends_for_ever,
    is_a_bomb,
    redirects_in_a_loop,
)


class World:
    """One server for all, that does what a test says."""

    def __init__(self) -> None:
        self.origin = ""
        self.behaves: Callable[[Connection], None] = never_answers

    def serve(self, connection: Connection) -> None:
        self.behaves(connection)


@dataclass(frozen=True, slots=True)
class Clients:
    """Opening ghapi takes a second: it is opened once."""

    world: World
    github: GitHubApi

    def creates_a_check_run(self, _root: Path) -> None:
        self.github.create_check_run({"name": "n"})

    def reads_a_base_file(self, _root: Path) -> None:
        self.github.get_content("slo.yml", "a" * 40)

    def uploads(self, root: Path) -> None:
        (root / "audit.json").write_text("{}", encoding="utf-8")
        store = GitHubArtifactStore(
            RunnerResults(
                results_url=self.world.origin,
                token=Secret(GitHubArtifactService(lambda: datetime.now(UTC)).token()),
                server_url="https://github.com",
                repository="octo/shop",
                run_id="1",
            ),
            clock=SystemClock(),
            scrubber=Scrubber(),
            mask=lambda _: None,
            random=lambda: 0.0,
        )
        store.most_seconds = MOST_SECONDS
        store.upload("report", root, [root / "audit.json"])

    def puts_a_block(self, _root: Path) -> None:
        with httpx.Client(timeout=MOST_SECONDS) as client:
            within(MOST_SECONDS, lambda: put_block(client, f"{self.world.origin}/?sig=x", 0, b"x"))

    def asks_fly(self, _root: Path) -> None:
        connection = FlyConnection(
            Secret("Bearer x"), clock=SystemClock(), scrubber=Scrubber(), transport=None
        )
        connection.most_seconds = MOST_SECONDS
        url = f"{self.world.origin}/v1/apps/a"
        with closing(connection):
            connection.send(Call(app="a", action="look at", method="GET", url=url), 0.0)

    def asks_prometheus(self, _root: Path) -> None:
        api = PrometheusApi(
            self.world.origin, None, clock=SystemClock(), scrubber=Scrubber(), transport=None
        )
        api.most_seconds = MOST_SECONDS
        with closing(api):
            api.number("up")


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    world = World()
    with serving(world.serve) as server:
        world.origin = server.url(path="")
        github = GitHubApi(world.origin, "octo/shop", Secret("ghs_given"))
        github.most_seconds = MOST_SECONDS
        yield Clients(world, github)


CLIENTS = (
    Clients.creates_a_check_run,
    Clients.reads_a_base_file,
    Clients.uploads,
    Clients.puts_a_block,
    Clients.asks_fly,
    Clients.asks_prometheus,
)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.__name__)
@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
def test_a_client_gives_up_in_time_and_keeps_little(
    ask: Callable[[Clients, Path], None],
    server: Callable[[Connection], None],
    clients: Clients,
    tmp_path: Path,
) -> None:
    clients.world.behaves = server
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(REFUSALS):
            ask(clients, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.monotonic() - begun < MOST_SECONDS + SLACK_SECONDS
    assert peak < MOST_BYTES
