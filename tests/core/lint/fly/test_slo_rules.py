"""Where fly.toml and slo.yml disagree, what is reported, and what is safe to fix."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.files.toml import parse_toml
from slo_action.core.lint.edits import apply, compatible
from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.fly.slo_rules import MATCH_RULES, Pair, fly_findings
from slo_action.core.lint.rule import Document, Finding, findings
from slo_action.core.model import Witness
from slo_action.core.slo.services import Endpoint, Service, Targets
from slo_action.core.stats.latency import LatencyObjective
from tests.core.lint.fly.test_rules import NAMES, VALUES

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


def found(toml: str, service: Service = SHOP, *others: Service) -> list[Finding]:
    table = tomllib.loads(toml)
    document = Document(path="fly.toml", content=table, places={})
    pair = Pair(table=table, service=service, others=others)
    return list(findings(MATCH_RULES, pair, document))


def reports(toml: str, service: Service = SHOP, *others: Service) -> list[str]:
    return [f"{finding.rule.name}: {finding.message}" for finding in found(toml, service, *others)]


def fixed(directory: Path, toml: str, service: Service = SHOP, *others: Service) -> str:
    path = directory / "fly.toml"
    path.write_text(toml, encoding="utf-8")
    document = parse_toml(path.read_text(encoding="utf-8"), "fly.toml", "fly-config")
    assert isinstance(document, Document)
    pair = Pair(table=document.content, service=service, others=others)
    reported = findings(MATCH_RULES, pair, document)
    return apply(toml, [finding.edit for finding in reported if finding.edit])


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
def test_where_both_say_the_same_or_one_says_nothing_nothing_is_reported(
    toml: str, service: Service
) -> None:
    assert reports(toml, service) == []


def test_the_path_of_the_only_check_is_to_be_that_of_health(tmp_path: Path) -> None:
    toml = AGREED.replace('"/healthz"', "'/'  # the start page")

    assert reports(toml) == [
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
def test_where_another_check_may_be_meant_a_person_fixes(
    tmp_path: Path, toml: str, service: Service
) -> None:
    (finding,) = [one for one in found(toml, service) if one.rule.name != "match-timing"]

    assert finding.rule.name == "match-path"
    assert fixed(tmp_path, toml, service) == toml


def test_several_checks_of_other_pages_are_one_finding(tmp_path: Path) -> None:
    toml = "http_service.checks = [{path = '/a'}, {path = '/b'}]"

    assert reports(toml) == [
        'match-path: none of 2 checks asks for health, and health is "/healthz" in slo.yml'
    ]
    assert fixed(tmp_path, toml) == toml


def test_a_path_is_written_so_that_toml_reads_the_same(tmp_path: Path) -> None:
    path = '/a"b\\c?d=é'

    after = fixed(tmp_path, AGREED, health(path=path))

    assert tomllib.loads(after)["http_service"]["checks"][0]["path"] == path


@pytest.mark.parametrize(
    ("name", "written", "reported", "becomes"),
    [
        ("interval", '"15s"', '"15s", and slo.yml says 30s', '"30s"'),
        ("interval", "15", "15, and slo.yml says 30s", '"30s"'),
        ("timeout", '"1m"', '"1m", and slo.yml says 5s', '"5s"'),
        ("grace_period", '"1s"', '"1s", and slo.yml says 20s', '"20s"'),
    ],
)
def test_other_timing_is_reported_and_fixed(
    tmp_path: Path, name: str, written: str, reported: str, becomes: str
) -> None:
    line = next(line for line in AGREED.split("\n") if line.startswith(name))
    toml = AGREED.replace(line, f"{name} = {written}")

    assert reports(toml) == [f"match-timing: http_service.checks[0].{name} = {reported}"]
    assert fixed(tmp_path, toml) == AGREED.replace(line, f"{name} = {becomes}")


@pytest.mark.parametrize("toml", [AGREED, AGREED.replace('"30s"', '"5m"')])
def test_what_the_platform_lowers_anyway_is_compared_as_lowered(toml: str) -> None:
    service = health(interval=timedelta(minutes=5))
    expected = (
        "match-timing: http_service.checks[0].interval = "
        '"30s", and slo.yml says 300s, of which the platform makes 60s'
    )

    assert reports(toml, service) == ([expected] if toml == AGREED else [])


def test_timing_below_a_second_is_fixed_to_what_the_platform_takes(tmp_path: Path) -> None:
    after = fixed(tmp_path, AGREED, health(timeout=timedelta(milliseconds=500)))

    assert after == AGREED.replace('"5000ms"', '"1s"')


def test_a_top_level_check_keeps_to_its_own_durations(tmp_path: Path) -> None:
    toml = "[checks.up]\ntype = 'http'\npath = '/healthz'\ninterval = 15000\n"

    after = fixed(tmp_path, toml, health(interval=timedelta(minutes=5)))

    assert after == toml.replace("15000", '"300s"')


@pytest.mark.parametrize("duration", ["interval", "timeout"])
def test_durations_that_slo_yml_leaves_out_are_not_reported(duration: str) -> None:
    toml = AGREED.replace('"30s"', '"17s"').replace('"5000ms"', '"3s"')

    assert [words for words in reports(toml, health(**{duration: None})) if duration in words] == []


@pytest.mark.parametrize(
    ("service", "source"),
    [(replace(SHOP, name="cart"), "service"), (replace(SHOP, app="cart"), "app")],
)
def test_another_app_is_reported(tmp_path: Path, service: Service, source: str) -> None:
    assert reports(AGREED, service) == [
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
    assert reports(SLEEPY, service) == ([expected] if promise else [])
    assert reports(f"{SLEEPY}min_machines_running = 1", service) == []


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
def test_probes_that_would_all_be_redirected_are_reported(
    toml: str, url: str, key: str | None
) -> None:
    service = replace(SHOP, url=url, endpoints=())

    assert reports(toml, service) == (
        [f"match-scheme: {key} is true, and slo.yml has a url of http:"] if key else []
    )


def test_what_the_files_say_is_quoted_inert() -> None:
    toml = 'app = "\\u001b[31m::error::"\n'

    assert reports(toml) == ['match-app: app = "[31m::error::", and slo.yml says service: "shop"']


@given(st.dictionaries(NAMES | st.sampled_from(["app", "ports", "force_https"]), VALUES))
def test_no_content_is_too_strange(content: dict[str, object]) -> None:
    document = Document(path="fly.toml", content=content, places={})
    pair = Pair(table=content, service=health(objective=OBJECTIVE))

    assert all(finding.message for finding in findings(MATCH_RULES, pair, document))


def test_of_two_fixes_of_one_value_slo_yml_wins_where_it_comes_first(tmp_path: Path) -> None:
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


API = replace(
    SHOP,
    name="api",
    app="shop",
    endpoints=(replace(HEALTH, path="/api/healthz", interval=timedelta(seconds=60)),),
)


@pytest.mark.parametrize(
    "toml",
    [
        AGREED,
        AGREED.replace("/healthz", "/api/healthz").replace("30s", "60s"),
        f"{AGREED}[[http_service.checks]]\npath = '/api/healthz'\ninterval = '60s'",
    ],
)
def test_a_check_that_one_service_of_the_file_asks_for_is_right_for_all(
    tmp_path: Path, toml: str
) -> None:
    assert reports(toml, SHOP, API) == reports(toml, API, SHOP) == []
    assert fixed(tmp_path, toml, SHOP, API) == fixed(tmp_path, toml, API, SHOP) == toml


def test_a_path_that_services_disagree_about_is_reported_and_left_to_a_person(
    tmp_path: Path,
) -> None:
    toml = AGREED.replace("/healthz", "/")

    assert [one.rule.name for one in found(toml, SHOP, API)] == ["match-path"]
    assert fixed(tmp_path, toml, SHOP, API) == toml


def test_a_duration_is_fixed_where_all_services_that_ask_agree(tmp_path: Path) -> None:
    slower = replace(health(interval=timedelta(seconds=60)), name="api", app="shop")
    toml = AGREED.replace("30s", "45s").replace("5000ms", "7s")
    agreed = toml.replace("7s", "5s")

    assert len(reports(toml, SHOP, slower)) == len(reports(toml, slower, SHOP)) == 2
    assert fixed(tmp_path, toml, SHOP, slower) == fixed(tmp_path, toml, slower, SHOP) == agreed
    assert reports(AGREED, slower, SHOP) == []


def test_the_file_of_another_app_is_left_to_a_person(tmp_path: Path) -> None:
    toml = AGREED.replace('"shop"', '"other"').replace("30s", "10s")
    elsewhere = toml.replace("/healthz", "/up")

    assert {one.rule.name for one in found(toml)} == {"match-app", "match-timing"}
    assert {one.rule.name for one in found(elsewhere)} > {"match-app", "match-path"}
    assert fixed(tmp_path, toml) == toml
    assert fixed(tmp_path, elsewhere) == elsewhere


ADMIN = """\
app = "shop"
[[services]]
auto_stop_machines = "off"
[[services.http_checks]]
path = "/healthz"
interval = "30s"
timeout = "5s"
[[services]]
auto_stop_machines = "stop"
[[services.http_checks]]
path = "/healthz"
interval = "50s"
timeout = "10s"
"""
PROMISING = replace(SHOP, targets=Targets(availability=Fraction(999, 1000)))


def with_ports(first: int, second: int) -> str:
    """Return both services of ADMIN with a port each."""
    front, back = ADMIN.split('auto_stop_machines = "stop"')
    ports = "[[services.ports]]\nport = {}\n"
    return (
        front.replace("[[services.http", ports.format(first) + "[[services.http", 1)
        + 'auto_stop_machines = "stop"'
        + back.replace("[[services.http", ports.format(second) + "[[services.http")
    )


def test_one_of_several_services_that_agrees_is_enough() -> None:
    assert reports(ADMIN, PROMISING) == []
    assert reports(with_ports(443, 8443), PROMISING) == []


def test_of_several_services_that_disagree_the_first_is_reported_and_none_fixed(
    tmp_path: Path,
) -> None:
    toml = ADMIN.replace("30s", "20s")

    assert reports(toml) == [
        'match-timing: services[0].http_checks[0].interval = "20s", and slo.yml says 30s'
    ]
    assert fixed(tmp_path, toml) == toml


def test_the_service_at_the_port_of_the_url_is_the_one_that_counts(tmp_path: Path) -> None:
    toml = with_ports(8443, 443)

    assert reports(toml.replace("= 443", '= "443"'), PROMISING) == reports(toml, PROMISING)
    assert [(one.rule.name, one.message.split(" ")[0]) for one in found(toml, PROMISING)] == [
        ("match-timing", "services[1].http_checks[0].interval"),
        ("match-timing", "services[1].http_checks[0].timeout"),
        ("match-autostop", "services[1]"),
    ]
    assert fixed(tmp_path, toml) == toml.replace("50s", "30s").replace("10s", "5s")


def test_services_that_all_sleep_keep_no_promise_whichever_is_meant() -> None:
    toml = ADMIN.replace('"off"', '"suspend"')

    assert [one.rule.name for one in found(toml, PROMISING)] == ["match-autostop"] * 2


@pytest.mark.parametrize("timeout", ['"15s"', '"10s"', '"15000ms"'])
def test_no_fix_lets_a_timeout_reach_its_interval(tmp_path: Path, timeout: str) -> None:
    toml = AGREED.replace('"5000ms"', timeout)
    short = health(interval=timedelta(seconds=10), timeout=None)

    assert [one.message for one in found(toml, short)] == [
        'http_service.checks[0].interval = "30s", and slo.yml says 10s'
    ]
    assert fixed(tmp_path, toml, short) == toml
    both = health(interval=timedelta(seconds=10), timeout=timedelta(seconds=2))
    assert tomllib.loads(fixed(tmp_path, toml, both))["http_service"]["checks"][0] == {
        "path": "/healthz",
        "interval": "10s",
        "timeout": "2s",
        "grace_period": "20s",
    }


@pytest.mark.parametrize(
    ("host", "reported"),
    [("shop.internal", False), ("1.vm.shop.INTERNAL", False), ("shop.flycast", True)],
)
def test_only_what_passes_the_proxy_is_redirected(host: str, reported: bool) -> None:
    service = replace(SHOP, url=f"http://{host}", endpoints=())

    assert len(reports(AGREED, service)) == reported


SECONDS = st.sampled_from([None, *(timedelta(seconds=one) for one in (1, 5, 10, 30, 90))])
SERVICES = st.builds(
    lambda name, app, path, base, interval, timeout, grace: replace(
        SHOP,
        name=name,
        app=app,
        url=f"https://shop.example.com{base}",
        endpoints=(replace(HEALTH, path=path, interval=interval, timeout=timeout),),
        grace=grace,
    ),
    st.sampled_from(["web", "api"]),
    st.sampled_from(["shop", "shop", "other"]),
    st.sampled_from(["/healthz", "/api/healthz"]),
    st.sampled_from(["", "", "/api"]),
    SECONDS,
    SECONDS,
    SECONDS,
)
CHECKS = st.builds(
    "{}path = '{}'\ninterval = {}\ntimeout = {}\n".format,
    st.sampled_from(
        [
            "[[http_service.checks]]\n",
            "[[services]]\n[[services.http_checks]]\n",
            "[[services]]\nports = [{port = 443}]\n[[services.http_checks]]\n",
            "[[checks]]\nname = 'up'\ntype = 'http'\n",
        ]
    ),
    st.sampled_from(["/", "/healthz", "/api/healthz"]),
    st.sampled_from(["'10s'", "'30s'", "'90s'"]),
    st.sampled_from(["'5s'", "'15s'"]),
)


@given(
    st.lists(SERVICES, min_size=1, max_size=3, unique_by=lambda one: one.name),
    st.lists(CHECKS, min_size=1, max_size=2),
)
def test_one_fix_settles_it_and_brings_no_new_warning(
    services: list[Service], checks: list[str]
) -> None:
    toml = "app = 'shop'\n" + "".join(checks)

    once, warned = fix_all(toml, services)
    twice, left = fix_all(once, services)

    assert once == twice
    assert left <= warned


def fix_all(toml: str, services: list[Service]) -> tuple[str, set[tuple[str, int]]]:
    """Return the text after `fix`, and what is warned of before it."""
    document = parse_toml(toml, "fly.toml", "fly-config")
    assert isinstance(document, Document)
    found = fly_findings(document, tuple(services))
    edits = compatible([one.edit for one in found if one.edit])
    return apply(toml, edits), {(one.rule.name, one.place.line) for one in found}
