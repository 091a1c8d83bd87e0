"""What is remarked about an app's configuration, and what is left in peace."""

import tomllib
from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.core.lint.fly.rules import FLY_RULES
from slo_action.core.lint.rule import Document, Finding, Place, dotted, findings

RULES = {rule.name: rule for rule in FLY_RULES}


def found(toml: str, *names: str) -> list[Finding]:
    """Return what the named rules find, or all of them."""
    document = Document(path="fly.toml", content=tomllib.loads(toml), places={})
    rules = [RULES[name] for name in names] or FLY_RULES
    return list(findings(rules, document.content, document))


def reports(toml: str, *names: str) -> list[str]:
    """Return `rule: words` of all that is found."""
    return [f"{finding.rule.name}: {finding.message}" for finding in found(toml, *names)]


PORTS = "internal_port = 8080\nports = [{port = 80}]\n"
CHECKED = '[[http_service.checks]]\npath = "/healthz"\n'
TIMED = "interval = '15s'\ntimeout = '2s'\ngrace_period = '10s'\n"
LOAD = "concurrency = {type = 'requests', soft_limit = 50, hard_limit = 75}\n"


def test_auto_rollback_does_nothing() -> None:
    assert reports("[experimental]\nauto_rollback = true") == [
        "auto-rollback-no-op: [experimental] auto_rollback = true"
    ]
    assert reports("[experimental]\nauto_rollback = false") == []


def test_the_finding_on_auto_rollback_says_what_to_do_instead() -> None:
    (finding,) = found("experimental = {auto_rollback = true}", "auto-rollback-no-op")

    assert "nothing reads it" in finding.rule.why
    assert "mode: verify and platform: fly" in finding.rule.fix
    assert finding.rule.page == "docs/check.md#auto-rollback-no-op"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('"yes"', '"yes"'),
        (f'"{"y" * 200}"', "a text of 200 characters"),
        ("0x" + "f" * 9000, "something else"),
        ("[0x" + "f" * 9000 + "]", "something else"),
        ("nan", "nan"),
        ("1979-05-27", "something else"),
        (r'"\u001b[31m"', '"[31m"'),
    ],
)
def test_a_value_is_quoted_short_and_inert(value: str, shown: str) -> None:
    assert reports(f"[http_service]\nauto_stop_machines = {value}", "autostop-refused") == [
        f"autostop-refused: http_service.auto_stop_machines = {shown}"
    ]


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "app = 'worker'\n[processes]\nworker = 'bin/work'",
        f"[http_service]\n{LOAD}{CHECKED}{TIMED}",
        f"[[services]]\n{PORTS}{LOAD}[[services.tcp_checks]]\n{TIMED}",
        f"[services]\n{PORTS}{LOAD}[services.http_checks]\npath = '/'\n{TIMED}",
        f"[[services]]\nprotocol = 'udp'\n{PORTS}",
        "[experimental]\ncmd = ['serve']",
        "[deploy]\nstrategy = 'rolling'",
        "[deploy]\nrelease_command = ''",
    ],
)
def test_what_is_as_it_should_be_is_not_reported(toml: str) -> None:
    assert reports(toml) == []


def test_each_service_without_checks_is_named() -> None:
    toml = "[http_service]\ninternal_port = 1\n[[services]]\n[[services]]\ninternal_port = 2"

    assert reports(toml, "no-service-checks") == [
        "no-service-checks: http_service has no checks",
        "no-service-checks: services[0] has no checks",
        "no-service-checks: services[1] has no checks",
    ]


@pytest.mark.parametrize("form", ["[checks.up]\ntype = 'tcp'", "[[checks]]\nname = 'up'"])
def test_top_level_checks_do_not_stand_in_for_those_of_a_service(form: str) -> None:
    (reported,) = reports(f"[http_service]\ninternal_port = 1\n{form}", "no-service-checks")

    assert reported.startswith("no-service-checks: http_service has no checks; those of [checks]")


def test_machine_checks_do_not_stand_in_for_those_of_a_service() -> None:
    toml = "[http_service]\n[[http_service.machine_checks]]\ncommand = ['true']"

    assert reports(toml, "no-service-checks") == ["no-service-checks: http_service has no checks"]


def test_a_release_command_is_reported_without_quoting_it() -> None:
    assert reports("[deploy]\nrelease_command = 'migrate --password hunter22'") == [
        "release-command: each deploy runs deploy.release_command"
    ]


