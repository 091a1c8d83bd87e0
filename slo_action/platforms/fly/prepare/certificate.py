"""Whether what runs now could be restored later: what a rollback needs, and whether it is there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from slo_action.core.model import Release
from slo_action.core.release.baseline import Proof, ProofState
from slo_action.core.release.fleet import Machine, short_digest
from slo_action.core.text.secrets import Secret
from slo_action.platforms.fly.client.api import FlyApi, FlyRefusedError
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback.compare_and_swap import tried
from slo_action.platforms.fly.rollback.not_restored import runs_release_command
from slo_action.platforms.fly.state.machine_config import Json, config_of, image_of, volumes_of
from slo_action.platforms.fly.state.machines import is_app_machine, read_machine

_NO_LEASE = Secret("no-such-lease")
_FORBIDDEN = frozenset({401, 403})


def running(raws: Sequence[Json], ledger: Sequence[LedgerRow]) -> Release | None:
    """Return what most machines run: by the machines' own word, else by the ledger's.

    The newest release may have failed, so it is not asked. None without machines.
    """
    machines = [machine for machine in map(read_machine, _counted(raws)) if machine.digest]
    if not machines:
        return None
    digest = Counter(machine.digest for machine in machines).most_common(1)[0][0]
    words = Counter(m.release for m in machines if m.digest == digest and m.release)
    rows = {row.name: row for row in ledger if row.digest in {"", digest}}
    told = [word for word, _ in words.most_common() if word in rows or not ledger]
    named = [row.name for row in rows.values() if row.digest == digest and row.is_complete]
    known = [*told, *named, *words]
    return Release(version=known[0] if known else "", digest=digest)


def proofs(
    api: FlyApi, raws: Sequence[Json], row: LedgerRow | None, release: Release | None
) -> tuple[Proof, ...]:
    """Return what a rollback to `release` would need. Asks the API; changes nothing."""
    return tuple(_proofs(api, raws, row, release))


def no_access(error: FlyRefusedError) -> Proof:
    """Return the proof of a token that may not even look: no rollback can come of it."""
    words = error.description
    return _needed("token", ProofState.MISSING, words)


def _proofs(
    api: FlyApi, raws: Sequence[Json], row: LedgerRow | None, release: Release | None
) -> Iterator[Proof]:
    counted = _counted(raws)
    yield _token(api, counted)
    yield _image(api, counted, release)
    yield _config(counted)
    yield _one_release(counted)
    volumes = {volume for raw in counted for volume in volumes_of(config_of(raw))}
    if volumes:
        words = f"{len(volumes)} volumes: what is written to them is not restored"
        yield _known("volumes", words, is_safe=False)
    else:
        yield _known("volumes", "no machine has one", is_safe=True)
    if runs_release_command(row):
        words = "each deploy runs one, and a migration is not undone"
        yield _known("release command", words, is_safe=False)
    elif row is None or row.definition is None:
        words = "the definition of the release is not known"
        yield _known("release command", words, is_safe=None)
    else:
        yield _known("release command", "there is none", is_safe=True)
    words = "they have no versions: the former image starts with what they are then"
    yield _known("secrets", words, is_safe=False)


def _token(api: FlyApi, counted: Sequence[Json]) -> Proof:
    """Give back a lease that nobody holds: that needs the right to change, and changes nothing."""
    name = next((read_machine(raw).name for raw in counted if not raw.get("nonce")), "")
    if not name:
        return _needed("token", ProofState.UNKNOWN, "no machine could be asked about")
    answer = tried(partial(api.release_lease, name, _NO_LEASE))
    if not isinstance(answer, FlyRefusedError) or answer.status in {404, 409, 412}:
        return _needed("token", ProofState.PROVEN, "it may change machines")
    if answer.status in _FORBIDDEN:
        return _needed("token", ProofState.MISSING, answer.message)
    return _needed("token", ProofState.UNKNOWN, answer.message)


def _image(api: FlyApi, counted: Sequence[Json], release: Release | None) -> Proof:
    images = {image_of(raw) for raw in counted} - {""}
    if not images or release is None:
        return _needed("image", ProofState.MISSING, "no machine tells the digest of its image")
    for image in sorted(images):
        repository, _, digest = image.partition("@")
        found = api.has_image(repository, digest)
        if found is False:
            words = f"the registry has no image {short_digest(digest)} any more"
            return _needed("image", ProofState.MISSING, words)
        if found is None:
            words = f"the registry did not tell whether it has image {short_digest(digest)}"
            return _needed("image", ProofState.UNKNOWN, words)
    shown = ", ".join(short_digest(image.partition("@")[2]) for image in sorted(images))
    return _needed("image", ProofState.PROVEN, f"the registry has {shown}")


def _config(counted: Sequence[Json]) -> Proof:
    blank = [
        machine.name
        for raw, machine in ((raw, read_machine(raw)) for raw in counted)
        if not config_of(raw) or not image_of(raw) or not machine.is_host_ok
    ]
    if not counted or blank:
        which = f"of {', '.join(blank)}" if blank else "of any machine"
        words = f"the whole configuration {which} is not known"
        return _needed("config", ProofState.MISSING, words)
    words = f"the whole configuration of {len(counted)} machines is kept"
    return _needed("config", ProofState.PROVEN, words)


def _one_release(counted: Sequence[Json]) -> Proof:
    images = Counter(read_machine(raw).digest for raw in counted)
    if len(images) == 1:
        return _needed("one release", ProofState.PROVEN, "every machine runs the same image")
    shown = ", ".join(f"{count} on {short_digest(digest)}" for digest, count in images.items())
    words = f"the machines run different images: {shown or 'there are none'}"
    return _needed("one release", ProofState.MISSING, words)


def _counted(raws: Sequence[Json]) -> list[Json]:
    """Return the app's machines but those that only wait: cordoned ones and standbys."""
    return [raw for raw in raws if is_app_machine(raw) and _works(read_machine(raw))]


def _works(machine: Machine) -> bool:
    return not machine.is_cordoned and not machine.is_standby


def _needed(name: str, state: ProofState, words: str) -> Proof:
    return Proof(name=name, state=state, words=words)


def _known(name: str, words: str, *, is_safe: bool | None) -> Proof:
    states = {True: ProofState.PROVEN, False: ProofState.MISSING, None: ProofState.UNKNOWN}
    return Proof(name=name, state=states[is_safe], words=words, is_needed=False)
