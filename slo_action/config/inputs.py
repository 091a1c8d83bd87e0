"""The action's inputs: one table, read once, every mistake reported together.

Plain functions instead of pydantic: they run before the first probe, and importing pydantic alone
takes longer than everything else that happens before it (ADR 0002).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from pathlib import PurePosixPath

from slo_action.config.settings.fly import EngineName, app_name
from slo_action.config.text.suggest import did_you_mean
from slo_action.config.text.units import parse_confidence, parse_duration, parse_flag, parse_instant
from slo_action.core.decision.decide import FailOn, RollbackMode
from slo_action.core.model import Mode
from slo_action.core.observation.real_traffic import OnNoData
from slo_action.core.text.secrets import SHORTEST_SECRET, Secret
from slo_action.core.verdict.facts import OnLateStart
from slo_action.errors import Mistake

PREFIX = "INPUT_"
_RUNNER_KEYS = frozenset({"entrypoint", "args"})


class PlatformName(StrEnum):
    """Where the service runs, as far as a rollback is concerned."""

    AUTO = "auto"
    FLY = "fly"
    COMMAND = "command"
    NONE = "none"


class Redirects(StrEnum):
    """What a 3xx means: a failed attempt, or a hop within the same host."""

    OFF = "off"
    SAME_HOST = "same-host"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input: its default as action.yml writes it, what it means, and how it is read.

    `parse` raises ValueError with the accepted forms. Secret values are never shown.
    """

    name: str
    default: str
    meaning: str
    parse: Callable[[str], object]
    secret: bool = False

    @property
    def key(self) -> str:
        """The attribute of `Inputs` that holds the value."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All inputs, typed. Empty text and None mean that the user left it out."""

    service: str
    url: str
    mode: Mode
    config: str
    health_path: str
    version_path: str
    expected_version: str
    deployment_id: str
    deployed_at: datetime | None
    approver: str
    health_deadline: timedelta
    grace: timedelta
    on_late_start: OnLateStart
    observe: timedelta
    confidence: Fraction
    api_paths: tuple[str, ...]
    secrets: Mapping[str, Secret]
    prometheus_url: str
    prometheus_token: Secret
    prometheus_service_label: str
    prometheus_errors_query: str
    prometheus_requests_query: str
    prometheus_latency_selector: str
    on_no_data: OnNoData
    follow_redirects: Redirects
    allow_link_local: bool
    control_url: str
    platform: PlatformName
    app: str
    fly_api_token: Secret
    fly_config: str
    visit: bool
    fix: bool
    sarif_file: str
    records: str
    rollback: RollbackMode
    rollback_engine: EngineName
    to_version: str
    rollback_command: str
    previous_version_command: str
    command_shell: bool
    rollback_timeout: timedelta
    baseline: timedelta
    require_way_back: bool
    history: str
    fail_on: FailOn
    token: Secret
    check_run: bool
    artifact_name: str
    matrix: tuple[str, ...]
    retention_days: int | None


def _text(value: str) -> str:
    if any(ord(character) < ord(" ") for character in value):
        raise ValueError("write one line of text")
    return value.strip()


def _name(value: str) -> str:
    name = _text(value)
    if name.startswith("-"):
        raise ValueError("write a name that does not begin with a dash: commands may be given it")
    return name


def _path(value: str) -> str:
    path = _text(value)
    if path and (not path.startswith("/") or path.startswith("//") or " " in path):
        raise ValueError("write a path that starts with one slash, such as /healthz")
    return path


def _one_of(values: type[StrEnum]) -> Callable[[str], StrEnum]:
    def parse(value: str) -> StrEnum:
        try:
            return values(value.strip())
        except ValueError:
            raise ValueError(did_you_mean(value.strip(), [str(v) for v in values])) from None

    return parse


def _positive(value: str) -> timedelta:
    duration = parse_duration(value)
    if not duration:
        raise ValueError("write a duration above zero, such as 90s")
    return duration


