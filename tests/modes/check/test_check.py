"""`mode: check`: what it finds in each file, in both together, and what it mends."""

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
        "24 warning no-service-checks",
        "24 notice no-concurrency",
        "38 warning bare-duration",
    ],
    "django-statics": [
        "8 warning auto-rollback-no-op",
        "19 notice legacy-form",
        "39 warning ignored-check-key",
        "53 notice release-command",
    ],
    "document": [
        "19 warning auto-rollback-no-op",
    ],
    "every-rule": [
        "5 warning strategy-refused",
        "8 notice legacy-form",
        "13 warning autostop-never-starts",
        "16 warning concurrency-type",
        "19 warning check-without-path",
        "19 notice check-timing-left-out",
        "20 warning check-method",
        "21 warning duration-out-of-range",
        "22 warning duration-out-of-range",
        "24 warning no-service-checks",
        "27 notice legacy-form",
        "29 warning ignored-check-key",
        "38 notice grace-past-deadline",
        "43 warning duration-refused",
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
        "25 notice no-concurrency",
        "37 warning ignored-check-key",
        "41 warning bare-duration",
        "46 warning bare-duration",
        "50 warning bare-duration",
        "54 warning bare-duration",
    ],
    "node-consul": [
        "10 warning auto-rollback-no-op",
        "17 notice release-command",
    ],
    "node-millis": [
        "12 warning auto-rollback-no-op",
        "47 warning bare-duration",
        "52 warning bare-duration",
    ],
    "node-two-services": [
        "12 warning auto-rollback-no-op",
        "14 warning no-service-checks",
        "14 notice no-concurrency",
    ],
    "node-volume": [],
    "nomad": [
        "17 warning auto-rollback-no-op",
    ],
    "phoenix-metrics": [
        "7 warning auto-rollback-no-op",
        "10 notice release-command",
        "33 warning ignored-check-key",
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
def stage(tmp_path: Path) -> CheckWorld:
    return CheckWorld(tmp_path)


def shape(name: str) -> str:
    return (SHAPES / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOUND)
def test_each_finding_stands_beside_its_line(stage: CheckWorld, name: str) -> None:
    stage.write(fly_toml=shape(name))

    assert stage.run() == 0
    told = [
        re.sub(r"^fly\.toml:(\d+): (\w+): ([\w-]+): .*", r"\1 \2 \3", t) for t in stage.log.lines
    ]
    assert [line for line in told if re.match(r"\d+ ", line)] == FOUND[name]
    assert [f"{a.path} {a.line} {a.level}" for a in stage.log.annotations] == [
        f"fly.toml {line.rpartition(' ')[0]}" for line in FOUND[name]
    ]


def test_every_rule_is_met_by_one_of_the_shapes() -> None:
    met = {line.rpartition(" ")[2] for lines in FOUND.values() for line in lines}

    assert met == {rule.name for rule in FLY_RULES}


def test_every_shape_is_looked_at() -> None:
    assert {path.stem for path in SHAPES.glob("*.toml")} == set(FOUND)


def test_a_file_without_faults_is_told_to_be_so(stage: CheckWorld) -> None:
    stage.write(fly_toml="app = 'worker'\n[deploy]\nstrategy = 'rolling'\n")

    assert stage.run() == 0
    assert (stage.log.lines, stage.log.annotations) == (["fly.toml: no findings"], [])
    assert "no findings" in stage.outputs.summary


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


def test_files_that_agree_are_told_to_be_so(stage: CheckWorld) -> None:
    stage.write(**{".github__slo_yml": SHOP}, fly_toml=FLY)

    assert stage.run() == 0
    assert stage.log.lines == [
        "2 files: no findings",
        ".github/slo.yml: no findings",
        "fly.toml: no findings",
    ]


def test_the_matrix_alone_is_enough(stage: CheckWorld) -> None:
    stage.write(ops__slo_yml=SHOP)

    assert stage.run(config="ops/slo.yml") == 0
    assert stage.log.lines == ["ops/slo.yml: no findings"]


def test_the_page_shows_what_the_log_says(stage: CheckWorld) -> None:
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
    stage.write(**{".github__slo_yml": "\n".join([*above, line, ""])})
    stage.run()

    assert stage.log.lines[1:] == shown.splitlines()


@pytest.mark.parametrize("rule", SLO_RULES, ids=lambda rule: rule.name)
def test_the_page_s_example_of_a_rule_is_found_by_it(stage: CheckWorld, rule: Rule[Any]) -> None:
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"\n### {rule.name}\n")
    example = section.partition("```yaml\n")[2].partition("```")[0]
    stage.write(slo_yml=f"service: shop\nurl: https://shop.example\n{example}")
    stage.run(config="slo.yml")

    assert [one.rpartition(" ")[2] for one in stage.told] == [rule.name]


