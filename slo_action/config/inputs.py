"""The action's inputs: one table, read once, every mistake reported together.

Plain functions instead of pydantic: they run before the first probe, and importing pydantic alone
takes longer than everything else that happens before it (ADR 0002).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from slo_action.config.settings.fly import app_name
from slo_action.config.text.request_options import (
    REQUEST_OPTIONS,
    headers,
    with_secrets,
    without_variables,
)
from slo_action.config.text.suggest import did_you_mean
from slo_action.config.text.units import parse_confidence, parse_duration, parse_flag, parse_instant
from slo_action.core.decision.decide import FailOn, RollbackMode
from slo_action.core.model import Mode
from slo_action.core.observation.real_traffic import OnNoData
from slo_action.core.policy.numbers import DEFAULTS, NUMBERS_BY_NAME, Kind
from slo_action.core.request_options import Headers, RequestOptions
from slo_action.core.text.quantities import exact_duration
from slo_action.core.text.quoting import trimmed
from slo_action.core.text.secrets import SHORTEST_SECRET, Secret, secret_lines
from slo_action.core.verdict.facts import OnLateStart
from slo_action.errors import Mistake

PREFIX = "INPUT_"
_RUNNER_KEYS = frozenset({"entrypoint", "args"})
_MOST_PATHS = 10
_MOST_DAYS = 400
_SHORT_NUMBER = re.compile("[0-9]{1,4}")
_SECRET_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


class PlatformName(StrEnum):
    """Where the service runs, as far as a rollback is concerned."""

    AUTO = "auto"
    FLY = "fly"
    COMMAND = "command"
    NONE = "none"


class CheckRunMode(StrEnum):
    """Whether a check run is created; `auto` goes without one where there is no token."""

    AUTO = "auto"
    ON = "true"
    OFF = "false"


class Redirects(StrEnum):
    """What a 3xx means: a failed attempt, or a hop within the same host."""

    OFF = "off"
    SAME_HOST = "same-host"


def _text(value: str) -> str:
    return _line(without_variables(value))


def _line(value: str) -> str:
    text = value.strip()
    if any(ord(character) < ord(" ") for character in text):
        raise ValueError("write one line of text")
    return text


def _name(value: str) -> str:
    name = _text(value)
    if name.startswith("-"):
        raise ValueError("write a name that does not begin with a dash: commands may be given it")
    return name


def _path(value: str) -> str:
    path = _line(with_secrets(value))
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


def _check_run(value: str) -> CheckRunMode:
    """A flag of YAML 1.1, too: what a workflow may have said before there was `auto`."""
    text = value.lower()
    try:
        return CheckRunMode({"on": "true", "off": "false"}.get(text, text))
    except ValueError:
        raise ValueError("write auto, true or false") from None


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
    """One NAME=value a line, or of several where it is PEM; messages never show a value."""
    found: dict[str, Secret] = {}
    for line in secret_lines(value):
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
            raise ValueError(f"name each secret once: {name.strip()} appears twice")
        found[name.strip()] = Secret(secret.strip())
    return found


def _zero_or(shortest: str, longest: str, example: str) -> Callable[[str], timedelta]:
    least, most = parse_duration(shortest), parse_duration(longest)

    def parse(value: str) -> timedelta:
        length = parse_duration(value)
        if length and not least <= length <= most:
            accepted = f"write 0s, or a duration from {shortest} to {longest}, such as {example}"
            raise ValueError(accepted)
        return length

    return parse


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
    text = _text(value)
    if text == "none":
        return ""
    kind, _, place = text.partition(":")
    parts = PurePosixPath(place).parts
    if kind != "dir" or not parts or place.startswith("/") or ".." in parts:
        raise ValueError("write none, or dir: and a path below the workspace, such as dir:.slo")
    return place


class InputSpec(NamedTuple):
    """One input as action.yml shows it: name, what it means, default, and how it is read.

    `parse` raises ValueError with the accepted forms. A secret's value is never shown. `mode` is the
    only mode that uses the input; None where several do.
    """

    name: str
    meaning: str
    default: str
    parse: Callable[[str], object]
    secret: bool
    mode: Mode | None

    @property
    def key(self) -> str:
        """The attribute of `Inputs` that holds the value."""
        return self.name.replace("-", "_")


def _input(
    parse: Callable[[str], object],
    meaning: str,
    default: str = "",
    *,
    secret: bool = False,
    mode: Mode | None = None,
) -> Any:  # noqa: ANN401 - the field says its type
    shown = f"With `mode: {mode}`: {meaning}" if mode else meaning
    spec = InputSpec("", shown, default, parse, secret, mode)
    return field(metadata=spec._asdict())


def _request(name: str) -> Any:  # noqa: ANN401 - the field says its type
    option = REQUEST_OPTIONS[name]
    return _input(option.parse, option.meaning, secret=option.is_private)


def _default_of(name: str) -> str:
    """Return the default of a policy number as an input."""
    value = DEFAULTS[name]
    if NUMBERS_BY_NAME[name].kind in (Kind.DURATION, Kind.POSITIVE_DURATION):
        return exact_duration(timedelta(seconds=value))
    return NUMBERS_BY_NAME[name].text(value).replace(" ", "")


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Every input: type, parser, meaning, default. Empty text and None: the user left it out."""

    service: str = _input(_name, "Service name; with `config`, selects one. Several at once: `all`, or names separated by commas.")
    url: str = _input(str.strip, "Base URL of the service; may come from `config`. For several services: `NAME=URL`, one per line. Credentials in it are masked.", secret=True)
    mode: Mode = _input(_one_of(Mode), "`verify`: watch the deploy that just finished; `prepare`, right before a deploy: check that a rollback would work, and record a baseline; `rollback`: roll back now; `check`, on a pull request: lint slo.yml and fly.toml against what the platform does with them.", "verify")
    config: str = _input(_text, "The service matrix, slo.yml; default: `.github/slo.yml` or `.github/slo.yaml`, if there is one.")
    health_path: str = _input(_path, "Health endpoint.", "/healthz")
    version_path: str = _input(_path, "Endpoint that reports the running version, such as `/__build`; empty: read it from the health answer.")
    expected_version: str = _input(_text, "Version, commit or image digest that must be running; empty: any version passes.")
    deployment_id: str = _input(_text, "Deployment id in the audit record; empty: `run_` and the run id.")
    deployed_at: datetime | None = _input(_instant, "When the deploy ended, such as `2025-08-23T08:38:00Z`; all deadlines count from it; empty: now.")
    approver: str = _input(_text, "Approver in the audit record; empty: the actor who triggered the run.")
    health_deadline: timedelta = _input(_positive, "The service must answer 3 consecutive health checks successfully within this time after the deploy.", _default_of("health_deadline"))
    grace: timedelta = _input(parse_duration, "Failures within this time after the deploy do not count.", _default_of("grace"))
    on_late_start: OnLateStart = _input(_one_of(OnLateStart), "What to do when a service becomes healthy only after the deadline: `warn` or `rollback`.", _default_of("on_late_start"))
    observe: timedelta = _input(_zero_or("5s", "24h", "5m"), "How long to observe the service, counted from the deploy; `0s`: only the health gate decides.", _default_of("observe"))
    confidence: Fraction = _input(parse_confidence, "Confidence required to fail a deploy for its error rate before the simple limit (5 % of the planned probes) is reached; `0%`: only the simple limit.", _default_of("confidence"))
    api_paths: tuple[str, ...] = _input(_paths, "API endpoints to probe in addition to the health endpoint, one path per line, such as /api/orders.")
    secrets: Mapping[str, Secret] = _input(_secrets, "Secrets, written as `${secrets.NAME}` in paths, headers and bodies, here and in `config`: one NAME=value per line, at least 4 characters each. Masked.", secret=True)
    prometheus_url: str = _input(str.strip, "Base URL of a Prometheus-compatible query API, with its path prefix but without `/api/v1`; empty: real traffic is not evaluated.", secret=True)
    prometheus_token: Secret = _input(Secret, "Read token for the query API; sent as `Bearer`, or as `FlyV1` if it is a Fly.io token.", secret=True)
    prometheus_service_label: str = _input(_text, "Label that identifies the service: `auto` tries those that the metric's exporter uses, such as `service`, `app` and `job`; `job` or `job=shop-prod` names one; `none` counts all series.", "auto")
    prometheus_errors_query: str = _input(_text, "Your own query for the number of failed requests, with `[{window}]` as its range; requires prometheus-requests-query.")
    prometheus_requests_query: str = _input(_text, "Your own query for the number of all requests, with `[{window}]` as its range; requires prometheus-errors-query.")
    prometheus_latency_selector: str = _input(_text, "Selector of a latency histogram's buckets, to get percentiles in addition to your own queries.")
    on_no_data: OnNoData = _input(_one_of(OnNoData), "What to do when the metric source has no data: `synthetic` (judge by the probes alone, and report that), `inconclusive`, `fail` or `pass`.", "synthetic")
    prometheus_headers: Headers = _input(headers, "Headers to send to the query API, such as `X-Scope-OrgID: shop`, one per line. `${secrets.NAME}` is filled in.", secret=True)
    headers: Headers = _request("headers")
    method: str = _request("method")
    body: str = _request("body")
    expected_status: tuple[str, ...] = _request("expected_status")
    host: str = _request("host")
    resolve: tuple[str, ...] = _request("resolve")
    client_cert: str = _request("client_cert")
    client_key: str = _request("client_key")
    ca_bundle: str = _request("ca_bundle")
    proxy: str = _request("proxy")
    cache_buster: bool | None = _request("cache_buster")
    follow_redirects: Redirects = _input(_one_of(Redirects), "`off`: a redirect (3xx) is a failed probe; `same-host`: follow redirects within the host.", "off")
    allow_link_local: bool = _input(parse_flag, "Allow link-local and cloud metadata addresses as targets.", "false")
    control_url: str = _input(str.strip, "A timeout counts against the service only if this URL answers, which rules out the runner's own network; empty: GitHub's API; `off`: no control endpoint.", secret=True)
    platform: PlatformName = _input(_one_of(PlatformName), "Where the service runs. `auto`: `command` if rollback-command is set, `fly` if fly-api-token is set, otherwise `none`.", "auto")
    app: str = _input(_app, "The platform's name for the service; empty: the same as `service`.")
    fly_api_token: Secret = _input(Secret, "Fly.io app deploy token; with `platform: fly`, the default is `$FLY_API_TOKEN`.", secret=True)
    fly_config: str = _input(_text, "the app's fly.toml; empty: the ones named in `config`, and `fly.toml` in the workspace.", mode=Mode.CHECK)
    visit: bool = _input(parse_flag, "also send a few plain GET requests to the services in `config`; never on a pull request from a fork, or when the event cannot be read.", "true", mode=Mode.CHECK)
    fix: bool = _input(parse_flag, "apply fixes to fly.toml that have exactly one safe answer.", "false", mode=Mode.CHECK)
    sarif_file: str = _input(_below, "write the findings to this file as SARIF, below the workspace, for code scanning.", mode=Mode.CHECK)
    records: str = _input(_below, "directory with audit records of earlier runs, below the workspace, to estimate the effect of changes in `config`; it must exist and may be empty.", mode=Mode.CHECK)
    rollback: RollbackMode = _input(_one_of(RollbackMode), "`auto`; `dry-run`: decide, but change nothing; `off`.", "auto")
    to_version: str = _input(_name, "the release to roll back to, such as `v41` or an image digest; empty: the last verified one.", mode=Mode.ROLLBACK)
    rollback_command: str = _input(str.strip, "Command that restores the previous version. `{previous-version}`, `{failed-version}` and `{service}` are replaced. Split into words as in a shell, but run without one.")
    previous_version_command: str = _input(str.strip, "Command that prints the version to roll back to, on one line.")
    command_shell: bool = _input(parse_flag, "Run both commands with `sh -c`; the values are then in `$SLO_PREVIOUS_VERSION`, `$SLO_FAILED_VERSION` and `$SLO_SERVICE`.", "false")
    rollback_timeout: timedelta = _input(_positive, "Timeout of the rollback command; on Fly.io, no further machine is restored after it.", "5m")
    baseline: timedelta = _input(_zero_or("5s", "10m", "30s"), "how long to observe the running release before the deploy, to compare error rates and response times with it; `0s`: no baseline.", "30s", mode=Mode.PREPARE)
    require_way_back: bool = _input(parse_flag, "fail the step if there is no safe rollback, so that nothing is deployed.", "false", mode=Mode.PREPARE)
    history: str = _input(_history, "Where to keep verdicts for later runs: `dir:PATH` below the workspace, or `none`.", "none")
    fail_on: FailOn = _input(_one_of(FailOn), "`inconclusive`: fail the step on unhealthy and on inconclusive; `unhealthy`: only on unhealthy.", "inconclusive")
    token: Secret = _input(Secret, "GitHub token for the check run.", "${{ github.token }}", secret=True)
    check_run: CheckRunMode = _input(_check_run, "Also create a check run: `auto`, if there is a token that allows it (`permissions: checks: write`); `true`: a missing token is a mistake; `false`.", "auto")
    artifact_name: str = _input(_text, "Name of the evidence artifact; empty: `slo-verify-{service}-{run_attempt}` (`several` for several services), followed by the job and its matrix values.")
    matrix: tuple[str, ...] = _input(_matrix_values, "The job's matrix values, for the default artifact name; leave it unset.", "${{ toJSON(matrix) }}")
    retention_days: int | None = _input(_days, "How long to keep the artifact; empty: the repository's default.")
