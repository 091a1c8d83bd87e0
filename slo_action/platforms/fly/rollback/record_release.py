"""The ledger's record of a rollback: wanted, undocumented, and never in the way."""

from collections.abc import Mapping
from functools import partial

from slo_action.errors import Interrupted
from slo_action.platforms.fly.client.api import FlyApi, FlyRefusedError
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.rollback.restore_batch import Restoring
from slo_action.platforms.fly.rollback.survey import Survey

_PATIENCE_SECONDS = 5.0


def record(survey: Survey, restoring: Restoring) -> None:
    """Add a release with what was restored, so that the next deploy starts from it.

    Its step succeeds whatever Fly says: the machines are restored.
    """
    begun = restoring.means.clock.monotonic()
    try:
        detail = _recorded(survey, restoring)
    except Interrupted:
        detail = f"the run was stopped: {_unrecorded(survey)}"
    spent = restoring.means.clock.monotonic() - begun
    restoring.account.add("release record", detail, succeeded=True, seconds=spent)


def _recorded(survey: Survey, restoring: Restoring) -> str:
    api = restoring.means.api.with_patience(_PATIENCE_SECONDS)
    image, definition = survey.image, survey.row.definition if survey.row else None
    if not image or definition is None:
        target = survey.target.version
        return f"the definition of {target} is not known: {_unrecorded(survey)}"
    rows = tried(partial(api.releases, 1))
    if isinstance(rows, FlyRefusedError):
        return f"the releases could not be read: {_unrecorded(survey)}"
    if not (rows and survey.judged and rows[0].version == survey.judged.version):
        return "not written: another release is the newest by now"
    if survey.judged.digest == survey.target.digest:
        return f"not needed: {survey.judged.name} is it already"
    restoring.journal(journal_words.recording(survey.target.version))
    return _written(api, survey, image, definition)


def _written(api: FlyApi, survey: Survey, image: str, definition: Mapping[str, object]) -> str:
    release = api.record_release(image=image, definition=definition, strategy="rolling")
    if release is None:
        return f"the API keeps no record: {_unrecorded(survey)}"
    if not api.finish_release(release, "complete"):
        return "written, but not closed: `fly releases` shows it as running"
    return f"written: the next deploy starts from {survey.target.version}"


def _unrecorded(survey: Survey) -> str:
    named = survey.judged.name if survey.judged else "the failed release"
    return f"`fly status` still names {named} until the next deploy"
