"""Read what a rollback is planned from; changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from slo_action.core.model import Release
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback.engine import RollbackTools
from slo_action.platforms.fly.rollback.previous_config import former_of
from slo_action.platforms.fly.rollback.survey import Survey, names_of, row_of
from slo_action.platforms.fly.state.machine_config import text_of
from slo_action.platforms.fly.state.machines import is_app_machine
from slo_action.platforms.fly.state.restore_copy import RestoreCopy


def surveyed(
    means: RollbackTools,
    app: str,
    *,
    target: Release,
    judged: LedgerRow | None,
    ledger: Sequence[LedgerRow],
    copy: RestoreCopy | None,
) -> Survey:
    """Read the machines, and the former configurations that the restore copy does not hold.

    Raises PlatformError where something cannot be read: a machine whose past is unknown must not
    be taken for one without a past.
    """
    machines = tuple(raw for raw in means.api.machines() if is_app_machine(raw))
    if not machines:
        raise PlatformError(
            f"app {app} has no machines that a deploy manages",
            hint="nothing can be restored machine by machine; deploy the former version by hand",
        )
    survey = Survey(
        app=app,
        target=target,
        judged=judged,
        row=row_of(ledger, target),
        names=names_of(ledger, target, judged),
        machines=machines,
        copy=copy,
    )
    unknown = [text_of(raw.get("id")) for raw in machines if former_of(survey, raw) is None]
    asked = means.together([partial(means.api.versions, machine) for machine in unknown])
    return replace(survey, versions=dict(zip(unknown, asked, strict=True)))
