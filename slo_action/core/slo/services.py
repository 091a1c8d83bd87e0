"""Services and what they promise: the nouns of slo.yml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from slo_action.core.journey.journeys import Assertion, Journey
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.request_options import DEFAULT_OPTIONS, RequestOptions
from slo_action.core.stats.latency import LatencyObjective

NAMED_ENDPOINTS = ("health", "build", "search", "stats")
"""Endpoints with keys of their own; a user's own stand in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path that is asked by itself.

    `name` is `health`, `build`, `search`, `stats`, or the user's own. `interval` and `timeout` are
    the routine monitor's; None where not set. `objective` is what its answers may take. `request`
    is what it says of itself, without what its service says.
    """

    name: str
    path: str
    witness: Witness
    interval: timedelta | None = None
    timeout: timedelta | None = None
    objective: LatencyObjective | None = None
    assertions: tuple[Assertion, ...] = ()
    request: RequestOptions = DEFAULT_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Objectives as ratios in [0, 1]; None where nothing is promised. `error_rate` is a most."""

    availability: Fraction | None = None
    error_rate: Fraction | None = None
    job_success_rate: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A time in which failures are expected.

    Either `start` and `end`, or a cron `schedule` in UTC and a `duration`. `services` is empty
    where it is for all.
    """

    name: str
    start: datetime | None = None
    end: datetime | None = None
    schedule: str = ""
    duration: timedelta | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who answers for services; `notify` are notification targets."""

    name: str
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of slo.yml, defaults filled in. Text is empty where not set.

    `schedule` is the cron text of a job. `fly_config` is its fly.toml, below the workspace.
    `policy` is what it changes of the judging numbers, its own targets included.
    """

    name: str
    url: str
    endpoints: tuple[Endpoint, ...]
    targets: Targets = Targets()
    grace: timedelta | None = None
    schedule: str = ""
    platform: str = ""
    app: str = ""
    fly_config: str = ""
    team: str = ""
    notify: tuple[str, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    journeys: tuple[Journey, ...] = ()
    request: RequestOptions = DEFAULT_OPTIONS
    policy: PolicyOverrides = field(default_factory=PolicyOverrides)

    @property
    def own_endpoints(self) -> tuple[Endpoint, ...]:
        """The user's own, in their order."""
        return tuple(one for one in self.endpoints if one.name not in NAMED_ENDPOINTS)

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint of a name; None where the service has none."""
        return next((one for one in self.endpoints if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SloYml:
    """All of it. `policy` holds for services that the file does not name, too."""

    services: Mapping[str, Service] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    policy: PolicyOverrides = field(default_factory=PolicyOverrides)

    def policy_for(self, service: str) -> PolicyOverrides:
        """Return what holds for a service, named in the file or not."""
        found = self.services.get(service)
        return found.policy if found else self.policy
