"""slo.yml in the document's own words, all that is more, and all that can be wrong with it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slo_action.config.files.workspace import SIZE_LIMIT_BYTES, WorkspaceFiles
from slo_action.config.slo.forms import (
    DefaultsForm,
    MonitoringForm,
    OwnAssertionsForm,
    PolicyForm,
    TargetsForm,
)
from slo_action.config.slo.load import MOST_MISTAKES, LoadedSloYml, load_slo_yml, read_slo_yml
from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.model import Witness
from slo_action.core.policy.numbers import PolicyOverrides, policy_with
from slo_action.core.policy.policy import Policy
from slo_action.core.slo.services import Maintenance, Service, Team
from slo_action.core.stats.latency import LatencyObjective
from slo_action.core.verdict.facts import OnLateStart
from slo_action.errors import Mistake

FIXTURES = Path(__file__).parents[1] / "fixtures"
NESTED = {
    "slo_targets": TargetsForm.model_fields,
    "monitoring": MonitoringForm.model_fields,
    "policy": PolicyForm.model_fields,
    "assertions": OwnAssertionsForm.model_fields,
}
ONE = "service: api\nurl: https://api.example\n"
P95 = Fraction(95, 100)

Load = Callable[..., LoadedSloYml]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write the texts below a workspace, and load the first of them."""

    def loaded(text: str, **others: str) -> LoadedSloYml:
        files = {"slo.yml": text, **{name.replace("__", "/"): t for name, t in others.items()}}
        for name, content in files.items():
            path = tmp_path / "workspace" / (name if "." in name else f"{name}.yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return load_slo_yml(WorkspaceFiles(tmp_path / "workspace"), "slo.yml", "config")

    return loaded


def services(loaded: LoadedSloYml) -> dict[str, Service]:
    assert loaded.mistakes == ()
    return dict(loaded.slo_yml.services)


def only(loaded: LoadedSloYml) -> Service:
    (service,) = services(loaded).values()
    return service


def problems(loaded: LoadedSloYml) -> list[str]:
    return [str(mistake) for mistake in loaded.mistakes]


# What is read


@pytest.fixture(scope="module")
def document() -> dict[str, Service]:
    return services(read_slo_yml(FIXTURES / "slo.yml", FIXTURES, "config"))


def test_the_document_s_six_services_load_as_written(document: dict[str, Service]) -> None:
    assert [name.removeprefix("sophiaai-") for name in document] == [
        "dashboard-v2",
        "mcp-repo-v2",
        "mcp-research-v2",
        "mcp-context-v2",
        "mcp-business-v2",
        "jobs-v2",
    ]
    for name, service in document.items():
        health = service.endpoint("health")
        assert service.url == f"https://{name}.fly.dev"
        assert service.grace == timedelta(seconds=30)
        assert health
        assert (health.path, health.interval, health.timeout) == (
            "/healthz",
            timedelta(seconds=15),
            timedelta(seconds=2),
        )


def test_the_document_s_targets_are_exact(document: dict[str, Service]) -> None:
    dashboard, jobs = document["sophiaai-dashboard-v2"], document["sophiaai-jobs-v2"]
    health, build = dashboard.endpoint("health"), dashboard.endpoint("build")

    assert dashboard.targets.availability == Fraction(999, 1000)
    assert dashboard.targets.error_rate == Fraction(1, 100)
    assert build
    assert build.path == "/__build"
    assert health
    assert health.objective == LatencyObjective(name="p95", quantile=P95, limit_seconds=0.5)
    assert jobs.targets.job_success_rate == Fraction(95, 100)
    assert jobs.schedule == "0 */1 * * *"


def test_the_document_s_other_endpoints_have_their_own_interval(
    document: dict[str, Service],
) -> None:
    search = document["sophiaai-mcp-research-v2"].endpoint("search")
    stats = document["sophiaai-mcp-context-v2"].endpoint("stats")

    assert search
    assert stats
    assert (search.path, search.interval, search.timeout) == (
        "/search",
        timedelta(seconds=60),
        timedelta(seconds=10),
    )
    assert search.objective == LatencyObjective(
        name="p90", quantile=Fraction(9, 10), limit_seconds=5.0
    )
    assert (stats.path, stats.witness, stats.timeout) == (
        "/context/stats",
        Witness.STATS,
        timedelta(seconds=5),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}---\nservice: web\nurl: https://web.example\n",
        "- {service: api, url: https://api.example}\n- {service: web, url: https://web.example}\n",
        "services:\n- {service: api, url: https://a.example}\n- {service: web, url: https://b.example}\n",
        f"services: [{{service: api, url: https://a.example}}]\n---\n{ONE.replace('api', 'web')}",
    ],
    ids=["documents", "list", "services", "both"],
)
def test_a_slo_yml_may_be_documents_a_list_or_a_mapping(load: Load, text: str) -> None:
    assert list(services(load(text))) == ["api", "web"]


def test_anchors_and_own_keys_are_the_user_s(load: Load) -> None:
    text = (
        "x-quick: &quick {interval: 5s, timeout: 1s}\n"
        "services:\n"
        "- {service: a, url: https://a.example, monitoring: *quick, x-owner: me}\n"
        "- {service: b, url: https://b.example, monitoring: {<<: *quick, timeout: 2s}}\n"
    )

    found = services(load(text))
    endpoint = found["b"].endpoint("health")

    assert endpoint
    assert (endpoint.interval, endpoint.timeout) == (timedelta(seconds=5), timedelta(seconds=2))


