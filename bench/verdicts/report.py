"""The tables: plain text for the screen, Markdown for the results page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.verdicts.score import Mark, Summary, summarize, wrong_by
from bench.verdicts.world import Label

GROUPS = (
    "healthy",
    "transient",
    "warn",
    "dead",
    "late",
    "partial",
    "semantic",
    "latency",
    "hidden",
)
OWN_GROUPS = ("runner", "start", "gradual", "sources", "broken")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of words. The first column is the name of what a row is about."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """Return it with columns lined up."""
        widths = [max(map(len, column)) for column in zip(self.heads, *self.rows, strict=True)]
        return "\n".join(
            "  ".join(
                word.rjust(width) if i else word.ljust(width)
                for i, (word, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (self.heads, *self.rows)
        )

    def markdown(self) -> str:
        """Return it as a pipe table."""
        rule = ("---", *("---:" for _ in self.heads[1:]))
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.heads, rule, *self.rows))


def figures(marks: Sequence[Mark], policies: Iterable[str]) -> Grid:
    """Return a row a policy: who was wrong, how late, at what price."""
    heads = (
        "policy",
        "false, pass",
        "false, warn",
        "false rollback",
        "missed",
        "balanced error",
        "red, pass",
        "undecided, pass",
        "silent, warn",
        "delay p50 s",
        "delay p95 s",
        "bad-seconds",
        "pass at s",
        "requests",
    )
    rows = tuple(_figures(summarize(policy, marks)) for policy in policies)
    return Grid(heads, rows)


def groups(marks: Sequence[Mark], policies: Iterable[str], columns: Sequence[str]) -> Grid:
    """Return a row a policy: the share of wrong verdicts in each group."""
    counts = wrong_by(marks, lambda each: each.group)
    rows = tuple(
        (policy, *(_ratio(counts.get(policy, {}).get(group)) for group in columns))
        for policy in policies
    )
    return Grid(("policy", *columns), rows)


def scenarios(marks: Sequence[Mark], policies: Sequence[str]) -> Grid:
    """Return a row a scenario that any of these policies ever judged wrong."""
    counts = wrong_by(marks, lambda each: each.scenario)
    names = dict.fromkeys(each.scenario for each in marks if each.policy in policies and each.wrong)
    labels = {each.scenario: each.label.value for each in marks}
    rows = tuple(
        (
            _cell(name),
            labels[name],
            *(_ratio(counts.get(policy, {}).get(name)) for policy in policies),
        )
        for name in names
    )
    return Grid(("scenario", "label", *policies), rows)


def mix(marks: Sequence[Mark]) -> str:
    """Return how many deployments have each label, in words."""
    labels = {each.scenario: each.label for each in marks}
    counts = {label: sum(found is label for found in labels.values()) for label in Label}
    return ", ".join(f"{count} {label.value}" for label, count in counts.items())


def _figures(summary: Summary) -> tuple[str, ...]:
    shares = (
        summary.false_pass,
        summary.false_warn,
        summary.false,
        summary.missed,
        summary.balanced,
        summary.red,
        summary.undecided,
        summary.silent,
    )
    numbers = (
        summary.delay50,
        summary.delay95,
        summary.borne,
        summary.pass_at,
        summary.requests,
    )
    return (
        summary.policy,
        *("-" if share is None else f"{share:.2%}" for share in shares),
        *("-" if number is None else f"{number:.0f}" for number in numbers),
    )


def _ratio(counted: tuple[int, int] | None) -> str:
    if counted is None:
        return "-"
    wrong, total = counted
    return f"{wrong / total:.1%}"


def _cell(name: str) -> str:
    """Keep a scenario's name from being read as Markdown."""
    return name.replace("|", "\\|").replace("->", "→")
