"""How true our figures are and what they cost: ours, curl and blackbox-exporter, side by side.

    .venv/bin/python -m bench.accuracy [--probes 200] [--at-once 20]

Every tool measures by its own clock, as its users read it. The tools take turns in slots of a
fixed schedule: a probe starts when its slot does, whatever came of those before it. The exact
server's own records say what a perfect tool would have read.
"""

import argparse
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from bench.figures import median, ms, p95, ratio, signed, table
from bench.loopback import Record
from bench.product import Installed, installed
from bench.servers import Certificates, Loopback, is_installed, issue_certificates, loopback, nginx
from bench.tools import (
    BARE,
    CURL,
    CURL_PARALLEL,
    CURL_SMALL,
    CURL_WARM,
    OURS,
    PHASES,
    Batch,
    Measured,
    Tool,
    Worker,
    tools,
    worker,
)

_DELAY_MS = 20.0
_FRESH = 60
_SLOT_SECONDS = {(False, False): 0.1, (False, True): 0.15, (True, False): 0.6, (True, True): 1.8}
"""By whether many at once, and TLS: as long as the slowest tool takes, so that none waits."""
_MEDIAN_AIM, _P95_AIM, _CPU_AIM = 0.3e-3, 1e-3, 1.5e-3


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    options = parser.parse_args()
    with TemporaryDirectory() as name, installed() as product:
        folder = Path(name)
        trusted = issue_certificates(folder)
        with cells(folder, trusted, options.at_once) as settings:
            found = [(cell, compare(cell, product, trusted, options.probes)) for cell in settings]
            crowded = [
                back_to_back(product, trusted, probes=options.probes, tls=tls)
                for tls in (False, True)
            ]
            fresh = [(cell, first_probes(product, trusted, cell, _FRESH)) for cell in settings[:2]]
    print(_opening(options.probes))
    print(_aims_section(found))
    print(_cpu_section(found, crowded))
    print(_fresh_section(fresh, dict(found)))
    for cell, columns in found:
        print(_cell_section(cell, columns))


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


def _opening(probes: int) -> str:
    return f"""## Probe accuracy and CPU

At least {probes} probes a tool and setting, each on a fresh connection, HTTP/1.1, by address unless
it says otherwise. Every tool's figure is what it tells its user: ours `total_seconds`, curl's
`time_total`, blackbox-exporter's `probe_duration_seconds`. Ours lives in one process for all its
probes, as during a verification; the certificates it trusts are read before its clock starts.

* A curl process reads its certificates inside its own handshake time. So over TLS there are two:
  one with the system's roots and the test's CA, one with `--cacert` of the test's CA alone.
  **Differences are to the latter**, the fairer one.
* A curl process also starts its TLS library inside its first handshake. Its second connection, with
  `--no-sessionid`, does not: that is curl as warm as ours. Its CPU cannot be told apart.
* `curl -Z` is curl's best case at many at once: one process, one event loop.
* Ours starts probes that are asked for at once 3 ms apart, by design; *most at once* is what the
  server counted.
* *Over the server's own* is the median minus the median of what the server's records say passed
  between accepting a connection and answering: what is left is the network's and the tool's. Over
  TLS the tool's part of the handshake falls between the two, so it is not left.
* CPU is of the processes that probe: ours and curl's by `getrusage`, blackbox-exporter's by
  `/proc/<pid>/stat`, so with the HTTP request that asked it.
"""


def _aims_section(found: Sequence[tuple[Cell, Found]]) -> str:
    """Hold the 20 ms server's cells against the aims, in both directions."""
    rows = [
        _aim_row(cell, columns, against)
        for cell, columns in found
        for against in (cell.reference, CURL_WARM, CURL_PARALLEL)
        if cell.server and against in columns
    ]
    header = [
        "aim",
        "against",
        f"median within {ms(_MEDIAN_AIM, 1)} ms of it",
        f"p95 within {ms(_P95_AIM, 1)} ms",
        f"CPU at most {ms(_CPU_AIM, 1)} ms a probe",
        "over the server's own: ours / it",
    ]
    below = """
*below*: ours reads less than curl does, by more than the aim allows. The last column tells which of
the two is nearer to what the server recorded. At many at once ours meets less of a crowd than
`curl -Z` does, for it starts its probes apart; curl processes are their own crowd.
"""
    return table(header, rows) + "\n" + below