def test_defaults_fill_in_key_by_key_what_a_service_leaves_open(load: Load) -> None:
    text = """
defaults:
  health_endpoint: /up
  slo_targets: {availability: 99.9%, error_rate: 1%}
  monitoring: {interval: 15s, timeout: 2s}
  policy: {observe: 2m}
  platform: fly
services:
  - {service: a, url: https://a.example}
  - service: b
    url: https://b.example
    health_endpoint: /healthz
    slo_targets: {availability: 99%}
    monitoring: {timeout: 3s}
    policy: {grace: 5s}
    platform: none
"""

    found = services(load(text))
    first, second = found["a"].endpoint("health"), found["b"].endpoint("health")

    assert first
    assert second
    assert (first.path, found["a"].targets.availability) == ("/up", Fraction(999, 1000))
    assert (second.path, second.interval, second.timeout) == (
        "/healthz",
        timedelta(seconds=15),
        timedelta(seconds=3),
    )
    assert found["b"].targets.availability == Fraction(99, 100)
    assert found["b"].targets.error_rate == Fraction(1, 100)
    assert (found["b"].policy["observe"], found["b"].policy["grace"]) == (120.0, 5.0)
    assert (found["a"].platform, found["b"].platform) == ("fly", "none")


def test_a_service_may_say_all_that_a_service_can(load: Load) -> None:
    text = """
teams:
  payments: {notify: [https://hooks.example/pay]}
notify: [https://hooks.example/all]
maintenance:
  - {name: freeze, start: "2026-12-24T00:00:00Z", end: "2026-12-27T00:00:00Z"}
  - {name: other's, schedule: "0 3 * * 0", duration: 1h, services: [web]}
services:
  - service: shop
    url: https://shop.example
    platform: fly
    app: shop-prod
    fly_config: apps/shop/fly.toml
    team: payments
    maintenance: [{name: backups, schedule: "30 2 * * *", duration: 20m}]
    slo_targets: {api_response_time_p95: 1s}
    assertions:
      health: [{status: [200, 204]}, {json: $.status, equals: ok}]
    endpoints:
      - {name: orders, path: /api/orders, interval: 30s, timeout: 5s, response_time_p95: 2s,
         assertions: [{header: Content-Type, matches: ^application/json}, {certificate_days: 14}]}
      - {name: cart, path: /api/cart}
    journeys:
      - name: checkout
        interval: 60s
        timeout: 20s
        response_time_p95: 8s
        steps:
          - name: login
            method: POST
            path: /login
            json: {user: "${secrets.USER}"}
            capture: {token: {json: $.token}}
          - name: order
            url: https://pay.example/orders
            headers: {Authorization: "Bearer ${token}"}
            think_time: 500ms
            timeout: 4s
            assertions: [{body_lacks: error}]
  - {service: web, url: https://web.example}
"""

    loaded = load(text)
    shop = services(loaded)["shop"]

    assert loaded.slo_yml.teams == {
        "payments": Team(name="payments", notify=("https://hooks.example/pay",))
    }
    assert (shop.platform, shop.app, shop.fly_config) == ("fly", "shop-prod", "apps/shop/fly.toml")
    assert (shop.team, shop.notify) == ("payments", ("https://hooks.example/all",))
    assert shop.maintenance == (
        Maintenance(name="backups", schedule="30 2 * * *", duration=timedelta(minutes=20)),
        Maintenance(
            name="freeze",
            start=datetime(2026, 12, 24, tzinfo=UTC),
            end=datetime(2026, 12, 27, tzinfo=UTC),
        ),
    )
    assert [one.name for one in services(loaded)["web"].maintenance] == ["freeze", "other's"]
    health, orders, cart = (shop.endpoint(name) for name in ("health", "orders", "cart"))
    assert health
    assert orders
    assert cart
    assert health.assertions == (
        Assertion(subject=Subject.STATUS, condition=Condition.ONE_OF, expected=("200", "204")),
        Assertion(subject=Subject.JSON, condition=Condition.EQUALS, name="$.status", expected="ok"),
    )
    assert orders.objective == LatencyObjective(name="p95", quantile=P95, limit_seconds=2.0)
    assert cart.objective == LatencyObjective(name="p95", quantile=P95, limit_seconds=1.0)
    assert [(a.subject, a.condition, a.expected) for a in orders.assertions] == [
        (Subject.HEADER, Condition.MATCHES, "^application/json"),
        (Subject.CERTIFICATE, Condition.ABOVE, 14),
    ]
    assert shop.journeys == (
        Journey(
            name="checkout",
            interval_seconds=60.0,
            timeout_seconds=20.0,
            objective=LatencyObjective(name="p95", quantile=P95, limit_seconds=8.0),
            steps=(
                JourneyStep(
                    name="login",
                    target="/login",
                    method="POST",
                    json={"user": "${secrets.USER}"},
                    captures=(Capture(variable="token", subject=Subject.JSON, name="$.token"),),
                ),
                JourneyStep(
                    name="order",
                    target="https://pay.example/orders",
                    headers={"Authorization": "Bearer ${token}"},
                    think_seconds=0.5,
                    timeout_seconds=4.0,
                    assertions=(
                        Assertion(
                            subject=Subject.BODY, condition=Condition.LACKS, expected="error"
                        ),
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("written", "condition", "expected"),
    [
        ("equals: null", Condition.EQUALS, None),
        ("not_equals: [1]", Condition.NOT_EQUALS, [1]),
        ("matches: a.c", Condition.MATCHES, "a.c"),
        ("exists: true", Condition.EXISTS, None),
        ("exists: false", Condition.ABSENT, None),
        ("above: 1.5", Condition.ABOVE, 1.5),
        ("below: 3", Condition.BELOW, 3),
    ],
)
def test_each_condition_is_its_own(
    load: Load, written: str, condition: Condition, expected: object
) -> None:
    service = only(load(f"{ONE}assertions: {{health: [{{json: $.a, {written}}}]}}\n"))
    health = service.endpoint("health")

    assert health
    assert health.assertions == (
        Assertion(subject=Subject.JSON, condition=condition, name="$.a", expected=expected),
    )


# Other files


def test_a_file_may_include_others_and_hands_its_defaults_down(load: Load) -> None:
    loaded = load(
        "include: [teams/*.yml, one.yml]\ndefaults: {platform: fly, health_endpoint: /up}\n"
        "policy: {observe: 2m}\nteams: {core: {}}\nservices: []\n",
        teams__a="service: a\nurl: https://a.example\nteam: core\n",
        teams__b="defaults: {platform: none}\nservices: [{service: b, url: https://b.example}]\n",
        one="include: deep/two.yml\n",
        deep__two="- {service: c, url: https://c.example}\n",
    )

    found = services(loaded)

    assert list(found) == ["a", "b", "c"]
    assert [found[name].platform for name in "abc"] == ["fly", "none", "fly"]
    assert {one.endpoints[0].path for one in found.values()} == {"/up"}
    assert {one.policy["observe"] for one in found.values()} == {120.0}
    assert loaded.slo_yml.policy["observe"] == 120.0
    assert loaded.origins["c"].document.path == "deep/two.yml"


def test_an_include_that_is_no_file_is_reported_at_its_line(load: Load) -> None:
    (found,) = load(
        f"x-a: 1\ninclude: none.yml\nservices: [{{{ONE.strip().replace(chr(10), ', ')}}}]"
    ).mistakes

    assert (found.path, found.line, found.field) == ("slo.yml", 2, "include")
    assert "No such file" in found.problem


def test_a_pattern_that_matches_nothing_is_a_mistake(load: Load) -> None:
    (found,) = load(
        "include: none/*.yml\nservices: [{service: a, url: https://a.example}]\n"
    ).mistakes

    assert "matches no file" in found.problem


@pytest.mark.parametrize("name", ["../outside.yml", "/etc/hosts", "link.yml"])
def test_an_include_outside_of_the_workspace_is_refused(
    load: Load, tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside.yml").write_text(ONE, encoding="utf-8")
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "link.yml").symlink_to(tmp_path / "outside.yml")

    (found,) = load(f"include: {name}\n").mistakes

    assert found.problem in (
        "lies outside of the workspace",
        "matches no file",
        "cannot be read: No such file or directory",
    )
    assert "api" not in load(f"include: {name}\n").slo_yml.services


def test_a_glob_finds_nothing_outside_of_the_workspace(load: Load, tmp_path: Path) -> None:
    (tmp_path / "outside.yml").write_text(ONE, encoding="utf-8")

    assert load("include: '../*.yml'\n").slo_yml.services == {}


def test_a_cycle_of_includes_names_its_way(load: Load) -> None:
    loaded = load(
        "include: a.yml\n",
        a="include: b.yml\n",
        b="include: a.yml\nservices:\n- {service: x, url: https://x.example}\n",
    )

    (found,) = loaded.mistakes

    assert found.problem == "includes itself: slo.yml → a.yml → b.yml → a.yml"
    assert (found.path, found.line) == ("b.yml", 1)
    assert list(loaded.slo_yml.services) == ["x"]


def test_a_file_that_two_others_include_is_read_once(load: Load) -> None:
    loaded = load("include: [a.yml, b.yml]\n", a="include: c.yml\n", b="include: c.yml\n", c=ONE)

    assert list(services(loaded)) == ["api"]


def test_includes_may_not_go_on_without_end(load: Load) -> None:
    others = {f"f{n}": f"include: f{n + 1}.yml\n" for n in range(20)}

    (found,) = load("include: f0.yml\n", **others).mistakes

    assert "more than 10 deep" in found.problem


# What is wrong


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        (f"{ONE}slo_targets: {{availability: 101%}}", "slo_targets.availability", "between 0% and 100%"),
        (f"{ONE}slo_targets: {{error_rate: often}}", "slo_targets.error_rate", "write a ratio"),
        (f"{ONE}monitoring: {{interval: 15}}", "monitoring.interval", "duration with a unit"),
        (f"{ONE}monitoring: {{interval: 0s}}", "monitoring.interval", "above zero"),
        (f"{ONE}monitoring: {{timeout: [2s]}}", "monitoring.timeout", "duration with a unit"),
        (f"{ONE}health_endpont: /h", "health_endpont", "did you mean health_endpoint?"),
        (f"{ONE}slo_targets: {{eror_rate: 1%}}", "slo_targets.eror_rate", "did you mean error_rate?"),
        (f"{ONE}slo_targets: 7", "slo_targets", "write a mapping"),
        (f"{ONE}health_endpoint: healthz", "health_endpoint", "starts with one slash"),
        (f"{ONE}health_endpoint: '/a b'", "health_endpoint", "without spaces"),
        (f"{ONE}health_endpoint: '/cart?u=${{ token }}'", "health_endpoint", "without spaces"),
        (f"{ONE}health_endpoint: 'a b'", "health_endpoint", "starts with one slash"),
        (f"{ONE}health_endpoint: '//a b'", "health_endpoint", "starts with one slash"),
        (f"{ONE}platform: flyio", "platform", "did you mean fly? known: auto, command, fly, none"),
        (f"{ONE}app: Shop", "app", "small letters"),
        (f"{ONE}schedule: hourly", "schedule", "five cron fields"),
        (f"{ONE}fly_config: /etc/fly.toml", "fly_config", "below the workspace"),
        (f"{ONE}team: pay", "team", "is not known"),
        (f"{ONE}policy: {{on_late_start: shrug}}", "policy.on_late_start", "known: rollback, warn"),
        (f"{ONE}policy: {{confidence: 100%}}", "policy.confidence", "up to 99.99%"),
        (f"{ONE}policy: {{error_rate: {{rolback: 5%}}}}", "policy.error_rate.rolback", "did you mean rollback?"),
        (f"{ONE}policy: {{error_rate: {{slo: 0%}}}}", "policy.error_rate.slo", "above 0%"),
        (f"{ONE}policy: {{min_requests: true}}", "policy.min_requests", "whole number"),
        (f"{ONE}policy: {{error_rate: {{rollback: 0.5%}}}}", "policy", "slo_targets.error_rate counts"),
        (f"{ONE}slo_targets: {{error_rate: 6%}}", "slo_targets.error_rate", "slo_targets.error_rate counts"),
        (f"{ONE}endpoints: [{{name: a, path: b}}]", "endpoints[0].path", "starts with one slash"),
        (f"{ONE}endpoints: [{{path: /b}}]", "endpoints[0].name", "is missing"),
        (f"{ONE}assertions: {{health: [{{}}]}}", "assertions.health[0]", "write one of body_lacks"),
        (f"{ONE}assertions: {{health: [{{status: 200, json: $.a}}]}}", "assertions.health[0]", "write one of"),
        (f"{ONE}assertions: {{health: [{{json: $.a}}]}}", "assertions.health[0]", "above, below, equals"),
        (f"{ONE}assertions: {{health: [{{status: 200, equals: 1}}]}}", "assertions.health[0]", "nothing beside status"),
        (f"{ONE}assertions: {{health: [{{status: 700}}]}}", "assertions.health[0].status", "200 or 2xx"),
        (f"{ONE}endpoints: [{{name: health, path: /b}}]", "endpoints[0].name", "have keys of their own"),
        (f"{ONE}endpoints: [{{name: a, path: /a}}, {{name: b, path: /a}}]", "endpoints", 'write each path once: "/a" appears twice'),
        (f"{ONE}endpoints: [{{name: a, path: /a}}, {{name: a, path: /b}}]", "endpoints", 'write each name once: "a"'),
        (f"{ONE}assertions: {{health: [{{json: a, exists: true}}]}}", "assertions.health[0].json", "starts with `$`"),
        (f"{ONE}assertions: {{health: [{{body_matches: '(?=a)'}}]}}", "assertions.health[0].body_matches", "no lookaround"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, headers: {{Host: a}}}}]}}]", "journeys[0].steps[0].headers.Host", "the option `host`"),
        (f"{ONE}journeys: [{{name: j, timeout: 1s, steps: [{{name: s, path: /, think_time: 1s}}]}}]", "journeys[0]", "above the sum"),
        (f"{ONE}journeys: [{{name: {'j' * 61}, steps: [{{name: s, path: /}}]}}]", "journeys[0].name", "at most 60"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, url: 'https://${{h}}/'}}]}}]", "journeys[0].steps[0].url", "write a whole address"),
        (f"{ONE}journeys: [{{name: j, steps: []}}]", "journeys[0].steps", "a list of at least 1"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s}}]}}]", "journeys[0].steps[0]", "either path: or url:"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, body: a, form: {{}}}}]}}]", "journeys[0].steps[0]", "one of json, form and body"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, url: 'https://u:pw@x.example/a'}}]}}]", "journeys[0].steps[0].url", "as a header of the step"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, url: 'ftp://x'}}]}}]", "journeys[0].steps[0].url", "write a whole address"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a: {{}}}}}}]}}]", "journeys[0].steps[0].capture.a", "write one of body_matches, cookie, header, json"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a: {{json: $.a, cookie: b}}}}}}]}}]", "journeys[0].steps[0].capture.a", "write one of body_matches"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a: {{body_matches: b, matches: c}}}}}}]}}]", "journeys[0].steps[0].capture.a", "body_matches is enough"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a: {{body_matches: (?=b)}}}}}}]}}]", "journeys[0].steps[0].capture.a.body_matches", "no lookaround"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a: {{cookie: 'a b'}}}}}}]}}]", "journeys[0].steps[0].capture.a.cookie", "such as csrftoken"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{uuid: {{json: $.a}}}}}}]}}]", "journeys[0].steps[0]", "is set by each run itself"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: '${{next}}'}}]}}]", "journeys[0].steps[0].path", "write url: ${next} to follow a captured link"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, url: '${{next}}.evil.example'}}]}}]", "journeys[0].steps[0].url", "or ${name} to follow a captured link"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, assertions: [{{json: $.a, equals: '${{id}}'}}]}}]}}]", "journeys[0].steps[0].assertions[0]", "which no step captures before it"),
        (f"{ONE}endpoints: [{{name: a, path: /a, assertions: [{{status: 200}}, {{body_matches: 'x${{id}}'}}]}}]", "endpoints[0].assertions[1]", "only journeys have variables"),
        (f"{ONE}assertions: {{health: [{{json: $.a, equals: ['${{id}}']}}]}}", "assertions.health[0]", "only journeys have variables"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, capture: {{a-b: {{json: $.a}}}}}}]}}]", "journeys[0].steps[0]", "letters, digits"),
        (f"{ONE}maintenance: [{{name: m, start: '2026-01-01T00:00:00Z'}}]", "maintenance[0]", "start: and end:"),
        (f"{ONE}maintenance: [{{name: m, start: '2026-01-02T00:00:00Z', end: '2026-01-01T00:00:00Z'}}]", "maintenance[0]", "before the end"),
        ("service: api", "url", "is missing"),
        ("service: ''\nurl: https://a.example", "service", "write text"),
        ("service: 7\nurl: https://a.example", "service", "write text"),
        ("service: all\nurl: https://a.example", "service", "nor is all"),
        ("service: a\nurl: a.example", "url", "http"),
        (f"{ONE}assertions: {{health: [{{json: $.a, exists: }}]}}", "assertions.health[0]", "write a value behind exists"),
        (f"{ONE}assertions: {{health: [{{status: }}]}}", "assertions.health[0]", "write a value behind status"),
        (f"{ONE}assertions: {{health: [{{json: $.a, above: .nan}}]}}", "assertions.health[0].above", "write a number"),
        (f"{ONE}assertions: {{health: [{{json: $.a, equals: .inf}}]}}", "assertions.health[0].equals", "what JSON can say"),
        (f"{ONE}journeys: [{{name: j, steps: [{{name: s, path: /, json: [.nan]}}]}}]", "journeys[0].steps[0].json", "what JSON can say"),
        ("services: []", "services", "no service is in it"),
        ("x-a: 1", "services", "no service is in it"),
        ("- *a", "YAML", "is not defined above"),
        ("a: &a [1]\n*a : 1", "YAML", "alias of something else"),
        ("just text", "document 0", "is not a mapping"),
        ("", "config", "has no service"),
        ("# nothing\n---\n", "config", "has no service"),
        ("services: 7", "services", "is not a list"),
        ("services: [7]", "services[0]", "is not a mapping"),
        ("polcy: {}", "polcy", "did you mean policy?"),
        ("policy: []", "policy", "write a mapping"),
        ("policy: {error_rate: {slo: 5%, rollback: 1%}}", "policy", "slo_targets.error_rate"),
        ("defaults: {url: https://a.example}", "defaults.url", "is not known"),
        ("maintenance: [{name: m, schedule: '0 3 * * *', duration: 1h, services: [x]}]", "maintenance[0].services[0]", "is not known"),
        (f"{ONE}---\n{ONE}", "service", "is named twice, first at slo.yml:1"),
        ("service: [", "config", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_field_and_what_would_be_right(
    load: Load, text: str, field: str, problem: str
) -> None:
    (found,) = load(text).mistakes

    assert found.field == field
    assert problem in f"{found.problem}; {found.accepted}"
    assert (found.path, bool(found.line), bool(found.column)) == ("slo.yml", True, True)


@pytest.mark.parametrize("value", ["7", "-1", "x", "[]", "{}", "true", "1.5", "[[x]]", "{a: b}"])
def test_what_is_accepted_is_said_in_our_words(load: Load, value: str) -> None:
    """Pydantic's own sentences are about its types: `Input should be a valid dictionary`."""
    keys = {name for name in DefaultsForm.model_fields if name != "policy"}
    nested = [f"{key}: {{{name}: {value}}}" for key, form in NESTED.items() for name in form]
    rows = [*(f"{key}: {value}" for key in sorted(keys)), *nested]
    text = "\n---\n".join(
        f"service: s{number}\nurl: https://a.example\n{row}" for number, row in enumerate(rows)
    )

    found = load(text).mistakes

    assert found
    for mistake in found:
        assert not re.search(
            r"[Ii]nput should|should (be|have)|valid (list|dict)", mistake.accepted
        )
        assert str(mistake).count("(got ") <= 1


def test_a_service_of_openslo_without_an_address_is_one_mistake(load: Load) -> None:
    (found,) = load("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: api}\n").mistakes

    assert found.problem == "the document has no place for a service's URL, and this one has none"
    assert found.value == "api"


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("path: '/a/${x}'", 8),
        ("url: 'https://a.example/${x}'", 8),
        ("url: '${x}'", 8),
        ("path: /\n    headers:\n      A: a\n      B: '${x}'", 11),
        ("path: /\n    form:\n      a: '${x}'", 10),
        ("path: /\n    body: '${x}'", 9),
        ("path: /\n    json:\n      a:\n      - b: 1\n        c: '${x}'", 12),
        ("path: /\n    capture: {x: {json: $.x}}\n    json: {a: '${x}'}", 10),
        ("path: /\n    assertions:\n    - {status: 200}\n    - {body_lacks: '${x}'}", 11),
    ],
)
def test_a_variable_that_is_not_captured_before_is_a_mistake_at_the_key_that_uses_it(
    load: Load, place: str, line: int
) -> None:
    journey = f"journeys:\n- name: j\n  steps:\n  - name: s\n    method: POST\n    {place}"

    (found,) = load(f"{ONE}{journey}").mistakes

    assert (found.problem, found.line) == ("uses ${x}, which no step captures before it", line)


