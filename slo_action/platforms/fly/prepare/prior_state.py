"""What is known of an app before a run: earlier verdicts, and what `prepare` kept."""

from typing import NamedTuple

from slo_action.config.request import VerifyRequest
from slo_action.config.settings.fly import FlySettings
from slo_action.core.model import Mode, Release
from slo_action.core.release.track_record import PastVerdict
from slo_action.platforms import PlatformContext
from slo_action.platforms.fly.prepare.sealing import unsealed
from slo_action.platforms.fly.state.restore_copy import RestoreCopy, read_copy

_LOST = (
    "the machines as `prepare` saw them: its copy was sealed by another fly-api-token, or changed "
    "since, so the platform's own records of them are used"
)


class PriorState(NamedTuple):
    """What is known from before this run.

    `copy` holds every machine as it was; None without one that can be read. `before` is what ran
    then. `lost` names what was kept and cannot be read. `to_version` is what a person asked for,
    who may also ask to undo a rollback (`by_hand`).
    """

    past: tuple[PastVerdict, ...] = ()
    copy: RestoreCopy | None = None
    before: Release | None = None
    lost: tuple[str, ...] = ()
    to_version: str = ""
    by_hand: bool = False


def prior_state(
    request: VerifyRequest, context: PlatformContext, settings: FlySettings
) -> PriorState:
    """Return what a request and an earlier `prepare` say; another app's is left out."""
    prepared = context.prepared
    if prepared and (prepared.platform, prepared.app) != ("fly", settings.app):
        prepared = None
    sealed = prepared.sealed if prepared else ""
    copy = read_copy(unsealed(settings.token, sealed), settings.app) if sealed else None
    return PriorState(
        past=context.past,
        copy=copy,
        before=prepared.release if prepared else None,
        lost=(_LOST,) if sealed and copy is None else (),
        to_version=request.to_version,
        by_hand=request.mode is Mode.ROLLBACK,
    )
