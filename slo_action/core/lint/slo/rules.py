"""slo.yml held against itself: what each key accepts, but the keys together cannot mean."""

from slo_action.core.lint.rule import Rule
from slo_action.core.lint.slo.checks import (
    SloEntry,
    grace_past_deadline,
    interval_below_timeout,
    job_without_schedule,
    limit_above_timeout,
    objective_without_budget,
    target_without_endpoint,
)
from slo_action.core.lint.slo.journey_variables import undefined_variable
from slo_action.core.lint.slo.probe_counts import too_few_probes
from slo_action.core.model import Level

SLO_RULES: tuple[Rule[SloEntry], ...] = (
    Rule(
        name="limit-above-timeout",
        level=Level.ERROR,
        title="A response time target above the timeout",
        why="such an answer is cut off before it can be slow: the target can never be missed",
        fix="make the timeout longer than the target",
        find=limit_above_timeout,
    ),
    Rule(
        name="interval-below-timeout",
        level=Level.ERROR,
        title="An interval below the timeout",
        why="a probe that hangs is still on its way when the next one is due",
        fix="make the timeout shorter than the interval",
        find=interval_below_timeout,
    ),
    Rule(
        name="objective-without-budget",
        level=Level.ERROR,
        title="An objective that allows no failure",
        why="there is no error budget: one failed probe breaks it until it leaves the window",
        fix="write what the service can promise, such as 99.9%",
        find=objective_without_budget,
    ),
    Rule(
        name="target-without-endpoint",
        level=Level.ERROR,
        title="A target or interval for an endpoint that is not there",
        why="nothing asks that endpoint, so nothing holds the service to it",
        fix="name the endpoint's path, or take the key out",
        find=target_without_endpoint,
    ),
    Rule(
        name="job-without-schedule",
        level=Level.ERROR,
        title="A job's target without its schedule",
        why="nobody can tell whether a run is missing",
        fix='write the schedule, such as schedule: "0 */1 * * *"',
        find=job_without_schedule,
    ),
    Rule(
        name="too-few-probes",
        level=Level.ERROR,
        title="Too few probes for the objective",
        why="a single failure breaks the objective, so it tells chance and not the service",
        fix="probe more often, or promise less",
        find=too_few_probes,
    ),
    Rule(
        name="grace-past-gate",
        level=Level.WARNING,
        title="The grace period outlasts the health gate",
        why="no failure counts before the deadline: the gate can only be late",
        fix="make the grace period as long as a start takes, below the deadline",
        find=grace_past_deadline,
    ),
    Rule(
        name="undefined-variable",
        level=Level.ERROR,
        title="A journey uses a variable that is not there yet",
        why="the step would fail in every run, whatever the service does",
        fix="capture it in an earlier step, or write ${secrets.NAME}",
        find=undefined_variable,
    ),
)