def test_a_mistyped_variable_of_the_defaults_is_named_once_with_the_nearest_that_is_there(
    load: Load,
) -> None:
    (found,) = load(
        "defaults:\n"
        "  journeys:\n"
        "  - name: j\n"
        "    steps:\n"
        "    - {name: a, path: /, capture: {order: {json: $.id}}}\n"
        "    - {name: b, path: '/${ordr}'}\n"
        "services:\n"
        "- {service: a, url: https://a.example}\n"
        "- {service: b, url: https://b.example}\n"
    ).mistakes

    assert found.line == 6
    assert found.accepted.endswith("did you mean order? known: now, order, uuid")


def test_what_a_journey_may_use_is_no_mistake(load: Load) -> None:
    loaded = load(
        f"{ONE}journeys:\n- name: j\n  steps:\n"
        "  - name: a\n"
        "    path: /orders/${uuid}?at=${now}\n"
        "    capture: {id: {json: $.id}, next: {header: Location, matches: '(/.*)'}, sid: {cookie: sid}}\n"
        "    assertions: [{json: $.ref, equals: 'order ${id}'}]\n"
        "  - {name: b, url: '${next}?of=${id}', json: {a: ['${secrets.A}']}}\n"
    )

    assert loaded.mistakes == ()
    first, second = services(loaded)["api"].journeys[0].steps
    assert second.target == "${next}?of=${id}"
    assert first.captures == (
        Capture(variable="id", subject=Subject.JSON, name="$.id"),
        Capture(variable="next", subject=Subject.HEADER, name="Location", pattern="(/.*)"),
        Capture(variable="sid", subject=Subject.COOKIE, name="sid"),
    )