@pytest.mark.parametrize("name", ["shop", "other"])
def test_what_differs_is_told_where_fly_toml_says_it(stage: CheckWorld, name: str) -> None:
    matrix = SHOP.replace("service: shop", f"service: {name}").replace("15s", "30s")
    stage.write(slo_yml=matrix, fly_toml=FLY)

    assert stage.run(config="slo.yml") == 0
    of_another_app = [] if name == "shop" else ["fly.toml:1:1 warning match-app"]
    assert stage.told == [*of_another_app, "fly.toml:10:5 notice match-timing"]


def test_each_service_is_held_against_its_own_fly_toml(stage: CheckWorld) -> None:
    cart = SHOP.partition("\n")[2].replace("shop", "cart").replace("15s", "20s")
    named = cart + "    fly_config: apps/cart/fly.toml\n"
    stage.write(
        slo_yml=SHOP + named,
        apps__cart__fly_toml=FLY.replace("shop", "cart"),
        fly_toml=FLY.replace("/healthz", "/"),
    )

    assert stage.run(config="slo.yml") == 0
    assert stage.told == [
        "apps/cart/fly.toml:10:5 notice match-timing",
        "fly.toml:9:5 warning match-path",
    ]


def test_what_a_service_promises_says_more_of_autostop_than_that_it_stops(
    stage: CheckWorld,
) -> None:
    sleepy = FLY.replace("[http_service]\n", '[http_service]\n  auto_stop_machines = "stop"\n', 1)
    stage.write(slo_yml=SHOP + "    slo_targets: {availability: 99.9%}\n", fly_toml=sleepy)
    stage.run(config="slo.yml")

    assert [one.rpartition(" ")[2] for one in stage.told] == ["match-autostop"]


def test_mistakes_of_all_kinds_are_told_at_once_and_fail_the_step(stage: CheckWorld) -> None:
    stage.write(
        slo_yml=SHOP.replace("2s", "20s") + "  - service: cart\n    uri: x\n",
        fly_toml="app = 'shop'\n[vm\n",
    )

    assert stage.run(config="slo.yml") == 2
    assert stage.told == [
        "slo.yml:6:5 error mistake",
        "slo.yml:7:5 error mistake",
        "fly.toml:2:4 error fly-mistake",
        "slo.yml:5:18 error interval-below-timeout",
    ]
    assert "  2 | [vm" in stage.log.lines


def test_a_matrix_of_warnings_only_passes(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP.replace("30s", "5m"))

    assert stage.run(config="slo.yml") == 0
    assert stage.told == ["slo.yml:5:46 warning grace-past-gate"]


def test_a_bad_default_is_told_once_however_many_services_have_it(stage: CheckWorld) -> None:
    services = "".join(
        f"- {{service: {name}, url: 'https://{name}.example', health_endpoint: /}}\n"
        for name in ("shop", "cart")
    )
    stage.write(
        slo_yml=f"defaults:\n  monitoring:\n    interval: 2s\n    timeout: 5s\n"
        f"services:\n{services}"
    )

    assert stage.run(config="slo.yml") == 2
    assert stage.told == ["slo.yml:3:5 error interval-below-timeout"]
    assert '("shop", "cart")' in stage.log.annotations[0].message


def with_defaults(*entries: str) -> str:
    services = "".join(f"- {{{entry}}}\n" for entry in entries)
    targets = "  slo_targets:\n    response_time_p95: 8s\n"
    return f"defaults:\n  monitoring: {{timeout: 5s}}\n{targets}services:\n{services}"


def plain(name: str, more: str = "") -> str:
    return f"service: {name}, url: 'https://{name}.example', health_endpoint: /{more}"


def test_each_thing_that_a_default_does_to_services_is_told_with_their_names(
    stage: CheckWorld,
) -> None:
    shorter = ", monitoring: {timeout: 2s}"
    stage.write(slo_yml=with_defaults(plain("shop"), plain("cart", shorter), plain("pay")))
    stage.run(config="slo.yml")

    found = [one.message.partition(": such")[0] for one in stage.log.annotations]
    assert found == [
        'health: p95 of 8s is above its timeout of 5s ("shop", "pay")',
        'health: p95 of 8s is above its timeout of 2s ("cart")',
    ]


