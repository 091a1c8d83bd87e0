"""`mode: check`: what it finds in each file, in both together, and what it fixes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.rule import Rule
from slo_action.core.lint.slo.rules import SLO_RULES
from slo_action.core.model import Mode, Outcome
from slo_action.errors import WorkspaceError
from slo_action.modes.check.check import RULES
from slo_action.on_demand import ON_DEMAND
from tests.worlds.check_world import CheckWorld
from tests.worlds.fake_prober import OK, FakeProber, Line
from tests.worlds.memory_ports import MemoryBaseFiles
from tests.worlds.rendered import rendered

ROOT = Path(__file__).parents[3]
SHAPES = ROOT / "tests" / "config" / "fixtures" / "fly"
PAGE = ROOT / "docs" / "check.md"

FOUND: dict[str, list[str]] = {
    "checks": [
        "6 notice no-concurrency",
        "9 notice autostop-min-zero",
        "15 notice check-timing-left-out",
        "16 warning bare-duration",
        "17 warning bare-duration",
        "20 notice check-timing-left-out",
        "22 warning check-timeout",
        "24 warning service-without-port",
        "24 warning no-service-checks",
        "24 notice no-concurrency",
        "28 warning service-without-port",
        "38 warning bare-duration",
    ],
    "django-statics": [
        "8 warning auto-rollback-no-op",
        "19 notice legacy-form",
        "39 warning unknown-key",
        "53 notice release-command",
    ],
    "document": [
        "19 warning auto-rollback-no-op",
    ],
    "every-rule": [
        "5 warning strategy-refused",
        "8 notice strict-only-key",
        "8 notice legacy-form",
        "13 warning autostop-never-starts",
        "16 warning concurrency-type",
        "19 warning check-without-path",
        "19 notice check-timing-left-out",
        "20 warning check-method",
        "21 warning duration-out-of-range",
        "22 warning duration-out-of-range",
        "24 warning service-without-port",
        "24 warning no-service-checks",
        "27 notice legacy-form",
        "29 warning unknown-key",
        "38 notice grace-past-deadline",
        "43 warning duration-refused",
        "47 warning service-without-port",
        "50 warning autostop-refused",
    ],
    "go-suspend": [],
    "launch": [
        "12 notice release-command",
        "14 warning no-service-checks",
        "14 notice no-concurrency",
        "19 notice autostop-min-zero",
    ],
    "mixed-services": [
        "14 warning auto-rollback-no-op",
        "17 warning no-service-checks",
        "17 notice no-concurrency",
        "20 notice legacy-form",
        "22 notice autostop-min-zero",
        "25 warning service-without-port",
        "25 notice no-concurrency",
        "37 warning unknown-key",
        "41 warning bare-duration",
        "46 warning bare-duration",
        "50 warning bare-duration",
        "54 warning bare-duration",
    ],
    "node-consul": [
        "9 notice strict-only-key",
        "10 warning auto-rollback-no-op",
        "17 notice release-command",
    ],
    "node-millis": [
        "11 notice strict-only-key",
        "12 warning auto-rollback-no-op",
        "47 warning bare-duration",
        "52 warning bare-duration",
    ],
    "node-two-services": [
        "11 warning unknown-key",
        "12 warning auto-rollback-no-op",
        "14 warning no-service-checks",
        "14 notice no-concurrency",
    ],
    "node-volume": [],
    "nomad": [
        "16 notice strict-only-key",
        "17 warning auto-rollback-no-op",
    ],
    "phoenix-metrics": [
        "7 warning auto-rollback-no-op",
        "10 notice release-command",
        "33 warning unknown-key",
    ],
    "phoenix-volume": [
        "20 warning no-service-checks",
        "23 notice legacy-form",
        "25 notice autostop-min-zero",
    ],
    "python-rolling": [
        "7 warning auto-rollback-no-op",
        "21 notice legacy-form",
        "29 warning concurrency-limits",
    ],
    "rails-bluegreen": [
        "7 warning auto-rollback-no-op",
        "10 notice release-command",
        "11 notice strategy-bluegreen",
        "20 notice legacy-form",
        "22 warning unknown-key",
    ],
    "rails-groups": [
        "8 notice release-command",
        "14 notice no-concurrency",
        "24 warning check-timeout",
    ],
    "rails-top-checks": [
        "10 notice release-command",
        "18 warning no-service-checks",
        "18 notice no-concurrency",
        "30 warning bare-duration",
    ],
    "flyctl-validation": [
        "3 warning duration-refused",
        "7 warning value-refused",
        "9 warning process-undefined",
        "10 warning value-refused",
        "14 warning stray-service-checks",
        "18 warning bare-duration",
        "21 warning value-refused",
    ],
    "rust-immediate": [
        "18 warning strategy-immediate",
        "27 notice legacy-form",
        "29 notice autostop-min-zero",
    ],
    "rust-release": [
        "7 notice release-command",
        "13 warning auto-rollback-no-op",
    ],
}


@pytest.fixture
def world(tmp_path: Path) -> CheckWorld:
    return CheckWorld(tmp_path)


def shape(name: str) -> str:
    return (SHAPES / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOUND)
def test_each_finding_stands_beside_its_line(world: CheckWorld, name: str) -> None:
    world.write(fly_toml=shape(name))

    assert world.run() == 0
    reported = [
        re.sub(r"^fly\.toml:(\d+): (\w+): ([\w-]+): .*", r"\1 \2 \3", t) for t in world.log.lines
    ]
    assert [line for line in reported if re.match(r"\d+ ", line)] == FOUND[name]
    assert [f"{a.path} {a.line} {a.level}" for a in world.log.annotations] == [
        f"fly.toml {line.rpartition(' ')[0]}" for line in FOUND[name]
    ]


def test_every_rule_is_met_by_one_of_the_shapes() -> None:
    met = {line.rpartition(" ")[2] for lines in FOUND.values() for line in lines}

    assert met == {rule.name for rule in FLY_RULES}


def test_every_shape_is_looked_at() -> None:
    assert {path.stem for path in SHAPES.glob("*.toml")} == set(FOUND)


def test_a_file_without_faults_is_reported_as_such(world: CheckWorld) -> None:
    world.write(fly_toml="app = 'worker'\n[deploy]\nstrategy = 'rolling'\n")

    assert world.run() == 0
    assert (world.log.lines, world.log.annotations) == (["fly.toml: no findings"], [])
    assert "no findings" in world.outputs.summary


def test_each_mode_has_its_entry_in_the_table_of_late_imports() -> None:
    assert set(Mode) <= set(ON_DEMAND)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_has_its_heading_and_its_row(rule: Rule[Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert f"\n### {rule.name}\n" in page
    assert f"\n| [{rule.name}](#{rule.name}) | {rule.level} |" in page


def test_the_page_has_no_other_rules() -> None:
    rows = re.findall(r"^\| \[([\w-]+)\]", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [rule.name for rule in RULES]


SHOP = """\
services:
  - service: shop
    url: https://shop.example
    health_endpoint: /healthz
    monitoring: {interval: 15s, timeout: 2s, grace_period: 30s}
