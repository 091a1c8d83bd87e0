"""What is measured in which setting: the servers, the turns, and what each tool found."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

from bench.figures import median
from bench.loopback import Record
from bench.product import Installed
from bench.servers import Certificates, Loopback, is_installed, loopback, nginx
from bench.tools import (
    BARE,
    CURL,
    CURL_SMALL,
    OURS,
    Batch,
    Measured,
    Tool,
    Worker,
    tools,
    worker,
)

_DELAY_MS = 20.0
_SLOT_SECONDS = {(False, False): 0.1, (False, True): 0.15, (True, False): 0.6, (True, True): 1.8}
"""By whether many at once, and TLS: as long as the slowest tool takes, so that none waits."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting. `server` is None where the server keeps no records."""

    title: str
    url: str
    at_once: int
    server: Loopback | None = None
    by_name: bool = False

    @property
    def tls(self) -> bool:
        """Tell whether it is asked over TLS."""
        return self.url.startswith("https")

    @property
    def slot_seconds(self) -> float:
        """How long each tool has."""
        return _SLOT_SECONDS[self.at_once > 1, self.tls]

    @property
    def reference(self) -> str:
        """The curl that is compared with; over TLS one that has a single CA to read."""
        return CURL_SMALL if self.tls else CURL


@dataclass(slots=True)
class Column:
    """What one tool measured in one cell, and what the server saw of it."""

    measured: list[Measured] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    cpu: float = 0.0
    late: int = 0

    def take_turn(self, tool: Tool, cell: Cell, due: float) -> None:
        """Ask in the slot that begins at `due`."""
        self.late += perf_counter() > due
        sleep(max(0.0, due - perf_counter()))
        self.take(tool.ask(cell.url, cell.at_once), cell)

    def take(self, batch: Batch, cell: Cell) -> None:
        """Add what a batch brought, and what the server recorded of it."""
        self.measured += batch.measured
        self.cpu += batch.cpu or 0.0
        self.records += _records(cell)[batch.uncounted :]

    @property
    def totals(self) -> list[float]:
        """What was read, in seconds."""
        return [one.total for one in self.measured]

    @property
    def cpu_each(self) -> float:
        """CPU seconds a probe."""
        return self.cpu / len(self.measured)

    @property
    def bad(self) -> int:
        """How many probes did not find a good answer."""
        return sum(not one.good for one in self.measured)

    @property
    def over_read(self) -> float:
        """How much more than the server's own time, from accepting to answering, was read."""
        own = [(one.answered - one.accepted) / 1e9 for one in self.records]
        return median(self.totals) - median(own)

    @property
    def most_at_once(self) -> int:
        """How many connections the server had open at most."""
        return max(one.at_once for one in self.records)


Found = Mapping[str, Column]


@contextmanager
def cells(folder: Path, trusted: Certificates, at_once: int) -> Iterator[list[Cell]]:
    """Yield the settings, their servers running."""
    with ExitStack() as stack:
        plain = stack.enter_context(loopback(_DELAY_MS))
        secured = stack.enter_context(loopback(_DELAY_MS, trusted.server))
        alone = [
            Cell("20 ms server, plain", plain.url(), 1, plain),
            Cell("20 ms server, TLS", secured.url(), 1, secured),
            Cell(
                "20 ms server, plain, by name",
                plain.url(socket.gethostname()),
                1,
                plain,
                by_name=True,
            ),
        ]
        together = [
            Cell("20 ms server, plain", plain.url(), at_once, plain),
            Cell("20 ms server, TLS", secured.url(), at_once, secured),
        ]
        if is_installed("nginx"):
            foreign = stack.enter_context(nginx(folder, trusted.server))
            for url, words in zip(foreign, ("plain", "TLS"), strict=True):
                alone.append(Cell(f"nginx, {words}", url, 1))
                together.append(Cell(f"nginx, {words}", url, at_once))
        yield alone + together


def compare(
    cell: Cell, product: Installed, trusted: Certificates, probes: int
) -> dict[str, Column]:
    """Let the tools take turns until each has sent `probes`; their first batch is not counted."""
    with tools(product, trusted, at_once=cell.at_once, tls=cell.tls, by_name=cell.by_name) as there:
        made = {tool.name: Column() for tool in there}
        for tool in there:
            tool.ask(cell.url, cell.at_once)
        _records(cell)
        spent = {tool.name: tool.cpu_seconds() for tool in there}
        due = perf_counter() + cell.slot_seconds
        for number in range(-(-probes // cell.at_once)):
            shift = number % len(there)
            for tool in (*there[shift:], *there[:shift]):
                made[tool.name].take_turn(tool, cell, due)
                due += cell.slot_seconds
        for tool in there:
            before, after = spent[tool.name], tool.cpu_seconds()
            if before is not None and after is not None:
                made[tool.name].cpu = after - before
    return made


def first_probes(product: Installed, trusted: Certificates, cell: Cell, count: int) -> Column:
    """Measure what the first probe of a process reads: nothing is warm yet, as in a short run."""
    column = Column()
    for _ in range(count):
        with worker(product, trusted.bundle) as process:
            column.take(Worker(process).ask(cell.url, 1), cell)
    return column


def back_to_back(
    product: Installed, trusted: Certificates, *, probes: int, tls: bool
) -> Mapping[str, float]:
    """Return CPU seconds a probe with no pause and no delay: every cache is warm."""
    made = {}
    with loopback(0.0, trusted.server if tls else None) as server:
        for name, program in ((OURS, "probe_worker.py"), (BARE, "bare_worker.py")):
            with worker(product, trusted.bundle, program) as process:
                tool = Worker(process, name)
                tool.ask(server.url(), 1)
                spent = [tool.ask(server.url(), 1).cpu or 0.0 for _ in range(probes)]
            made[name] = sum(spent) / len(spent)
    return made


def _records(cell: Cell) -> list[Record]:
    return cell.server.forget() if cell.server else []
