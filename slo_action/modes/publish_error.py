"""Publish why a run judged nothing: later steps read its outputs, people its summary."""

from contextlib import suppress

from slo_action.core.model import Cause
from slo_action.errors import InputError, SloVerifyError
from slo_action.ports import Outputs
from slo_action.render.mistakes import error_summary
from slo_action.render.outputs import unverified


def publish_error(error: SloVerifyError, next_step: str, outputs: Outputs) -> None:
    """Set every output that `verify` or `prepare` would, and write the summary. Never raises."""
    cause, reason = Cause.OBSERVER, error.description
    if isinstance(error, InputError):
        rest = len(error.mistakes) - 1
        more = f" (and {rest} more, see the summary)" if rest else ""
        cause, reason = Cause.CONFIG, f"{error.mistakes[0]}{more}"
    with suppress(SloVerifyError):
        outputs.set(unverified(cause, reason))
    with suppress(SloVerifyError):
        outputs.summarize(error_summary(error, next_step))
