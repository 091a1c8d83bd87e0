"""What every run has from its start (clock, log, signals, secrets), and where all errors end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slo_action.config.settings.fly import token_parts
from slo_action.config.text.url import credentials_in
from slo_action.core.model import Annotation, Level
from slo_action.core.text.secrets import Scrubber, Secret, likely_secrets, secret_lines
from slo_action.errors import EXIT_BUG, InputError, SloVerifyError, bug_description
from slo_action.on_demand import on_demand
from slo_action.ports import Log
from slo_action.system.clock import SystemClock
from slo_action.system.signals import SignalInterrupts

_URLS = ("url", "control-url", "prometheus-url", "proxy")
_ASKED = ("health-path", "version-path", "api-paths", "headers", "body", "prometheus-headers")
_KEYS = ("client-cert", "client-key")
FLY_TOKEN = "FLY_API_TOKEN"  # noqa: S105 - the variable's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What every run has, whatever its mode."""

    environ: Mapping[str, str]
    clock: SystemClock
    interrupts: SignalInterrupts
    scrubber: Scrubber
    log: Log


def open_runtime(environ: Mapping[str, str], scrubber: Scrubber, log: Log) -> Runtime:
    """Return it with signals taken over: as PID 1, Python would ignore SIGTERM."""
    interrupts = SignalInterrupts()
    interrupts.install()
    return Runtime(
        environ=environ, clock=SystemClock(), interrupts=interrupts, scrubber=scrubber, log=log
    )


WITH_BLOCK = "the `with:` block of the step"
"""What the inputs are in a workflow."""


def guarded(runtime: Runtime, run: Callable[[], int]) -> int:
    """Return what `run` returns, or the exit code of what it raised. Catches everything."""
    try:
        return run()
    except InputError as error:
        runtime.log.annotate(on_demand("mistakes").mistake_annotations(error))
        runtime.log.line(error.next_step(WITH_BLOCK))
        return error.exit_code
    except SloVerifyError as error:
        message = f"{error.message}\n{error.hint}"
        runtime.log.annotate([Annotation(level=Level.ERROR, title=error.title, message=message)])
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place that catches everything
        title = "slo-verify broke: this is a bug"
        message = bug_description(error)
        runtime.log.annotate([Annotation(level=Level.ERROR, title=title, message=message)])
        return EXIT_BUG


def mask_inputs(runtime: Runtime, given: Mapping[str, str]) -> None:
    """Mask every secret of the inputs, before any of them is read, and the token of Fly's."""
    log = runtime.log
    urls = [given.get(name, "") for name in _URLS]
    lines = given.get("url", "").splitlines()  # with several services, NAME=URL each
    credentials = [credentials_in(text) for text in (*urls, *lines)]
    tokens = (given.get(name, "") for name in ("token", "prometheus-token"))
    mask(log, *tokens, *(part for parts in credentials for part in parts))
    for token in (given.get("fly-api-token", ""), runtime.environ.get(FLY_TOKEN, "")):
        mask(log, *(part.reveal() for part in token_parts(Secret(token))))
    entries = secret_lines(given.get("secrets", ""))
    mask(log, *(entry.partition("=")[2].strip() or entry for entry in entries))
    mask(log, *(secret for name in _ASKED for secret in likely_secrets(given.get(name, ""))))
    mask(log, *(text for name in _KEYS if "PRIVATE KEY" in (text := given.get(name, ""))))


def mask(log: Log, *secrets: str) -> None:
    """Mask each secret that is not blank."""
    for secret in secrets:
        if secret.strip():
            log.mask(secret)