def _instant(value: str) -> datetime | None:
    return parse_instant(value) if value.strip() else None


def _matrix_values(value: str) -> tuple[str, ...]:
    """Return the scalar values of a JSON object, in order; nothing for anything else."""
    try:
        matrix = json.loads(value or "null")
    except (ValueError, RecursionError):
        raise ValueError("leave it out: the action fills it in") from None
    found = matrix.values() if isinstance(matrix, dict) else ()
    return tuple(str(item) for item in found if isinstance(item, str | int | float))


def _days(value: str) -> int | None:
    if not value.strip():
        return None
    days = int(value) if _SHORT_NUMBER.fullmatch(value.strip()) else 0
    if not 1 <= days <= _MOST_DAYS:
        raise ValueError(f"write a whole number of days, 1 to {_MOST_DAYS}")
    return days


def _paths(value: str) -> tuple[str, ...]:
    """One path a line; `_path` says what is wrong with one."""
    paths = tuple(_path(line) for line in value.splitlines() if line.strip())
    if len(paths) > _MOST_PATHS:
        raise ValueError(f"name at most {_MOST_PATHS} paths: each needs probes of its own")
    if len(set(paths)) < len(paths):
        raise ValueError("name each path once")
    return paths


def _secrets(value: str) -> dict[str, Secret]:
    """One NAME=value a line; messages never show a value."""
    found: dict[str, Secret] = {}
    for line in filter(str.strip, value.splitlines()):
        name, equals, secret = line.partition("=")
        if not (equals and _SECRET_NAME.fullmatch(name.strip())):
            raise ValueError("write one NAME=value a line; names of letters, digits, underscores")
        if not secret.strip():
            raise ValueError(f"{name.strip()} is empty: is the secret set in this repository?")
        if len(secret.strip()) < SHORTEST_SECRET:
            raise ValueError(
                f"{name.strip()} is shorter than {SHORTEST_SECRET} characters, so no log can hide "
                "it: use a longer one"
            )
        if name.strip() in found:
            raise ValueError(f"name each secret once: {name.strip()} is there twice")
        found[name.strip()] = Secret(secret.strip())
    return found


_SECRET_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


def _watch(value: str) -> timedelta:
    length = parse_duration(value)
    if length and not _SHORTEST_WATCH <= length <= _LONGEST_WATCH:
        raise ValueError("write 0s, or a duration from 5s to 24h, such as 5m")
    return length


def _baseline(value: str) -> timedelta:
    length = parse_duration(value)
    if length and not _SHORTEST_WATCH <= length <= _LONGEST_BASELINE:
        raise ValueError("write 0s, or a duration from 5s to 10m, such as 30s")
    return length


def _app(value: str) -> str:
    """It becomes part of paths and queries."""
    app = _text(value)
    return app_name(app) if app else app


def _below(value: str) -> str:
    path = _text(value)
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("write a path below the workspace, such as out/check.sarif")
    return path


def _history(value: str) -> str:
    """Return the directory below the workspace; empty for none."""
    told = _text(value)
    if told == "none":
        return ""
    kind, _, place = told.partition(":")
    parts = PurePosixPath(place).parts
    if kind != "dir" or not parts or place.startswith("/") or ".." in parts:
        raise ValueError("write none, or dir: and a path below the workspace, such as dir:.slo")
    return place


_LONGEST_BASELINE = timedelta(minutes=10)
_MOST_PATHS = 10
_LONGEST_WATCH = timedelta(hours=24)
_SHORTEST_WATCH = timedelta(seconds=5)
_MOST_DAYS = 400
_SHORT_NUMBER = re.compile("[0-9]{1,4}")

