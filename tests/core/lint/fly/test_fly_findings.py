"""What a fly.toml alone is held against, where its services have a say in it."""

from dataclasses import replace
from fractions import Fraction

import pytest

from slo_action.config.files.toml import parse_toml
from slo_action.core.lint.fly.slo_rules import fly_findings
from slo_action.core.lint.rule import Document
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.services import Service, Targets

SHOP = Service(name="shop", url="https://shop.example.com", endpoints=())


def rules(toml: str, *services: Service) -> list[str]:
    document = parse_toml(toml, "fly.toml", "fly-config")
    assert isinstance(document, Document)
    return [one.rule.name for one in fly_findings(document, services)]


def waiting(seconds: float | None) -> Service:
    return replace(SHOP, policy=PolicyOverrides(health_deadline=seconds))


@pytest.mark.parametrize(
    ("deadlines", "reported"),
    [([], True), ([None], True), ([300.0], False), ([119.5], True), ([300.0, None], True)],
)
def test_a_grace_period_is_compared_with_the_deadline_of_the_services(
    deadlines: list[float | None], reported: bool
) -> None:
    toml = "[checks.up]\ntype = 'tcp'\ngrace_period = '2m'"

    found = rules(toml, *(waiting(one) for one in deadlines))
    assert ("grace-past-deadline" in found) is reported


def test_a_promise_says_more_of_autostop_than_that_it_stops() -> None:
    toml = "app = 'shop'\n[http_service]\nauto_stop_machines = 'stop'"
    promising = replace(SHOP, targets=Targets(availability=Fraction(999, 1000)))

    assert {"autostop-min-zero", "match-autostop"} & set(rules(toml, SHOP)) == {"autostop-min-zero"}
    assert {"autostop-min-zero", "match-autostop"} & set(rules(toml, promising)) == {
        "match-autostop"
    }