def test_all_mistakes_of_all_kinds_come_at_once_and_in_order(load: Load) -> None:
    found = load(
        "services:\n"
        "- service: a\n"
        "  url: https://a.example\n"
        "  url: https://b.example\n"
        "  grace: 1\n"
        "  slo_targets: {availability: 2, error_rate: x}\n"
        "- {service: a}\n"
        "- {service: b, url: [\n"
    ).mistakes

    assert [(one.line, one.field) for one in found] == [
        (4, "url"),
        (5, "services[0].grace"),
        (6, "services[0].slo_targets.availability"),
        (6, "services[0].slo_targets.error_rate"),
        (7, "services[1].url"),
        (9, "config"),
    ]


def test_services_without_a_mistake_are_there_beside_those_with_some(load: Load) -> None:
    loaded = load("- {service: a, url: https://a.example}\n- {service: b}\n")

    assert list(loaded.slo_yml.services) == ["a"]
    assert len(loaded.mistakes) == 1


def test_what_is_right_of_an_entry_is_there_beside_what_is_wrong(load: Load) -> None:
    loaded = load(
        f"{ONE}fooo: 1\nslo_targets: {{availability: 100%, eror_rate: 1%}}\n"
        "monitoring: {interval: 5}\nendpoints: [{name: a, path: b}]\n"
    )
    service = loaded.slo_yml.services["api"]

    assert len(loaded.mistakes) == 4
    assert service.targets.availability == 1
    assert [one.name for one in service.endpoints] == ["health"]