def test_of_many_services_with_a_bad_default_a_few_are_named(stage: CheckWorld) -> None:
    stage.write(slo_yml=with_defaults(*(plain(f"s{number}") for number in range(7))))
    stage.run(config="slo.yml")

    (finding,) = stage.log.annotations
    assert '("s0", "s1", "s2", "s3", "s4" and 2 more services)' in finding.message


def test_what_stands_in_the_entry_of_a_service_does_not_name_it_again(stage: CheckWorld) -> None:
    own = ", slo_targets: {response_time_p95: 9s}"
    stage.write(slo_yml=with_defaults(plain("shop", own)))
    stage.run(config="slo.yml")

    (finding,) = stage.log.annotations
    assert '"shop"' not in finding.message


def test_a_mistake_of_an_included_file_stands_in_that_file(stage: CheckWorld) -> None:
    stage.write(
        slo_yml="include: teams/*.yml\n", teams__a_yml=SHOP.replace("url", "uri"), teams__b_yml=SHOP
    )

    assert stage.run(config="slo.yml") == 2
    assert {one.path for one in stage.log.annotations} == {"teams/a.yml"}


def test_a_fly_config_that_is_not_there_is_told_where_it_is_named(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP + "    fly_config: apps/fly.toml\n")

    assert stage.run(config="slo.yml") == 2
    assert stage.told == ["slo.yml:6:5 error mistake"]
    assert "No such file" in stage.log.annotations[0].message


def test_a_fly_toml_that_is_too_large_is_a_finding_and_slo_yml_is_looked_at(
    stage: CheckWorld,
) -> None:
    stage.write(slo_yml=SHOP.replace("30s", "5m"), fly_toml="#" * 65_537)

    assert stage.run(config="slo.yml") == 2
    assert stage.told == ["fly.toml:1:1 error fly-mistake", "slo.yml:5:46 warning grace-past-gate"]


def test_openslo_that_is_not_read_is_a_notice(stage: CheckWorld) -> None:
    fixture = ROOT / "tests" / "config" / "fixtures" / "openslo" / "alerts.yml"
    stage.write(slo_yml=fixture.read_text(encoding="utf-8"))
    stage.run(config="slo.yml")

    notices = [one for one in stage.log.annotations if one.level == "notice"]
    assert {one.title for one in notices} == {"OpenSLO that is not read"}


def test_more_mistakes_than_are_listed_are_counted_in_the_file_itself(stage: CheckWorld) -> None:
    stage.write(slo_yml="services:\n" + "- {service: a, uri: b}\n" * 300)

    assert stage.run(config="slo.yml") == 2
    assert {one.path for one in stage.log.annotations} == {"slo.yml"}
    assert any("more mistakes" in one.message for one in stage.log.annotations)


def test_credentials_in_an_address_are_not_shown(stage: CheckWorld) -> None:
    stage.write(slo_yml="service: shop\nurl: ftp://ann:hunter22@shop.example\n")

    assert stage.run(config="slo.yml") == 2
    told = "\n".join([*stage.log.lines, stage.outputs.summary, *map(str, stage.log.annotations)])
    assert "***@shop.example" in told
    assert "hunter22" not in told


# Who is asked


def test_the_twenty_first_service_is_told_and_not_asked(stage: CheckWorld) -> None:
    names = [f"shop-{number}" for number in range(21)]
    entries = (f"- {{service: {name}, url: 'https://{name}.example'}}\n" for name in names)
    stage.write(slo_yml="".join(entry.replace("}", ", health_endpoint: /}") for entry in entries))
    prober = FakeProber(stage.clock)
    for name in names:
        prober.script(f"https://{name}.example/", OK)
    stage.prober = prober

    assert stage.run(config="slo.yml") == 0
    assert len({probe.url for probe in prober.asked}) == 20
    assert "slo.yml:21:22 notice target-not-reached" in stage.told
    assert "a few plain GETs to 20 running services" in rendered(stage.outputs.summary).prose


def test_what_runs_is_told_at_the_line_of_its_endpoint(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP)
    prober = FakeProber(stage.clock)
    prober.script("https://shop.example/healthz", Line(outcome=Outcome.HTTP_5XX))
    stage.prober = prober

    assert stage.run(config="slo.yml") == 0
    assert stage.told == ["slo.yml:4:5 warning endpoint-fails"]


def test_nobody_is_asked_where_visits_are_off(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP)
    prober = FakeProber(stage.clock)
    stage.prober = prober
    stage.run(config="slo.yml", visit="false")

    assert prober.asked == []


