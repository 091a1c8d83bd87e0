"""What an open loop costs and how late it sends: our pool, and a curl process a probe.

    .venv/bin/python -m bench.open_loop [--seconds 10]

Both get the same slots, one tool after the other: a probe is sent when its slot comes, whatever
came of those before it. How late a send was is told by the server, for both by one clock.
"""

import argparse
import json
import os
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from bench.figures import median, ms, p95, table
from bench.loopback import Record
from bench.product import installed
from bench.servers import Loopback, issue_certificates, loopback
from bench.tools import CURL, OURS, worker

_RATES = (1, 10, 50, 100)
_FEWEST = 20
_DELAY_MS = 20.0
_MOST_RUNNING = 100
"""A second's worth at the highest rate; who is older has ended long ago."""
_OPTIONS = ("-s", "-o", "/dev/null", "-w", "%{time_total} %{http_code}")
_LEAD_SECONDS = 0.3
"""Both are warm by then and wait for their first slot."""


@dataclass(slots=True)
class Driven:
    """One tool at one rate, in seconds. `late` is from a slot to its connection at the server."""

    totals: list[float]
    bad: int
    cpu: float
    late: list[float] = field(default_factory=list)
    most_at_once: int = 0

    def seen(self, records: Sequence[Record], slots: Sequence[float]) -> None:
        """Add what the server saw of it."""
        came = sorted(records, key=lambda one: one.accepted)
        pairs = zip(came, slots, strict=True)
        self.late = [one.accepted / 1e9 - slot for one, slot in pairs]
        self.most_at_once = max(one.at_once for one in came)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is kept up")
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as name, installed() as product, loopback(_DELAY_MS) as server:
        bundle = issue_certificates(Path(name)).bundle
        for rate in _RATES:
            count = max(_FEWEST, round(rate * options.seconds))
            with worker(product, bundle, "open_loop_worker.py") as process:
                ours = _ours(process, server, rate, count)
            curl = _curls(server, rate, count)
            rows += [_row(rate, OURS, ours), _row(rate, CURL, curl)]
    print(_section(rows))


def _slots(rate: int, count: int) -> list[float]:
    first = perf_counter() + _LEAD_SECONDS
    return [first + number / rate for number in range(count)]


def _ours(process: subprocess.Popen[str], server: Loopback, rate: int, count: int) -> Driven:
    _ask(process, server, [perf_counter()])  # the first probe of a process is another matter
    server.forget()
    slots = _slots(rate, count)
    driven = _ask(process, server, slots)
    driven.seen(server.forget(), slots)
    return driven


def _ask(process: subprocess.Popen[str], server: Loopback, slots: Sequence[float]) -> Driven:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([server.url(), slots]) + "\n")
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    return Driven(
        totals=[total for _, total in told["probes"]],
        bad=sum(outcome != "ok" for outcome, _ in told["probes"]),
        cpu=told["cpu"],
    )


def _curls(server: Loopback, rate: int, count: int) -> Driven:
    command = ["curl", *_OPTIONS, server.url()]
    driven = Driven(totals=[], bad=0, cpu=0.0)
    server.forget()
    slots = _slots(rate, count)
    running: deque[subprocess.Popen[str]] = deque()
    for slot in slots:
        sleep(max(0.0, slot - perf_counter()))
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        if len(running) > _MOST_RUNNING:
            _reap(running.popleft(), driven)
    for process in running:
        _reap(process, driven)
    driven.seen(server.forget(), slots)
    return driven


def _reap(process: subprocess.Popen[str], driven: Driven) -> None:
    """Wait for a curl, which is over by then unless it is the last."""
    assert process.stdout
    total, code = process.stdout.read().split()
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    driven.totals.append(float(total))
    driven.bad += code != "200"
    driven.cpu += used.ru_utime + used.ru_stime


def _row(rate: int, name: str, driven: Driven) -> list[str]:
    return [
        f"{rate} a second",
        name,
        str(len(driven.totals)),
        *(ms(figure(driven.totals)) for figure in (median, p95)),
        *(ms(figure(driven.late)) for figure in (median, p95, max)),
        ms(driven.cpu / len(driven.totals)),
        str(driven.most_at_once),
        str(driven.bad),
    ]


def _section(rows: Sequence[Sequence[str]]) -> str:
    header = ["rate", "tool", "probes", "median, ms", "p95, ms"]
    header += ["late: median, ms", "p95", "most", "CPU, ms a probe", "most at once", "bad"]
    return f"""## Open loop

A probe at every slot of a fixed schedule against the {_DELAY_MS:.0f} ms server, plain, each on a
fresh connection, one tool after the other.

* *late* is how long after its slot a probe's connection was at the server, by the server's clock:
  for ours that is a thread's start and connecting, for curl a process's start and connecting.
* CPU is of what probes, by `getrusage`: ours with its schedule and the reading of every answer,
  curl's without the program that starts it.
* *most at once* is what the server counted.

{table(header, rows)}
"""


if __name__ == "__main__":
    main()
