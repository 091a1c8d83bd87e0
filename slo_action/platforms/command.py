"""Any platform with a command line: the user's own commands restore, and print versions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slo_action.config.request import RollbackCommands, VerifyRequest
from slo_action.core.answer.version import matches
from slo_action.core.model import Release, RollbackStep, Verdict
from slo_action.core.release.track_record import PastVerdict, reputation
from slo_action.errors import PlatformError
from slo_action.platforms import PlatformContext
from slo_action.system.process import Finished, run

PREVIOUS_VERSION_SECONDS = 30.0
_LONGEST_VERSION = 200

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@/-]{0,199}")
"""What the service reports about itself reaches a command only in this form: never an option."""

_PLACEHOLDER = re.compile(r"\{([a-z-]+)\}")

_SCRUBBED_PREFIXES = ("INPUT_", "ACTIONS_", "STATE_")
_SCRUBBED = frozenset(
    {
        "GITHUB_TOKEN",
        "GITHUB_JWT_TOKEN",
        "GITHUB_OUTPUT",
        "GITHUB_ENV",
        "GITHUB_STATE",
        "GITHUB_PATH",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_ARTIFACTS",
        "GITHUB_ARTIFACTS_LIST",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "PYTHONPATH",
        "PYTHONHOME",
    },
)


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the run's own secrets and without leaked loader settings.

    What the workflow's author set by `env:` stays: it is how a command gets its credentials.
    """
    return {
        key: value
        for key, value in environment.items()
        if key not in _SCRUBBED and not key.startswith(_SCRUBBED_PREFIXES)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlatform:
    """Runs the user's commands in the workspace. Only the author of the workflow writes them.

    Captured output is redacted before anything escapes or encodes it. `target` is what to return to
    whatever previous-version-command prints; None where that or rollback-command chooses.
    """

    service: str
    commands: RollbackCommands
    context: PlatformContext
    target: Release | None = None
    name: str = "command"
    can_restore: bool = True

    def previous_release(self) -> Release | None:
        """Return the target, or the one line that previous-version-command prints; None without."""
        if self.target or not self.commands.previous_version:
            return self.target
        finished = self._run(self.commands.previous_version, {}, PREVIOUS_VERSION_SECONDS)
        version = finished.stdout.strip()
        problem = self.context.scrubber.scrub(finished.problem or _complaint(finished, version))
        if problem:
            raise PlatformError(
                f"previous-version-command printed no version: {problem}",
                hint="run it by hand; it must print the version to return to, on one line",
            )
        return Release(version=version)

    def current_release(self) -> Release | None:
        """Return None: no command prints it; the version that the service reports is compared."""
        return None

    def restore(
        self, target: Release | None, failed: str | None, journal: Callable[[str], None]
    ) -> tuple[RollbackStep, ...]:
        """Run rollback-command once. Its exit status says whether the step succeeded."""
        values = {
            "service": self.service,
            "previous-version": target.version if target else "",
            "failed-version": failed if failed and _PLAIN.fullmatch(failed) else "",
        }
        journal(f"run rollback-command to restore {values['previous-version'] or 'its choice'}")
        began = self.context.clock.monotonic()
        finished = self._run(self.commands.rollback, values, self.commands.timeout_seconds)
        step = RollbackStep(
            name="rollback-command",
            succeeded=finished.exit_code == 0,
            duration_seconds=self.context.clock.monotonic() - began,
            detail=finished.problem or f"exit status {finished.exit_code}",
            output=self.context.scrubber.scrub(finished.output),
        )
        return (step,)

    def _run(
        self, command: Sequence[str], values: Mapping[str, str], timeout_seconds: float
    ) -> Finished:
        variables = {f"SLO_{key.upper().replace('-', '_')}": v for key, v in values.items()}
        return run(
            _argv(command, values, shell=self.commands.shell),
            environment={**self.context.environment, "SLO_SERVICE": self.service, **variables},
            cwd=self.context.workspace,
            timeout_seconds=timeout_seconds,
        )


def open_platform(request: VerifyRequest, context: PlatformContext) -> CommandPlatform:
    """Return the platform for a request, its environment scrubbed."""
    asked = Release(version=request.to_version) if request.to_version else None
    return CommandPlatform(
        service=request.service,
        commands=request.commands,
        context=context._replace(environment=scrubbed(context.environment)),
        target=asked or _verified(request, context.past),
    )


def _verified(request: VerifyRequest, past: Sequence[PastVerdict]) -> Release | None:
    """Return the newest version that a run found healthy, for a command that has no other source.

    None for a command that takes no version: it would restore its own choice under that name.
    """
    commands, expected = request.commands, request.policy.rule.expected
    if commands.previous_version or not commands.takes_version:
        return None
    healthy = (one.version for one in reversed(past) if one.verdict is Verdict.HEALTHY)
    plain = (Release(version=version) for version in healthy if _PLAIN.fullmatch(version))
    others = (one for one in plain if not (expected and matches(expected, one.version)))
    return next((one for one in others if reputation(one, past).failed_at is None), None)


def _argv(command: Sequence[str], values: Mapping[str, str], *, shell: bool) -> list[str]:
    """Fill in placeholders argument by argument, so a value can never become a second argument.

    Each is filled in once: what a value holds is never a placeholder. With a shell nothing is
    filled in: values arrive as variables, which cannot be code.
    """
    if shell:
        return ["sh", "-c", *command]
    return [_PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), one) for one in command]


def _complaint(finished: Finished, version: str) -> str:
    if finished.exit_code != 0:
        last = finished.output.strip().splitlines()[-1:]
        return ": ".join([f"exit status {finished.exit_code}", *last])
    if not version:
        return "it printed nothing"
    if len(version.splitlines()) > 1 or len(version) > _LONGEST_VERSION:
        return "it printed more than one short line"
    if version.startswith("-") or not version.isprintable():
        return "what it printed could be taken for an option or is not plain text"
    return ""
