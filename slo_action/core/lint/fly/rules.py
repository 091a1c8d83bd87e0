"""All that a fly.toml alone is held against: what the platform does with it.

No rule raises, whatever the file holds: any TOML may come.
"""

from slo_action.core.lint.fly.check_rules import CHECK_RULES
from slo_action.core.lint.fly.deploy_rules import DEPLOY_RULES
from slo_action.core.lint.fly.duration_rules import DURATION_RULES
from slo_action.core.lint.fly.service_rules import SERVICE_RULES
from slo_action.core.lint.rule import Rule, Table

FLY_RULES: tuple[Rule[Table], ...] = (*DEPLOY_RULES, *CHECK_RULES, *DURATION_RULES, *SERVICE_RULES)