def test_references_are_not_judged_in_a_file_that_was_not_read_to_its_end(load: Load) -> None:
    found = load("services:\n- {service: a, url: https://a.example, team: pay}\nteams: {pay: [}\n")

    assert ["not valid YAML" in one.problem for one in found.mistakes] == [True]


def test_a_mistake_does_not_quote_what_may_be_an_address_with_credentials(load: Load) -> None:
    reported = "".join(
        problems(load(f"service: a\nurl: {url}\n"))[0]
        for url in ("[https://bob:hunter22@api.example]", "ftp://bob:hunter22@api.example")
    )

    assert "hunter22" not in reported


@pytest.mark.parametrize(
    "line",
    [
        '{service: g, url: "https://bob:hunter22@g.example", boo: 1}',
        '{service: g, url: "https://bob:p@hunter22@g.example", boo: 1}',
        '{service: g, url: "https://bob:sl/hunter22@g.example"}',
        '{service: g, url: "https://b ob:hunter22@g.example"}',
        '{service: g, url: "bob:hunter22@g.example"}',
        "{service: g, url: https://g.example, notify: [https://hooks.example/hunter22], boo: 1}",
        "{service: g, url: https://g.example, journeys: [{name: j, steps: [{name: s, path: /, headers: {A B: hunter22}}]}]}",
        "{service: g, url: https://g.example, journeys: [{name: j, steps: [{name: s, path: /, form: {a: 122333}}]}]}",
    ],
)
def test_no_text_of_a_mistake_and_no_line_shows_credentials(load: Load, line: str) -> None:
    loaded = load(f"- {line}\n")
    reported = "".join(f"{one}" for one in loaded.mistakes)

    assert loaded.mistakes
    assert "hunter22" not in reported
    assert "122333" not in reported
    if "headers" not in line:
        assert all("hunter22" not in one.source for one in loaded.mistakes)


