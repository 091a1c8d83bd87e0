"""Whether what runs now could be restored later: what a rollback needs, and whether it is there."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from slo_action.core.model import Release
from slo_action.core.release.baseline import Proof, ProofState
from slo_action.core.release.fleet import short_digest
from slo_action.core.text.secrets import Secret
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError, tried
from slo_action.platforms.fly.client.models import FlyMachine, FlyRelease
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine

_NO_LEASE = Secret("no-such-lease")
_FORBIDDEN = frozenset({401, 403})


def running(machines: Sequence[FlyMachine], releases: Sequence[FlyRelease]) -> Release | None:
    """Return what most machines run: as they are marked, else as Fly lists it.

    The newest release may have failed, so it does not count. None without machines.
    """
    read = [machine for machine in map(read_machine, _counted(machines)) if machine.digest]
    if not read:
        return None
    digest = Counter(machine.digest for machine in read).most_common(1)[0][0]
    marks = Counter(m.release for m in read if m.digest == digest and m.release)
    rows = {row.name: row for row in releases if row.digest in {"", digest}}
    listed = [mark for mark, _ in marks.most_common() if mark in rows or not releases]
    named = [row.name for row in rows.values() if row.digest == digest and row.is_complete]
    names = [*listed, *named, *marks]
    return Release(version=names[0] if names else "", digest=digest)


def proofs(
    api: FlyApi,
    machines: Sequence[FlyMachine],
    row: FlyRelease | None,
    release: Release | None,
) -> tuple[Proof, ...]:
    """Return what a rollback to `release` would need. Asks the API; changes nothing."""
    counted = _counted(machines)
    volumes = {volume for live in counted for volume in live.whole_config.volumes}
    written = f"{len(volumes)} volumes: what is written to them is not restored"
    if row is None or row.definition is None:
        command = ProofState.UNKNOWN, "the definition of the release is not known"
    elif row.has_release_command:
        command = ProofState.MISSING, "each deploy runs one, and a migration is not undone"
    else:
        command = ProofState.PROVEN, "there is none"
    secrets = "they have no versions: the previous image starts with what they are then"
    return (
        _token(api, counted),
        _image(api, counted, release),
        _config(counted),
        _one_release(counted),
        _optional("volumes", ProofState.MISSING, written)
        if volumes
        else _optional("volumes", ProofState.PROVEN, "no machine has one"),
        _optional("release command", *command),
        _optional("secrets", ProofState.MISSING, secrets),
    )


def no_access(error: FlyRefusedError) -> Proof:
    """Return the proof of a token that may not even read: no rollback is possible with it."""
    return _needed("token", ProofState.MISSING, error.description)


def _token(api: FlyApi, counted: Sequence[FlyMachine]) -> Proof:
    """Release a lease that does not exist: that needs the right to change, and changes nothing."""
    name = next((live.id for live in counted if not live.nonce), "")
    if not name:
        return _needed("token", ProofState.UNKNOWN, "there is no machine to try it on")
    answer = tried(partial(api.release_lease, name, _NO_LEASE))
    if not isinstance(answer, FlyRefusedError) or answer.status in {404, 409, 412}:
        return _needed("token", ProofState.PROVEN, "it may change machines")
    if answer.status in _FORBIDDEN:
        return _needed("token", ProofState.MISSING, answer.message)
    return _needed("token", ProofState.UNKNOWN, answer.message)


def _image(api: FlyApi, counted: Sequence[FlyMachine], release: Release | None) -> Proof:
    images = {live.image_ref.by_digest for live in counted} - {""}
    if not images or release is None:
        return _needed("image", ProofState.MISSING, "no machine reports the digest of its image")
    for image in sorted(images):
        repository, _, digest = image.partition("@")
        found = api.has_image(repository, digest)
        if found is False:
            reason = f"the registry has no image {short_digest(digest)} any more"
            return _needed("image", ProofState.MISSING, reason)
        if found is None:
            reason = f"the registry did not say whether it has image {short_digest(digest)}"
            return _needed("image", ProofState.UNKNOWN, reason)
    shown = ", ".join(short_digest(image.partition("@")[2]) for image in sorted(images))
    return _needed("image", ProofState.PROVEN, f"the registry has {shown}")


def _config(counted: Sequence[FlyMachine]) -> Proof:
    blank = [
        live.id
        for live in counted
        if not live.whole_config or not live.image_ref.by_digest or live.host_status != "ok"
    ]
    if not counted or blank:
        which = f"of {', '.join(blank)}" if blank else "of any machine"
        reason = f"the whole configuration {which} is not known"
        return _needed("config", ProofState.MISSING, reason)
    reason = f"the whole configuration of {len(counted)} machines is kept"
    return _needed("config", ProofState.PROVEN, reason)


def _one_release(counted: Sequence[FlyMachine]) -> Proof:
    images = Counter(read_machine(live).digest for live in counted)
    if len(images) == 1:
        return _needed("one release", ProofState.PROVEN, "every machine runs the same image")
    shown = ", ".join(f"{count} on {short_digest(digest)}" for digest, count in images.items())
    reason = f"the machines run different images: {shown or 'there are none'}"
    return _needed("one release", ProofState.MISSING, reason)


def _counted(machines: Sequence[FlyMachine]) -> list[FlyMachine]:
    """Return the app's machines but those that only wait: cordoned ones and standbys."""
    return [
        live
        for live in machines
        if is_app_machine(live) and not live.cordoned and not live.config.standbys
    ]


def _needed(name: str, state: ProofState, reason: str) -> Proof:
    return Proof(name=name, state=state, words=reason)


def _optional(name: str, state: ProofState, reason: str) -> Proof:
    return Proof(name=name, state=state, words=reason, is_needed=False)
