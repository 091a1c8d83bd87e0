"""Where fly.toml and slo.yml disagree, what is said of it, and what is safe to mend."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.fly_toml import parse_toml
from slo_action.core.edits import apply
from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.latency import LatencyObjective
from slo_action.core.match_rules import MATCH_RULES, Pair
from slo_action.core.matrix import Endpoint, Service, Targets
from slo_action.core.model import Witness
from slo_action.core.rules import Document, Finding, findings
from tests.core.test_fly_rules import NAMES, VALUES

HEALTH = Endpoint(
    name="health",
    path="/healthz",
    witness=Witness.HEALTH,
    interval=timedelta(seconds=30),
    timeout=timedelta(seconds=5),
)
SHOP = Service(
    name="shop",
    url="https://shop.example.com",
    endpoints=(HEALTH,),
    grace=timedelta(seconds=20),
)
AGREED = """\
app = "shop"
[http_service]
force_https = true
[[http_service.checks]]
path = "/healthz"
interval = "30s"
timeout = "5000ms"
grace_period = "20s"
"""


def found(toml: str, service: Service = SHOP) -> list[Finding]:
    table = tomllib.loads(toml)
    document = Document(path="fly.toml", content=table, places={})
    return list(findings(MATCH_RULES, Pair(table=table, service=service), document))


def remarks(toml: str, service: Service = SHOP) -> list[str]:
    return [f"{finding.rule.name}: {finding.words}" for finding in found(toml, service)]


def fixed(directory: Path, toml: str, service: Service = SHOP) -> str:
    path = directory / "fly.toml"
    path.write_text(toml, encoding="utf-8")
    document = parse_toml(path.read_text(encoding="utf-8"), "fly.toml", "fly-config")
    assert isinstance(document, Document)
    told = findings(MATCH_RULES, Pair(table=document.content, service=service), document)
    return apply(toml, [finding.edit for finding in told if finding.edit])


def health(**changes: object) -> Service:
    return replace(SHOP, endpoints=(replace(HEALTH, **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("toml", "service"),
    [
        (AGREED, SHOP),
        ("", SHOP),
        (AGREED, replace(SHOP, endpoints=(), url="")),
        (AGREED, replace(SHOP, name="other", app="shop")),
        (AGREED.replace("checks]]", "checks]]\nmethod = 'get'"), SHOP),
        (f"{AGREED}[[http_service.checks]]\npath = '/deep'\ninterval = '1m'", SHOP),
        (AGREED.replace("/healthz", "/api/healthz"), replace(SHOP, url="https://a.b/api/")),
        (AGREED, replace(SHOP, url="https://a.b/api")),
        ("[[services.tcp_checks]]\ninterval = '15s'", SHOP),
        ("app = 3\nhttp_service = 4\nchecks = 5\nservices = [[6]]", SHOP),
    ],
)
def test_where_both_say_the_same_or_one_says_nothing_it_is_silent(
    toml: str, service: Service
) -> None:
    assert remarks(toml, service) == []


def test_the_path_of_the_only_check_is_to_be_that_of_health(tmp_path: Path) -> None:
    toml = AGREED.replace('"/healthz"', "'/'  # the start page")

    assert remarks(toml) == [
        'match-path: http_service.checks[0].path = "/", and health is "/healthz" in slo.yml'
    ]
    assert fixed(tmp_path, toml) == AGREED.replace('"/healthz"', '"/healthz"  # the start page')


@pytest.mark.parametrize(
    ("toml", "service"),
    [
        (f"{AGREED}[[services]]\ninternal_port = 9090", health(path="/up")),
        ("[checks.up]\ntype = 'http'\npath = '/healthz'", health(path="/up")),
        (AGREED, replace(health(path="/up"), url="https://a.b/api")),
        (AGREED, health(path="/\ud800")),
        (AGREED, health(path="/\n")),
    ],
)
def test_where_another_check_may_be_meant_a_person_mends(
    tmp_path: Path, toml: str, service: Service
) -> None:
    (finding,) = [one for one in found(toml, service) if one.rule.name != "match-timing"]

    assert finding.rule.name == "match-path"
    assert fixed(tmp_path, toml, service) == toml


def test_several_checks_of_other_pages_are_one_remark(tmp_path: Path) -> None:
    toml = "http_service.checks = [{path = '/a'}, {path = '/b'}]"

    assert remarks(toml) == [
        'match-path: none of 2 checks asks for health, and health is "/healthz" in slo.yml'
    ]
    assert fixed(tmp_path, toml) == toml


def test_a_path_is_written_so_that_toml_reads_the_same(tmp_path: Path) -> None:
    path = '/a"b\\c?d=é'

    after = fixed(tmp_path, AGREED, health(path=path))

    assert tomllib.loads(after)["http_service"]["checks"][0]["path"] == path


@pytest.mark.parametrize(
    ("name", "written", "told", "becomes"),
    [
        ("interval", '"15s"', '"15s", and slo.yml says 30s', '"30s"'),
        ("interval", "15", "15, and slo.yml says 30s", '"30s"'),
        ("timeout", '"1m"', '"1m", and slo.yml says 5s', '"5s"'),
        ("grace_period", '"1s"', '"1s", and slo.yml says 20s', '"20s"'),
    ],
)
def test_other_timing_is_told_and_mended(
    tmp_path: Path, name: str, written: str, told: str, becomes: str
) -> None:
    line = next(line for line in AGREED.split("\n") if line.startswith(name))
    toml = AGREED.replace(line, f"{name} = {written}")

    assert remarks(toml) == [f"match-timing: http_service.checks[0].{name} = {told}"]
    assert fixed(tmp_path, toml) == AGREED.replace(line, f"{name} = {becomes}")


@pytest.mark.parametrize("toml", [AGREED, AGREED.replace('"30s"', '"5m"')])
def test_what_the_platform_lowers_anyway_is_compared_as_lowered(toml: str) -> None:
    service = health(interval=timedelta(minutes=5))
    expected = (
        "match-timing: http_service.checks[0].interval = "
        '"30s", and slo.yml says 300s, of which the platform makes 60s'
    )

    assert remarks(toml, service) == ([expected] if toml == AGREED else [])


def test_timing_below_a_second_is_mended_to_what_the_platform_takes(tmp_path: Path) -> None:
    after = fixed(tmp_path, AGREED, health(timeout=timedelta(milliseconds=500)))

    assert after == AGREED.replace('"5000ms"', '"1s"')


def test_a_top_level_check_keeps_to_its_own_durations(tmp_path: Path) -> None:
    toml = "[checks.up]\ntype = 'http'\npath = '/healthz'\ninterval = 15000\n"

    after = fixed(tmp_path, toml, health(interval=timedelta(minutes=5)))

    assert after == toml.replace("15000", '"300s"')


@pytest.mark.parametrize("duration", ["interval", "timeout"])
def test_durations_that_slo_yml_leaves_out_are_left_in_peace(duration: str) -> None:
    toml = AGREED.replace('"30s"', '"17s"').replace('"5000ms"', '"3s"')

    assert [words for words in remarks(toml, health(**{duration: None})) if duration in words] == []


@pytest.mark.parametrize(
    ("service", "source"),
    [(replace(SHOP, name="cart"), "service"), (replace(SHOP, app="cart"), "app")],
)
def test_another_app_is_told(tmp_path: Path, service: Service, source: str) -> None:
    assert remarks(AGREED, service) == [
        f'match-app: app = "shop", and slo.yml says {source}: "cart"'
    ]
    assert fixed(tmp_path, AGREED, service) == AGREED


SLEEPY = 'app = "shop"\n[http_service]\nauto_stop_machines = "stop"\n'
OBJECTIVE = LatencyObjective(name="p95", quantile=Fraction(19, 20), limit_seconds=0.5)


@pytest.mark.parametrize(
    ("service", "promise"),
    [
        (replace(SHOP, targets=Targets(availability=Fraction(999, 1000))), "99.9 % availability"),
        (health(objective=OBJECTIVE), "health within 0.5 s"),
        (
            replace(
                health(objective=OBJECTIVE), targets=Targets(availability=Fraction(9995, 10**4))
            ),
            "99.95 % availability and health within 0.5 s",
        ),
        (replace(SHOP, targets=Targets(availability=Fraction(99, 100))), None),
        (SHOP, None),
    ],
)
def test_a_sleeping_app_keeps_no_high_promise(service: Service, promise: str | None) -> None:
    expected = (
        "match-autostop: http_service stops idle machines, and min_machines_running is left out, "
        f"which means 0; slo.yml promises {promise}"
    )
    assert remarks(SLEEPY, service) == ([expected] if promise else [])
    assert remarks(f"{SLEEPY}min_machines_running = 1", service) == []


PORTS = "[[services]]\n[[services.ports]]\nport = 80\nforce_https = true\n"


@pytest.mark.parametrize(
    ("toml", "url", "key"),
    [
        (AGREED, "http://shop.example.com", "http_service.force_https"),
        (AGREED, "HTTP://shop.example.com:80/a", "http_service.force_https"),
        (PORTS, "http://shop.example.com", "services[0].ports[0].force_https"),
        (PORTS.replace("80", "8080"), "http://a.b:8080", "services[0].ports[0].force_https"),
        (AGREED, "http://shop.example.com:8080", None),
        (AGREED, "https://shop.example.com", None),
        (AGREED.replace("true", "false"), "http://shop.example.com", None),
        (PORTS, "http://[::1", None),
        (PORTS, "http://a.b:port", None),
    ],
)
def test_probes_that_would_all_be_redirected_are_told(toml: str, url: str, key: str | None) -> None:
    service = replace(SHOP, url=url, endpoints=())

    assert remarks(toml, service) == (
        [f"match-scheme: {key} is true, and slo.yml has a url of http:"] if key else []
    )


def test_what_the_files_say_is_quoted_inert() -> None:
    toml = 'app = "\\u001b[31m::error::"\n'

    assert remarks(toml) == ['match-app: app = "[31m::error::", and slo.yml says service: "shop"']


@given(st.dictionaries(NAMES | st.sampled_from(["app", "ports", "force_https"]), VALUES))
def test_no_content_is_too_strange(content: dict[str, object]) -> None:
    document = Document(path="fly.toml", content=content, places={})
    pair = Pair(table=content, service=health(objective=OBJECTIVE))

    assert all(finding.words for finding in findings(MATCH_RULES, pair, document))


def test_of_two_mends_of_one_value_slo_yml_wins_where_it_comes_first(tmp_path: Path) -> None:
    toml = "[[services.http_checks]]\npath = '/healthz'\ninterval = 10000\n"
    path = tmp_path / "fly.toml"
    path.write_text(toml, encoding="utf-8")
    document = parse_toml(path.read_text(encoding="utf-8"), "fly.toml", "fly-config")
    assert isinstance(document, Document)
    pair = Pair(table=document.content, service=SHOP)
    beside = findings(MATCH_RULES, pair, document)
    alone = findings(FLY_RULES, document.content, document)

    edits = [one.edit for one in (*beside, *alone) if one.edit]
    assert len(edits) == 2
    assert apply(toml, edits) == toml.replace("10000", '"30s"')
    assert apply(toml, reversed(edits)) == toml.replace("10000", '"10s"')
