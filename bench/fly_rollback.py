"""How long a rollback on Fly.io takes in virtual time: ours, and flyctl's ways.

.venv/bin/python -m bench.fly_rollback [--seeds 5] [--machines 1 3 10 30]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import fly_peers as peers
from bench import fly_stage as staged
from bench.figures import median, ratio, table
from bench.fly_peers import CONTESTANTS, OURS
from bench.fly_stage import SITUATIONS, Situation, Stage
from bench.fly_watch import USERS_A_SECOND, Measured, Watch, measured

_AIM_MACHINES = 3
_AIM_SECONDS = 20.0
_KINDS_OF = (OURS, "`flyctl deploy`, rolling")
_CHANGES = ("lease", "release-lease", "update", "create-release", "change-release")
_READS = ("graphql", "app", "list", "get", "wait")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contestant's rollbacks in one situation, one a seed."""

    situation: str
    machines: int
    name: str
    runs: tuple[Measured, ...]

    def middle(self, figure: Callable[[Measured], float | None]) -> float | None:
        """Return the median; None where one run has no such figure."""
        found = [figure(run) for run in self.runs]
        known = [one for one in found if one is not None]
        return median(known) if len(known) == len(found) else None

    @property
    def worst(self) -> float | None:
        """The longest time until all machines were well."""
        known = [run.well for run in self.runs if run.well is not None]
        return max(known) if len(known) == len(self.runs) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how often each is tried")
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 3, 10, 30])
    options = parser.parse_args()
    print(section(tried(options.seeds, options.machines), options.seeds))


def tried(seeds: int, counts: Sequence[int]) -> list[Row]:
    """Let everybody roll back every app."""
    return [
        Row(
            situation=situation.name,
            machines=machines,
            name=name,
            runs=tuple(run(seed, machines, situation, name) for seed in range(seeds)),
        )
        for situation in SITUATIONS
        for machines in counts
        for name in CONTESTANTS
    ]


def run(seed: int, machines: int, situation: Situation, name: str) -> Measured:
    """Let one contestant roll one app back."""
    stage = Stage(seed=seed, machines=machines, situation=situation)
    before = len(stage.world.requests)
    watch = Watch(stage.world)
    CONTESTANTS[name](stage)
    return measured(stage, watch, stage.world.requests[before:])


def section(rows: Sequence[Row], seeds: int) -> str:
    """Return the page's section."""
    return f"""## Rollback on Fly.io

In virtual time, against the tests' Fly world with its rate limits: one request a second for an
action on a machine, bursts of three; five a second to read one, bursts of ten. {seeds} seeds,
medians. The ranges are assumed, nothing was measured on Fly.io:

{_ranges()}

*slo-verify* does what `verify` does from its verdict on: compares, plans, restores with the
`machines` engine, writes the release record; `prepare` had run before the deploy. The look before
the decision and the gate on the restored release are not in it. The peers are written after what is
known of flyctl's sources:

{_peers()}

The bound is the slowest machine's own time, from an update that is asked for at once: pull, stop,
start, first check. *Serves* is when the proxy may send users to the first machine that is restored;
*all well* is the world's own truth, *told* when the contestant ended. *Bad* counts users' requests
that fail until all is well, {USERS_A_SECOND} of which come a second, as seconds without any answer.

{_tables(rows)}

### The aim

{_AIM_MACHINES} machines well within {_AIM_SECONDS:.0f} s of the decision.

{_aims(rows)}

### Where ours goes

Medians, in seconds; *rounds* are batches that are updated one after the other.

{_parts(rows)}

### Requests by kind

Medians, in *checks pass*.

{_kinds(rows)}
"""


def _ranges() -> str:
    least, most = staged.LATENCY_SECONDS
    down, start = _range(staged.DOWN_SECONDS), _range(staged.START_SECONDS)
    return f"""* an answer of any API takes {least * 1e3:.0f} to {most * 1e3:.0f} ms
* a machine pulls for {staged.PULL_SECONDS:g} s and still runs, then answers nobody for {down}:
  {staged.STOP_SECONDS:g} s stop, {start} start, each machine always the same, and
  {staged.BOOT_SECONDS:g} s until its process listens
* its check looks first 2 s or 10 s after the start, then every {staged.CHECK_SECONDS:g} s
* the decision comes {staged.WAIT_SECONDS:g} s after the end of the deploy"""


def _range(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:g} to {seconds[1]:g} s"


