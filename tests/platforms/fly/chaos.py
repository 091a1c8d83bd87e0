"""A state machine that deploys, rolls back, kills, and lets others interfere; see its invariants.

It is run by test_state_machine.py, and for long by `python -m tests.platforms.fly.long_run`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slo_action.core.model import Release, RollbackStep
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.fly.platform import FlyPlatform
from slo_action.platforms.fly.state.machines import read_machine
from tests.platforms.fly.failing_transport import FailingTransport, KilledError
from tests.platforms.fly.scene import OURS, Scene
from tests.worlds.fly import Crash, Deed, FlyImage, broken, crashing, image, unpullable

_CHANGES = frozenset(
    {"update", "start", "stop", "cordon", "uncordon", "restart", "create", "destroy"}
)
_LONGEST_BATCH = 8
_LONGEST_LEASE_SECONDS = 30.0
_A_BATCH_SECONDS = 3.0

KINDS = ("well", "broken", "crashing", "unpullable", "configuration")
STRATEGIES = ("rolling", "half", "bluegreen", "immediate")
GROUPS: tuple[dict[str, int], ...] = (
    {"app": 1},
    {"app": 3},
    {"app": 6},
    {"app": 2, "worker": 2},
)


@dataclass
class Tally:
    """What the examples did, over all of them."""

    examples: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)

    @property
    def steps(self) -> int:
        return sum(self.rules.values())

    def lines(self) -> list[str]:
        return [
            f"examples: {self.examples}, steps: {self.steps}",
            *(f"  {name}: {count}" for name, count in sorted(self.rules.items())),
            "endings of rollbacks:",
            *(f"  {name}: {count}" for name, count in sorted(self.endings.items())),
        ]


TALLY = Tally()


@dataclass(frozen=True)
class Attempt:
    """A rollback under test: from which world's second on, of what, to what."""

    since: float
    target: Release
    judged: str
    judged_digest: str