def _aim_row(cell: Cell, columns: Found, against: str) -> list[str]:
    ours, curl = columns[OURS], columns[against]
    middle, tail = median(ours.totals) - median(curl.totals), p95(ours.totals) - p95(curl.totals)
    return [
        f"{cell.title}, {cell.at_once} at once",
        against,
        f"{signed(middle, 3)} {_verdict(middle, _MEDIAN_AIM)}",
        f"{signed(tail, 3)} {_verdict(tail, _P95_AIM)}",
        f"{ms(ours.cpu_each)} {_verdict(ours.cpu_each, _CPU_AIM)}",
        f"{signed(ours.over_read)} / {signed(curl.over_read)}",
    ]


def _verdict(difference: float, aim: float) -> str:
    if abs(difference) <= aim:
        return "met"
    return "below" if difference < 0 else "**missed**"


def _cpu_section(
    found: Sequence[tuple[Cell, Found]], crowded: Sequence[Mapping[str, float]]
) -> str:
    """Tell how much of the CPU is Python's and OpenSSL's, and how much is the pause's."""
    paced = [columns for cell, columns in found if cell.server and cell.at_once == 1][:2]
    rows = [
        [
            words,
            *(ms(columns[name].cpu_each) for name in (OURS, BARE)),
            *(ms(spent[name]) for name in (OURS, BARE)),
        ]
        for words, columns, spent in zip(("plain", "TLS"), paced, crowded, strict=True)
    ]
    header = ["CPU, ms a probe", "ours, paced", "bare, paced", "ours, back to back", "bare"]
    explained = """
### What the CPU is spent on

The aim is held against paced probes, because that is how a verification sends them. A process that
slept finds its caches cold: the same work back to back costs less. *Bare* is `http.client` alone,
with no deadline and nothing that reads the answer: less than that a prober in Python cannot cost.

"""
    bare = paced[1][BARE].cpu_each
    beyond = (
        f"\nOver TLS bare Python takes {ms(bare)} ms, more than the aim, before anything of ours.\n"
    )
    return explained + table(header, rows) + "\n" + (beyond if bare > _CPU_AIM else "")


def _fresh_section(fresh: Sequence[tuple[Cell, Column]], found: Mapping[Cell, Found]) -> str:
    rows = [
        [
            cell.title,
            ms(median(column.totals)),
            ms(p95(column.totals)),
            signed(median(column.totals) - median(found[cell][OURS].totals)),
            ms(column.cpu_each),
        ]
        for cell, column in fresh
    ]
    header = ["server", "median, ms", "p95, ms", "to later probes", "CPU, ms"]
    lines = [
        "### The first probe of a process",
        "",
        f"{_FRESH} new processes of ours, one probe each: a verification's first figure is",
        "this one, when nothing is warm yet. Over TLS its CPU holds the reading of all roots.",
        "",
        table(header, rows),
        "",
    ]
    return "\n".join(lines)


def _cell_section(cell: Cell, found: Found) -> str:
    seen = [record for column in found.values() for record in column.records]
    lines = [f"### {cell.title}, {cell.at_once} at once", ""]
    if seen:
        waited = [(one.answered - one.asked) / 1e9 for one in seen]
        told = f"{ms(median(waited), 3)} ms (p95 {ms(p95(waited), 3)})"
        lines += [f"The server waited {told} by its own clock.", ""]
    header = ["tool", "median, ms", "p95, ms", "to curl: median", "p95", "CPU, ms", "ours to it"]
    header += ["over the server's own", "most at once"] if seen else []
    lines += [table(header, [_row(cell, found, name) for name in found]), ""]
    phases = [[name, *_phases(column)] for name, column in found.items()]
    lines += [table(["medians, ms", *PHASES], phases), ""]
    for name, one in found.items():
        if one.bad:
            lines += [f"{one.bad} of {len(one.measured)} probes by {name} were bad.", ""]
        if one.late:
            lines += [f"{one.late} slots of {name} began late.", ""]
    return "\n".join(lines)


def _phases(column: Column) -> list[str]:
    return [ms(median(one.phases[phase] for one in column.measured), 3) for phase in PHASES]


def _row(cell: Cell, found: Found, name: str) -> list[str]:
    column, curl = found[name], found[cell.reference]
    row = [
        name,
        ms(median(column.totals)),
        ms(p95(column.totals)),
        signed(median(column.totals) - median(curl.totals)),
        signed(p95(column.totals) - p95(curl.totals)),
        ms(column.cpu_each) if column.cpu else "-",
        "" if name == OURS else ratio(found[OURS].cpu_each, column.cpu_each),
    ]
    if column.records:
        row += [signed(column.over_read), str(column.most_at_once)]
    return row


if __name__ == "__main__":
    main()