@pytest.mark.parametrize(
    ("table", "key", "unit"),
    [
        ("[[http_service.checks]]", "http_service.checks[0]", "nanoseconds"),
        ("[[services.http_checks]]", "services.http_checks[0]", "milliseconds"),
        ("[[services.tcp_checks]]", "services.tcp_checks[0]", "milliseconds"),
        ("[checks.up]", "checks.up", "milliseconds"),
        ("[[checks]]", "checks[0]", "milliseconds"),
    ],
)
@pytest.mark.parametrize("name", ["interval", "timeout", "grace_period"])
def test_a_bare_number_is_reported_with_what_it_counts_as(
    table: str, key: str, unit: str, name: str
) -> None:
    assert reports(f"{table}\n{name} = 15", "bare-duration") == [
        f"bare-duration: {key}.{name} = 15 counts as {unit}"
    ]


@pytest.mark.parametrize("value", ["2.5", "0", "-1"])
def test_every_number_is_bare(value: str) -> None:
    assert len(reports(f"[checks.up]\ninterval = {value}", "bare-duration")) == 1


@pytest.mark.parametrize("value", ["'15s'", "true", "'15'", "[]"])
def test_what_is_no_number_is_not_bare(value: str) -> None:
    assert reports(f"[checks.up]\ninterval = {value}", "bare-duration") == []


@pytest.mark.parametrize(
    ("timeout", "interval", "reported"),
    [
        ("2s", "15s", False),
        ("14999ms", "15s", False),
        ("15s", "15s", True),
        ("15000ms", "15s", True),
        ("60s", "1m", True),
        ("1m30s", "1m", True),
        ("0.5h", "29m59s", True),
        ("1d", "15s", False),
        ("soon", "15s", False),
        ("-20s", "15s", False),
        ("9" * 16 + "s", "15s", False),
    ],
)
def test_a_timeout_is_to_be_below_its_interval(timeout: str, interval: str, reported: bool) -> None:
    toml = f"{CHECKED}timeout = '{timeout}'\ninterval = '{interval}'"

    expected = f"check-timeout: http_service.checks[0]: timeout {timeout}, interval {interval}"
    assert reports(toml, "check-timeout") == ([expected] if reported else [])


@pytest.mark.parametrize("given", ["timeout = '20s'", "timeout = 9000\ninterval = '1s'"])
def test_a_timeout_that_cannot_be_compared_is_not(given: str) -> None:
    assert reports(CHECKED + given, "check-timeout") == []


@pytest.mark.parametrize("stop", ["'stop'", "'suspend'", "true"])
@pytest.mark.parametrize(
    ("least", "reported"),
    [
        ("min_machines_running = 0\n", "min_machines_running is 0"),
        ("", "min_machines_running is left out, which means 0"),
    ],
)
def test_idle_machines_that_stop_to_the_last_are_reported(
    stop: str, least: str, reported: str
) -> None:
    toml = f"[http_service]\nauto_stop_machines = {stop}\n{least}{CHECKED}"

    assert reports(toml, "autostop-min-zero") == [
        f"autostop-min-zero: http_service stops idle machines, and {reported}"
    ]


@pytest.mark.parametrize(
    "given",
    [
        "auto_stop_machines = 'off'\nmin_machines_running = 0",
        "auto_stop_machines = false",
        "min_machines_running = 0",
        "auto_stop_machines = 'stop'\nmin_machines_running = 1",
        "auto_stop_machines = 'stop'\nauto_start_machines = false",
    ],
)
def test_where_no_request_wakes_a_machine_nothing_is_reported(given: str) -> None:
    assert reports(f"[http_service]\n{given}\n{CHECKED}", "autostop-min-zero") == []


def test_a_finding_stands_at_its_key_or_at_what_holds_it() -> None:
    content = {"http_service": {"auto_stop_machines": "stop"}}
    document = Document(
        path="fly.toml", content=content, places={("http_service",): Place(line=7, column=1)}
    )

    reported = findings(FLY_RULES, document.content, document)
    assert {finding.rule.name for finding in reported} >= {"no-service-checks", "autostop-min-zero"}
    assert {finding.place.line for finding in reported} == {7}


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        ("[[http_service.checks]]\ninterval = '15s'", "http_service.checks[0]"),
        ("[[services]]\nhttp_checks = [{path = ''}]", "services[0].http_checks[0]"),
        ("[checks.up]\ntype = 'http'", "checks.up"),
    ],
)
def test_an_http_check_names_its_path(toml: str, reported: str) -> None:
    assert reports(toml, "check-without-path") == [f"check-without-path: {reported} names no path"]


@pytest.mark.parametrize("toml", ["[checks.up]\ntype = 'tcp'", "[[services.tcp_checks]]", CHECKED])
def test_a_connection_has_no_path(toml: str) -> None:
    assert reports(toml, "check-without-path") == []


