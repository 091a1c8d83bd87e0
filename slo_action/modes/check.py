"""`check`: hold fly.toml against the rules → tell. Sends nothing, opens no platform."""

from slo_action.config.check import CheckRequest
from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.rules import findings
from slo_action.ports import Log, Outputs
from slo_action.render.check import check_annotations, check_lines, check_summary


def check(request: CheckRequest, log: Log, outputs: Outputs) -> int:
    """Return the exit status: 0, whatever is found, since all of it is advice.

    Raises RunnerError where the job summary cannot be written, after all else is told.
    """
    document = request.fly_toml
    found = findings(FLY_RULES, document.content, document)
    for line in check_lines([document.path], found):
        log.line(line)
    log.annotate(check_annotations(found))
    outputs.summarize(check_summary([document.path], found, request.run))
    return 0
