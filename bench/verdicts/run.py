"""Score verdicts: `python -m bench.verdicts.run --random 5000 --seed 1 --catalogue 200`."""

import argparse
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.verdicts import contest, picture, report
from bench.verdicts.contest import CATALOGUE, OWN, RANDOM
from bench.verdicts.generator import generate
from bench.verdicts.score import Mark, summarize

BEGIN, END = "<!-- verdicts: begin -->", "<!-- verdicts: end -->"
_HEADS = {
    RANDOM: "Random deployments",
    CATALOGUE: "The frozen catalogue",
    OWN: "Our own scenarios",
}
_CAPTION = """Who judges deployments rightly, and how fast: slo-verify itself in virtual time beside
its peers, on deployments whose truth is known. Shares are of deployments. *False* is a rollback of
one that should stand, by its label; *missed* one that should not and did; *balanced error* the mean
of both. *Red, pass* fails the step of a good deployment, rolled back or not; *undecided, pass* says
so of one; *silent, warn* passes one that misses its SLO without a word. *Delay* is from the fault's
beginning to the verdict, of those not missed; *bad-seconds* are failing user-seconds for each bad
deployment until the rollback, else for 30 minutes. Seed {seed}: nothing was chosen on it."""
_COLUMNS = {CATALOGUE: report.GROUPS, OWN: report.OWN_GROUPS}


@dataclass(frozen=True, slots=True)
class Options:
    """What to run and where to write; counts of 0 leave a set out."""

    seed: int
    counts: dict[str, int]
    policies: tuple[str, ...]
    ours: tuple[str, ...]
    workers: int
    worst: int
    markdown: Path | None
    picture: Path | None
    quiet: bool


def main() -> int:
    """Run the sets that were asked for, print them, write what was asked for."""
    options = _options()
    sections = []
    for which, count in options.counts.items():
        if count:
            marks = contest.run(
                contest.tasks(which, options.seed, count, options.policies), options.workers
            )
            if not options.quiet:
                print(_text(which, count, marks, options))
            sections.append(_markdown(which, count, marks, options))
            if which == RANDOM and options.picture:
                _paint(options.picture, marks, options)
    if options.quiet:
        print("\n\n".join(["## Verdicts", _CAPTION.format(seed=options.seed), *sections]))
    if options.markdown:
        _write(options.markdown, "\n\n".join(sections))
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="rotate it each release")
    parser.add_argument("--random", type=int, default=0, help="how many random deployments")
    parser.add_argument("--catalogue", type=int, default=0, help="seeds for each of its scenarios")
    parser.add_argument("--own", type=int, default=None, help="seeds for each; the same by default")
    parser.add_argument("--policies", nargs="*", default=["ours", "peers"], help="or names")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worst", type=int, default=0, help="list so many of ours' errors")
    parser.add_argument("--markdown", type=Path, help="a page with the two marks; made if new")
    parser.add_argument("--picture", type=Path, help="an SVG; a PNG beside it if Chromium is there")
    parser.add_argument("--only-markdown", action="store_true", help="print the section only")
    given = parser.parse_args()
    ours, peers = contest.tables()
    names = _names(given.policies, tuple(ours), tuple(peers))
    unknown = sorted(set(names) - {*ours, *peers})
    if unknown or not names:
        parser.error(f"no such policy: {', '.join(unknown) or 'none is there'}")
    own = given.catalogue if given.own is None else given.own
    return Options(
        seed=given.seed,
        counts={RANDOM: given.random, CATALOGUE: given.catalogue, OWN: own},
        policies=names,
        ours=tuple(name for name in names if name in ours),
        workers=given.workers,
        worst=given.worst,
        markdown=given.markdown,
        picture=given.picture,
        quiet=given.only_markdown,
    )


def _names(words: Sequence[str], ours: Sequence[str], peers: Sequence[str]) -> tuple[str, ...]:
    many = {"ours": ours, "peers": peers, "all": (*peers, *ours)}
    return tuple(dict.fromkeys(name for word in words for name in many.get(word, (word,))))


def _grids(which: str, marks: Sequence[Mark], options: Options) -> list[tuple[str, report.Grid]]:
    """Return the tables of a set, each with its heading."""
    grids = [("", report.figures(marks, options.policies))]
    columns = _COLUMNS.get(which) or tuple(sorted({each.group for each in marks}))
    grids.append(("Wrong, by group", report.groups(marks, options.policies, columns)))
    if which != RANDOM and options.ours:
        wrong = report.scenarios(marks, options.ours)
        if wrong.rows:
            grids.append(("Scenarios that ours gets wrong", wrong))
    return grids


def _about(which: str, count: int, marks: Sequence[Mark], options: Options) -> str:
    if which == RANDOM:
        return f"Seed {options.seed}, {count} deployments: {report.mix(marks)}."
    return f"Seed {options.seed}, {count} runs of each scenario: {report.mix(marks)}."


def _text(which: str, count: int, marks: Sequence[Mark], options: Options) -> str:
    lines = [f"\n{_HEADS[which]}. {_about(which, count, marks, options)}"]
    for heading, grid in _grids(which, marks, options):
        lines += [heading, grid.text()]
    if which == RANDOM:
        lines += _worst(marks, options)
    return "\n".join(lines)


def _markdown(which: str, count: int, marks: Sequence[Mark], options: Options) -> str:
    parts = [f"### {_HEADS[which]}", _about(which, count, marks, options)]
    for heading, grid in _grids(which, marks, options):
        parts += [f"{heading}:" if heading else "", grid.markdown()]
    return "\n\n".join(part for part in parts if part)


def _worst(marks: Sequence[Mark], options: Options) -> list[str]:
    """Return a line for each random deployment that ours judged wrong, up to the number asked."""
    wrong = [each for each in marks if each.policy in options.ours and each.wrong]
    return [_told(each, options.seed) for each in wrong[: options.worst]]


def _told(each: Mark, seed: int) -> str:
    index = int(each.scenario.split("/")[1].split()[0])
    found, judged = generate(seed, index), each.judged
    did = "rolled back" if judged.rolled_back else f"not rolled back ({judged.verdict or 'passed'})"
    return (
        f"{each.policy}: {each.scenario} [{each.label.value}] {did} at {judged.at:.0f}s: "
        f"{found.reason}; {found.machines} machines, {found.rps:.2f} rps, "
        f"median {found.plan.median * 1000:.0f}ms, loss {found.plan.runner.loss:.2%}"
    )


def _write(page: Path, section: str) -> None:
    """Put the section between its two marks; add them at the end of a page that has none."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    block = f"{BEGIN}\n\n{section}\n\n{END}"
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if pattern.search(old):
        new = pattern.sub(lambda _: block, old)
    else:
        new = f"{old.rstrip()}\n\n{block}\n".lstrip()
    page.write_text(new, encoding="utf-8")


def _paint(target: Path, marks: Sequence[Mark], options: Options) -> None:
    summaries = [summarize(policy, marks) for policy in options.policies]
    title = f"Verdicts on {len({each.scenario for each in marks})} random deployments"
    target.write_text(picture.draw(title, summaries, options.ours), encoding="utf-8")
    if shutil.which("chromium") or shutil.which("chromium-browser"):
        picture.photograph(target)


if __name__ == "__main__":
    raise SystemExit(main())