def test_notification_targets_are_distinguished_wherever_they_stand(load: Load) -> None:
    loaded = load(
        "notify: [https://hooks.example/one]\n"
        "teams: {core: {notify: [https://hooks.example/two]}}\n"
        "defaults: {notify: [https://hooks.example/three]}\n"
        "services: [{service: a, url: https://a.example, notify: [https://hooks.example/four]}]\n"
    )

    assert {target.rpartition("/")[2] for target in loaded.hidden} == {
        "one",
        "two",
        "three",
        "four",
    }


def test_one_wrong_list_does_not_hold_the_reading(load: Load) -> None:
    entries = ", ".join(["1"] * 20_000)

    found = load(f"{ONE}notify: [{entries}]\n").mistakes

    assert len(found) == MOST_MISTAKES + 1


def test_each_include_that_is_wrong_stands_at_its_own_entry(load: Load) -> None:
    found = load("services: []\ninclude:\n  - a.yml\n  - none/*.yml\n", a=ONE).mistakes

    assert [(one.line, one.problem) for one in found] == [(4, "matches no file")]


def test_a_default_that_does_not_fit_is_reported_once_where_it_stands(load: Load) -> None:
    text = (
        "defaults:\n  slo_targets: {error_rate: 10%}\nservices:\n"
        "- {service: a, url: https://a.example}\n- {service: b, url: https://b.example}\n"
    )

    (found,) = load(text).mistakes

    assert (found.line, found.field) == (2, "slo_targets.error_rate")
    assert found.problem == "promises an error rate of 10 %, and 5 % rolls back"


