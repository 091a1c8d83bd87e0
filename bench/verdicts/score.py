"""Scores verdicts: who was right, how fast, and what users suffered meanwhile."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random

from bench.verdicts.world import Deployment, Label

HORIZON = 1800.0  # seconds; then a human notices


@dataclass(frozen=True, slots=True)
class Judged:
    """What a policy did to one deployment.

    `at` is when it ended, or rolled back, in seconds since the deploy. `requests` counts its own.
    `verdict` is in the words of slo-verify (healthy, degraded, unhealthy, inconclusive); empty for
    a policy that knows only pass and rollback.
    """

    rolled_back: bool
    at: float
    requests: int
    verdict: str = ""


Policy = Callable[[Deployment, Random], Judged]


def seeded(*parts: object) -> Random:
    """Return a generator that depends on nothing but `parts`."""
    return Random("/".join(map(str, parts)))  # noqa: S311


@dataclass(frozen=True, slots=True)
class Mark:
    """One policy's verdict beside the truth.

    `borne` is in seconds of failure, None where it is not counted. `onset` and `excused` are the
    deployment's: an excused one need not be rolled back, a verdict `unhealthy` is enough, as what
    broke is not what was deployed.
    """

    policy: str
    scenario: str
    group: str
    label: Label
    judged: Judged
    onset: float
    excused: bool
    borne: float | None

    @property
    def wrong(self) -> bool:
        """True for a rollback that should not be, or one that should and is not."""
        if self.label is Label.EITHER:
            return False
        if self.label is not Label.ROLLBACK:
            return self.judged.rolled_back
        return not (self.judged.rolled_back or (self.excused and self.is_red))

    @property
    def is_red(self) -> bool:
        """True where somebody is told that the deploy is bad."""
        return self.judged.rolled_back or self.judged.verdict == "unhealthy"

    @property
    def is_silent(self) -> bool:
        """True for a plain pass."""
        return not self.judged.rolled_back and self.judged.verdict in {"", "healthy"}


def mark(
    policy: str,
    deployment: Deployment,
    judged: Judged,
    borne: Callable[[float], float] | None = None,
) -> Mark:
    """Set a verdict beside the truth; `borne` is `oracle.bad_seconds` of a bad deployment.

    It ends with the rollback, or after 30 minutes, when a human notices. An excused deployment has
    none: a rollback would not help its users.
    """
    excused = bool(deployment.expected)
    end = judged.at if judged.rolled_back else HORIZON
    return Mark(
        policy=policy,
        scenario=deployment.name,
        group=deployment.group,
        label=deployment.label,
        judged=judged,
        onset=deployment.onset or 0.0,
        excused=excused,
        borne=borne(end) if borne and not excused else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One policy's figures over many deployments.

    Shares are 0 to 1, None where there was nothing to count. `false_pass` and `false_warn` are the
    shares rolled back of those labelled pass and warn, `false` of both; `balanced` is the mean of
    `false` and `missed`. `red` is the share of the pass ones that ended red, rolled back or not;
    `silent` the share of the warn ones that passed without a word; `undecided` of the pass ones.
    Delays are verdict minus onset, of those caught. The rest are seconds, medians but for `borne`,
    a mean.
    """

    policy: str
    marks: int
    false_pass: float | None
    false_warn: float | None
    false: float | None
    missed: float | None
    balanced: float | None
    red: float | None
    silent: float | None
    undecided: float | None
    delay50: float | None
    delay95: float | None
    borne: float | None
    pass_at: float | None
    requests: float | None


def summarize(policy: str, marks: Iterable[Mark]) -> Summary:
    """Count one policy's marks."""
    mine = [each for each in marks if each.policy == policy]
    good = [each for each in mine if each.label is Label.PASS]
    warn = [each for each in mine if each.label is Label.WARN]
    bad = [each for each in mine if each.label is Label.ROLLBACK]
    delays = [max(0.0, each.judged.at - each.onset) for each in bad if not each.wrong]
    borne = [each.borne for each in bad if each.borne is not None]
    passed = [each.judged for each in good if not each.judged.rolled_back]
    false, missed = _wrong(good + warn), _wrong(bad)
    return Summary(
        policy=policy,
        marks=len(mine),
        false_pass=_wrong(good),
        false_warn=_wrong(warn),
        false=false,
        missed=missed,
        balanced=None if false is None or missed is None else (false + missed) / 2.0,
        red=_share(each.is_red for each in good),
        silent=_share(each.is_silent for each in warn),
        undecided=_share(each.judged.verdict == "inconclusive" for each in good),
        delay50=nearest_rank(delays, 0.5),
        delay95=nearest_rank(delays, 0.95),
        borne=sum(borne) / len(borne) if borne else None,
        pass_at=nearest_rank([each.at for each in passed], 0.5),
        requests=nearest_rank([float(each.requests) for each in passed], 0.5),
    )


def wrong_by(
    marks: Iterable[Mark], key: Callable[[Mark], str]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Return for each policy and key how many were wrong, and of how many; borders left out."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for each in marks:
        if each.label is Label.EITHER:
            continue
        mine = counts.setdefault(each.policy, {})
        wrong, total = mine.get(key(each), (0, 0))
        mine[key(each)] = (wrong + each.wrong, total + 1)
    return counts


def nearest_rank(values: Sequence[float], share: float) -> float | None:
    """Return the percentile by nearest rank; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _wrong(marks: Sequence[Mark]) -> float | None:
    return _share(each.wrong for each in marks)


def _share(found: Iterable[bool]) -> float | None:
    flags = list(found)
    return sum(flags) / len(flags) if flags else None
