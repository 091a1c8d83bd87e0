"""Inputs, service matrix and run identity to one request: what `verify` is to do."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slo_action.config.inputs import (
    INPUTS,
    CheckRunMode,
    Inputs,
    PlatformName,
    Redirects,
    read_inputs,
)
from slo_action.config.probes import asked_as, assertions, endpoints, overrides_of
from slo_action.config.secret_filler import SecretFiller, missing_secret, secrets_in
from slo_action.config.settings.fly import FlySettings, token_parts
from slo_action.config.settings.prometheus import PrometheusSettings
from slo_action.config.text.suggest import did_you_mean
from slo_action.config.text.url import (
    ServiceUrl,
    credentials_in,
    is_named,
    parse_url,
    without_credentials,
)
from slo_action.core.decision.decide import RollbackMode
from slo_action.core.gate.gate import without_long_gaps
from slo_action.core.journey.templates import secrets_of
from slo_action.core.model import Mode, Probe, RunIdentity, VersionRule, Witness
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.observation.real_traffic import TrafficPolicy
from slo_action.core.observation.streams import stream_name
from slo_action.core.policy.numbers import policy_with
from slo_action.core.policy.policy import Policy, gate_beside_window
from slo_action.core.release.baseline import Prepared
from slo_action.core.request_options import DEFAULT_OPTIONS, RequestOptions
from slo_action.core.text.quantities import instant_text
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Secret
from slo_action.errors import InputError, Mistake
from slo_action.on_demand import on_demand

if TYPE_CHECKING:
    from slo_action.config.slo.load import LoadedSloYml
    from slo_action.core.slo.services import Service

DEFAULT_CONFIG = Path(".github/slo.yml")
USUAL_CONFIGS = (DEFAULT_CONFIG, DEFAULT_CONFIG.with_suffix(".yaml"))
CONTROL_OFF = "off"
_FUTURE_ALLOWED = timedelta(seconds=60)
_OF_ONE_MODE = {"fly-config", "to-version"}
"""Refused in other modes; the rest of such inputs is only left unread there."""


class RollbackCommands(NamedTuple):
    """The user's own commands as arguments, empty where not given; with `shell`, one text each."""

    timeout_seconds: float
    rollback: tuple[str, ...] = ()
    previous_version: tuple[str, ...] = ()
    shell: bool = False

    @property
    def takes_version(self) -> bool:
        """Whether the rollback command is given the version to go back to."""
        mark = "SLO_PREVIOUS_VERSION" if self.shell else "{previous-version}"
        return any(mark in part for part in self.rollback)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """One run of any mode. The gate asks `probes`; the window asks `endpoints`, too.

    `control` is None where nothing can rule out the runner's network; `metrics` where real traffic
    is not counted; `fly` on other platforms. `to_version` is empty where the run chooses.
    `history` is a directory below the workspace; empty where no verdicts are kept. `prepared` is
    what a `prepare` run handed over; None without one. `expected_digest` is the image that every
    machine must run, where that was given as the version; empty where the list of releases says.
    """

    service: str
    url: str
    probes: tuple[Probe, ...]
    endpoints: tuple[Probe, ...]
    control: Probe | None
    policy: Policy
    platform: PlatformName
    commands: RollbackCommands
    deployment_id: str
    deployed_at: datetime
    approver: str
    run: RunIdentity
    token: Secret
    check_run: CheckRunMode
    artifact_name: str
    matrix: tuple[str, ...]
    retention_days: int | None
    secrets: tuple[Secret, ...]
    allow_link_local: bool = False
    metrics: PrometheusSettings | None = None
    mode: Mode = Mode.VERIFY
    fly: FlySettings | None = None
    to_version: str = ""
    baseline_seconds: float = 0.0
    require_way_back: bool = False
    history: str = ""
    prepared: Prepared | None = None
    expected_digest: str = ""
    journey_secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The platform's name of the service."""
        return self.fly.app if self.fly else self.service

    @property
    def asked(self) -> Mapping[str, RequestOptions]:
        """How each stream is asked, by its name; those that are asked as usual are left out."""
        probes = (*self.probes, *self.endpoints)
        return {stream_name(p): p.request for p in probes if p.request != DEFAULT_OPTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """What the request takes from where it runs. `control_url` is empty on a laptop.

    `fly_api_token` is what the environment holds, for those who name the platform themselves;
    `event_path` what started the workflow, None on a laptop.
    """

    run: RunIdentity
    workspace: Path
    now: datetime
    control_url: str = ""
    check_runs_possible: bool = True
    fly_api_token: str = ""
    event_path: Path | None = None


def matrix_of(config: str, workspace: Path) -> "LoadedSloYml | None":
    """Read slo.yml, where the input `config` names one or one is at its usual place."""
    usual = (str(one) for one in USUAL_CONFIGS if (workspace / one).is_file())
    named = config or next(usual, "")
    if not named:
        return None
    files = on_demand("workspace-files")(workspace)
    loaded: LoadedSloYml = on_demand("slo.yml")(files, named, "config")
    return loaded


def read_request(
    given: Mapping[str, str],
    environment: RunEnvironment,
    read_matrix: "Callable[[str, Path], LoadedSloYml | None]" = matrix_of,
) -> VerifyRequest:
    """Return what is to be done. Raises InputError with every mistake at once.

    `read_matrix` is given where the matrix was read before.
    """
    inputs, found = read_inputs(given)
    inputs = _with_token(inputs, environment)
    before_matrix = inputs
    loaded = read_matrix(inputs.config, environment.workspace)
    inputs, service, wrong = _with_matrix(inputs, loaded)
    mistakes = [
        *found,
        *wrong,
        *_contradictions(inputs, environment),
        *_left_out(inputs, found, wrong),
    ]
    filler = SecretFiller(
        inputs, lambda: on_demand("workspace-files")(environment.workspace, kind="PEM")
    )
    inputs = filler.inputs(inputs, service)
    service = filler.service(service) if service else None
    lacking = (*filler.mistakes, *_lacking_secrets(inputs, service))
    if all(mistake.field != "secrets" for mistake in found):
        mistakes += lacking
    target = _target(inputs, mistakes)
    if loaded and service and inputs.url and target is None and not before_matrix.url:
        origin = loaded.origins[service.name]
        place = origin.document.below(*origin.roots).place(("url",))
        mistakes[-1] = mistakes[-1].at(origin.document.path, place.line, place.column)
    control = _control(inputs, environment, mistakes)
    metrics = _metrics(inputs, mistakes)
    commands = RollbackCommands(
        rollback=_argv("rollback-command", inputs.rollback_command, inputs, mistakes),
        previous_version=_argv(
            "previous-version-command", inputs.previous_version_command, inputs, mistakes
        ),
        shell=inputs.command_shell,
        timeout_seconds=inputs.rollback_timeout.total_seconds(),
    )
    if inputs.to_version and commands.rollback and not commands.takes_version:
        accepted = "write {previous-version} in rollback-command"
        mistakes.append(Mistake("to-version", "is not given to rollback-command", accepted))
    if mistakes or target is None:
        raise InputError(tuple(mistakes))
    run = environment.run
    digest = _expected_digest(inputs)
    policy = _policy(inputs, digest, before_matrix, service)
    probes = _probes(inputs, target, policy.rule, service)
    local = f"local-{instant_text(environment.now)}"
    return VerifyRequest(
        service=inputs.service,
        url=target.base,
        probes=probes,
        endpoints=endpoints(inputs, probes[0], service, target.base),
        control=control,
        metrics=metrics,
        policy=policy,
        platform=_platform(inputs),
        commands=commands,
        mode=inputs.mode,
        fly=_fly(inputs),
        to_version=inputs.to_version,
        baseline_seconds=inputs.baseline.total_seconds(),
        require_way_back=inputs.require_way_back,
        history=inputs.history,
        expected_digest=digest,
        deployment_id=inputs.deployment_id or (f"run_{run.run_id}" if run.run_id else local),
        deployed_at=inputs.deployed_at or environment.now,
        approver=inputs.approver or run.actor or "unknown",
        run=run,
        token=inputs.token,
        check_run=inputs.check_run if environment.check_runs_possible else CheckRunMode.OFF,
        artifact_name=inputs.artifact_name,
        matrix=inputs.matrix,
        retention_days=inputs.retention_days,
        secrets=(
            inputs.token,
            *target.secrets,
            *token_parts(inputs.fly_api_token),
            *inputs.secrets.values(),
            *secrets_in(inputs, service),
            inputs.prometheus_token,
            *map(Secret, credentials_in(inputs.prometheus_url)),
        ),
        journey_secrets=inputs.secrets,
        allow_link_local=inputs.allow_link_local,
    )


def _policy(
    inputs: Inputs, digest: str, before_matrix: Inputs, service: "Service | None"
) -> Policy:
    """Return what decides the run: the inputs that are set, then slo.yml, then the defaults."""
    base = Policy(
        window=WindowPolicy(traffic=TrafficPolicy(on_no_data=inputs.on_no_data)),
        rule=VersionRule(expected=None if digest else inputs.expected_version or None),
        rollback=inputs.rollback,
        fail_on=inputs.fail_on,
    )
    policy = policy_with(overrides_of(inputs), base)
    if inputs.mode is Mode.ROLLBACK:
        policy = replace(policy, gate=without_long_gaps(policy.gate))
    if service:
        overrides = overrides_of(before_matrix, read_inputs({})[0]).over(service.policy)
        try:
            policy = policy_with(overrides, policy)
        except ValueError as error:
            raise InputError((Mistake("policy", "does not fit", str(error)),)) from error
    return replace(policy, gate=gate_beside_window(policy.gate, policy.window))


def _argv(field: str, text: str, inputs: Inputs, mistakes: list[Mistake]) -> tuple[str, ...]:
    """Return the command's arguments; a shell gets the text as it is. Empty without a command."""
    if not text or inputs.command_shell:
        return (text,) if text else ()
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        accepted = f"{error}; quote it as for a shell, or set command-shell: true"
        mistakes.append(Mistake(field, "not one command", accepted, text))
        return ()


def _contradictions(inputs: Inputs, environment: RunEnvironment) -> Iterator[Mistake]:
    if inputs.deployed_at and inputs.deployed_at > environment.now + _FUTURE_ALLOWED:
        accepted, shown = "give the time the deploy ended", instant_text(inputs.deployed_at)
        yield Mistake("deployed-at", "lies in the future", accepted, shown)
    if inputs.platform is PlatformName.COMMAND and not inputs.rollback_command:
        yield _missing("rollback-command", "`platform: command` needs one")
    if inputs.previous_version_command and not inputs.rollback_command:
        yield _missing("rollback-command", "previous-version-command has no effect without one")
    yield from _platform_contradictions(inputs)
    yield from _metric_contradictions(inputs)
    if inputs.health_path in inputs.api_paths:
        accepted = "leave it out: it is watched already"
        yield Mistake("api-paths", "names the health path", accepted, inputs.health_path)
    wanted = inputs.check_run is CheckRunMode.ON and environment.check_runs_possible
    if wanted and not inputs.token:
        yield _missing("token", "pass token: ${{ github.token }}, or leave check-run at auto")


def _platform_contradictions(inputs: Inputs) -> Iterator[Mistake]:
    platform = _platform(inputs)
    if platform is PlatformName.FLY and not inputs.fly_api_token:
        accepted = "`platform: fly` needs an app deploy token: fly tokens create deploy -a APP"
        yield _missing("fly-api-token", accepted)
    if platform is PlatformName.FLY and not inputs.app and inputs.service:
        _, unfit = read_inputs({"app": inputs.service})  # a service may be called anything
        problem = "is not a valid app name"
        yield from (replace(mistake, problem=problem) for mistake in unfit)
    if inputs.rollback_command and inputs.platform is PlatformName.FLY:
        yield _useless("rollback-command", "is for `platform: command`")
    if inputs.mode is Mode.ROLLBACK and platform is PlatformName.NONE:
        accepted = "`mode: rollback` needs `platform: fly` or a rollback-command"
        yield _missing("platform", accepted)
    if inputs.mode is Mode.ROLLBACK and inputs.rollback is RollbackMode.OFF:
        yield _useless("rollback", "off leaves nothing to do in `mode: rollback`")
    yield from (
        _useless(spec.name, f"is for `mode: {spec.mode}`")
        for spec in INPUTS
        if spec.name in _OF_ONE_MODE and getattr(inputs, spec.key) and inputs.mode is not spec.mode
    )


def _useless(field: str, why: str) -> Mistake:
    return Mistake(field, why, "leave it out, or change the other")


def _metric_contradictions(inputs: Inputs) -> Iterator[Mistake]:
    queries = ("prometheus-errors-query", "prometheus-requests-query")
    others = ("prometheus-token", "prometheus-headers", "prometheus-latency-selector")
    useless = (*others, *queries)
    given = [name for name in useless if getattr(inputs, name.replace("-", "_"))]
    missing = [name for name in queries if name not in given]
    if given and not inputs.prometheus_url:
        names = " and ".join(given)
        yield _missing("prometheus-url", f"without it, {names} would have no effect")
    elif len(missing) == 1:
        yield _missing(missing[0], "errors and requests are counted by a query each")


def _left_out(
    inputs: Inputs, found: tuple[Mistake, ...], wrong: tuple[Mistake, ...]
) -> Iterator[Mistake]:
    """What is missing; an address that a mistaken matrix may hold is not called missing, too."""
    if not inputs.service and all(mistake.field != "service" for mistake in found):
        yield _missing("service", "name the service, such as service: dashboard")
    if not inputs.url and not wrong:
        yield _missing("url", "give the base URL, or a `config` that has the service")


_Filled: TypeAlias = "tuple[Inputs, Service | None, tuple[Mistake, ...]]"


def _with_matrix(inputs: Inputs, loaded: "LoadedSloYml | None") -> _Filled:
    """Fill in from slo.yml what the inputs left open; return what is wrong with it, too."""
    if loaded is None:
        return inputs, None, ()
    if loaded.mistakes:
        return inputs, None, loaded.mistakes
    service = loaded.slo_yml.services.get(inputs.service)
    if service is None:
        problem = f"is not in {inputs.config or DEFAULT_CONFIG}"
        accepted = did_you_mean(inputs.service, loaded.slo_yml.services)
        wrong = Mistake("service", problem, accepted, inputs.service)
        return inputs, None, (wrong,) if inputs.service else ()
    return _filled(inputs, service), service, ()


def _filled(inputs: Inputs, service: "Service") -> Inputs:
    unset, _ = read_inputs({})
    health, build = service.endpoint("health"), service.endpoint("build")
    grace = service.grace
    is_default = inputs.health_path == unset.health_path
    is_named = inputs.platform is not PlatformName.AUTO or not service.platform
    return replace(
        inputs,
        url=inputs.url or service.url,
        health_path=health.path if health and is_default else inputs.health_path,
        version_path=inputs.version_path or (build.path if build else ""),
        grace=grace if grace is not None and inputs.grace == unset.grace else inputs.grace,
        platform=inputs.platform if is_named else PlatformName(service.platform),
        app=inputs.app or service.app,
    )


def _control(inputs: Inputs, environment: RunEnvironment, mistakes: list[Mistake]) -> Probe | None:
    """The control proves that we can reach anything at all; any HTTP answer will do."""
    url = inputs.control_url or environment.control_url
    if not url or url == CONTROL_OFF:
        return None
    target = _parsed("control-url", url, inputs, mistakes)
    if target is None:
        return None
    return Probe(
        witness=Witness.CONTROL,
        url=target.base,
        authorization=target.authorization.reveal() if target.authorization else None,
        slow_after_seconds=None,
        reads_health=False,
        request=inputs.request.of_connection,
    )


def _metrics(inputs: Inputs, mistakes: list[Mistake]) -> PrometheusSettings | None:
    target = _parsed("prometheus-url", inputs.prometheus_url, inputs, mistakes)
    if target is None:
        return None
    return PrometheusSettings(
        url=target,
        service=inputs.service,
        token=inputs.prometheus_token,
        service_label=inputs.prometheus_service_label,
        errors_query=inputs.prometheus_errors_query,
        requests_query=inputs.prometheus_requests_query,
        latency_selector=inputs.prometheus_latency_selector,
        headers=inputs.prometheus_headers,
    )


def _target(inputs: Inputs, mistakes: list[Mistake]) -> ServiceUrl | None:
    if is_named(inputs.url):
        accepted = "NAME=URL is for several services: write the address alone"
        mistakes.append(Mistake("url", "names a service", accepted))
        return None
    return _parsed("url", inputs.url, inputs, mistakes)


def _parsed(field: str, text: str, inputs: Inputs, mistakes: list[Mistake]) -> ServiceUrl | None:
    try:
        return parse_url(text, allow_link_local=inputs.allow_link_local) if text else None
    except ValueError as error:
        shown = without_credentials(text)
        mistakes.append(Mistake(field, "cannot be probed", str(error), shown))
        return None


def _probes(
    inputs: Inputs, target: ServiceUrl, rule: VersionRule, service: "Service | None"
) -> tuple[Probe, ...]:
    """The version endpoint identifies the release if there is one, else the health answer does."""
    shared = Probe(
        witness=Witness.HEALTH,
        url=target.base,
        authorization=target.authorization.reveal() if target.authorization else None,
        follows_same_host=inputs.follow_redirects is Redirects.SAME_HOST,
        assertions=assertions(service, "health"),
    )
    health = asked_as(shared, inputs.request, target.join(inputs.health_path))
    if not inputs.version_path:
        return (replace(health, version_rule=rule),)
    version = replace(
        shared,
        witness=Witness.VERSION,
        version_rule=rule,
        reads_health=False,
        assertions=assertions(service, "build"),
    )
    own = inputs.request.of_every_request
    return health, asked_as(version, own, target.join(inputs.version_path))


def _platform(inputs: Inputs) -> PlatformName:
    if inputs.platform is not PlatformName.AUTO:
        return inputs.platform
    if inputs.rollback_command:
        return PlatformName.COMMAND
    return PlatformName.FLY if inputs.fly_api_token else PlatformName.NONE


def _with_token(inputs: Inputs, environment: RunEnvironment) -> Inputs:
    """The environment's token is taken only where the platform is named: it may be another's."""
    if inputs.platform is not PlatformName.FLY or inputs.fly_api_token:
        return inputs
    return replace(inputs, fly_api_token=Secret(environment.fly_api_token.strip()))


def _expected_digest(inputs: Inputs) -> str:
    """Return the image digest that was expected, where the platform can compare it itself."""
    if _platform(inputs) is not PlatformName.FLY:
        return ""
    digest = inputs.expected_version.rpartition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else ""


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _fly(inputs: Inputs) -> FlySettings | None:
    if _platform(inputs) is not PlatformName.FLY:
        return None
    return FlySettings(app=inputs.app or inputs.service, token=inputs.fly_api_token)


def _missing(field: str, accepted: str) -> Mistake:
    return Mistake(field, "is missing", accepted)


def _lacking_secrets(inputs: Inputs, service: "Service | None") -> list[Mistake]:
    needed = {
        name: journey.name
        for journey in (service.journeys if service else ())
        for name in secrets_of(journey)
    }
    return [
        missing_secret(name, f"journey {quoted(journey)}")
        for name, journey in needed.items()
        if name not in inputs.secrets
    ]
