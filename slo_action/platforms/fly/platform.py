"""Fly.io as the modes know it: releases, machines one by one, and the way back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_bytes

import httpx

from slo_action.config.request import VerifyRequest
from slo_action.config.settings.fly import FlySettings
from slo_action.core.model import Release, RollbackStep
from slo_action.core.release.fleet import Fleet
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.release.track_record import reputation
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.context import PlatformContext
from slo_action.platforms.fly.client.api import FlyAddresses, FlyApi, FlyRefusedError
from slo_action.platforms.fly.client.concurrent_calls import ConcurrentCalls, run_concurrently
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.prepare.certificate import no_access, proofs, running
from slo_action.platforms.fly.prepare.prior_state import PriorState, prior_state
from slo_action.platforms.fly.prepare.sealing import SALT_BYTES, seal
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.machines_engine import MachinesEngine
from slo_action.platforms.fly.rollback.not_restored import lost_by_deploy
from slo_action.platforms.fly.rollback.restart import restart
from slo_action.platforms.fly.rollback.step_log import StepLog
from slo_action.platforms.fly.rollback.survey import Survey, row_of
from slo_action.platforms.fly.rollback.take_survey import surveyed
from slo_action.platforms.fly.snapshots.snapshots import SnapshotReader, known_digests
from slo_action.platforms.fly.state.machines import read_fleet, read_machine
from slo_action.platforms.fly.state.restore_copy import RestoreCopy, as_document
from slo_action.platforms.fly.state.rollback_target import choose_target, named, restored_by
from slo_action.ports import Certificate, Snapshot

LOOK_PATIENCE_SECONDS = 3.0
READ_PATIENCE_SECONDS = 20.0
_REFUSED = frozenset({401, 403, 404})
RESTORE_PATIENCE_SECONDS = 60.0
"""An outage of the API in the middle of a rollback is waited out for so long."""


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
        means: RollbackTools,
        engine: MachinesEngine,
        memory: PriorState,
        salts: Callable[[], bytes],
    ) -> None:
        self._settings = settings
        self._means = means
        self._engine = engine
        self._memory = memory
        self._salts = salts
        self._patient = means.api.with_patience(READ_PATIENCE_SECONDS)
        self._hasty = means.api.with_patience(LOOK_PATIENCE_SECONDS)
        self._lookout = SnapshotReader(self._hasty, settings.app, means.clock)
        self._judged: tuple[LedgerRow | None] | None = None
        self._restored: Release | None = None

    def current_release(self) -> Release | None:
        """Return the newest release, whatever became of it. Raises PlatformError."""
        ledger = self._read_ledger()
        return self._release(ledger[0]) if ledger else None

    def previous_release(self) -> Release | None:
        """Return what a rollback would restore. Raises PlatformError where there is nothing."""
        ledger = self._read_ledger()
        self._lookout.look(self._asking)
        memory, digests = self._memory, self._digests()
        if memory.to_version:
            return named(ledger, memory.to_version, digests)
        if not ledger:
            raise PlatformError(
                f"app {self._settings.app} has no releases, so there is nothing to go back to",
                hint="fix forward: deploy again",
            )
        current = self._release(ledger[0])
        return self._begun(ledger, current) or choose_target(
            ledger,
            current,
            past=memory.past,
            before=memory.before,
            digests=digests,
        )

    def _begun(self, ledger: Sequence[LedgerRow], current: Release) -> Release | None:
        """Return what a rollback of ours went back to, that a person wants finished; else None.

        Ours leaves the machines their own numbers: where one carries the newest, a deploy put an
        older image back. One that failed before is no rollback of ours either.
        """
        memory, newest = self._memory, ledger[0].name
        if not memory.by_hand or reputation(current, memory.past).failed_at:
            return None
        if any(read_machine(raw).release == newest for raw in self._lookout.machines):
            return None
        return restored_by(ledger, current, self._digests())

    def look(self) -> Fleet:
        """Return the machines as they are now; the ledger may be 15 s old. Raises PlatformError."""
        self._lookout.look()
        ledger = self._lookout.ledger
        self._judge(ledger)
        now = self._means.clock.now()
        fleet = read_fleet(self._settings.app, self._lookout.machines, ledger, now)
        if self._is_as_restored(ledger):
            return replace(fleet, release=self._restored, status="complete")
        return replace(fleet, release=self._release(ledger[0])) if ledger else fleet

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the newest look as files, redacted; see ports.MachinePlatform."""
        return self._lookout.snapshots()

    def plan(self, target: Release) -> RollbackPlan:
        """Return what restoring `target` would do; see ports.MachinePlatform."""
        lost = self._memory.lost
        try:
            made = self._engine.plan(self._survey(target, self._patient))
        except PlatformError as error:
            if not lost:
                raise
            words = "; not known are ".join((error.message.rstrip("."), *lost))
            raise PlatformError(words, hint=error.hint) from error
        return replace(made, not_restored=(*made.not_restored, *lost))

    def restore(
        self, target: Release | None, failed: str | None, journal: Journal
    ) -> tuple[RollbackStep, ...]:
        """Restore `target`; see ports.Platform. What failed is known by the ledger, not by name."""
        del failed
        account = StepLog(self._means.clock, ())
        if target is None:
            account.give_up("no release to restore was named")
            return account.steps
        try:
            steps = self._engine.restore(self._survey(target, self._means.api), journal)
        except PlatformError as error:
            account.refuse(error)
            return account.steps
        except Interrupted:
            account.give_up("the run was stopped")
            return account.steps
        if all(step.succeeded for step in steps):
            self._restored = Release(version=target.version, digest=target.digest)
        return steps

    def certify(self) -> Certificate:
        """Say whether what runs now could be restored later; see ports.MachinePlatform."""
        try:
            return self._certified()
        except FlyRefusedError as error:
            if error.status not in _REFUSED:
                raise
            return Certificate(release=None, proofs=(no_access(error),))

    def _certified(self) -> Certificate:
        ledger = self._read_ledger(self._patient)
        self._lookout.look(self._patient)
        raws = self._lookout.machines
        release = running(raws, ledger)
        row = row_of(ledger, release) if release else None
        return Certificate(
            release=release,
            proofs=proofs(self._patient, raws, row, release),
            not_restored=lost_by_deploy(raws, row),
            newest=self._release(ledger[0]) if ledger else None,
            sealed=self._sealed(release) if release else "",
        )

    def restart(self, machine: str, journal: Journal) -> RollbackStep:
        """Restart one machine; see ports.MachinePlatform."""
        return restart(self._means, machine, journal)

    def close(self) -> None:
        """Close the connections."""
        self._means.api.close()

    def _survey(self, target: Release, api: FlyApi) -> Survey:
        ledger = self._read_ledger(api)
        judged = self._judged[0] if self._judged else None
        return surveyed(
            replace(self._means, api=api),
            self._settings.app,
            target=target,
            judged=judged,
            ledger=ledger,
            copy=self._memory.copy,
        )

    def _read_ledger(self, api: FlyApi | None = None) -> Sequence[LedgerRow]:
        ledger = self._lookout.read_ledger(api or self._asking)
        self._judge(ledger)
        return ledger

    @property
    def _asking(self) -> FlyApi:
        """Before anything is known, nobody waits long for the platform: probes would, too."""
        known = self._judged is not None or self._memory.by_hand
        return self._patient if known else self._hasty

    def _judge(self, ledger: Sequence[LedgerRow]) -> None:
        """Remember the newest release that was seen first."""
        if self._judged is None:
            self._judged = (ledger[0] if ledger else None,)

    def _release(self, row: LedgerRow) -> Release:
        return Release(version=row.name, digest=row.digest or self._digests().get(row.name, ""))

    def _digests(self) -> Mapping[str, str]:
        """Return the images of releases, as the machines know them now or knew them before."""
        copy = self._memory.copy
        kept = known_digests(copy.machines) if copy else {}
        return {**kept, **known_digests(self._lookout.machines)}

    def _is_as_restored(self, ledger: Sequence[LedgerRow]) -> bool:
        """Tell whether a rollback of ours is the newest change, with or without its record."""
        restored, judged = self._restored, self._judged[0] if self._judged else None
        if restored is None:
            return False
        newest = ledger[0] if ledger else None
        is_recorded = newest is not None and newest.digest == restored.digest
        return is_recorded or newest is None or (judged is not None and newest.id == judged.id)

    def _sealed(self, release: Release) -> str:
        copy = RestoreCopy(
            app=self._settings.app,
            release=release,
            machines=tuple(self._lookout.machines),
            taken_at=self._means.clock.now().isoformat(),
        )
        return seal(self._settings.token, as_document(copy), salt=self._salts())


def open_platform(
    request: VerifyRequest,
    premises: PlatformContext,
    *,
    transport: httpx.BaseTransport | None = None,
    together: ConcurrentCalls = run_concurrently,
) -> FlyPlatform:
    """Return the platform for a request. Raises PlatformError for a token that cannot be one."""
    settings = request.fly
    if settings is None:
        raise PlatformError(
            "`platform: fly` was asked for without an app and a token",
            hint="set `app` and `fly-api-token`",
        )
    api = FlyApi(
        FlyAddresses.from_environment(premises.environment),
        settings.app,
        settings.token,
        clock=premises.clock,
        scrubber=Scrubber(),
        transport=transport,
        patience_seconds=RESTORE_PATIENCE_SECONDS,
    )
    means = RollbackTools(api=api, clock=premises.clock, together=together)
    return FlyPlatform(
        settings,
        means=means,
        engine=MachinesEngine(means=means, timeout_seconds=request.commands.timeout_seconds),
        memory=prior_state(request, premises, settings),
        salts=lambda: token_bytes(SALT_BYTES),
    )