@pytest.mark.parametrize(
    ("method", "reported"),
    [("'POST'", True), ("'delete'", True), ("'get'", False), ("'HEAD'", False), ("1", False)],
)
def test_a_check_only_looks(method: str, reported: bool) -> None:
    expected = (
        [f'check-method: http_service.checks[0].method = "{method[1:-1]}"'] if reported else []
    )
    assert reports(f"{CHECKED}method = {method}", "check-method") == expected


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        (CHECKED, ["interval, timeout, grace_period"]),
        (f"{CHECKED}interval = 15\ngrace_period = '5s'", ["timeout"]),
        (CHECKED + TIMED, []),
    ],
)
def test_timing_that_is_left_out_is_reported_once_a_check(toml: str, reported: list[str]) -> None:
    assert reports(toml, "check-timing-left-out") == [
        f"check-timing-left-out: http_service.checks[0] leaves out {names}" for names in reported
    ]


@pytest.mark.parametrize(
    ("table", "written", "counts"),
    [
        ("http_service.checks", "interval = '5m'", "1m0s"),
        ("services.http_checks", "timeout = '500ms'", "1s"),
        ("services.tcp_checks", "grace_period = '999ms'", "1s"),
        ("http_service.checks", "grace_period = '61s'", "60s"),
        ("http_service.checks", "grace_period = '0s'", None),
        ("http_service.checks", "interval = '60s'", None),
        ("http_service.checks", "interval = '1s'", None),
        ("http_service.checks", "interval = 1", None),
        ("checks", "interval = '5m'", None),
    ],
)
def test_a_duration_that_the_platform_changes_is_reported(
    table: str, written: str, counts: str | None
) -> None:
    reported = reports(f"[[{table}]]\n{written}", "duration-out-of-range")

    assert len(reported) == (counts is not None)
    assert not counts or reported[0].endswith(" counts as " + counts.replace("1m0s", "60s"))


@pytest.mark.parametrize(
    ("table", "grace", "reported"),
    [
        ("[checks.up]", "'2m'", True),
        ("[checks.up]", "90001", True),
        ("[checks.up]", "'90s'", False),
        ("[[http_service.checks]]", "'2m'", False),
    ],
)
def test_a_check_that_looks_after_the_deadline_is_reported(
    table: str, grace: str, reported: bool
) -> None:
    assert len(reports(f"{table}\ngrace_period = {grace}", "grace-past-deadline")) == reported


@pytest.mark.parametrize(
    ("value", "reported"), [(LOAD, False), ("", True), ("concurrency = {}\n", True)]
)
def test_a_service_says_what_load_it_bears(value: str, reported: bool) -> None:
    expected = ["no-concurrency: services[0] sets no concurrency"] if reported else []
    assert reports(f"[[services]]\n{value}", "no-concurrency") == expected


@pytest.mark.parametrize(
    ("soft", "hard", "reported"),
    [("20", "25", False), ("25", "25", False), ("26", "25", True), ("20", "0", False)],
)
def test_the_soft_limit_is_not_above_the_hard_one(soft: str, hard: str, reported: bool) -> None:
    toml = f"[http_service.concurrency]\nsoft_limit = {soft}\nhard_limit = {hard}"

    words = f"http_service.concurrency: soft_limit {soft}, hard_limit {hard}"
    assert reports(toml, "concurrency-limits") == (
        [f"concurrency-limits: {words}"] if reported else []
    )


@pytest.mark.parametrize("limits", ["soft_limit = 20", "hard_limit = 20", "soft_limit = '9'"])
def test_one_limit_alone_is_compared_with_nothing(limits: str) -> None:
    assert reports(f"[http_service.concurrency]\n{limits}", "concurrency-limits") == []


@pytest.mark.parametrize(
    ("value", "reported"),
    [("'requests'", False), ("'connections'", False), ("'request'", True)],
)
def test_only_connections_and_requests_are_counted(value: str, reported: bool) -> None:
    assert len(reports(f"[services.concurrency]\ntype = {value}", "concurrency-type")) == reported


@pytest.mark.parametrize(
    ("stop", "start", "reported"),
    [("'stop'", "false", True), ("'stop'", "true", False), ("'off'", "false", False)],
)
def test_machines_that_stop_are_to_be_started(stop: str, start: str, reported: bool) -> None:
    toml = f"[http_service]\nauto_stop_machines = {stop}\nauto_start_machines = {start}"

    assert len(reports(toml, "autostop-never-starts")) == reported


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        (
            "[http_service]\nauto_stop_machines = true",
            'http_service.auto_stop_machines = true is the old form of "stop"',
        ),
        (
            "[services]\nconcurrency = '20,25'",
            "services.concurrency is a text, and must be a table",
        ),
        (
            "[experimental]\nkill_timeout = 5",
            "experimental.kill_timeout only counts without a kill_timeout at the top",
        ),
    ],
)
def test_a_form_of_another_day_is_reported(toml: str, reported: str) -> None:
    assert reports(toml, "legacy-form") == [f"legacy-form: {reported}"]


