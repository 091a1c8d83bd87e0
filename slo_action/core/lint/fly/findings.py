"""All that is found in a fly.toml, by itself and beside the services that it deploys. Pure."""

from dataclasses import replace
from fractions import Fraction

from slo_action.core.lint.fly.duration_rules import GATE_SECONDS, grace_past
from slo_action.core.lint.fly.pairing import Pair
from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.fly.slo_rules import MATCH_RULES
from slo_action.core.lint.rule import Document, Finding, Rule, Table, findings
from slo_action.core.slo.services import Service


def fly_findings(document: Document, services: tuple[Service, ...]) -> tuple[Finding, ...]:
    """Return the findings beside `services` first, so that their edits are taken first.

    What a service promises says more of autostop than that it stops.
    """
    beside = [
        one
        for service in services
        for one in findings(MATCH_RULES, _pair(document, service, services), document)
    ]
    promised = {one.place for one in beside if one.rule.name == "match-autostop"}
    alone = [
        one
        for one in findings(_rules(services), document.content, document)
        if not (one.rule.name == "autostop-min-zero" and one.place in promised)
    ]
    return (*beside, *alone)


def _pair(document: Document, service: Service, services: tuple[Service, ...]) -> Pair:
    others = tuple(one for one in services if one.name != service.name)
    return Pair(table=document.content, service=service, others=others)


def _rules(services: tuple[Service, ...]) -> list[Rule[Table]]:
    """Return the rules for the file alone; its services say how long health is waited for."""
    said = (service.policy.get("health_deadline") for service in services)
    deadlines = [GATE_SECONDS if one is None else Fraction(one) for one in said]
    find = grace_past(min(deadlines, default=GATE_SECONDS))
    return [
        replace(rule, find=find) if rule.name == "grace-past-deadline" else rule
        for rule in FLY_RULES
    ]
