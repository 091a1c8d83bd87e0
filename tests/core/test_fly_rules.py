"""What is remarked about an app's configuration, and what is left in peace."""

import tomllib
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.core.fly_rules import FLY_RULES
from slo_action.core.rules import Document, Finding, Place, dotted, findings


def found(toml: str) -> list[Finding]:
    document = Document(path="fly.toml", content=tomllib.loads(toml), places={})
    return list(findings(FLY_RULES, document.content, document))


def remarks(toml: str) -> list[str]:
    """Return `rule: words` of all that is found."""
    return [f"{finding.rule.name}: {finding.words}" for finding in found(toml)]


CHECKED = '[[http_service.checks]]\npath = "/healthz"\n'


@pytest.mark.parametrize("value", ["true", "false"])
def test_auto_rollback_does_nothing_whatever_it_says(value: str) -> None:
    assert remarks(f"[experimental]\nauto_rollback = {value}") == [
        f"auto-rollback-no-op: [experimental] auto_rollback = {value}"
    ]


def test_the_remark_on_auto_rollback_says_what_to_do_instead() -> None:
    (finding,) = found("experimental = {auto_rollback = true}")

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
    assert remarks(f"[experimental]\nauto_rollback = {value}") == [
        f"auto-rollback-no-op: [experimental] auto_rollback = {shown}"
    ]


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "app = 'worker'\n[processes]\nworker = 'bin/work'",
        CHECKED,
        "[[services]]\ninternal_port = 1\n[[services.tcp_checks]]\ninterval = '15s'",
        "[[services]]\ninternal_port = 1\nhttp_checks = [{path = '/'}]",
        "[services]\ninternal_port = 1\n[services.tcp_checks]\ninterval = '15s'",
        "[[services]]\nprotocol = 'udp'\ninternal_port = 53",
        "[experimental]\ncmd = ['serve']",
        "[deploy]\nstrategy = 'rolling'",
        "[deploy]\nrelease_command = ''",
    ],
)
def test_what_is_as_it_should_be_is_left_in_peace(toml: str) -> None:
    assert remarks(toml) == []


def test_each_service_without_checks_is_named() -> None:
    toml = "[http_service]\ninternal_port = 1\n[[services]]\n[[services]]\nhttp_checks = []"

    assert remarks(toml) == [
        "no-service-checks: http_service has no checks",
        "no-service-checks: services[0] has no checks",
        "no-service-checks: services[1] has no checks",
    ]


@pytest.mark.parametrize("form", ["[checks.up]\ntype = 'tcp'", "[[checks]]\nname = 'up'"])
def test_top_level_checks_do_not_stand_in_for_those_of_a_service(form: str) -> None:
    (told,) = remarks(f"[http_service]\ninternal_port = 1\n{form}")

    assert told.startswith("no-service-checks: http_service has no checks; those of [checks]")


def test_machine_checks_do_not_stand_in_for_those_of_a_service() -> None:
    toml = "[http_service]\n[[http_service.machine_checks]]\ncommand = ['true']"

    assert remarks(toml) == ["no-service-checks: http_service has no checks"]


def test_a_release_command_is_told_without_quoting_it() -> None:
    assert remarks("[deploy]\nrelease_command = 'migrate --password hunter22'") == [
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
def test_a_bare_number_is_told_with_what_it_counts_as(
    table: str, key: str, unit: str, name: str
) -> None:
    assert remarks(f"{table}\n{name} = 15") == [
        f"bare-duration: {key}.{name} = 15 counts as {unit}"
    ]


@pytest.mark.parametrize("value", ["2.5", "0", "-1"])
def test_every_number_is_bare(value: str) -> None:
    assert len(remarks(f"[checks.up]\ninterval = {value}")) == 1


@pytest.mark.parametrize("value", ["'15s'", "true", "'15'", "[]"])
def test_what_is_no_number_is_not_bare(value: str) -> None:
    assert remarks(f"[checks.up]\ninterval = {value}") == []


@pytest.mark.parametrize(
    ("timeout", "interval", "told"),
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
def test_a_timeout_is_to_be_below_its_interval(timeout: str, interval: str, told: bool) -> None:
    toml = f"{CHECKED}timeout = '{timeout}'\ninterval = '{interval}'"

    expected = f"check-timeout: http_service.checks[0]: timeout {timeout}, interval {interval}"
    assert remarks(toml) == ([expected] if told else [])


@pytest.mark.parametrize("given", ["timeout = '20s'", "timeout = 9000\ninterval = '1s'"])
def test_a_timeout_that_cannot_be_compared_is_not(given: str) -> None:
    assert [told for told in remarks(CHECKED + given) if told.startswith("check-timeout")] == []


@pytest.mark.parametrize("stop", ["'stop'", "'suspend'", "true"])
@pytest.mark.parametrize(
    ("least", "told"),
    [
        ("min_machines_running = 0\n", "min_machines_running is 0"),
        ("", "min_machines_running is left out, which means 0"),
    ],
)
def test_idle_machines_that_stop_to_the_last_are_told(stop: str, least: str, told: str) -> None:
    toml = f"[http_service]\nauto_stop_machines = {stop}\n{least}{CHECKED}"

    assert remarks(toml) == [f"autostop-min-zero: http_service stops idle machines, and {told}"]


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
def test_where_no_request_wakes_a_machine_nothing_is_told(given: str) -> None:
    assert remarks(f"[http_service]\n{given}\n{CHECKED}") == []


def test_a_finding_stands_at_its_key_or_at_what_holds_it() -> None:
    content = {"http_service": {"auto_stop_machines": "stop"}}
    document = Document(
        path="fly.toml", content=content, places={("http_service",): Place(line=7, column=1)}
    )

    assert [finding.place.line for finding in findings(FLY_RULES, document.content, document)] == [
        7,
        7,
    ]


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
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.dates(),
        st.sampled_from(["stop", "15s", "1m"]),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(NAMES, inner)),
)


@given(st.dictionaries(NAMES, VALUES))
@example({"checks": {"a": [{"interval": 10**5000}]}})
def test_any_content_is_findings_in_the_order_of_lines(content: dict[str, object]) -> None:
    document = Document(path="fly.toml", content=content, places={})
    lines = [finding.place.line for finding in findings(FLY_RULES, document.content, document)]

    assert all(first <= second for first, second in pairwise(lines))
