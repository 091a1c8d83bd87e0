"""The policy numbers that slo.yml and the inputs may override, each declared once.

A new number is one entry of `POLICY_NUMBERS`. The keys of `policy:` and their bounds, JSON Schema
and docs, the overrides, and the review of two versions of slo.yml are derived from it. Defaults are
those of the dataclasses that its `fields` name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from fractions import Fraction
from typing import Any

from slo_action.core.policy.policy import Policy
from slo_action.core.text.quantities import duration_words, percent_words
from slo_action.core.verdict.facts import OnLateStart


class Kind(Enum):
    """The unit of a number and what values it may have."""

    DURATION = "seconds, zero or more"
    POSITIVE_DURATION = "seconds above zero"
    RATE = "share between 0 and 1"
    CONFIDENCE = "share from 0, below 1"
    COUNT = "whole number above zero"
    LATE_START = "warn or rollback"


_TEXTS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.DURATION: duration_words,
    Kind.POSITIVE_DURATION: duration_words,
    Kind.RATE: percent_words,
    Kind.CONFIDENCE: percent_words,
    Kind.COUNT: "{:,}".format,
    Kind.LATE_START: str,
}


Comparison = Callable[[Any, Any], int]
"""Above zero where the second of two values lets more pass, below where the first does."""


def more_is_looser(before: Any, after: Any) -> int:  # noqa: ANN401 - any two of a kind
    """Order numbers of which the larger lets more pass."""
    return int(after > before) - int(after < before)


def less_is_looser(before: Any, after: Any) -> int:  # noqa: ANN401 - any two of a kind
    """Order numbers of which the smaller lets more pass."""
    return more_is_looser(after, before)


def effect_of(template: str, text: Callable[[Any], str]) -> Callable[[Any, Any], str]:
    """Return an effect that shows both values in a template, such as `after {} → {}`."""
    return lambda before, after: template.format(text(before), text(after))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNumber:
    """One number. `fields` are its places in Policy.

    `key` is its place in `policy:` of slo.yml, and `doc` explains it there; without a `doc` it is
    set by `slo_targets`. `label` names it in a review, where `order` and `effect` say what a
    change of it means. `is_input` is True where an input of the same name sets it, too.
    """

    key: str
    kind: Kind
    fields: tuple[str, ...]
    doc: str = ""
    label: str = ""
    is_input: bool = False
    order: Comparison = more_is_looser
    effect: Callable[[Any, Any], str] = lambda _before, _after: ""

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition(".")[2]

    def text(self, value: Any) -> str:  # noqa: ANN401 - as its kind says
        """Return a value with its unit."""
        return _TEXTS[self.kind](value)

    def value_of(self, written: Any) -> Any:  # noqa: ANN401 - as its kind says
        """Return the value of what slo.yml or an input holds; None stays None."""
        if isinstance(written, timedelta):
            return written.total_seconds()
        if written is None or self.kind not in (Kind.CONFIDENCE, Kind.LATE_START):
            return written
        return float(written) if self.kind is Kind.CONFIDENCE else OnLateStart(written)

    def default(self) -> Any:  # noqa: ANN401 - as its kind says
        """Return what holds where nothing is said."""
        value: Any = Policy()
        for part in self.fields[0].split("."):
            value = dict(value)[part] if isinstance(value, tuple) else getattr(value, part)
        return Fraction(str(value)) if self.kind is Kind.RATE else value


def _observe(before: float, after: float) -> str:
    old, new = duration_words(before), duration_words(after)
    if not after:
        return "nothing is observed after the health gate"
    return f"a failure is seen until {old} → {new} after a deploy"


def _confidence(before: float, after: float) -> str:
    if not (before and after):
        return "another rule: 0 % counts failures and tests nothing"
    old, new = percent_words(round(1 - before, 12)), percent_words(round(1 - after, 12))
    return f"each test fails a good deploy by chance in at most {old} → {new} of windows"


def _late_start(_before: OnLateStart, after: OnLateStart) -> str:
    result = "degraded" if after is OnLateStart.WARN else "rolled back"
    return f"a service that becomes healthy after the deadline is {result}"


POLICY_NUMBERS: tuple[PolicyNumber, ...] = (
    PolicyNumber(
        key="health_deadline",
        kind=Kind.POSITIVE_DURATION,
        fields=("gate.deadline_seconds",),
        doc="By when 3 consecutive attempts must have succeeded.",
        is_input=True,
        effect=effect_of("a deploy has {} → {} to become healthy", duration_words),
    ),
    PolicyNumber(
        key="grace",
        kind=Kind.DURATION,
        fields=("gate.grace_seconds",),
        doc="Failures this soon after the deploy do not count.",
        is_input=True,
        effect=effect_of(
            "failures do not count in the first {} → {} after a deploy", duration_words
        ),
    ),
    PolicyNumber(
        key="observe",
        kind=Kind.DURATION,
        fields=("window.length_seconds",),
        doc="Length of the observation window, from the deploy.",
        is_input=True,
        order=less_is_looser,
        effect=_observe,
    ),
    PolicyNumber(
        key="confidence",
        kind=Kind.CONFIDENCE,
        fields=("window.rates.confidence", "window.traffic.confidence"),
        doc="How sure an error-rate breach must be before the plain rule is.",
        is_input=True,
        # from or to 0 % neither is looser, as that is another rule
        order=lambda before, after: more_is_looser(before, after) if before and after else 0,
        effect=_confidence,
    ),
    PolicyNumber(
        key="error_rate.slo",
        kind=Kind.RATE,
        fields=("window.rates.slo", "window.traffic.slo"),
        doc="The error-rate SLO.",
        label="error-rate SLO",
    ),
    PolicyNumber(
        key="error_rate.alert",
        kind=Kind.RATE,
        fields=("window.alert_ratio",),
        doc="Above this error rate, a warning.",
        label="error-rate alert",
    ),
    PolicyNumber(
        key="error_rate.rollback",
        kind=Kind.RATE,
        fields=("window.rates.trigger", "window.traffic.trigger"),
        doc="Above this error rate, the deploy fails.",
        label="error rate of a rollback",
        effect=effect_of(
            "a deploy fails above {} → {} failures in 1,000 probes",
            lambda share: f"{float(1000 * share):.4g}",
        ),
    ),
    PolicyNumber(
        key="on_late_start",
        kind=Kind.LATE_START,
        fields=("on_late_start",),
        doc="`warn` or `rollback`: what to do when a service becomes healthy only after the "
        "deadline.",
        is_input=True,
        order=lambda old, new: (new is OnLateStart.WARN) - (old is OnLateStart.WARN),
        effect=_late_start,
    ),
    PolicyNumber(
        key="outage_after",
        kind=Kind.POSITIVE_DURATION,
        fields=("window.outage_seconds",),
        doc="How long everything must fail to be an outage.",
        effect=effect_of("a complete outage fails the deploy after {} → {}", duration_words),
    ),
    PolicyNumber(
        key="max_observer_delay",
        kind=Kind.POSITIVE_DURATION,
        fields=("window.max_observer_delay_seconds", "gate.max_observer_delay_seconds"),
        doc="How late this host may send or read a probe. While it is later, timeouts do not "
        "count; where most probes are, the window is inconclusive.",
        # a later host hides timeouts, and ends fewer runs as inconclusive
        order=lambda _before, _after: 0,
        effect=effect_of("timeouts do not count while the runner is {} → {} late", duration_words),
    ),
    PolicyNumber(
        key="min_requests",
        kind=Kind.COUNT,
        fields=("window.traffic.min_requests",),
        doc="Minimum number of requests for a verdict on real traffic.",
        label="minimum of requests",
        effect=effect_of("real traffic can fail a deploy from {} → {} requests on", "{:,}".format),
    ),
    PolicyNumber(
        key="health_limit",
        kind=Kind.POSITIVE_DURATION,
        fields=("window.objectives.health.limit_seconds",),
        label="health response time",
    ),
    PolicyNumber(
        key="search_limit",
        kind=Kind.POSITIVE_DURATION,
        fields=("window.objectives.search.limit_seconds",),
        label="search response time",
    ),
)
NUMBERS_BY_NAME: Mapping[str, PolicyNumber] = {number.name: number for number in POLICY_NUMBERS}


class PolicyOverrides(dict[str, Any]):
    """What differs from the policy below it, by the names of `POLICY_NUMBERS`; None says nothing.

    Times are seconds, rates are shares in [0, 1].
    """

    def __init__(self, **values: object) -> None:
        unknown = values.keys() - NUMBERS_BY_NAME.keys()
        if unknown:
            raise TypeError(f"no such policy number: {', '.join(sorted(unknown))}")
        super().__init__({name: value for name, value in values.items() if value is not None})

    def over(self, below: "PolicyOverrides") -> "PolicyOverrides":
        """Return these overrides, with what they leave open taken from `below`."""
        return PolicyOverrides(**{**below, **self})


DEFAULTS = PolicyOverrides(**{number.name: number.default() for number in POLICY_NUMBERS})
"""What holds where nothing is said."""


def policy_with(overrides: PolicyOverrides, base: Policy) -> Policy:
    """Return `base` with the overrides. Raises ValueError where the two do not fit."""
    changes: dict[str, Any] = {}
    for name, value in overrides.items():
        for field in NUMBERS_BY_NAME[name].fields:
            *parents, last = field.split(".")
            level = changes
            for parent in parents:
                level = level.setdefault(parent, {})
            level[last] = value
    return _replaced(base, changes) if changes else base


def _replaced(value: Any, changes: Any) -> Any:  # noqa: ANN401 - any part of a policy
    """Replace all fields of one object at once: they must fit together."""
    if not isinstance(changes, dict):
        return type(value)(changes)
    if isinstance(value, tuple):
        return tuple((key, _replaced(one, changes.get(key, {}))) for key, one in value)
    return replace(value, **{k: _replaced(getattr(value, k), v) for k, v in changes.items()})