"""
FLY = """\
app = "shop"
[http_service]
  [http_service.concurrency]
    type = "requests"
    soft_limit = 200
    hard_limit = 250
  [[http_service.checks]]
    method = "GET"
    path = "/healthz"
    interval = "15s"
    timeout = "2s"
    grace_period = "30s"
"""


def test_files_that_agree_are_reported_as_such(world: CheckWorld) -> None:
    world.write(**{".github__slo_yml": SHOP}, fly_toml=FLY)

    assert world.run() == 0
    assert world.log.lines == [
        "2 files: no findings",
        ".github/slo.yml: no findings",
        "fly.toml: no findings",
    ]


def test_slo_yml_alone_is_enough(world: CheckWorld) -> None:
    world.write(ops__slo_yml=SHOP)

    assert world.run(config="ops/slo.yml") == 0
    assert world.log.lines == ["ops/slo.yml: no findings"]


def test_the_page_shows_what_the_log_says(world: CheckWorld) -> None:
    shown = PAGE.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    line = shown.split("\n")[1].partition("| ")[2]
    above = (
        "services:",
        "  - service: shop",
        "    url: https://shop.example",
        "    health_endpoint: /healthz",
        "    monitoring: {timeout: 5s}",
        "",
    )
    world.write(**{".github__slo_yml": "\n".join([*above, line, ""])})
    world.run()

    assert world.log.lines[1:] == shown.splitlines()


@pytest.mark.parametrize("rule", SLO_RULES, ids=lambda rule: rule.name)
def test_the_page_s_example_of_a_rule_is_found_by_it(world: CheckWorld, rule: Rule[Any]) -> None:
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"\n### {rule.name}\n")
    example = section.partition("```yaml\n")[2].partition("```")[0]
    world.write(slo_yml=f"service: shop\nurl: https://shop.example\n{example}")
    world.run(config="slo.yml")

    assert [one.rpartition(" ")[2] for one in world.reported] == [rule.name]


@pytest.mark.parametrize("name", ["shop", "other"])
def test_what_differs_is_reported_where_fly_toml_says_it(world: CheckWorld, name: str) -> None:
    matrix = SHOP.replace("service: shop", f"service: {name}").replace("15s", "30s")
    world.write(slo_yml=matrix, fly_toml=FLY)

    assert world.run(config="slo.yml") == 0
    of_another_app = [] if name == "shop" else ["fly.toml:1:1 warning match-app"]
    assert world.reported == [*of_another_app, "fly.toml:10:5 notice match-timing"]


def test_each_service_is_compared_with_its_own_fly_toml(world: CheckWorld) -> None:
    cart = SHOP.partition("\n")[2].replace("shop", "cart").replace("15s", "20s")
    named = cart + "    fly_config: apps/cart/fly.toml\n"
    world.write(
        slo_yml=SHOP + named,
        apps__cart__fly_toml=FLY.replace("shop", "cart"),
        fly_toml=FLY.replace("/healthz", "/"),
    )

    assert world.run(config="slo.yml") == 0
    assert world.reported == [
        "apps/cart/fly.toml:10:5 notice match-timing",
        "fly.toml:9:5 warning match-path",
    ]


def test_what_a_service_promises_says_more_of_autostop_than_that_it_stops(
    world: CheckWorld,
) -> None:
    sleepy = FLY.replace("[http_service]\n", '[http_service]\n  auto_stop_machines = "stop"\n', 1)
    world.write(slo_yml=SHOP + "    slo_targets: {availability: 99.9%}\n", fly_toml=sleepy)
    world.run(config="slo.yml")

    assert [one.rpartition(" ")[2] for one in world.reported] == ["match-autostop"]


def test_mistakes_of_all_kinds_are_reported_at_once_and_fail_the_step(world: CheckWorld) -> None:
    world.write(
        slo_yml=SHOP.replace("2s", "20s") + "  - service: cart\n    uri: x\n",
        fly_toml="app = 'shop'\n[vm\n",
    )

    assert world.run(config="slo.yml") == 2
    assert world.reported == [
        "slo.yml:6:5 error mistake",
        "slo.yml:7:5 error mistake",
        "fly.toml:2:4 error fly-mistake",
        "slo.yml:5:18 error interval-below-timeout",
    ]
    assert "  2 | [vm" in world.log.lines


def test_a_slo_yml_of_warnings_only_passes(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP.replace("30s", "5m"))

    assert world.run(config="slo.yml") == 0
    assert world.reported == ["slo.yml:5:46 warning grace-past-gate"]


def test_a_bad_default_is_reported_once_however_many_services_have_it(world: CheckWorld) -> None:
    services = "".join(
        f"- {{service: {name}, url: 'https://{name}.example', health_endpoint: /}}\n"
        for name in ("shop", "cart")
    )
    world.write(
        slo_yml=f"defaults:\n  monitoring:\n    interval: 2s\n    timeout: 5s\n"
        f"services:\n{services}"
    )

    assert world.run(config="slo.yml") == 2
    assert world.reported == ["slo.yml:3:5 error interval-below-timeout"]
    assert '("shop", "cart")' in world.log.annotations[0].message


def with_defaults(*entries: str) -> str:
    services = "".join(f"- {{{entry}}}\n" for entry in entries)
    targets = "  slo_targets:\n    response_time_p95: 8s\n"
    return f"defaults:\n  monitoring: {{timeout: 5s}}\n{targets}services:\n{services}"


def plain(name: str, more: str = "") -> str:
    return f"service: {name}, url: 'https://{name}.example', health_endpoint: /{more}"


def test_each_thing_that_a_default_does_to_services_is_reported_with_their_names(
    world: CheckWorld,
) -> None:
    shorter = ", monitoring: {timeout: 2s}"
    world.write(slo_yml=with_defaults(plain("shop"), plain("cart", shorter), plain("pay")))
    world.run(config="slo.yml")

    found = [one.message.partition(": such")[0] for one in world.log.annotations]
    assert found == [
        'health: p95 of 8s is above its timeout of 5s ("shop", "pay")',
        'health: p95 of 8s is above its timeout of 2s ("cart")',
    ]


def test_of_many_services_with_a_bad_default_a_few_are_named(world: CheckWorld) -> None:
    world.write(slo_yml=with_defaults(*(plain(f"s{number}") for number in range(7))))
    world.run(config="slo.yml")

    (finding,) = world.log.annotations
    assert '("s0", "s1", "s2", "s3", "s4" and 2 more services)' in finding.message


def test_what_stands_in_the_entry_of_a_service_does_not_name_it_again(world: CheckWorld) -> None:
    own = ", slo_targets: {response_time_p95: 9s}"
    world.write(slo_yml=with_defaults(plain("shop", own)))
    world.run(config="slo.yml")

    (finding,) = world.log.annotations
    assert '"shop"' not in finding.message


def test_a_mistake_of_an_included_file_stands_in_that_file(world: CheckWorld) -> None:
    world.write(
        slo_yml="include: teams/*.yml\n", teams__a_yml=SHOP.replace("url", "uri"), teams__b_yml=SHOP
    )

    assert world.run(config="slo.yml") == 2
    assert {one.path for one in world.log.annotations} == {"teams/a.yml"}


def test_a_fly_config_that_is_not_there_is_reported_where_it_is_named(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP + "    fly_config: apps/fly.toml\n")

    assert world.run(config="slo.yml") == 2
    assert world.reported == ["slo.yml:6:5 error mistake"]
    assert "No such file" in world.log.annotations[0].message


def test_a_fly_toml_that_is_too_large_is_a_finding_and_slo_yml_is_looked_at(
    world: CheckWorld,
) -> None:
    world.write(slo_yml=SHOP.replace("30s", "5m"), fly_toml="#" * 65_537)

    assert world.run(config="slo.yml") == 2
    assert world.reported == [
        "fly.toml:1:1 error fly-mistake",
        "slo.yml:5:46 warning grace-past-gate",
    ]


def test_openslo_that_is_not_read_is_a_notice(world: CheckWorld) -> None:
    fixture = ROOT / "tests" / "config" / "fixtures" / "openslo" / "alerts.yml"
    world.write(slo_yml=fixture.read_text(encoding="utf-8"))
    world.run(config="slo.yml")

    notices = [one for one in world.log.annotations if one.level == "notice"]
    assert {one.title for one in notices} == {"OpenSLO that is not read"}


def test_more_mistakes_than_are_listed_are_counted_in_the_file_itself(world: CheckWorld) -> None:
    world.write(slo_yml="services:\n" + "- {service: a, uri: b}\n" * 300)

    assert world.run(config="slo.yml") == 2
    assert {one.path for one in world.log.annotations} == {"slo.yml"}
    assert any("more mistakes" in one.message for one in world.log.annotations)


def test_credentials_in_an_address_are_not_shown(world: CheckWorld) -> None:
    world.write(slo_yml="service: shop\nurl: ftp://ann:hunter22@shop.example\n")

    assert world.run(config="slo.yml") == 2
    reported = "\n".join(
        [*world.log.lines, world.outputs.summary, *map(str, world.log.annotations)]
    )
    assert "***@shop.example" in reported
    assert "hunter22" not in reported


# Who is asked


def test_the_twenty_first_service_is_reported_and_not_asked(world: CheckWorld) -> None:
    names = [f"shop-{number}" for number in range(21)]
    entries = (f"- {{service: {name}, url: 'https://{name}.example'}}\n" for name in names)
    world.write(slo_yml="".join(entry.replace("}", ", health_endpoint: /}") for entry in entries))
    prober = FakeProber(world.clock)
    for name in names:
        prober.script(f"https://{name}.example/", OK)
    world.prober = prober

    assert world.run(config="slo.yml") == 0
    assert len({probe.url for probe in prober.asked}) == 20
    assert "slo.yml:21:22 notice target-not-reached" in world.reported
    assert "a few plain GETs to 20 running services" in rendered(world.outputs.summary).prose


def test_what_runs_is_reported_at_the_line_of_its_endpoint(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP)
    prober = FakeProber(world.clock)
    prober.script("https://shop.example/healthz", Line(outcome=Outcome.HTTP_5XX))
    world.prober = prober

    assert world.run(config="slo.yml") == 0
    assert world.reported == ["slo.yml:4:5 warning endpoint-fails"]


def test_no_request_is_sent_where_visits_are_off(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP)
    prober = FakeProber(world.clock)
    world.prober = prober
    world.run(config="slo.yml", visit="false")

    assert prober.asked == []


# What is fixed

AUTO = FLY + "[experimental]\n  auto_rollback = true # why\n"


def test_nothing_is_changed_unless_asked_for(world: CheckWorld) -> None:
    world.write(fly_toml=AUTO)
    world.run()

    assert world.written.fixed == {}
    assert "1 fixable with fix: true" in world.log.lines[0]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_fix_fixes_what_it_can_and_only_that(world: CheckWorld, newline: str) -> None:
    before = AUTO.replace('interval = "15s"', 'interval = "20s"').replace("\n", newline)
    world.write(slo_yml=SHOP, fly_toml=before)

    assert world.run(config="slo.yml", fix="true") == 0
    after = world.written.fixed["fly.toml"]
    assert after == (
        before.replace('interval = "20s"', 'interval = "15s"').replace(
            "auto_rollback = true # why", "# why"
        )
    )
    assert world.log.lines[0] == "fly.toml: fixed 2"
    assert world.reported == []
    assert "check sent nothing and fixed 2 places" in world.outputs.summary


def test_what_a_person_must_decide_is_still_reported(world: CheckWorld) -> None:
    world.write(fly_toml=AUTO + "[deploy]\n  release_command = 'x'\n")
    world.run(fix="true")

    assert [one.rpartition(" ")[2] for one in world.reported] == ["release-command"]


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("name", FOUND)
def test_a_second_run_finds_nothing_to_fix(
    world: CheckWorld,
    name: str,
    beside: bool,
) -> None:
    world.write(fly_toml=shape(name), **({".github__slo_yml": SHOP} if beside else {}))
    world.run(fix="true")
    fixed = dict(world.written.fixed)
    world.write(fly_toml=fixed.get("fly.toml", shape(name)))
    world.written.fixed.clear()
    world.log.lines.clear()
    world.run(fix="true")

    assert world.written.fixed == {}
    assert "fixable" not in world.log.lines[0]
    assert all(tomllib.loads(text) for text in fixed.values())


def test_slo_yml_comes_before_what_a_rule_alone_would_make(world: CheckWorld) -> None:
    world.write(
        slo_yml=SHOP,
        fly_toml='app = "shop"\n[[services]]\ninternal_port = 1\n[[services.http_checks]]\n'
        'path = "/healthz"\ninterval = 10000\n',
    )
    world.run(config="slo.yml", fix="true")

    assert 'interval = "15s"' in world.written.fixed["fly.toml"]


def test_a_file_that_cannot_be_written_ends_it(world: CheckWorld) -> None:
    world.write(fly_toml=AUTO)
    world.written.error = WorkspaceError("read-only", hint="make it writable")

    with pytest.raises(WorkspaceError, match="read-only"):
        world.run(fix="true")


def test_a_report_that_cannot_be_written_is_reported_after_all_else(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP, fly_toml=AUTO)
    world.written.error = WorkspaceError("read-only", hint="make it writable")
    world.base = MemoryBaseFiles()

    with pytest.raises(WorkspaceError, match="read-only"):
        world.run(config="slo.yml", sarif_file="out.sarif")

    assert "stricter" in world.outputs.summary
    assert len(world.reported) == 1
    assert world.outputs.values == {}


def test_slo_yml_itself_is_never_written(world: CheckWorld) -> None:
    world.write(slo_yml=SHOP.replace("2s", "20s"), fly_toml=AUTO)
    world.run(config="slo.yml", fix="true")

    assert set(world.written.fixed) == {"fly.toml"}


def test_no_line_of_a_file_shows_a_notification_target_or_credentials(world: CheckWorld) -> None:
    text = (
        "service: a\nurl: https://bob:p@hunter22@a.example\n"
        "notify: [https://hooks.example/hunter33]\nslo_targets: {availability: 100%}\nboo: 1\n"
    )
    world.write(**{".github__slo_yml": text})

    assert world.run() == 2

    everything = "\n".join(
        (*world.log.lines, world.outputs.summary, *map(str, world.log.annotations))
    )
    assert "hunter" not in everything


def test_a_slo_yml_that_is_not_utf_8_is_a_finding_where_the_byte_stands(world: CheckWorld) -> None:
    world.write(fly_toml="app = 'a'\n")
    (world.workspace / "slo.yml").write_bytes(b"service: a\nurl: \xff\n")

    assert world.run(config="slo.yml") == 2
    assert "slo.yml:2:6 error mistake" in world.reported
