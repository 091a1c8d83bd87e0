"""What makes a deploy by this fly.toml hard to verify, or hard to take back.

Sources, each with its rule below: flyctl's internal/appconfig (config.go; the validation's
validateDeploySection and MachinesDeployStrategies) and internal/command/deploy, and Fly's
configuration reference, "Picking a deployment strategy".
"""

from collections.abc import Iterator

from slo_action.core.lint.fly.tables import all_checks, shown, tables
from slo_action.core.lint.rule import Key, Rule, Table, Violation, dotted
from slo_action.core.model import Level

_STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")


def _auto_rollback(document: Table) -> Iterator[Violation]:
    for key, table in tables(document.get("experimental"), ("experimental",)):
        if "auto_rollback" in table:
            words = f"[experimental] auto_rollback = {shown(table['auto_rollback'])}"
            yield Violation(key=(*key, "auto_rollback"), words=words, mend="")


def _release_command(document: Table) -> Iterator[Violation]:
    for key, table in tables(document.get("deploy"), ("deploy",)):
        if table.get("release_command"):
            where = (*key, "release_command")
            yield Violation(key=where, words=f"each deploy runs {dotted(where)}")


def _strategies(document: Table) -> Iterator[tuple[Key, object]]:
    for key, table in tables(document.get("deploy"), ("deploy",)):
        if table.get("strategy"):
            yield (*key, "strategy"), table["strategy"]


def _strategy_immediate(document: Table) -> Iterator[Violation]:
    for key, strategy in _strategies(document):
        if strategy == "immediate":
            yield Violation(key=key, words=f"{dotted(key)} waits for no health check")


def _strategy_refused(document: Table) -> Iterator[Violation]:
    for key, strategy in _strategies(document):
        trouble = _trouble(strategy, document)
        if trouble:
            yield Violation(key=key, words=f"{dotted(key)} = {shown(strategy)} {trouble}")


def _trouble(strategy: object, document: Table) -> str:
    if strategy not in _STRATEGIES:
        return f"is none of {', '.join(_STRATEGIES)}"
    if strategy in ("canary", "bluegreen") and (document.get("mounts") or document.get("mount")):
        return "does not go with volumes"
    if strategy == "bluegreen" and not any(all_checks(document)):
        return "needs a health check"
    return ""


def _strategy_bluegreen(document: Table) -> Iterator[Violation]:
    for key, strategy in _strategies(document):
        if strategy == "bluegreen" and not _trouble(strategy, document):
            yield Violation(
                key=key, words=f"{dotted(key)} destroys the machines of the former release"
            )


DEPLOY_RULES: tuple[Rule[Table], ...] = (
    Rule(
        name="auto-rollback-no-op",
        level=Level.WARNING,
        title="auto_rollback does nothing",
        why="flyctl parses it and nothing reads it, so a bad release stays until it is taken back",
        fix=(
            "take it out, and add a step with mode: verify and platform: fly after each deploy: "
            "it takes a bad release back and verifies that"
        ),
        find=_auto_rollback,
    ),
    Rule(
        name="release-command",
        level=Level.NOTICE,
        title="A rollback does not undo the release command",
        why=(
            "a rollback never runs it and never undoes what it did: the former code meets the new "
            "database"
        ),
        fix="keep each migration readable by the release before it",
        find=_release_command,
    ),
    Rule(
        name="strategy-immediate",
        level=Level.WARNING,
        title="A deploy that waits for no health",
        why=(
            "all machines are replaced at once and the deploy ends with success before one is "
            "healthy, so a bad release is everywhere when it is noticed"
        ),
        fix='write strategy = "rolling", and keep immediate for emergencies',
        find=_strategy_immediate,
    ),
    Rule(
        name="strategy-refused",
        level=Level.WARNING,
        title="A strategy that flyctl refuses",
        why="the deploy ends before it begins, so there is nothing to verify",
        fix='write strategy = "rolling", or what the strategy needs',
        find=_strategy_refused,
    ),
    Rule(
        name="strategy-bluegreen",
        level=Level.NOTICE,
        title="No machine is left to be taken back",
        why=(
            "a rollback machine by machine restores what is still there; those that bluegreen has "
            "destroyed are named, and not made again"
        ),
        fix="roll back with flyctl, or deploy with rolling or canary",
        find=_strategy_bluegreen,
    ),
)