class FlyRollbacks(RuleBasedStateMachine):
    """One app's life. Each rollback is checked when it has ended, however it did."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.count = 0
        self.unfinished: Release | None = None
        self.is_deployed = False
        self.filled: set[str] = set()
        TALLY.examples += 1

    @initialize(
        groups=st.sampled_from(GROUPS),
        autostop=st.booleans(),
        has_volumes=st.booleans(),
        records=st.sampled_from([200, 404]),
    )
    def launch(
        self, groups: dict[str, int], autostop: bool, has_volumes: bool, records: int
    ) -> None:
        changes: dict[str, Any] = {}
        if "worker" in groups:
            changes["processes"] = {"app": "serve", "worker": "work"}
        if autostop:
            changes["http_service"] = {"auto_stop_machines": "stop", "min_machines_running": 0}
            self.scene.world.autostops_after(60.0)
        self.scene.launched(groups=groups, changes=changes, has_volumes=has_volumes)
        self.scene.world.app_state.switches.release_api = records

    # What others do.

    @rule(
        kind=st.sampled_from(KINDS),
        strategy=st.sampled_from(STRATEGIES),
        is_prepared=st.booleans(),
    )
    def deploys(self, kind: str, strategy: str, is_prepared: bool) -> None:
        TALLY.rules["deploy"] += 1
        self.unfinished = None
        if is_prepared:
            self.scene.transport = None
            self.scene.prepared()
        if self.scene.world.machines:
            self._deploy(kind, strategy)
            self._settle()
            self.is_deployed = True

    @rule(
        act=st.sampled_from(["stop", "suspend", "start", "secrets", "wait", "restart"]),
        number=st.integers(0, 9),
    )
    def goes_on(self, act: str, number: int) -> None:
        """Something else happens to the app."""
        TALLY.rules[act] += 1
        machines = self.scene.world.machines
        name = machines[number % len(machines)].id if machines else ""
        if act == "secrets":
            self.unfinished = None
            self.scene.world.set_secrets()
            self._settle()
        elif act == "restart" and name:
            self._restart(name)
        elif act != "wait" and name:
            getattr(self.scene.world, act)(name)
        self.scene.world.passes(5.0 + number)

    # What we do.

    @precondition(lambda self: self.is_deployed)
    @rule()
    def rolls_back(self) -> None:
        TALLY.rules["rollback"] += 1
        attempt, platform = self._begin()
        if attempt:
            self._check(attempt, self._restored(platform, attempt))

    @precondition(lambda self: self.is_deployed)
    @rule(at=st.integers(1, 60), after=st.booleans(), is_kill=st.booleans())
    def is_stopped(self, at: int, after: bool, is_kill: bool) -> None:
        TALLY.rules["kill" if is_kill else "signal"] += 1
        inner = self.scene.world.transport()
        error = KilledError if is_kill else lambda: Interrupted("SIGTERM")
        striking = FailingTransport(inner, 0, error, after=after, is_final=is_kill)
        attempt, platform = self._begin(striking)
        if not attempt:
            return
        striking._at = striking.count + at
        try:
            steps = self._restored(platform, attempt)
        except KilledError:
            TALLY.endings["killed"] += 1
            self._check_traces(attempt, ())
        else:
            self._check(attempt, steps)
        self.unfinished = attempt.target

    @precondition(lambda self: self.is_deployed)
    @rule(at=st.floats(0.0, 20.0), seconds=st.floats(1.0, 150.0))
    def loses_the_api(self, at: float, seconds: float) -> None:
        TALLY.rules["outage"] += 1
        attempt, platform = self._begin()
        if attempt:
            self._later(at, lambda: self.scene.world.down(seconds))
            steps = self._restored(platform, attempt)
            self.scene.world.passes(at + seconds)
            self._check(attempt, steps)

    @precondition(lambda self: self.is_deployed)
    @rule(
        action=st.sampled_from(["update", "lease", "get", "graphql", "start"]),
        status=st.sampled_from([429, 500, 502]),
        times=st.integers(1, 12),
        after=st.booleans(),
    )
    def meets_trouble(self, action: str, status: int, times: int, after: bool) -> None:
        TALLY.rules["trouble"] += 1
        attempt, platform = self._begin()
        if attempt:
            is_done = after and status != 429
            self.scene.world.fails(action, status, times, after=is_done)
            steps = self._restored(platform, attempt)
            self.scene.world.recovers()
            self._check(attempt, steps)

    @precondition(lambda self: self.is_deployed)
    @rule(
        at=st.floats(0.0, 20.0),
        kind=st.sampled_from(KINDS),
        strategy=st.sampled_from(STRATEGIES),
    )
    def is_overtaken(self, at: float, kind: str, strategy: str) -> None:
        TALLY.rules["foreign deploy"] += 1
        attempt, platform = self._begin()
        if attempt:
            self._later(at, lambda: self._deploy(kind, strategy))
            steps = self._restored(platform, attempt)
            self._check(attempt, steps)
            self.scene.world.passes(at)
            self._settle()
            self.unfinished, self.is_deployed = None, True

    @precondition(lambda self: self.is_deployed)
    @rule(
        changes=st.sampled_from(
            [
                {"can_be_pulled": False},
                {"hangs": True},
                {"crash": Crash()},
                {"crash": Crash(times=1)},
                {"boot_seconds": 60.0},
            ]
        ),
        at=st.floats(0.0, 10.0),
    )
    def meets_a_bad_past(self, changes: dict[str, Any], at: float) -> None:
        """The former image does not start, or not easily."""
        TALLY.rules["bad past"] += 1
        attempt, platform = self._begin()
        if attempt:
            former = self.scene.world.app_state.images[attempt.target.digest]
            self._later(at, lambda: self.scene.world.becomes(replace(former, **changes)))
            steps = self._restored(platform, attempt)
            self.scene.world.passes(at)
            self.scene.world.becomes(former)
            self._check(attempt, steps)

    @precondition(lambda self: self.is_deployed)
    @rule(at=st.floats(0.0, 15.0), number=st.integers(0, 9))
    def meets_a_stranger(self, at: float, number: int) -> None:
        """Somebody changes one machine by hand, without a release."""
        TALLY.rules["foreign update"] += 1
        attempt, platform = self._begin()
        if attempt:
            machines = self.scene.world.machines
            name = machines[number % len(machines)].id
            hotfix = image(f"hotfix-{at}-{number}")
            self._later(at, lambda: self.scene.world.machine_update(name, hotfix))
            steps = self._restored(platform, attempt)
            self._check(attempt, steps, strangers=(hotfix,))
            self.scene.world.passes(at + 20.0)
            self.unfinished = None

    @precondition(lambda self: self.is_deployed)
    @rule(at=st.floats(0.0, 10.0), number=st.integers(0, 9), seconds=st.floats(5.0, 120.0))
    def meets_a_lease(self, at: float, number: int, seconds: float) -> None:
        TALLY.rules["foreign lease"] += 1
        attempt, platform = self._begin()
        if attempt:
            machines = self.scene.world.machines
            name = machines[number % len(machines)].id
            self._later(at, lambda: self._lease(name, seconds))
            steps = self._restored(platform, attempt)
            self._check(attempt, steps)
            self.scene.world.passes(at + seconds)

    @precondition(lambda self: self.is_deployed)
    @rule(at=st.floats(0.0, 10.0), number=st.integers(0, 9))
    def meets_a_full_host(self, at: float, number: int) -> None:
        TALLY.rules["full host"] += 1
        attempt, platform = self._begin()
        if attempt:
            machines = self.scene.world.machines
            name = machines[number % len(machines)].id
            self.filled.add(name)
            self._later(at, lambda: self.scene.world.fills(name))
            steps = self._restored(platform, attempt)
            self.scene.world.passes(at)
            self.scene.world.app_state.flyd.full.discard(name)
            self._check(attempt, steps)

    @precondition(lambda self: self.unfinished is not None)
    @rule()
    def resumes(self) -> None:
        """A new process finishes what was stopped."""
        TALLY.rules["resume"] += 1
        self.scene.world.passes(_LONGEST_LEASE_SECONDS)
        target, self.unfinished = self.unfinished, None
        assert target is not None
        attempt, platform = self._begin(to_version=target.version)
        if attempt:
            self._check(attempt, self._restored(platform, attempt))

    @invariant()
    def no_release_command_is_ever_ours(self) -> None:
        assert self.scene.world.deeds(by=OURS, action="release-command") == []

    @invariant()
    def only_machines_on_full_hosts_are_replaced(self) -> None:
        created = self.scene.world.deeds(by=OURS, action="create")
        destroyed = {deed.machine for deed in self.scene.world.deeds(by=OURS, action="destroy")}
        assert destroyed <= self.filled
        assert len(destroyed) <= len(created) <= len(self.filled)

    # How it is done.

    def _image(self, kind: str) -> FlyImage | None:
        self.count += 1
        version = f"2.{self.count}"
        makers: dict[str, Callable[[str], FlyImage]] = {
            "broken": broken,
            "crashing": crashing,
            "unpullable": unpullable,
            "well": image,
        }
        return makers[kind](version) if kind in makers else None

    def _deploy(self, kind: str, strategy: str) -> None:
        made = self._image(kind)
        changes = {} if made else {"env": {"CHANGED": str(self.count)}}
        self.scene.world.deploy(made, strategy=strategy, changes=changes, wait_seconds=60.0)

    def _restart(self, machine: str) -> None:
        self.scene.transport = None
        step = self.scene.platform().restart(machine, self.scene.write)
        assert step.detail
        assert step.duration_seconds < 80.0

    def _settle(self) -> None:
        """Let every deploy end, and its leases with it."""
        for _ in range(120):
            self.scene.world.passes(5.0)
            if all(release.status != "running" for release in self.scene.world.releases):
                break
        self.scene.world.passes(20.0)

    def _later(self, seconds: float, event: Any) -> None:
        self.scene.world.at(self.scene.world.now + seconds, event)

    def _lease(self, machine: str, seconds: float) -> None:
        if self.scene.world.app_state.leases.of(machine) is None:
            self.scene.world.lease(machine, ttl=seconds)

    def _begin(
        self, transport: FailingTransport | None = None, **remembered: Any
    ) -> tuple[Attempt | None, FlyPlatform]:
        """Open a platform and name the target; None where there is none."""
        self.scene.transport = transport
        platform = self.scene.platform(**{"by_hand": True, **remembered})
        try:
            target = platform.previous_release()
        except PlatformError:
            TALLY.endings["no target"] += 1
            return None, platform
        newest = self.scene.world.releases[-1]
        assert target is not None
        since = self.scene.world.now
        return Attempt(since, target, f"v{newest.version}", newest.image.digest), platform

    def _restored(self, platform: FlyPlatform, attempt: Attempt) -> tuple[RollbackStep, ...]:
        return platform.restore(attempt.target, None, self.scene.write)

    # What must hold.

    def _check(
        self,
        attempt: Attempt,
        steps: tuple[RollbackStep, ...],
        strangers: tuple[FlyImage, ...] = (),
    ) -> None:
        assert steps
        assert all(step.name and step.detail for step in steps)
        is_restored = all(step.succeeded for step in steps)
        TALLY.endings[_ending(steps)] += 1
        if is_restored:
            self.unfinished = None
            self.is_deployed = False
            self._check_restored(attempt, steps, strangers)
        else:
            assert not steps[-1].succeeded
            self.unfinished = attempt.target
        self._check_traces(attempt, steps)

    def _check_restored(
        self,
        attempt: Attempt,
        steps: tuple[RollbackStep, ...],
        strangers: tuple[FlyImage, ...],
    ) -> None:
        """No machine that serves is left on the bad image."""
        if attempt.judged_digest == attempt.target.digest:
            return
        left = " ".join(step.detail for step in steps)
        theirs = {stranger.digest for stranger in strangers}
        surveyed = self._surveyed(attempt)
        foreign = self._foreign(attempt, "update", "create")
        touched = {deed.machine for deed in foreign if deed.at > surveyed}
        for machine in self.scene.world.machines:
            if machine.is_cordoned or not machine.is_host_ok:
                continue
            if machine.image.digest in theirs or machine.id in touched:
                continue
            assert machine.image.digest != attempt.judged_digest, (machine.id, left)
            if "the failed release did not configure it" not in left:
                expected = {attempt.target.digest, *self._kept_digests(machine.id)}
                assert machine.image.digest in expected, (machine.id, left)

    def _check_traces(self, attempt: Attempt, steps: tuple[RollbackStep, ...]) -> None:
        """Nothing of ours stays, and nothing is changed once somebody else took over."""
        del steps
        ours = self._ours(attempt)
        released = [
            deed.at
            for deed in self.scene.world.deeds(action="release", since=attempt.since)
            if deed.by != OURS
        ]
        if released:
            late = [d for d in ours if d.action == "update" and d.at > released[0]]
            assert len(late) <= _LONGEST_BATCH
            for deed in late:
                assert (
                    self._leased(deed) <= released[0] <= deed.at <= released[0] + _A_BATCH_SECONDS
                )
        for theirs in self._foreign(attempt, "update"):
            if theirs.at <= self._surveyed(attempt):
                continue
            again = [d for d in ours if d.machine == theirs.machine and d.at > theirs.at]
            assert [deed for deed in again if deed.action == "update"] == [], theirs
        ended = self.scene.world.now
        self.scene.world.passes(_LONGEST_LEASE_SECONDS)
        owners = [lease.owner for lease in self.scene.world.leases()]
        assert not [owner for owner in owners if owner.startswith(OURS)]
        assert [deed for deed in self._ours(attempt) if deed.at > ended] == []

    def _surveyed(self, attempt: Attempt) -> float:
        """Return when the machines were listed for the rollback: what was before is replaced."""
        listed = [asked.at for asked in self.scene.world.requests if asked.action == "list"]
        return max((at for at in listed if at >= attempt.since), default=attempt.since)

    def _leased(self, deed: Deed) -> float:
        """Return when the lease was asked for under which a machine was updated."""
        lines = zip(self.scene.journal, self.scene.journal_at, strict=True)
        asked = f"lease machine {deed.machine} "
        return max(at for line, at in lines if line.startswith(asked) and at <= deed.at)

    def _kept_digests(self, machine: str) -> set[str]:
        """Return what a machine ran by the restore copy, or those whose place it may take."""
        copy = self.scene.copy
        kept = copy.machine(machine) if copy else None
        raws = [kept] if kept else copy.machines if copy else ()
        return {read_machine(raw).digest for raw in raws}

    def _ours(self, attempt: Attempt) -> list[Deed]:
        made = self.scene.world.deeds(by=OURS, since=attempt.since)
        return [deed for deed in made if deed.action in _CHANGES]

    def _foreign(self, attempt: Attempt, *actions: str) -> list[Deed]:
        made = self.scene.world.deeds(since=attempt.since)
        return [deed for deed in made if deed.by != OURS and deed.action in actions]


def _ending(steps: tuple[RollbackStep, ...]) -> str:
    last = steps[-1]
    if last.succeeded:
        return "restored"
    for words in ("took over", "run was stopped", "cannot be leased", "was not restored"):
        if words in last.detail:
            return words
    return "no known configuration" if "no known" in last.detail else "gave up"
