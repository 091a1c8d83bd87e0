"""The platform's machines as it knows them, and what that says of a deploy.

Everything a platform says is untrusted text; its judgements are one signal among others.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from slo_action.core.model import Hopeless, HopelessReason, Outcome, Release, Sample, Witness

_SHORT_NAME = 6
_DOWN_STATES = frozenset({"stopped", "failed", "launch_failed", "destroyed"})
_RESTING_STATES = frozenset({"stopped", "suspended", "created"})
_LEAVING_STATES = frozenset({"stopping", "suspending"})
_UNDER_WAY = frozenset({"running", "pending"})
_GAVE_UP = frozenset({"failed", "interrupted"})


class CheckStatus(StrEnum):
    """A platform's own check of a machine."""

    PASSING = "passing"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCheck:
    """One check that the platform makes; `output` is what the service answered it: untrusted."""

    name: str
    status: CheckStatus
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineExit:
    """The end of a machine's process. `exit_code` is None where the platform does not report it.

    `requested` is True where it was stopped on purpose: a deploy, a person, or autostop.
    """

    at: datetime
    exit_code: int | None = None
    oom_killed: bool = False
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine, and the request headers that reach it and no other.

    `instance` names its configuration and changes with every update. `release` is the platform's
    name of the deploy that configured it, such as `v42`; it may lag behind `digest`, the image
    that truly runs. Both are empty where they are not known. `checks_expected` counts the checks
    that it is configured with. `exits` are those since that configuration began, oldest first;
    `restart_limit` is None where there is none.
    """

    name: str
    region: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    group: str = ""
    state: str = "started"
    instance: str = ""
    release: str = ""
    image: str = ""
    digest: str = ""
    is_serving: bool = True
    is_cordoned: bool = False
    is_standby: bool = False
    is_autostarted: bool = False
    is_host_ok: bool = True
    checks: tuple[PlatformCheck, ...] = ()
    checks_expected: int = 0
    exits: tuple[MachineExit, ...] = ()
    restarts: int = 0
    restart_limit: int | None = None

    @property
    def counts(self) -> bool:
        """True where users may be served by it: not cordoned, no standby, no helper."""
        return self.is_serving and not self.is_cordoned and not self.is_standby

    @property
    def is_asked(self) -> bool:
        """True where a probe must find it well; one that rests would be woken by a probe."""
        return self.counts and self.state == "started" and self.is_host_ok

    @property
    def is_resting(self) -> bool:
        """True where it was stopped on purpose, or never started: that is not down.

        The last exit decides: a machine that crashed once and was stopped by autostop later rests.
        """
        return self.state in _RESTING_STATES and (not self.exits or self.exits[-1].requested)

    @property
    def is_pending(self) -> bool:
        """True where it should serve and does not run: it is on its way, or will never come.

        Configured with an image is not running it: while a machine is replaced, its old process may
        still answer. It is unknown where the host is unreachable. What a platform stops, and starts
        again on a request, is as it should be.
        """
        idle = self.state == "started" or self.is_resting or self.state in _LEAVING_STATES
        returns = self.state == "starting" and self.exits[-1:] and self.exits[-1].requested
        return self.counts and self.is_host_ok and not (idle or returns)

    @property
    def crashes(self) -> tuple[MachineExit, ...]:
        """The exits that were not requested."""
        return tuple(found for found in self.exits if not found.requested)

    @property
    def is_critical(self) -> bool:
        """True where a check of the platform fails: the proxy does not route to it."""
        return any(check.status is CheckStatus.CRITICAL for check in self.checks)

    @property
    def checks_passing(self) -> int:
        """How many checks of the platform pass."""
        return sum(1 for check in self.checks if check.status is CheckStatus.PASSING)

    @property
    def is_vouched(self) -> bool:
        """True where no check of the platform speaks against it: all pass, or there are none."""
        return self.checks_passing >= max(self.checks_expected, len(self.checks))

    @property
    def is_down(self) -> bool:
        """True where the platform will not start it again by itself."""
        over = self.restart_limit is not None and self.restarts >= self.restart_limit > 0
        ended = self.exits[-1:] and not self.exits[-1].requested
        return bool(self.crashes) and (over or (self.state in _DOWN_STATES and bool(ended)))

    @property
    def is_lost(self) -> bool:
        """True where it has stopped without being asked to, or was never started well."""
        return self.is_pending and self.state in _DOWN_STATES

    @property
    def short(self) -> str:
        """How people call it beside others: region and the beginning of its name."""
        cut = self.name if len(self.name) <= _SHORT_NAME else f"{self.name[:_SHORT_NAME]}…"
        return f"{self.region} {cut}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All machines at one moment.

    `release` is what should be running: the newest in the platform's ledger, or what a rollback
    restored; None where the ledger is empty. `status` is its status there.
    """

    app: str
    taken_at: datetime
    release: Release | None = None
    status: str = ""
    machines: tuple[Machine, ...] = ()

    @property
    def counted(self) -> tuple[Machine, ...]:
        """The machines that may serve users."""
        return tuple(machine for machine in self.machines if machine.counts)

    @property
    def behind(self) -> tuple[Machine, ...]:
        """The machines that run another image than the release's, and that can be reached."""
        reached = (machine for machine in self.counted if machine.is_host_ok)
        return tuple(machine for machine in reached if self.runs(machine) is False)

    @property
    def pending(self) -> tuple[Machine, ...]:
        """The machines that should serve and do not run."""
        return tuple(machine for machine in self.counted if machine.is_pending)

    @property
    def unreachable(self) -> tuple[Machine, ...]:
        """The machines whose hosts do not answer the platform: they cannot be changed now."""
        return tuple(machine for machine in self.counted if not machine.is_host_ok)

    def runs(self, machine: Machine) -> bool | None:
        """Return whether a machine runs the release; None where that is unknown.

        The image decides: what a machine says of its release may lag.
        """
        release = self.release
        if release is None:
            return None
        if release.digest and machine.digest:
            return release.digest == machine.digest
        return release.version == machine.release if machine.release else None

    def named(self, name: str) -> Machine | None:
        """Return a machine by name; None where there is none."""
        return next((machine for machine in self.machines if machine.name == name), None)


