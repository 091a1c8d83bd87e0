"""Restores a release by `flyctl deploy`: officially documented, by definition, less exact.

What flyctl says of itself is not believed: its exit status 0 means that it ended, and 1 may come
although the app recovered. The machines are asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from slo_action.config.settings.fly import EngineName
from slo_action.core.model import RollbackStep
from slo_action.core.release.rollback_plan import RollbackPlan
from slo_action.core.text.secrets import Secret
from slo_action.errors import Interrupted, PlatformError
from slo_action.platforms.fly.flyctl.command import (
    command,
    definition_of,
    ending_words,
    program,
    quiet_environment,
    write_definition,
)
from slo_action.platforms.fly.flyctl.machine_results import Seeing
from slo_action.platforms.fly.flyctl.plan import flyctl_notes, flyctl_steps
from slo_action.platforms.fly.rollback import journal_messages as journal_words
from slo_action.platforms.fly.rollback.compare_and_swap import demand_newest
from slo_action.platforms.fly.rollback.engine import Journal, RollbackTools
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError, StepLog, TakenOverError
from slo_action.platforms.fly.rollback.survey import Survey
from slo_action.system import process
from slo_action.system.process import Finished


class Runner(Protocol):
    """Runs a program to its end; see process.run."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        timeout_seconds: float,
    ) -> Finished:
        """Return how it ended; never raises for what it did."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyctlEngine:
    """Implements engine.Engine by the program. `redact` takes secrets out of what it prints."""

    means: RollbackTools
    token: Secret
    environment: Mapping[str, str]
    timeout_seconds: float
    redact: Callable[[str], str] = str
    run: Runner = process.run
    name: EngineName = EngineName.FLYCTL

    def plan(self, survey: Survey) -> RollbackPlan:
        """Return each machine's part. Raises PlatformError where flyctl is not to be trusted."""
        program(self.environment)
        definition = definition_of(survey.row, survey.target.version)
        if not survey.image:
            raise PlatformError(
                f"the image of {survey.target.version} is not known by its digest",
                hint="give the digest of its image as `to-version`, if you know it",
            )
        return RollbackPlan(
            target=survey.target,
            engine=self.name,
            steps=flyctl_steps(survey, definition),
            not_restored=flyctl_notes(survey, definition),
        )

    def restore(self, survey: Survey, journal: Journal) -> tuple[RollbackStep, ...]:
        """Do what `plan` says; see engine.Engine."""
        account = StepLog(self.means.clock, ())
        try:
            self.plan(survey)
            demand_newest(self.means.api, survey.judged)
            definition = definition_of(survey.row, survey.target.version)
            names = [step.machine for step in flyctl_steps(survey, definition)]
            account = StepLog(self.means.clock, names)
            account.begin(names)
            self._deploy(survey, definition, account, journal)
        except PlatformError as error:
            account.refuse(error)
        except RollbackAbortedError as error:
            account.give_up(error.words, taken_over=isinstance(error, TakenOverError))
        except Interrupted:
            account.give_up("the run was stopped")
        return account.steps

    def _deploy(
        self,
        survey: Survey,
        definition: Mapping[str, object],
        account: StepLog,
        journal: Journal,
    ) -> None:
        """Run flyctl, then see what it did."""
        journal(journal_words.deploying(survey.target.version, survey.target.digest))
        begun = self.means.clock.monotonic()
        finished = self._finished(survey, definition)
        spent = self.means.clock.monotonic() - begun
        seen = Seeing(means=self.means, survey=survey, journal=journal).see()
        unwell = [found.machine for found in seen if not found.is_well]
        self._tell(account, finished, spent, is_restored=not unwell)
        for found in seen:
            account.end(found.machine, found.words, succeeded=found.is_well)
        if unwell:
            raise RollbackAbortedError(f"machine {', '.join(unwell)} was not restored")

    def _finished(self, survey: Survey, definition: Mapping[str, object]) -> Finished:
        """Run it where no fly.toml lies around, and leave nothing behind: both may hold secrets."""
        with TemporaryDirectory() as place, TemporaryDirectory() as home:
            write_definition(Path(place), definition)
            return self.run(
                command(program(self.environment), survey.app, survey.image),
                environment=quiet_environment(self.environment, self.token, Path(home)),
                cwd=Path(place),
                timeout_seconds=self.timeout_seconds,
            )

    def _tell(
        self, account: StepLog, finished: Finished, spent: float, *, is_restored: bool
    ) -> None:
        ended = ending_words(finished.exit_code, finished.problem)
        is_over = finished.exit_code == 0
        yet = "" if is_over or not is_restored else ", and yet every machine is restored"
        account.add(
            "flyctl deploy",
            f"{ended}{yet}",
            succeeded=is_over or is_restored,
            seconds=spent,
            output=self.redact(finished.output),
        )