# What is mended

AUTO = FLY + "[experimental]\n  auto_rollback = true # why\n"


def test_nothing_is_changed_unless_asked_for(stage: CheckWorld) -> None:
    stage.write(fly_toml=AUTO)
    stage.run()

    assert stage.written.mended == {}
    assert "1 fixable with fix: true" in stage.log.lines[0]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_fix_mends_what_it_can_and_only_that(stage: CheckWorld, newline: str) -> None:
    before = AUTO.replace('interval = "15s"', 'interval = "20s"').replace("\n", newline)
    stage.write(slo_yml=SHOP, fly_toml=before)

    assert stage.run(config="slo.yml", fix="true") == 0
    after = stage.written.mended["fly.toml"]
    assert after == (
        before.replace('interval = "20s"', 'interval = "15s"').replace(
            "auto_rollback = true # why", "# why"
        )
    )
    assert stage.log.lines[0] == "fly.toml: fixed 2"
    assert stage.told == []
    assert "check sent nothing and fixed 2 places" in stage.outputs.summary


def test_what_a_person_must_decide_is_still_told(stage: CheckWorld) -> None:
    stage.write(fly_toml=AUTO + "[deploy]\n  release_command = 'x'\n")
    stage.run(fix="true")

    assert [one.rpartition(" ")[2] for one in stage.told] == ["release-command"]


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("name", FOUND)
def test_a_second_run_finds_nothing_to_mend(
    stage: CheckWorld,
    name: str,
    beside: bool,
) -> None:
    stage.write(fly_toml=shape(name), **({".github__slo_yml": SHOP} if beside else {}))
    stage.run(fix="true")
    mended = dict(stage.written.mended)
    stage.write(fly_toml=mended.get("fly.toml", shape(name)))
    stage.written.mended.clear()
    stage.log.lines.clear()
    stage.run(fix="true")

    assert stage.written.mended == {}
    assert "fixable" not in stage.log.lines[0]
    assert all(tomllib.loads(text) for text in mended.values())


def test_slo_yml_comes_before_what_a_rule_alone_would_make(stage: CheckWorld) -> None:
    stage.write(
        slo_yml=SHOP,
        fly_toml='app = "shop"\n[[services]]\ninternal_port = 1\n[[services.http_checks]]\n'
        'path = "/healthz"\ninterval = 10000\n',
    )
    stage.run(config="slo.yml", fix="true")

    assert 'interval = "15s"' in stage.written.mended["fly.toml"]


def test_a_file_that_cannot_be_written_ends_it(stage: CheckWorld) -> None:
    stage.write(fly_toml=AUTO)
    stage.written.error = WorkspaceError("read-only", hint="make it writable")

    with pytest.raises(WorkspaceError, match="read-only"):
        stage.run(fix="true")


def test_a_report_that_cannot_be_written_is_told_after_all_else(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP, fly_toml=AUTO)
    stage.written.error = WorkspaceError("read-only", hint="make it writable")
    stage.base = MemoryBaseFiles()

    with pytest.raises(WorkspaceError, match="read-only"):
        stage.run(config="slo.yml", sarif_file="out.sarif")

    assert "stricter" in stage.outputs.summary
    assert len(stage.told) == 1
    assert stage.outputs.values == {}


def test_slo_yml_itself_is_never_written(stage: CheckWorld) -> None:
    stage.write(slo_yml=SHOP.replace("2s", "20s"), fly_toml=AUTO)
    stage.run(config="slo.yml", fix="true")

    assert set(stage.written.mended) == {"fly.toml"}


def test_no_line_of_a_file_shows_a_notification_target_or_credentials(stage: CheckWorld) -> None:
    text = (
        "service: a\nurl: https://bob:p@hunter22@a.example\n"
        "notify: [https://hooks.example/hunter33]\nslo_targets: {availability: 100%}\nboo: 1\n"
    )
    stage.write(**{".github__slo_yml": text})

    assert stage.run() == 2

    everything = "\n".join(
        (*stage.log.lines, stage.outputs.summary, *map(str, stage.log.annotations))
    )
    assert "hunter" not in everything


def test_a_slo_yml_that_is_not_utf_8_is_a_finding_where_the_byte_stands(stage: CheckWorld) -> None:
    stage.write(fly_toml="app = 'a'\n")
    (stage.workspace / "slo.yml").write_bytes(b"service: a\nurl: \xff\n")

    assert stage.run(config="slo.yml") == 2
    assert "slo.yml:2:6 error mistake" in stage.told