def hopeless(fleet: Fleet) -> Hopeless | None:
    """Return why no machine of the release can become healthy; None while one may."""
    counted = fleet.counted
    if not counted:
        return None
    if all(not machine.is_host_ok for machine in counted):
        words = f"the hosts of all {len(counted)} machines are unreachable"
        return Hopeless(why=HopelessReason.UNREACHABLE, words=words)
    current = [machine for machine in counted if fleet.runs(machine) is not False]
    if not current:
        return _not_live(fleet)
    if all(machine.is_down for machine in current):
        found = ", ".join(f"{machine.short}: {exit_summary(machine)}" for machine in current[:3])
        more = f" and {len(current) - 3} more" if len(current) > 3 else ""  # noqa: PLR2004 - as above
        words = f"every machine of the release has exited ({found}{more})"
        return Hopeless(why=HopelessReason.EXITED, words=words)
    return None


def _not_live(fleet: Fleet) -> Hopeless | None:
    """A deploy that still runs may reach them yet; one that has ended did not."""
    if fleet.release is None or fleet.status not in {*_GAVE_UP, "complete", "succeeded"}:
        return None
    ended = f"{fleet.release.version} is {fleet.status}"
    words = f"{ended}, and no machine runs its image: {fleet_summary(fleet)}"
    return Hopeless(why=HopelessReason.NOT_LIVE, words=words)


def exit_summary(machine: Machine) -> str:
    """Return how a machine's process ended last, and how often it was started again."""
    if not machine.exits:
        return machine.state
    last = machine.exits[-1]
    code = "unknown exit code" if last.exit_code is None else f"exit code {last.exit_code}"
    killed = ", out of memory" if last.oom_killed else ""
    again = f", {machine.restarts} restarts" if machine.restarts else ""
    return f"{code}{killed}{again}"


def fleet_summary(fleet: Fleet) -> str:
    """Return which machines run what: `5/6 on v43, 1/6 (ams 9080e6…) on v42`."""
    counted = fleet.counted
    if not counted:
        return "no machine serves"
    groups: dict[str, list[Machine]] = {}
    for machine in counted:
        groups.setdefault(_release_of(fleet, machine), []).append(machine)
    wanted = fleet.release.version if fleet.release else ""
    ordered = sorted(groups.items(), key=lambda g: (-len(g[1]), g[0] != wanted, g[0]))
    most = ordered[0][0]
    found = []
    for release, machines in ordered:
        few = f" ({', '.join(machine.short for machine in machines)})" if release != most else ""
        found.append(f"{len(machines)}/{len(counted)}{few} on {release}")
    return ", ".join(found)


def _release_of(fleet: Fleet, machine: Machine) -> str:
    """Name what a machine runs: the release, its own name, or the beginning of its digest."""
    if fleet.runs(machine) and fleet.release:
        return fleet.release.version
    if fleet.release and machine.release == fleet.release.version and machine.digest:
        return f"image {short_digest(machine.digest)}"
    return machine.release or short_digest(machine.digest) or "an unknown image"


def short_digest(digest: str) -> str:
    """Return the beginning of a digest, without its algorithm; empty for an unknown one."""
    return digest.removeprefix("sha256:")[:12]


def state_counts(machines: Iterable[Machine]) -> str:
    """Return how many machines are in which state."""
    counts = Counter(machine.state for machine in machines)
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())


def crash_summary(fleet: Fleet) -> str:
    """Return which machines of the release crashed since it began; empty where none did."""
    crashed = [m for m in fleet.counted if m.crashes and fleet.runs(m) is not False]
    return ", ".join(f"{machine.short}: {exit_summary(machine)}" for machine in crashed)


def platform_samples(fleet: Fleet, url: str, took_seconds: float) -> tuple[Sample, ...]:
    """Return the platform status, as answers beside the others: who runs what, and who does not.

    A machine on another image means that the deploy has not reached it: another version answers.
    Each one that should serve and does not run has a sample of its own.
    """
    behind = fleet.behind
    sample = Sample(
        witness=Witness.PLATFORM,
        url=url,
        at=fleet.taken_at,
        outcome=Outcome.WRONG_VERSION if behind else Outcome.OK,
        detail=fleet_summary(fleet),
        total_seconds=took_seconds,
        version=_release_of(fleet, behind[0]) if behind else None,
    )
    return sample, *(_idle(fleet, machine, sample) for machine in fleet.pending)


def _idle(fleet: Fleet, machine: Machine, sample: Sample) -> Sample:
    """What is on its way is not live yet; what has ended, once the deploy has, has failed."""
    ended = f" ({exit_summary(machine)})" if machine.exits else ""
    failed = machine.state in _DOWN_STATES and fleet.status not in _UNDER_WAY
    return replace(
        sample,
        outcome=Outcome.UNHEALTHY_BODY if failed else Outcome.WRONG_VERSION,
        detail=f"does not run: the platform says {machine.state}{ended}",
        machine=machine.name,
        version=machine.state,
    )


def pending_summary(machines: Iterable[Machine]) -> str:
    """Return which machines do not run, and what the platform says of each."""
    return ", ".join(f"{machine.short} is {machine.state}" for machine in machines)
