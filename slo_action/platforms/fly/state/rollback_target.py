"""Which release a rollback restores: the best by the rules, or the one a person names. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from slo_action.config.text.suggest import did_you_mean
from slo_action.core.model import Release
from slo_action.core.release.track_record import PastVerdict
from slo_action.core.text.quoting import quoted
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.models import FlyRelease, digest_in, release_number
from slo_action.platforms.fly.state.release_content import (
    Content,
    contents_of,
    is_rollback,
    is_same,
)

_DIGEST = "sha256:"
_BY_HAND = "name one with `to-version`, or fix forward: deploy again"


def choose_target(
    releases: Sequence[FlyRelease],
    current: Release,
    *,
    past: Sequence[PastVerdict],
    before: Release | None,
    newest: Release | None = None,
    digests: Mapping[str, str] | None = None,
) -> Release:
    """Return what a rollback of `current` restores; `prepare` asks it of the release to come.

    That is the newest release that was found healthy; else what ran `before` the deploy, as a
    snapshot saw it (None without one); else the newest that is complete. Releases of one content
    count as one, named as the snapshot names it, else by the first of them. It is never the content
    of `current`, one whose image failed before, or one without a digest; `digests` are, by
    version (`v41`), what the machines run. Raises PlatformError where there is none, and where
    `current` is a rollback itself: what came before it is what was taken back. It is a deploy,
    whatever it brought back, where it came next after what a snapshot saw, whose newest release
    was `newest`: a job that is run again deploys a failed image again.
    """
    rows = _with_digests(releases, digests or {})
    live, older = _live(rows, current)
    seen = _seen(before, rows, live, past)
    is_deploy = seen is not None and _is_next(older, seen, newest)
    if is_rollback(live, older) and not is_deploy:
        raise PlatformError(
            f"{live.name} is itself a rollback, and a rollback is never rolled back.",
            hint=_BY_HAND,
        )
    contents = contents_of(older, live)
    possible = [one for one in (*contents, seen) if one and one.may_return(past)]
    verified = [one for one in possible if one.is_verified(past)]
    if not possible:
        raise _nothing(older, live, contents)
    chosen = verified[0] if verified else seen if seen in possible else possible[0]
    if seen and seen is not chosen and is_same(chosen.rows[0], seen.rows[0]):
        chosen = replace(chosen, rows=(*chosen.rows, *seen.rows))  # by the snapshot's name
    return chosen.release(past)


def restored_by(
    releases: Sequence[FlyRelease], current: Release, digests: Mapping[str, str]
) -> Release | None:
    """Return what `current` went back to, where it is itself a rollback; else None.

    Asking for a rollback once more means to finish that one, not to undo it.
    """
    rows = _with_digests(releases, digests)
    live, older = _live(rows, current)
    if not is_rollback(live, older):
        return None
    return next(row.release for row in reversed(older) if is_same(row, live))


def _seen(
    before: Release | None,
    rows: Sequence[FlyRelease],
    live: FlyRelease,
    past: Sequence[PastVerdict],
) -> Content | None:
    """Return what the snapshot saw; None where that runs now, or there is no snapshot.

    One whose own deploy did not end well is none, unless it was found healthy all the same.
    """
    if before is None:
        return None
    row = next((row for row in rows if row.is_release(before)), None)
    if row is None:
        row = FlyRelease(version=release_number(before.version) or 0, status="complete")
    seen = Content((row.model_copy(update={"digest": before.digest or row.digest}),), is_seen=True)
    ended_well = row.is_complete or seen.is_verified(past)
    return seen if ended_well and not is_same(seen.rows[0], live) else None


def _is_next(older: Sequence[FlyRelease], seen: Content, newest: Release | None) -> bool:
    """Return whether a release came next after a snapshot; secrets may have been set between."""
    last = release_number(newest.version) if newest else None
    return last is not None and all(
        row.version <= last or is_same(row, seen.rows[0]) for row in older
    )


def named(
    releases: Sequence[FlyRelease], wanted: str, digests: Mapping[str, str] | None = None
) -> Release:
    """Return the release that a person names: `v41`, `41`, a digest or an image of the registry.

    Raises PlatformError, with what is there, for one that is not, or has no digest.
    """
    rows = _with_digests(releases, digests or {})
    best_first = sorted(rows, key=lambda row: not row.is_complete)  # the newest stays the first
    row = next((row for row in best_first if _is_named(row, wanted.strip())), None)
    if row is None:
        raise PlatformError(
            f"no release is {quoted(wanted)}: {did_you_mean(wanted, (row.name for row in rows))}.",
            hint="`to-version` takes a release such as v41, a digest or an image",
        )
    if not row.digest:
        raise PlatformError(
            f"the image of {row.name} is known by a tag only, which may mean another by now.",
            hint="give the digest of its image as `to-version`, if you know it",
        )
    ended = f"its own deploy is {quoted(row.status or 'of unknown status')}"
    return row.release if row.is_complete else replace(row.release, remark=ended)


def _with_digests(releases: Iterable[FlyRelease], digests: Mapping[str, str]) -> list[FlyRelease]:
    """Return the releases, newest first, each with its digest if that is known anywhere."""
    rows = (
        row if row.digest else row.model_copy(update={"digest": digests.get(row.name, "")})
        for row in releases
    )
    return sorted(rows, key=lambda row: -row.version)


def _live(rows: Sequence[FlyRelease], current: Release) -> tuple[FlyRelease, Sequence[FlyRelease]]:
    """Return the row of the release that is to be replaced, and the older ones."""
    listed = next((row for row in rows if row.is_release(current)), None)
    number = listed.version if listed else release_number(current.version)
    if number is None:
        now = quoted(current.version or current.digest)
        raise PlatformError(f"Fly.io lists no release for what runs now, {now}.", hint=_BY_HAND)
    live = listed or FlyRelease(version=number)
    live = live.model_copy(update={"digest": current.digest or live.digest})
    return live, [row for row in rows if row.version < number]


def _nothing(
    older: Sequence[FlyRelease], live: FlyRelease, contents: Sequence[Content]
) -> PlatformError:
    """Say why nothing is left, by the nearest reason."""
    if not older:
        why = f"{live.name} is the first release that Fly.io lists"
    elif not contents:
        why = f"no older release that is complete differs from {live.name} in image or definition"
    elif any(content.digest for content in contents):
        why = "the image of every older release failed before"
    else:
        why = "the images of the older releases are known by tags only, which may mean others now"
    return PlatformError(f"there is no release to roll back to: {why}.", hint=_BY_HAND)


def _is_named(row: FlyRelease, wanted: str) -> bool:
    if release_number(wanted) == row.version:
        return True
    digest = wanted if wanted.startswith(_DIGEST) else digest_in(wanted)
    if digest:
        return row.digest == digest
    tag = row.image.partition("@")[0]
    return bool(tag) and wanted in {tag, tag.rpartition("/")[2], tag.rpartition(":")[2]}
