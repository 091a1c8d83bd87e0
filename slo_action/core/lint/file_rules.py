"""What is wrong with files that no rule can test, as findings like all others.

Their messages come from the reader of the file.
"""

from slo_action.core.lint.rule import Rule
from slo_action.core.model import Level

MISTAKE: Rule[object] = Rule(
    name="mistake",
    level=Level.ERROR,
    title="A mistake in the file",
    why="a run that reads the file ends with exit status 2 and verifies nothing",
    fix="docs/config.md has every key and its form",
)
SKIPPED: Rule[object] = Rule(
    name="openslo-left-out",
    level=Level.NOTICE,
    title="OpenSLO that is not read",
    why="slo.yml has no key for it, so it is not checked",
    fix="write what you mean in slo.yml, or leave it to other readers of the file",
)
FLY_MISTAKE: Rule[object] = Rule(
    name="fly-mistake",
    level=Level.ERROR,
    title="A fly.toml that cannot be read",
    why="nothing else in the file was looked at",
    fix="write what flyctl reads: TOML, in UTF-8, at most 64 KiB",
)
FILE_RULES = (MISTAKE, SKIPPED, FLY_MISTAKE)
