"""How true our figures are and what they cost: ours, curl and blackbox-exporter, side by side.

    .venv/bin/python -m bench.accuracy [--probes 200] [--at-once 20]

Every tool measures by its own clock, as its users read it. The tools take turns in slots of a
fixed schedule: a probe starts when its slot does, whatever came of those before it. The exact
server's own records say what a perfect tool would have read.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.cells import Cell, Column, Found, back_to_back, cells, compare, first_probes
from bench.figures import median, ms, p95, ratio, signed, table
from bench.product import installed
from bench.servers import issue_certificates
from bench.tools import BARE, CURL_PARALLEL, CURL_WARM, OURS, PHASES

_FRESH = 60
_MEDIAN_AIM, _P95_AIM, _CPU_AIM = 0.3e-3, 1e-3, 1.5e-3


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