def test_a_small_ratio_may_be_a_number(load: Load) -> None:
    service = only(load(f"{ONE}slo_targets: {{error_rate: 0.00001}}\n"))

    assert service.targets.error_rate == Fraction(1, 100_000)


def test_an_entry_that_the_break_may_belong_to_is_not_looked_at(load: Load) -> None:
    text = (
        "services:\n- {service: a, url: https://a.example}\n- service: b\n url: https://b.example\n"
    )

    found = load(text)

    assert [one.field for one in found.mistakes] == ["config"]
    assert list(found.slo_yml.services) == ["a"]


def test_a_service_whose_name_s_key_is_mistyped_is_still_a_service(load: Load) -> None:
    found = load("servise: a\nurl: https://a.example\n").mistakes

    assert {(one.field, one.problem) for one in found} == {
        ("servise", "is not known"),
        ("service", "is missing"),
    }
    assert any("did you mean service?" in one.accepted for one in found)


def test_an_alias_may_be_a_key(load: Load) -> None:
    service = only(load("service: &name api\nurl: https://a.example\nx-by: {*name : 1}\n"))

    assert service.name == "api"


def test_hostile_text_is_cut_in_a_mistake(load: Load) -> None:
    (found,) = load(f"{ONE}health_endpoint: {'x' * 5000}\n").mistakes

    assert len(str(found)) < 400


def test_more_mistakes_than_anybody_reads_are_counted(load: Load) -> None:
    found = load("- 7\n" * 500).mistakes

    assert len(found) == MOST_MISTAKES + 1
    assert found[-1].problem == "400 more mistakes"


def not_read(workspace: Path, name: str = "slo.yml") -> Mistake:
    (found,) = load_slo_yml(WorkspaceFiles(workspace), name, "config").mistakes
    return found


def test_a_file_that_is_not_utf_8_names_the_byte_and_its_place(tmp_path: Path) -> None:
    (tmp_path / "slo.yml").write_bytes(b"a: \xc3\xa9\nb: \xff\xfe")

    found = not_read(tmp_path)

    assert (found.line, found.column) == (2, 4)
    assert found.problem == "byte 10 is not UTF-8"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "slo.yml").write_bytes(b"a: 1\n" * (SIZE_LIMIT_BYTES // 4))

    assert "larger than 8 MiB" in not_read(tmp_path).problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none.yml", "No such file"),
        (".", "Is a directory"),
        ("../x", "outside"),
        ("a\0b", "cannot"),
    ],
)
def test_what_is_no_file_of_the_workspace_says_so(tmp_path: Path, name: str, problem: str) -> None:
    assert problem in not_read(tmp_path, name).problem


def test_a_byte_order_mark_and_other_line_ends_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "slo.yml").write_bytes(b"\xef\xbb\xbf" + ONE.replace("\n", "\r\n").encode())

    loaded = load_slo_yml(WorkspaceFiles(tmp_path), "slo.yml", "config")

    assert list(services(loaded)) == ["api"]


def test_a_file_elsewhere_is_named_by_itself(tmp_path: Path) -> None:
    (tmp_path / "new.yml").write_text("services: 7\n", encoding="utf-8")

    loaded = read_slo_yml(tmp_path / "new.yml", FIXTURES, "--policy")

    assert loaded.mistakes[0].path == "new.yml"


# The policy in it


WHOLE = """
policy:
  health_deadline: 2m
  grace: 20s
  observe: 4m
  confidence: 95%
  error_rate: {slo: 1%, alert: 0.5%, rollback: 4%}
  on_late_start: rollback
  outage_after: 10s
  max_observer_delay: 2s
  min_requests: 50
services:
  - service: dashboard
    url: https://dashboard.example
    policy: {error_rate: {rollback: 2%}}
  - service: search
    url: https://search.example
    slo_targets: {error_rate: <2%, response_time_p95: 300ms, search_response_time_p90: 3s}
"""


def test_every_key_changes_its_own_number(load: Load) -> None:
    policy = policy_with(load(WHOLE).slo_yml.policy_for("unnamed"), Policy())

    assert (policy.gate.deadline_seconds, policy.gate.grace_seconds) == (120.0, 20.0)
    assert (policy.window.length_seconds, policy.window.outage_seconds) == (240.0, 10.0)
    assert policy.window.max_observer_delay_seconds == 2.0
    assert policy.gate.max_observer_delay_seconds == 2.0
    assert policy.window.alert_ratio == 0.005
    assert policy.on_late_start is OnLateStart.ROLLBACK
    for rates in (policy.window.rates, policy.window.traffic):
        assert (rates.slo, rates.trigger) == (Fraction(1, 100), Fraction(4, 100))
        assert rates.confidence == 0.95
    assert policy.window.traffic.min_requests == 50


def test_a_service_s_own_values_come_before_the_file_s(load: Load) -> None:
    change = load(WHOLE).slo_yml.policy_for("dashboard")

    assert change["rollback"] == Fraction(2, 100)
    assert change["observe"] == 240.0


def test_a_service_s_targets_count_too(load: Load) -> None:
    policy = policy_with(load(WHOLE).slo_yml.policy_for("search"), Policy())
    limits = {kind: goal.limit_seconds for kind, goal in policy.window.objectives}

    assert policy.window.rates.slo == Fraction(2, 100)
    assert (limits[Witness.HEALTH], limits[Witness.SEARCH]) == (0.3, 3.0)


