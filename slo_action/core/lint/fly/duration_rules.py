"""What is wrong with the durations of a fly.toml's checks.

Sources, each with its rule below: flyctl's internal/appconfig (patches.go, and the validation's
validateSingleServiceCheckDuration), fly-go's Duration.ParseDuration, and Fly's configuration
reference.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from slo_action.core.lint.fly.tables import (
    DURATIONS,
    Check,
    all_checks,
    in_range,
    is_number,
    shown,
    top_level_checks,
)
from slo_action.core.lint.rule import Rule, Table, Violation, dotted
from slo_action.core.model import Level
from slo_action.core.text.go_durations import go_text, is_go_duration

GATE_SECONDS = Fraction(90)
"""The default of `health-deadline`: how long `verify` waits for health after a deploy."""


def _bare_duration(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        for name in DURATIONS:
            value = check.table.get(name)
            if is_number(value):
                key = (*check.key, name)
                words = f"{dotted(key)} = {shown(value)} counts as {check.bare_unit}"
                yield Violation(key=key, words=words, mend=_with_unit(check, name))


def _with_unit(check: Check, name: str) -> str | None:
    """Return the same duration with its unit, where that is what was meant.

    A second or more of milliseconds was. Below that, and in nanoseconds, somebody has most likely
    meant seconds: the same would keep a mistake, and seconds would be a guess.
    """
    seconds = check.seconds(name)
    meant = check.bare_unit == "milliseconds" and seconds is not None and seconds >= 1
    return f'"{go_text(seconds)}"' if meant and seconds is not None else None


def _duration_refused(document: Table) -> Iterator[Violation]:
    for check in all_checks(document):
        for name in DURATIONS:
            value = check.table.get(name, "0")
            if not is_number(value) and not is_go_duration(value):
                key = (*check.key, name)
                yield Violation(key=key, words=f"{dotted(key)} = {shown(value)}")


def _duration_out_of_range(document: Table) -> Iterator[Violation]:
    """Bare numbers are another rule's."""
    for check in all_checks(document):
        for name in DURATIONS:
            seconds = check.seconds(name)
            if seconds is None or not check.is_of_service or is_number(check.table.get(name)):
                continue
            kept = in_range(name, seconds)
            if kept != seconds:
                key = (*check.key, name)
                words = f"{dotted(key)} = {shown(check.table[name])} counts as {go_text(kept)}"
                yield Violation(key=key, words=words)


def grace_past(deadline: Fraction) -> Callable[[Table], Iterator[Violation]]:
    """Return what finds the checks that first look after a deadline of so many seconds.

    A service's check never waits that long: its grace period is lowered to a minute.
    """

    def find(document: Table) -> Iterator[Violation]:
        for check in top_level_checks(document):
            seconds = check.seconds("grace_period")
            if seconds is not None and seconds > deadline:
                key = (*check.key, "grace_period")
                yield Violation(key=key, words=f"{dotted(key)} is {go_text(seconds)}")

    return find


def _check_timeout(document: Table) -> Iterator[Violation]:
    """Bare numbers are another rule's."""
    for check in all_checks(document):
        waits, comes_again = _written(check, "timeout"), _written(check, "interval")
        if waits is not None and comes_again is not None and waits >= comes_again:
            timeout, interval = check.table["timeout"], check.table["interval"]
            words = f"{dotted(check.key)}: timeout {timeout}, interval {interval}"
            yield Violation(key=(*check.key, "timeout"), words=words)


def _written(check: Check, name: str) -> Fraction | None:
    return None if is_number(check.table.get(name)) else check.seconds(name)


DURATION_RULES: tuple[Rule[Table], ...] = (
    Rule(
        name="bare-duration",
        level=Level.WARNING,
        title="A duration without a unit",
        why=(
            "bare numbers in checks are never seconds: nanoseconds in http_service.checks, "
            "milliseconds elsewhere"
        ),
        fix='write the unit, such as "15s"',
        find=_bare_duration,
    ),
    Rule(
        name="duration-refused",
        level=Level.WARNING,
        title="A duration that flyctl refuses",
        why="Go reads no duration in it, so the deploy ends before it begins",
        fix='write numbers with units and nothing between, such as "15s" or "1m30s"',
        find=_duration_refused,
    ),
    Rule(
        name="duration-out-of-range",
        level=Level.WARNING,
        title="A duration that the platform does not keep to",
        why=(
            "those of a service's check are raised to 1 second and lowered to 1 minute, which a "
            "line of the deploy's log says"
        ),
        fix="write what is to hold, from 1 second to 1 minute",
        find=_duration_out_of_range,
    ),
    Rule(
        name="grace-past-deadline",
        level=Level.NOTICE,
        title="A grace period beyond the health deadline",
        why=(
            "verify waits 90 s for health unless told otherwise, and this check does not look "
            "before that"
        ),
        fix="shorten it, or give verify a longer health-deadline",
        find=grace_past(GATE_SECONDS),
    ),
    Rule(
        name="check-timeout",
        level=Level.WARNING,
        title="A check's timeout is not below its interval",
        why="a check that hangs outlasts its turn, so a sick machine is noticed late",
        fix="make the timeout shorter than the interval",
        find=_check_timeout,
    ),
)