# fmt: on

    @property
    def request(self) -> RequestOptions:
        """How the service is asked, as far as the inputs say."""
        return RequestOptions(**{name: getattr(self, name) for name in REQUEST_OPTIONS})


INPUTS: tuple[InputSpec, ...] = tuple(
    InputSpec(**{**one.metadata, "name": one.name.replace("_", "-")}) for one in fields(Inputs)
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
    mistakes = [
        Mistake(name, "unknown input", did_you_mean(name, _BY_NAME))
        for name in given
        if name not in _BY_NAME
    ]
    values: dict[str, object] = {}
    for spec in INPUTS:
        text = trimmed(given.get(spec.name, "")) or _default(spec)
        try:
            values[spec.key] = spec.parse(text)
        except ValueError as error:
            shown = None if spec.secret else text
            mistakes.append(Mistake(spec.name, "is not accepted", str(error), shown))
            values[spec.key] = spec.parse(_default(spec))
    return Inputs(**values), tuple(mistakes)  # type: ignore[arg-type] # each parse gives its type


def mode_of(given: Mapping[str, str]) -> Mode:
    """Return the mode that is asked for; the default one where that is not a mode at all."""
    return read_inputs(given)[0].mode


def _default(spec: InputSpec) -> str:
    """An expression is for the runner to fill in; without one there is no value."""
    return "" if spec.default.startswith("${{") else spec.default