INPUTS: tuple[InputSpec, ...] = (
    InputSpec(
        name="service",
        default="",
        meaning="Service name; with `config`, selects one; `all`, or names with commas between: several at once.",
        parse=_name,
    ),
    InputSpec(
        name="url",
        default="",
        meaning="Base URL of the service; may come from `config`. With several services: `NAME=URL`, a line each. Credentials in it are masked.",
        parse=str.strip,
        secret=True,
    ),
    InputSpec(
        name="mode",
        default="verify",
        meaning="`verify`: watch the deploy that just happened; `prepare`, right before it: certify the way back; `rollback`: go back now; `check`, on a pull request: hold fly.toml against what the platform does with it.",
        parse=_one_of(Mode),
    ),
    InputSpec(
        name="config",
        default="",
        meaning="Service matrix; `.github/slo.yml` is used where it exists.",
        parse=_text,
    ),
    InputSpec(name="health-path", default="/healthz", meaning="Health endpoint.", parse=_path),
    InputSpec(
        name="version-path",
        default="",
        meaning="Endpoint that tells the running version, such as `/__build`; empty: the health answer tells it.",
        parse=_path,
    ),
    InputSpec(
        name="expected-version",
        default="",
        meaning="Version, commit or image digest that must be what answers; empty: not judged.",
        parse=_text,
    ),
    InputSpec(
        name="deployment-id",
        default="",
        meaning="Goes into the audit record; empty: `run_` and the run id.",
        parse=_text,
    ),
    InputSpec(
        name="deployed-at",
        default="",
        meaning="When the deploy ended, such as `2025-08-23T08:38:00Z`; starts the 90 s clock; empty: now.",
        parse=_instant,
    ),
    InputSpec(
        name="approver",
        default="",
        meaning="Goes into the audit record; empty: the triggering actor.",
        parse=_text,
    ),
    InputSpec(
        name="health-deadline",
        default="90s",
        meaning="By when 3 consecutive attempts must have succeeded, counted from the deploy.",
        parse=_positive,
    ),
    InputSpec(
        name="grace",
        default="30s",
        meaning="Failures this soon after the deploy do not count.",
        parse=parse_duration,
    ),
    InputSpec(
        name="on-late-start",
        default="warn",
        meaning="`warn` or `rollback`: what a service gets that became healthy after the deadline.",
        parse=_one_of(OnLateStart),
    ),
    InputSpec(
        name="observe",
        default="5m",
        meaning="How long it watches after the health gate, counted from the deploy; `0s`: the gate alone decides.",
        parse=_watch,
    ),
    InputSpec(
        name="confidence",
        default="99%",
        meaning="How sure it must be of an error-rate breach before the plain rule (5 % of the planned probes) is; `0%`: the plain rule alone.",
        parse=parse_confidence,
    ),
    InputSpec(
        name="api-paths",
        default="",
        meaning="API endpoints to watch beside the health endpoint, one path a line, such as /api/orders.",
        parse=_paths,
    ),
    InputSpec(
        name="secrets",
        default="",
        meaning="Secrets that journeys of `config` use as `${secrets.NAME}`, one NAME=value a line, of at least 4 characters each; masked.",
        parse=_secrets,
        secret=True,
    ),
    InputSpec(
        name="prometheus-url",
        default="",
        meaning="Base address of a Prometheus-compatible query API, with its path prefix, without `/api/v1`; empty: no real traffic is read.",
        parse=str.strip,
        secret=True,
    ),
    InputSpec(
        name="prometheus-token",
        default="",
        meaning="Read token of the query API, sent as `Bearer`, or as `FlyV1` where it is Fly's.",
        parse=Secret,
        secret=True,
    ),
    InputSpec(
        name="prometheus-service-label",
        default="auto",
        meaning="Which label is the service: `auto` tries `service`, `app`, `job`; `job` or `job=shop-prod` name one; `none` counts every series.",
        parse=_text,
    ),
    InputSpec(
        name="prometheus-errors-query",
        default="",
        meaning="Your own count of errors, with `[{window}]` as its range; needs prometheus-requests-query.",
        parse=_text,
    ),
    InputSpec(
        name="prometheus-requests-query",
        default="",
        meaning="Your own count of all requests, with `[{window}]` as its range; needs prometheus-errors-query.",
        parse=_text,
    ),
    InputSpec(
        name="prometheus-latency-selector",
        default="",
        meaning="Selector of a latency histogram's buckets, for percentiles beside your own queries.",
        parse=_text,
    ),
    InputSpec(
        name="on-no-data",
        default="synthetic",
        meaning="What a metric source without data means: `synthetic` (judge by our own probes, and say so), `inconclusive`, `fail` or `pass`.",
        parse=_one_of(OnNoData),
    ),
    InputSpec(
        name="follow-redirects",
        default="off",
        meaning="`off`: a 3xx is a failed attempt; `same-host`: followed within the host.",
        parse=_one_of(Redirects),
    ),
    InputSpec(
        name="allow-link-local",
        default="false",
        meaning="Allow link-local and cloud metadata addresses.",
        parse=parse_flag,
    ),
    InputSpec(
        name="control-url",
        default="",
        meaning="What must answer while the service does not, to rule out the runner's own network; empty: GitHub's API; `off`: none.",
        parse=str.strip,
        secret=True,
    ),
    InputSpec(
        name="platform",
        default="auto",
        meaning="`auto`: `command` where a rollback command is given, `fly` where fly-api-token is, else `none`.",
        parse=_one_of(PlatformName),
    ),
    InputSpec(
        name="app",
        default="",
        meaning="The platform's name of the service; empty: as `service`.",
        parse=_app,
    ),
    InputSpec(
        name="fly-api-token",
        default="",
        meaning="App deploy token of Fly.io; with `platform: fly`, empty: `$FLY_API_TOKEN`.",
        parse=Secret,
        secret=True,
    ),
    InputSpec(
        name="fly-config",
        default="",
        meaning="With `mode: check`: the app's configuration; empty: those that `config` names, and `fly.toml` of the workspace.",
        parse=_text,
    ),
    InputSpec(
        name="visit",
        default="true",
        meaning="With `mode: check`: also send a few plain GETs to the services of `config`; never on a pull request from a fork, or where the event cannot be read.",
        parse=parse_flag,
    ),
    InputSpec(
        name="fix",
        default="false",
        meaning="With `mode: check`: mend in fly.toml what can be mended without a guess.",
        parse=parse_flag,
    ),
    InputSpec(
        name="sarif-file",
        default="",
        meaning="With `mode: check`: write the findings there as SARIF, below the workspace, for code scanning.",
        parse=_below,
    ),
    InputSpec(
        name="records",
        default="",
        meaning="With `mode: check`: directory of earlier runs' audit records below the workspace, to hold changes of `config` against; it has to be there, and may be empty.",
        parse=_below,
    ),
    InputSpec(
        name="rollback",
        default="auto",
        meaning="`auto`, `dry-run` (decide, do not act) or `off`.",
        parse=_one_of(RollbackMode),
    ),
    InputSpec(
        name="rollback-engine",
        default="machines",
        meaning="On Fly.io: `machines` restores each machine's former configuration by the API; `flyctl` deploys the former release, by a flyctl on the PATH or in `bin/` of the workspace.",
        parse=_one_of(EngineName),
    ),
    InputSpec(
        name="to-version",
        default="",
        meaning="With `mode: rollback`: the release to go back to, such as `v41` or an image digest; empty: the last verified one.",
        parse=_text,
    ),
    InputSpec(
        name="rollback-command",
        default="",
        meaning="Restores the previous version; `{previous-version}`, `{failed-version}` and `{service}` are filled in. Split as a shell splits words, run without one.",
        parse=str.strip,
    ),
    InputSpec(
        name="previous-version-command",
        default="",
        meaning="Prints the version to return to, on one line.",
        parse=str.strip,
    ),
    InputSpec(
        name="command-shell",
        default="false",
        meaning="Run both commands with `sh -c`; values then arrive as `$SLO_PREVIOUS_VERSION`, `$SLO_FAILED_VERSION`, `$SLO_SERVICE`.",
        parse=parse_flag,
    ),
    InputSpec(
        name="rollback-timeout",
        default="5m",
        meaning="Time box of the rollback command; on Fly.io no further machines are begun after it.",
        parse=_positive,
    ),
    InputSpec(
        name="baseline",
        default="30s",
        meaning="With `mode: prepare`: how long it watches what runs now, for errors and response times to compare with; `0s`: not at all.",
        parse=_baseline,
    ),
    InputSpec(
        name="require-way-back",
        default="false",
        meaning="With `mode: prepare`: fail the step where there is no safe way back, so that nothing is deployed.",
        parse=parse_flag,
    ),
    InputSpec(
        name="history",
        default="none",
        meaning="Where verdicts are kept for later runs: `dir:PATH` below the workspace, or `none`.",
        parse=_history,
    ),
    InputSpec(
        name="fail-on",
        default="inconclusive",
        meaning="`inconclusive`: unhealthy and inconclusive fail the step; `unhealthy`: only unhealthy does.",
        parse=_one_of(FailOn),
    ),
    InputSpec(
        name="token",
        default="${{ github.token }}",
        meaning="GitHub token, for the check run.",
        parse=Secret,
        secret=True,
    ),
    InputSpec(
        name="check-run",
        default="true",
        meaning="Also create a check run, where the token may (`permissions: checks: write`).",
        parse=parse_flag,
    ),
    InputSpec(
        name="artifact-name",
        default="",
        meaning="Name of the evidence artifact; empty: `slo-verify-{service}-{run_attempt}` (`several` for several services) with the job's and matrix's identity.",
        parse=_text,
    ),
    InputSpec(
        name="matrix",
        default="${{ toJSON(matrix) }}",
        meaning="The job's matrix values, for the artifact's default name; leave it as it is.",
        parse=_matrix_values,
    ),
    InputSpec(
        name="retention-days",
        default="",
        meaning="How long the artifact is kept; empty: the repository's default.",
        parse=_days,
    ),
)
_BY_NAME = {spec.name: spec for spec in INPUTS}


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs a runner passed, by name. Unset ones arrive as empty text."""
    return {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX).lower() not in _RUNNER_KEYS
    }


def read_inputs(given: Mapping[str, str]) -> tuple[Inputs, tuple[Mistake, ...]]:
    """Return the typed inputs and every mistake found; what cannot be read is left out."""
    mistakes = [_unknown(name) for name in given if name not in _BY_NAME]
    values: dict[str, object] = {}
    for spec in INPUTS:
        raw = given.get(spec.name, "")
        text = raw if raw.strip() else _default(spec)
        try:
            values[spec.key] = spec.parse(text)
        except ValueError as error:
            mistakes.append(_mistake(spec, text, str(error)))
            values[spec.key] = spec.parse(_default(spec))
    return Inputs(**values), tuple(mistakes)  # type: ignore[arg-type] # each parse gives its type


def asked_mode(given: Mapping[str, str]) -> Mode:
    """Return the mode that is asked for; the default one where that is not a mode at all."""
    return read_inputs(given)[0].mode


def _default(spec: InputSpec) -> str:
    """An expression is for the runner to fill in; without one there is no value."""
    return "" if spec.default.startswith("${{") else spec.default


def _unknown(name: str) -> Mistake:
    return Mistake(field=name, problem="unknown input", accepted=did_you_mean(name, _BY_NAME))


def _mistake(spec: InputSpec, text: str, problem: str) -> Mistake:
    return Mistake(
        field=spec.name,
        problem="not accepted",
        value=None if spec.secret else text,
        accepted=problem,
    )
