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
_Found = tuple[ProofState, str]


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
    needed = {
        "token": _token(api, counted),
        "image": _image(api, counted, release),
        "config": _config(counted),
        "one release": _one_release(counted),
    }
    volumes = {volume for live in counted for volume in live.whole_config.volumes}
    written = f"{len(volumes)} volumes: what is written to them is not restored"
    if row is None or row.definition is None:
        command = ProofState.UNKNOWN, "the definition of the release is not known"
    elif row.has_release_command:
        command = ProofState.MISSING, "each deploy runs one, and a migration is not undone"
    else:
        command = ProofState.PROVEN, "there is none"
    secrets = "they have no versions: the previous image starts with what they are then"
    optional = {
        "volumes": (ProofState.MISSING, written)
        if volumes
        else (ProofState.PROVEN, "no machine has one"),
        "release command": command,
        "secrets": (ProofState.MISSING, secrets),
    }
    return tuple(
        Proof(name=name, state=state, words=reason, is_needed=name in needed)
        for name, (state, reason) in (needed | optional).items()
    )


def no_access(error: FlyRefusedError) -> Proof:
    """Return the proof of a token that may not even read: no rollback is possible with it."""
    return Proof(name="token", state=ProofState.MISSING, words=error.description)


def _token(api: FlyApi, counted: Sequence[FlyMachine]) -> _Found:
    """Release a lease that does not exist: that needs the right to change, and changes nothing."""
    name = next((live.id for live in counted if not live.nonce), "")
    if not name:
        return ProofState.UNKNOWN, "there is no machine to test it on"
    answer = tried(partial(api.release_lease, name, _NO_LEASE))
    if not isinstance(answer, FlyRefusedError) or answer.status in {404, 409, 412}:
        return ProofState.PROVEN, "it may change machines"
    is_forbidden = answer.status in {401, 403}
    return ProofState.MISSING if is_forbidden else ProofState.UNKNOWN, answer.message


def _image(api: FlyApi, counted: Sequence[FlyMachine], release: Release | None) -> _Found:
    images = sorted({live.image_ref.by_digest for live in counted} - {""})
    if not images or release is None:
        return ProofState.MISSING, "no machine reports the digest of its image"
    shown = []
    for image in images:
        repository, _, digest = image.partition("@")
        found, short = api.has_image(repository, digest), short_digest(digest)
        if found is False:
            return ProofState.MISSING, f"the registry has no image {short} any more"
        if found is None:
            return ProofState.UNKNOWN, f"the registry did not say whether it has image {short}"
        shown.append(short)
    return ProofState.PROVEN, f"the registry has {', '.join(shown)}"


def _config(counted: Sequence[FlyMachine]) -> _Found:
    blank = [
        live.id
        for live in counted
        if not live.whole_config or not live.image_ref.by_digest or live.host_status != "ok"
    ]
    if not counted or blank:
        which = f"of {', '.join(blank)}" if blank else "of any machine"
        return ProofState.MISSING, f"the whole configuration {which} is not known"
    return ProofState.PROVEN, f"the whole configuration of {len(counted)} machines is kept"


def _one_release(counted: Sequence[FlyMachine]) -> _Found:
    images = Counter(read_machine(live).digest for live in counted)
    if len(images) == 1:
        return ProofState.PROVEN, "every machine runs the same image"
    shown = ", ".join(f"{count} on {short_digest(digest)}" for digest, count in images.items())
    return ProofState.MISSING, f"the machines run different images: {shown or 'there are none'}"


def _counted(machines: Sequence[FlyMachine]) -> list[FlyMachine]:
    """Return the app's machines but those that only wait: cordoned ones and standbys."""
    return [
        live
        for live in machines
        if is_app_machine(live) and not live.cordoned and not live.config.standbys
    ]