def test_what_nobody_says_leaves_everything(load: Load) -> None:
    assert policy_with(PolicyOverrides(), Policy()) == Policy()
    assert only(load(ONE)).policy == PolicyOverrides()


@pytest.mark.parametrize(
    "text",
    [
        f"policy: {{grace: 5s}}\n---\n{ONE}",
        "- {service: api, url: 'https://a.example', policy: {grace: 5s}}\n",
        f"{ONE}policy: {{grace: 5s}}\n",
    ],
    ids=["documents", "list", "one service"],
)
def test_every_shape_of_slo_yml_may_hold_a_policy(load: Load, text: str) -> None:
    loaded = load(text)

    assert loaded.mistakes == ()
    assert loaded.slo_yml.policy_for("api").over(loaded.slo_yml.policy)["grace"] == 5.0


def test_a_document_s_policy_holds_for_services_of_other_documents(load: Load) -> None:
    assert load(f"policy: {{grace: 5s}}\n---\n{ONE}").slo_yml.policy_for("api")["grace"] == 5.0


def test_ten_thousand_services_are_all_read(load: Load) -> None:
    entries = "".join(
        f"- {{service: s{n}, url: https://s{n}.example, slo_targets: {{availability: 99.9%}}}}\n"
        for n in range(10_000)
    )

    found = services(load(entries))

    assert len(found) == 10_000
    assert replace(found["s9999"], name="s0", url="https://s0.example") == found["s0"]


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("owner: x\nsites: [{name: Shop, url: x}]", "an Upptime configuration"),
        ("endpoints: [{name: Shop, url: x, conditions: []}]", "a Gatus configuration"),
        ("modules: {http_2xx: {prober: http}}", "a blackbox exporter configuration"),
        ("groups: [{name: x, rules: []}]", "a Prometheus rules file"),
        ("scrape_configs: []", "a Prometheus configuration"),
        ("route: {}\nreceivers: []", "an Alertmanager configuration"),
        ("on: push\njobs: {a: {steps: []}}", "a GitHub workflow"),
        ("services: {web: {image: x}}", "a Compose file"),
        ("apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective", "a Pyrra resource"),
    ],
)
def test_a_file_of_another_tool_is_named_in_one_sentence(load: Load, text: str, tool: str) -> None:
    assert problems(load(text)) == [
        f"slo.yml:1: config: is {tool}, not slo.yml; see docs/config.md"
    ]


def test_names_that_yaml_reads_as_numbers_are_to_be_quoted(load: Load) -> None:
    loaded = load("services: [{service: 007, app: 1e3, url: 'https://a.example'}]")

    assert [one.field for one in loaded.mistakes] == ["services[0].service", "services[0].app"]
    assert all("in quotes where it looks like a number" in one.accepted for one in loaded.mistakes)


def test_a_target_of_notifications_takes_no_environment_variable(load: Load) -> None:
    text = "services: [{service: a, url: 'https://a.example', notify: ['slack:${HOOK}', 'x:${secrets.X}']}]"
    (mistake,) = load(text).mistakes

    assert (mistake.field, mistake.value) == ("services[0].notify[0]", None)
    assert mistake.accepted.startswith("nothing fills in ${HOOK}")


def test_an_address_is_not_included(load: Load) -> None:
    loaded = load("include: https://user:pass@a.example/slo.yml\nservices: []")

    (mistake,) = loaded.mistakes
    assert mistake.problem == "is an address, and nothing is fetched"
    assert "pass" not in str(mistake)


_SLOTH = """
version: prometheus/v1
service: shop
slos:
- name: availability
  objective: 99.5
  sli:
    events:
      error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))
      total_query: sum(rate(http_requests_total[{{.window}}]))
  alerting: {page_alert: {disable: true}}
- {name: cpu, objective: 99, sli: {events: {error_query: cpu_throttled, total_query: cpu_all}}}
- {name: raw, objective: 99, sli: {raw: {error_ratio_query: x}}}
- {name: typo, objective: 990}
---
services: [{service: shop, url: "https://shop.example"}]
"""
_SLOTH_RESOURCE = """
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop}
spec:
  service: shop
  slos:
  - name: availability
    objective: 99.5
    sli: {events: {errorQuery: 'http_requests_total{code="500"}', totalQuery: http_requests_total}}
---
services: [{service: shop, url: "https://shop.example"}]
"""


@pytest.mark.parametrize("text", [_SLOTH, _SLOTH_RESOURCE])
def test_an_slo_of_sloth_is_an_error_rate(load: Load, text: str) -> None:
    loaded = load(text.replace("- {name: typo, objective: 990}\n", ""))

    assert only(loaded).policy["slo"] == Fraction(5, 1000)


def test_what_sloth_has_beside_it_is_left_out_or_a_mistake(load: Load) -> None:
    loaded = load(_SLOTH)

    assert [one.message for one in loaded.skipped] == [
        '"slos: availability": recipients are set by `notify`',
        '"slos: cpu": its metrics do not count HTTP requests for certain',
        '"slos: raw": a raw ratio or a plugin may be about anything',
    ]
    assert problems(loaded) == [
        'slo.yml:14: slos[3].objective: is not accepted (got "990"); write a percentage such as 99.9'
    ]


def test_a_service_of_sloth_is_in_slo_yml_too(load: Load) -> None:
    (mistake,) = load(_SLOTH_RESOURCE.partition("---")[0]).mistakes

    assert (mistake.field, mistake.value) == ("spec.service", "shop")
