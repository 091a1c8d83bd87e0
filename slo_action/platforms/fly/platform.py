"""Fly.io as the modes see it: releases, machines one by one, and rollbacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_bytes
from typing import NamedTuple

import httpx

from slo_action.config.request import VerifyRequest
from slo_action.config.settings.fly import FlySettings
from slo_action.core.model import Mode, Release, RollbackStep
from slo_action.core.release.baseline import Proof, ProofState
from slo_action.core.release.fleet import Fleet
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.release.track_record import PastVerdict, reputation
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms import PlatformContext
from slo_action.platforms.fly.client.access import FlyAddresses
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls, run_concurrently
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.platforms.fly.client.models import FlyRelease, release_number
from slo_action.platforms.fly.prepare.certificate import no_access, proofs, running
from slo_action.platforms.fly.prepare.sealing import SALT_BYTES, seal, unsealed
from slo_action.platforms.fly.rollback.engine import MachinesEngine
from slo_action.platforms.fly.rollback.plan import lost_by_deploy
from slo_action.platforms.fly.rollback.restart import restart
from slo_action.platforms.fly.rollback.survey import Survey, row_of, surveyed
from slo_action.platforms.fly.rollback.tools import Journal, RollbackTools, StepLog
from slo_action.platforms.fly.snapshots.snapshots import SnapshotReader, digests_by_release
from slo_action.platforms.fly.state.machines import read_fleet
from slo_action.platforms.fly.state.restore_copy import RestoreCopy, as_json, read_copy
from slo_action.platforms.fly.state.rollback_target import choose_target, named, restored_by
from slo_action.ports import Certificate, Snapshot

QUICK_PATIENCE_SECONDS = 3.0
READ_PATIENCE_SECONDS = 20.0
_REFUSED = frozenset({401, 403, 404})
RESTORE_PATIENCE_SECONDS = 60.0
"""An outage of the API in the middle of a rollback is waited out for so long."""

_LOST = (
    "the machines as `prepare` saw them: its copy was sealed by another fly-api-token, or changed "
    "since, so the platform's own records of them are used"
)


class PriorState(NamedTuple):
    """What is known from before this run.

    `copy` holds every machine as it was; None without one that can be read. `before` is what ran
    then, `newest` the newest release of then. `lost` names what was kept and cannot be read.
    `to_version` is what a person asked for, who may also ask to undo a rollback (`by_hand`).
    """

    past: tuple[PastVerdict, ...] = ()
    copy: RestoreCopy | None = None
    before: Release | None = None
    newest: Release | None = None
    lost: tuple[str, ...] = ()
    to_version: str = ""
    by_hand: bool = False


class FlyPlatform:
    """Implements ports.Platform and ports.MachinePlatform for one app.

    The newest release that it reads first is the one that is judged: `restore` changes nothing
    once another is the newest.
    """

    name = "fly"
    can_restore = True

    def __init__(
        self,
        settings: FlySettings,
        *,
        engine: MachinesEngine,
        prior: PriorState,
        salts: Callable[[], bytes],
    ) -> None:
        self._settings = settings
        self._tools = tools = engine.tools
        self._engine = engine
        self._prior = prior
        self._salts = salts
        self._patient = tools.api.with_patience(READ_PATIENCE_SECONDS)
        self._quick = tools.api.with_patience(QUICK_PATIENCE_SECONDS)
        self._reader = SnapshotReader(settings.app, tools.clock)
        self._judged: tuple[FlyRelease | None] | None = None
        self._restored: Release | None = None

    def current_release(self) -> Release | None:
        """Return the newest release, whatever became of it. Raises PlatformError."""
        releases = self._read_releases()
        return self._release(releases[0]) if releases else None

    def previous_release(self) -> Release | None:
        """Return what a rollback would restore. Raises PlatformError where there is nothing."""
        releases = self._read_releases()
        self._reader.read(self._asking)
        prior, digests = self._prior, self._digests()
        if prior.to_version:
            return named(releases, prior.to_version, digests)
        if not releases:
            raise PlatformError(
                f"app {self._settings.app} has no releases, so there is nothing to roll back to",
                hint="fix forward: deploy again",
            )
        current = self._release(releases[0])
        return self._begun(releases, current) or choose_target(
            releases,
            current,
            past=prior.past,
            before=prior.before,
            newest=prior.newest,
            digests=digests,
        )

    def _begun(self, releases: Sequence[FlyRelease], current: Release) -> Release | None:
        """Return what a rollback of ours went back to, that a person wants finished; else None.

        Ours leaves the machines their own numbers: where one carries the newest, a deploy put an
        older image back. One that failed before is no rollback of ours either.
        """
        prior, newest = self._prior, releases[0].name
        if not prior.by_hand or reputation(current, prior.past).failed_at:
            return None
        if any(live.config.release == newest for live in self._reader.machines):
            return None
        return restored_by(releases, current, self._digests())

    def look(self) -> Fleet:
        """Return the machines now, with releases at most 15 s old. Raises PlatformError."""
        self._reader.read(self._quick)
        releases = self._reader.releases
        self._judge(releases)
        now = self._tools.clock.now()
        fleet = read_fleet(self._settings.app, self._reader.machines, releases, now)
        if self._is_as_restored(releases):
            return replace(fleet, release=self._restored, status="complete")
        return replace(fleet, release=self._release(releases[0])) if releases else fleet

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return what was read last as files, redacted; see ports.MachinePlatform."""
        return self._reader.snapshots()

    def plan(self, target: Release) -> RollbackPlan:
        """Return what restoring `target` would do; see ports.MachinePlatform."""
        lost = self._prior.lost
        try:
            made = self._engine.plan(self._survey(target, self._patient))
        except PlatformError as error:
            if not lost:
                raise
            message = "; not known are ".join((error.message.rstrip("."), *lost))
            raise PlatformError(message, hint=error.hint) from error
        return replace(made, not_restored=(*made.not_restored, *lost))

    def restore(
        self, target: Release | None, failed: str | None, journal: Journal
    ) -> tuple[RollbackStep, ...]:
        """Restore `target`; see ports.Platform. What failed is the newest release, not `failed`."""
        del failed
        log = StepLog(self._tools.clock)
        problem = "no release to restore was named"
        try:
            if target:
                steps = self._engine.restore(self._survey(target, self._tools.api), journal)
                if all(step.succeeded for step in steps):
                    self._restored = Release(version=target.version, digest=target.digest)
                return steps
        except PlatformError as error:
            problem = error.description
        except Interrupted:
            problem = "the run was stopped"
        log.give_up(problem)
        return log.steps

    def certify(self) -> Certificate:
        """Say whether what runs now could be restored later; see ports.MachinePlatform."""
        try:
            releases = self._read_releases(self._patient)
            self._reader.read(self._patient)
        except FlyRefusedError as error:
            if error.status not in _REFUSED:
                raise
            return Certificate(release=None, proofs=(no_access(error),))
        machines = self._reader.machines
        release = running(machines, releases)
        row = row_of(releases, release) if release else None
        newest = self._release(releases[0]) if releases else None
        target, proof = self._next_target(release, newest) if release else (None, None)
        found = proofs(self._patient, machines, row, release)
        return Certificate(
            release=release,
            proofs=(proof, *found) if proof else found,
            not_restored=lost_by_deploy(machines, row),
            newest=newest,
            target=target,
            sealed=self._sealed(release) if release else "",
        )

    def _next_target(
        self, running: Release, newest: Release | None
    ) -> tuple[Release | None, Proof]:
        """Return what a rollback of the next release would restore: what `verify` will find."""
        number = release_number(newest.version) if newest else None
        following = FlyRelease(version=(number or 0) + 1)
        releases, target = self._reader.releases, None
        state, words = ProofState.MISSING, ""
        try:
            target = choose_target(
                releases,
                following.release,
                past=self._prior.past,
                before=running,
                newest=newest,
                digests=self._digests(),
            )
            remark = f" ({target.remark})" if target.remark else ""
            state, words = ProofState.PROVEN, f"a rollback would restore {target.version}{remark}"
            if (target.version, target.digest) != (running.version, running.digest):
                words += f", and not {running.version or 'what'} which runs now"
                self._engine.plan(self._surveyed(self._patient, target, following, None))
        except FlyRefusedError as error:
            state, words = ProofState.UNKNOWN, error.message
        except PlatformError as error:
            state, words = ProofState.MISSING, error.message
        return target, Proof(name="target", state=state, words=words)

    def restart(self, machine: str, journal: Journal) -> RollbackStep:
        """Restart one machine; see ports.MachinePlatform."""
        return restart(self._tools, machine, journal)

    def close(self) -> None:
        """Close the connections."""
        self._tools.api.close()

    def _survey(self, target: Release, api: FlyApi) -> Survey:
        self._read_releases(api)
        judged = self._judged[0] if self._judged else None
        return self._surveyed(api, target, judged, self._prior.copy)

    def _surveyed(
        self, api: FlyApi, target: Release, judged: FlyRelease | None, copy: RestoreCopy | None
    ) -> Survey:
        return surveyed(
            replace(self._tools, api=api),
            self._settings.app,
            target=target,
            judged=judged,
            releases=self._reader.releases,
            copy=copy,
        )

    def _read_releases(self, api: FlyApi | None = None) -> Sequence[FlyRelease]:
        releases = self._reader.read_releases(api or self._asking)
        self._judge(releases)
        return releases

    @property
    def _asking(self) -> FlyApi:
        """Return the API with little patience until the first answer: probes wait for it."""
        is_patient = self._judged is not None or self._prior.by_hand
        return self._patient if is_patient else self._quick

    def _judge(self, releases: Sequence[FlyRelease]) -> None:
        """Remember the newest release that was seen first."""
        if self._judged is None:
            self._judged = (releases[0] if releases else None,)

    def _release(self, row: FlyRelease) -> Release:
        return Release(version=row.name, digest=row.digest or self._digests().get(row.name, ""))

    def _digests(self) -> Mapping[str, str]:
        """Return the images of releases, as the machines run them now or ran them before."""
        copy = self._prior.copy
        kept = digests_by_release(copy.machines) if copy else {}
        return {**kept, **digests_by_release(self._reader.machines)}

    def _is_as_restored(self, releases: Sequence[FlyRelease]) -> bool:
        """Return whether a rollback of ours is the newest change, with or without its record."""
        restored, judged = self._restored, self._judged[0] if self._judged else None
        if restored is None:
            return False
        newest = releases[0] if releases else None
        is_recorded = newest is not None and newest.digest == restored.digest
        return is_recorded or newest is None or (judged is not None and newest.id == judged.id)

    def _sealed(self, release: Release) -> str:
        copy = RestoreCopy(
            app=self._settings.app,
            release=release,
            machines=tuple(self._reader.machines),
            taken_at=self._tools.clock.now().isoformat(),
        )
        return seal(self._settings.token, as_json(copy), salt=self._salts())