def _peers() -> str:
    smoke = f"{peers.SMOKE_SECONDS:g} s"
    return f"""* *one after the other*: lease, update, wait for `started`, {smoke} of smoke check,
  health check, next. It knows target and configurations, and asks nothing before.
* *pools of a third*: the same side by side, for `max-unavailable` 0.33 and at most eight at once
* *`flyctl deploy`, rolling*: those pools with what flyctl does around them: the program's start
  (assumed {peers.START_PROGRAM_SECONDS:g} s), app, machines, the release's record, and
  {peers.CALLS_ELSEWHERE} calls elsewhere (LaunchDarkly, uiex, createBuild, ResolveImageForApp,
  finishBuild), each assumed to take as long as any other
* *`flyctl deploy`, immediate*: all machines at once, waiting for none: it ends before it is known
  whether one starts"""


def _tables(rows: Sequence[Row]) -> str:
    header = [
        "machines",
        "who",
        "bound, s",
        "first change, s",
        "serves, s",
        "all well, s",
        "worst, s",
    ]
    header += ["to the bound", "told, s", "bad, s", "requests", "429"]
    parts = []
    for situation in SITUATIONS:
        shown = [_row(row) for row in rows if row.situation == situation.name]
        title = f"### {situation.name[0].upper()}{situation.name[1:]}"
        how = f"After `--strategy {situation.strategy}`: {situation.words}."
        parts.append(f"{title}\n\n{how}\n\n{table(header, shown)}")
    return "\n\n".join(parts)


def _row(row: Row) -> list[str]:
    well, bound = row.middle(lambda run: run.well), row.middle(lambda run: run.bound) or 0.0
    return [
        str(row.machines),
        row.name,
        _seconds(bound),
        _seconds(row.middle(lambda run: run.changed)),
        _seconds(row.middle(lambda run: run.served)),
        _seconds(well),
        _seconds(row.worst),
        "never" if well is None else ratio(well, bound),
        _seconds(row.middle(lambda run: run.ended)),
        _seconds(row.middle(lambda run: run.bad_seconds)),
        f"{row.middle(lambda run: run.asked.total()):.0f}",
        f"{row.middle(lambda run: run.refused):.0f}",
    ]


def _aims(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row.name != OURS or row.machines != _AIM_MACHINES:
            continue
        well, bound = row.middle(lambda run: run.well), row.middle(lambda run: run.bound)
        met = row.worst is not None and row.worst <= _AIM_SECONDS
        changed, rounds = row.middle(lambda run: run.changed), row.middle(lambda run: run.rounds)
        lines.append(
            f"* {row.situation}: **{'met' if met else 'missed'}**: {_seconds(well)} s, at worst "
            f"{_seconds(row.worst)} s, where one machine needs {_seconds(bound)} s: {rounds:.0f} "
            f"rounds, after {_seconds(changed)} s before the first change"
        )
    return "\n".join(lines) or "Not tried."


def _parts(rows: Sequence[Row]) -> str:
    header = ["situation", "machines", "rounds", "decision to first change", "to first serving"]
    header += ["to all well", "to the end"]
    shown = [_part(row) for row in rows if row.name == OURS]
    return table(header, shown)


def _part(row: Row) -> list[str]:
    return [
        row.situation,
        str(row.machines),
        f"{row.middle(lambda run: run.rounds):.0f}",
        _seconds(row.middle(lambda run: run.changed)),
        _seconds(row.middle(lambda run: _between(run.changed, run.served))),
        _seconds(row.middle(lambda run: _between(run.served, run.well))),
        _seconds(row.middle(lambda run: _between(run.well, run.ended))),
    ]


def _between(begun: float | None, ended: float | None) -> float | None:
    return None if begun is None or ended is None else ended - begun


def _kinds(rows: Sequence[Row]) -> str:
    kinds = (*_READS, *_CHANGES)
    shown = [
        [f"{row.name}, {row.machines}", *(_count(row, kind) for kind in kinds), _count(row, "")]
        for row in rows
        if row.name in _KINDS_OF and row.situation == SITUATIONS[1].name
    ]
    return table(["who, machines", *kinds, "other"], shown)


def _count(row: Row, kind: str) -> str:
    """Show how many of a kind; the empty kind is all that have no column."""
    known = (*_READS, *_CHANGES)

    def count(run: Measured) -> float:
        if kind:
            return run.asked[kind]
        return sum(number for name, number in run.asked.items() if name not in known)

    return f"{row.middle(count):.0f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


if __name__ == "__main__":
    main()