@pytest.mark.parametrize("value", ["false", "'stop'", "1"])
def test_what_stops_nothing_or_is_today_s_form_is_not(value: str) -> None:
    assert reports(f"[http_service]\nauto_stop_machines = {value}", "legacy-form") == []


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        *((value, True) for value in ("'15'", "'5 s'", "'soon'", "''", "'1d'", "true", "[]")),
        *((value, False) for value in ("'15s'", "'1m30s'", "'.5s'", "'-1s'", "'0'", "15", "2.5")),
    ],
)
@pytest.mark.parametrize(
    "table", ["[[http_service.checks]]", "[[services.tcp_checks]]", "[checks.up]"]
)
def test_a_duration_that_go_does_not_read_is_reported(
    table: str, value: str, reported: bool
) -> None:
    found = reports(f"{table}\ninterval = {value}", "duration-refused")
    if value == "''" and table != "[[http_service.checks]]":
        reported = False  # flyctl takes it as left out

    assert [words.partition("interval = ")[2] for words in found] == (
        [value.replace("'", '"').replace("[]", "something else")] if reported else []
    )


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        *((f"'{value}'", True) for value in ("yes", "Stop", "")),
        *((value, True) for value in ("1", "[]", "{}")),
        *((value, False) for value in ("'off'", "'stop'", "'suspend'", "true", "false")),
    ],
)
def test_an_autostop_that_flyctl_refuses_is_reported(value: str, reported: bool) -> None:
    toml = f"[[services]]\nauto_stop_machines = {value}"

    assert len(reports(toml, "autostop-refused")) == reported


BLUEGREEN = "[deploy]\nstrategy = 'bluegreen'\n"


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        ("[deploy]\nstrategy = 'immediate'", "strategy-immediate: deploy.strategy waits for no"),
        ("[deploy]\nstrategy = 'simple'", 'strategy-refused: deploy.strategy = "simple" is none'),
        (
            "[deploy]\nstrategy = 'canary'\n[mounts]\nsource = 'data'",
            'strategy-refused: deploy.strategy = "canary" does not go with volumes',
        ),
        (
            f"{BLUEGREEN}[[mounts]]\nsource = 'data'\n[checks.up]",
            'strategy-refused: deploy.strategy = "bluegreen" does not go with volumes',
        ),
        (BLUEGREEN, 'strategy-refused: deploy.strategy = "bluegreen" needs a health check'),
        (
            f"{BLUEGREEN}{CHECKED}",
            "strategy-bluegreen: deploy.strategy destroys the machines of the previous release",
        ),
    ],
)
def test_a_strategy_that_hinders_verification_is_reported(toml: str, reported: str) -> None:
    (said,) = reports(toml, "strategy-immediate", "strategy-refused", "strategy-bluegreen")

    assert said.startswith(reported)


@pytest.mark.parametrize("value", ["rolling", "canary", ""])
def test_a_strategy_that_waits_is_not_reported(value: str) -> None:
    assert reports(f"[deploy]\nstrategy = '{value}'") == []


def test_each_rule_has_a_name_of_its_own() -> None:
    names = [rule.name for rule in FLY_RULES]

    assert len(set(names)) == len(names)


def test_a_key_reads_as_people_write_it() -> None:
    assert dotted(("services", 1, "http_checks", 0, "timeout")) == (
        "services[1].http_checks[0].timeout"
    )


NAMES = st.sampled_from(
    [
        "experimental",
        "auto_rollback",
        "http_service",
        "services",
        "checks",
        "tcp_checks",
        "http_checks",
        "deploy",
        "protocol",
        "release_command",
        "interval",
        "timeout",
        "grace_period",
        "auto_stop_machines",
        "min_machines_running",
        "concurrency",
        "soft_limit",
        "hard_limit",
        "type",
        "method",
        "path",
        "strategy",
        "mounts",
        "script_checks",
        "restart_limit",
        "auto_start_machines",
        "kill_timeout",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.dates(),
        st.sampled_from(["stop", "15s", "1m", "bluegreen", "http", "POST", inf, nan]),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(NAMES, inner)),
)


@given(st.dictionaries(NAMES, VALUES))
@example({"checks": {"a": [{"interval": 10**5000}]}})
def test_any_content_is_findings_in_the_order_of_lines(content: dict[str, object]) -> None:
    document = Document(path="fly.toml", content=content, places={})
    lines = [finding.place.line for finding in findings(FLY_RULES, document.content, document)]

    assert all(first <= second for first, second in pairwise(lines))