def open_platform(
    request: VerifyRequest,
    context: PlatformContext,
    *,
    transport: httpx.BaseTransport | None = None,
    concurrently: ConcurrentCalls = run_concurrently,
) -> FlyPlatform:
    """Return the platform for a request. Raises PlatformError for a token that cannot be one."""
    settings = request.fly
    if settings is None:
        raise PlatformError(
            "`platform: fly` was asked for without an app and a token",
            hint="set `app` and `fly-api-token`",
        )
    api = FlyApi(
        FlyAddresses.from_environment(context.environment),
        settings.app,
        settings.token,
        clock=context.clock,
        scrubber=context.scrubber,
        transport=transport,
        patience_seconds=RESTORE_PATIENCE_SECONDS,
    )
    tools = RollbackTools(api=api, clock=context.clock, concurrently=concurrently)
    return FlyPlatform(
        settings,
        engine=MachinesEngine(tools=tools, timeout_seconds=request.commands.timeout_seconds),
        prior=_prior_state(request, context, settings),
        salts=lambda: token_bytes(SALT_BYTES),
    )


def _prior_state(
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
        newest=prepared.newest if prepared else None,
        lost=(_LOST,) if sealed and copy is None else (),
        to_version=request.to_version,
        by_hand=request.mode is Mode.ROLLBACK,
    )
