"""Where each machine's former configuration comes from.

In this order: the restore copy, if it is one of the target; the machine's own versions; the former
configuration of a sibling that is no more. The image is always named by digest, and what the
failed release configured is never taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.platforms.fly.state.machine_config import (
    Json,
    config_of,
    image_of,
    pinned,
    release_number,
    release_of,
    text_of,
    volumes_of,
)
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine
from slo_action.platforms.fly.state.rollback_target import digest_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A whole configuration to return to; holds credentials. `why` says where it comes from."""

    config: Json
    digest: str
    release: str
    why: str


def former_of(survey: Survey, raw: Json) -> Former | None:
    """Return what a machine is to return to; None where nothing of it is known."""
    machine = text_of(raw.get("id"))
    if survey.has_copy and survey.copy:
        kept = survey.copy.machine(machine)
        found = _of_machine(survey, kept, "as it was before the deploy") if kept else None
        if found:
            return found
    return _of_versions(survey, survey.versions.get(machine, ()))


def sibling_of(survey: Survey, raw: Json) -> Former | None:
    """Return the former configuration of a machine of the same group; None where there is none.

    The target's image comes first, then the same region. Only of one without volumes, for a
    machine without volumes.
    """
    if not (survey.has_copy and survey.copy) or volumes_of(config_of(raw)):
        return None
    machine = read_machine(raw)
    siblings = [
        kept
        for kept in survey.copy.machines
        if is_app_machine(kept)
        and read_machine(kept).group == machine.group
        and not read_machine(kept).is_standby
        and not volumes_of(config_of(kept))
    ]
    target = survey.target.digest
    siblings.sort(
        key=lambda kept: (
            read_machine(kept).digest != target,
            kept.get("region") != machine.region,
        )
    )
    for kept in siblings:
        found = _of_machine(survey, kept, f"as {kept.get('id')} was, of the same group")
        if found:
            return found
    return None


def _of_machine(survey: Survey, kept: Json, why: str) -> Former | None:
    config, image = config_of(kept), image_of(kept)
    digest = digest_in(image) or digest_in(text_of(config.get("image"))) or survey.target.digest
    if not config or not digest or _is_failed(survey, release_of(config), digest):
        return None
    name = image or text_of(config.get("image"))
    return _former(config, name, digest, why) if name else None


def _of_versions(survey: Survey, versions: Iterable[Json]) -> Former | None:
    """Take the newest version of the target's content; else the newest with its image.

    Versions come in no known order, but their names sort by time (ULID).
    """
    newest = sorted(versions, key=lambda one: text_of(one.get("version")), reverse=True)
    configs = [_user_config(one) for one in newest]
    own = [config for config in configs if release_of(config) in survey.names]
    alike = [config for config in configs if _has_image(survey, config)]
    for config in (*own, *alike):
        image = text_of(config.get("image"))
        digest = digest_in(image) or survey.target.digest
        if image and digest and not _is_failed(survey, release_of(config), digest):
            return _former(config, image, digest, "by the machine's own versions")
    return None


def _user_config(version: Json) -> Json:
    return config_of({"config": version.get("user_config")})


def _has_image(survey: Survey, config: Json) -> bool:
    """A later release may have the target's image and another configuration."""
    digest = digest_in(text_of(config.get("image")))
    mine, target = release_number(release_of(config)), release_number(survey.target.version)
    is_later = mine is not None and target is not None and mine > target
    return bool(digest) and digest == survey.target.digest and not is_later


def _is_failed(survey: Survey, release: str, digest: str) -> bool:
    """Tell whether a configuration is the failed release's: by its word, or by its image."""
    judged = survey.judged
    if judged is None:
        return False
    if release == judged.name != survey.target.version:
        return True
    return bool(judged.digest) and digest == judged.digest != survey.target.digest


def _former(config: Json, image: str, digest: str, why: str) -> Former:
    whole = {**config, "image": pinned(image, digest)}
    return Former(config=whole, digest=digest, release=release_of(config), why=why)
