"""Health bodies as frameworks and people write them, each with what it says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.answer.health_body import is_page, read_health
from slo_action.core.answer.health_words import BodyHealth
from tests.hostile import TEXTS

GOOD, WARN, BAD = BodyHealth.HEALTHY, BodyHealth.DEGRADED, BodyHealth.UNHEALTHY

Cases = list[tuple[BodyHealth | None, Any]]

HEALTH_JSON: Cases = [
    (GOOD, {"status": "pass", "version": "1", "checks": {"cpu:use": [{"status": "pass"}]}}),
    (WARN, {"status": "warn", "notes": ["disk is filling up"]}),
    (BAD, {"status": "fail", "output": "connection refused"}),
    (WARN, {"status": "pass", "checks": {"db:time": [{"observedValue": 9, "status": "fail"}]}}),
    (GOOD, {"status": "ok", "checks": {"db:time": [{"observedValue": 503, "observedUnit": "ms"}]}}),
]
"""draft-inadarei-api-health-check."""

JVM: Cases = [
    (GOOD, {"status": "UP", "checks": [{"name": "db", "status": "UP", "data": {"ok": False}}]}),
    (BAD, {"status": "DOWN", "checks": [{"name": "db", "status": "DOWN"}]}),
    (
        WARN,
        {
            "status": "UP",
            "components": {
                "db": {"status": "UP", "components": {"eu": {"status": "OUT_OF_SERVICE"}}}
            },
        },
    ),
    (BAD, {"outcome": "DOWN", "checks": [{"name": "db", "state": "DOWN"}]}),
    (GOOD, {"status": "UP", "groups": ["liveness", "readiness"]}),
    (GOOD, {"status": "UP", "components": {"ping": {"status": "UNKNOWN"}}}),
    (WARN, {"status": "UP", "components": {"db": {"status": "DOWN", "details": {"error": "x"}}}}),
    (WARN, {"status": "UP", "details": {"db": {"status": "DOWN"}}}),
    (WARN, {"status": "UP", "db": {"status": "DOWN", "database": "H2"}, "diskSpace": {"free": 0}}),
    (BAD, {"status": "OUT_OF_SERVICE"}),
    (WARN, {"status": "UNKNOWN"}),
    (BAD, {"status": {"code": "DOWN", "description": ""}}),
    (BAD, {"deadlocks": {"healthy": True}, "database": {"healthy": False, "message": "no"}}),
    (GOOD, {"deadlocks": {"healthy": True}, "database": {"healthy": True}}),
    (GOOD, {"health": "GREEN", "causes": []}),
    (BAD, {"id": "AU-Tp", "version": "9.9", "status": "DB_MIGRATION_RUNNING starting"}),
    (BAD, {"name": "shop", "status": "DOWN", "details": {}}),
]
"""MicroProfile Health (old and new), Spring Boot 1, 2 and 3, Dropwizard, SonarQube, Micronaut."""

DOTNET: Cases = [
    (GOOD, "Healthy"),
    (WARN, "Degraded"),
    (BAD, "Unhealthy"),
    (BAD, {"status": "Unhealthy", "totalDuration": "00:00:01", "entries": {}}),
    (WARN, {"status": "Healthy", "entries": {"db": {"data": {}, "status": "Unhealthy"}}}),
    (None, {"status": 2, "totalDuration": "00:00:01"}),
]
"""ASP.NET Core; without a string converter its statuses are 0, 1 and 2."""

GO: Cases = [
    (GOOD, {"status": "OK", "timestamp": "2026-01-01", "component": {"name": "shop"}}),
    (WARN, {"status": "Partially Available", "failures": {"rabbitmq": "refused"}}),
    (BAD, {"status": "Unavailable", "failures": {"postgres": "refused"}}),
    (BAD, {"status": "Timeout during health check", "failures": {}}),
    (WARN, {"status": "ok", "details": {"db": {"name": "db", "status": "failed", "fatal": True}}}),
    (BAD, {"details": {"db": {"status": "failed", "num_failures": 3}}, "status": "failed"}),
    (BAD, {"status": "down", "details": {"db": {"status": "down", "error": "no route"}}}),
    (GOOD, {"health": "true", "reason": ""}),
    (BAD, {"health": "false", "reason": "NO LEADER"}),
    (GOOD, {"status": "SERVING"}),
    (BAD, {"status": "NOT_SERVING"}),
    (BAD, {"client": {"ok": True, "message": "ok"}, "server": {"ok": False, "message": "x"}}),
    (WARN, {"commit": "abc1234", "database": "failing", "version": "11", "status": "ok"}),
    (GOOD, {"commit": "abc1234", "database": "ok", "version": "11"}),
    (GOOD, {"status": "Server available", "upSince": "2026-01-01", "uptime": "3s"}),
]
"""hellofresh/health-go, InVisionApp/go-health, etcd, gRPC gateways, Nomad, Grafana, Jaeger."""

NODE: Cases = [
    (GOOD, {"status": "ok", "info": {"db": {"status": "up"}}, "error": {}, "details": {}}),
    (BAD, {"status": "error", "info": {}, "error": {"db": {"status": "down"}}}),
    (BAD, {"status": "shutting_down"}),
    (GOOD, "SERVER_IS_READY"),
    (BAD, "SERVER_IS_NOT_READY"),
    (BAD, "SERVER_IS_SHUTTING_DOWN"),
    (GOOD, "SERVER_IS_NOT_SHUTTING_DOWN"),
    (WARN, {"name": "kibana", "status": {"overall": {"level": "degraded"}, "core": {}}}),
    (BAD, {"status": {"overall": {"state": "red", "title": "Red"}, "statuses": []}}),
]
"""Terminus, lightship, Kibana (new and old)."""

PYTHON_RUBY_PHP: Cases = [
    (
        BAD,
        {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": None},
            "triggerer": {"status": None},
        },
    ),
    (GOOD, {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}),
    (BAD, {"Cache backend: default": "working", "DatabaseBackend": "unavailable: no route"}),
    (GOOD, {"Cache backend: default": "working", "DatabaseBackend": "working"}),
    (BAD, {"databases": [{"default": {"ok": False, "error": "x"}}], "storage": {"ok": True}}),
    (GOOD, {"databases": [{"default": {"ok": True}}], "caches": [{"default": {"ok": True}}]}),
    (BAD, {"finishedAt": 1, "checkResults": [{"name": "Db", "status": "crashed"}]}),
    (GOOD, {"checkResults": [{"name": "Db", "status": "ok"}, {"name": "Q", "status": "skipped"}]}),
    (BAD, {"checks": [{"checkName": "db", "status_name": "x"}], "globalStatus": "KO"}),
    (GOOD, {"globalStatus": "OK", "checks": []}),
    (GOOD, "default: PASSED Application is running (0s)"),
    (BAD, "default: PASSED Application is running (0s)\ndatabase: FAILED Error: 'no route' (1s)"),
    (GOOD, "success"),
    (BAD, "<br />\n<b>Fatal error</b>:  Uncaught PDOException: no route in /srv/index.php:3"),
    (BAD, "PHP Fatal error:  Uncaught Error"),
    (BAD, 'Traceback (most recent call last):\n  File "wsgi.py", line 3'),
    (BAD, "health_check failed: redis unreachable"),
    (GOOD, {"status": "up", "timestamp": "2026-01-01"}),
    (GOOD, {"status": "ok", "master_check": [{"status": "ok"}]}),
    (WARN, {"status": "ok", "db_check": [{"status": "failed", "message": "x"}]}),
]
"""Airflow, django-health-check, django-watchman, Laravel, Liip, OkComputer, Rails, GitLab."""

INFRASTRUCTURE: Cases = [
    (BAD, {"cluster_name": "shop", "status": "red", "timed_out": False, "number_of_nodes": 1}),
    (WARN, {"cluster_name": "shop", "status": "yellow", "timed_out": False}),
    (GOOD, {"cluster_name": "shop", "status": "green", "timed_out": False}),
    (WARN, {"status": "unknown", "indicators": {"pipelines": {"status": "unknown"}}}),
    (BAD, {"AggregatedStatus": "critical", "Checks": [{"Name": "web", "Status": "critical"}]}),
    (GOOD, [{"Node": {}, "Checks": [{"Name": "serf", "Status": "passing"}]}]),
    (WARN, [{"Name": "web", "Status": "warning", "Output": ""}]),
    (GOOD, "[+]ping ok\n[+]etcd excluded: ok\nhealthz check passed\n"),
    (BAD, "[+]ping ok\n[-]db failed: reason withheld\nhealthz check failed\n"),
    (BAD, "[-]db failed: reason withheld\n"),
    (GOOD, "LIVE\n"),
    (BAD, "PRE_INITIALIZING\n"),
    (BAD, "DRAINING"),
    (GOOD, "Prometheus Server is Healthy.\n"),
    (BAD, "Loki is not ready\n"),
    (GOOD, "GitLab OK"),
    (GOOD, "200 OK\nService ready.\n"),
    (BAD, "503 Service Unavailable"),
    (BAD, "404 page not found"),
    (BAD, {"status": "maintenance_mode"}),
    (BAD, "<health><status>DOWN</status></health>"),
    (GOOD, '<?xml version="1.0"?><check><status>OK</status></check>'),
]
"""Elasticsearch, Logstash, Consul, Kubernetes, Envoy, Prometheus, GitLab, HAProxy, CouchDB, XML."""

BY_HAND: Cases = [
    (BAD, {"healthy": False, "dependencies": [{"name": "db", "healthy": False}]}),
    (BAD, {"ok": False, "error": "db unreachable"}),
    (BAD, {"success": False, "message": "db unreachable"}),
    (BAD, {"alive": False}),
    (BAD, {"ready": False}),
    (BAD, {"isHealthy": False}),
    (BAD, {"ready": "no"}),
    (BAD, {"status": "unavailable"}),
    (BAD, {"status": "offline"}),
    (BAD, {"status": "not ok"}),
    (BAD, {"status": "notReady"}),
    (BAD, {"status": "starting"}),
    (BAD, {"status": "initializing"}),
    (BAD, {"status": 500, "message": "Internal error"}),
    (BAD, {"status": "503"}),
    (BAD, {"statusCode": 503}),
    (BAD, {"code": 500, "data": None}),
    (BAD, {"state": "DOWN"}),
    (BAD, {"health": "DOWN"}),
    (BAD, {"result": "failed"}),
    (BAD, {"overall": "failing"}),
    (BAD, {"error": True, "message": "no database"}),
    (BAD, {"unhealthy": True}),
    (BAD, [{"name": "db", "status": "DOWN"}]),
    (BAD, {"data": {"status": "DOWN"}}),
    (BAD, {"success": True, "data": {"status": "DOWN"}}),
    (BAD, {"code": 200, "result": {"healthy": False}}),
    (BAD, {"response": {"health": {"status": "down"}}}),
    (BAD, {"status": {"database": "DOWN", "cache": "UP"}}),
    (BAD, {"health": {"database": False, "cache": True}}),
    (BAD, {"services": {"database": {"status": "DOWN"}}}),
    (WARN, {"status": "ok", "dependencies": {"db": {"status": "down"}}}),
    (WARN, {"status": "ok", "database": "down"}),
    (WARN, {"status": "ok", "db_connected": False}),
    (WARN, {"status": "ok", "services": {"db": {"connected": False}}}),
    (WARN, {"status": "ok", "error": "the last sync failed"}),
    (WARN, {"errors": ["no route to db"]}),
    (WARN, {"status": "purple"}),
    (WARN, {"status": "Alles gut"}),
    (BAD, "Service Unhealthy: database down"),
    (BAD, "Service Health Check\nDatabase: ok\nQueue: CRITICAL - connection refused\n"),
    (GOOD, "Database: ok\nQueue: ok"),
    (WARN, "Status: OK\nQueue: DOWN"),
    (BAD, "Status: error"),
    (BAD, "Ready: false"),
    (BAD, "CRITICAL connection refused"),
    (BAD, "[FAIL] database"),
    (BAD, "unavailable due to maintenance"),
    (BAD, "db=ok redis=down"),
    (BAD, "db:ok, redis:down"),
    (BAD, "redis - DOWN"),
    (GOOD, "OK - 3 checks passed"),
    (BAD, {"results": {"db": {"status": "fail"}}}),
    (BAD, False),
    (GOOD, True),
    (GOOD, {"status": "Service is running smoothly"}),
    (GOOD, {"status": "✅ OK"}),
    (GOOD, {"status": "success", "code": 0, "data": {"uptime": 12}}),
    (GOOD, {"status": 200}),
    (GOOD, {"message": "pong", "ok": True}),
    (GOOD, "OK"),
    (GOOD, "pong"),
    (GOOD, "I'm alive!"),
]

NO_FALSE_ALARM: Cases = [
    (GOOD, {"status": "ok", "maintenance_mode": False, "debug": True, "errors": 0, "failed": 0}),
    (GOOD, {"status": "ok", "last_error": None, "error": "", "errors": [], "error_rate": 0.01}),
    (GOOD, {"status": "ok", "unhealthy": 0, "down": [], "uptime": 0, "failures": {}}),
    (GOOD, {"status": "ok", "features": {"new_checkout": False, "enabled": False}}),
    (GOOD, {"status": "ok", "update": {"available": False}, "sign_up": False}),
    (GOOD, {"status": "ok", "log_level": "error", "last_deploy": {"status": "failed"}}),
    (GOOD, {"status": "ok", "error": "none", "failures": {"count": "0"}}),
    (GOOD, {"status": "ok", "checks": {"error_tracker": True, "failover": "ok", "error": False}}),
    (GOOD, {"status": "ok", "checks": {"mode": "degraded", "circuit": {"state": "open"}}}),
    (GOOD, {"status": "ok", "message": "nothing is down, and no check failed"}),
    (GOOD, {"status": "ok", "settings": {"on_error": "fail", "status": "disabled"}}),
    (GOOD, {"status": "ok", "success": 120, "ready": 0, "up": 1, "ok": 0}),
    (None, {"orders": [{"id": 1, "status": "failed"}]}),
    (None, [{"id": 1, "status": "cancelled"}, {"id": 2, "status": "shipped"}]),
    (None, {"data": [{"id": 1, "status": "failed"}]}),
    (None, {"uptime": 3, "error_rate": 0.2, "failed": 7, "errors": 2, "health": 100}),
    (None, {"theme": "red", "plan": "limited", "log_level": "critical", "code": 1001}),
    (None, {"message": "hello", "state": "leader", "status": None}),
    (None, "Hello World"),
    (None, "1.4.2"),
    (None, "500"),
    (None, "up 1\nprobe_failed 0\nerrors_total 17"),
    (None, "Maintenance: false\nDraining: no\nStatus page - see below"),
    (GOOD, {"status": "ok", "checks": {"maintenance": "false", "debug": "no"}}),
    (None, {"status": "1", "message": "x"}),
    (None, "Errors: 0\nUnhealthy: none\nFailed jobs: 3\nLast error: none\nLog level: error"),
    (None, "See http://shop.example/status when something is down"),
    (None, "500 items in stock"),
    (None, "<svg><title>down</title></svg>"),
    (None, {}),
    (None, []),
    (None, 500),
    (None, ""),
]

EVERY = [
    *HEALTH_JSON,
    *JVM,
    *DOTNET,
    *GO,
    *NODE,
    *PYTHON_RUBY_PHP,
    *INFRASTRUCTURE,
    *BY_HAND,
    *NO_FALSE_ALARM,
]


@pytest.mark.parametrize(("health", "body"), EVERY, ids=[json.dumps(body) for _, body in EVERY])
def test_a_body_says_what_its_author_meant(health: BodyHealth | None, body: object) -> None:
    reading = read_health(body)

    assert reading.health is health
    assert bool(reading.detail) == (health is not None)


_UNCLEAR = "which is not a known status: assert in slo.yml what it should be"


def test_the_detail_quotes_the_statement_and_names_the_checks_or_the_reason() -> None:
    details = [
        read_health(body).detail
        for body in (
            {"ok": False, "error": "db unreachable"},
            {"status": "ok", "dependencies": {"db": {"status": "down"}}},
            {"health": "DOWN", "checks": {"db": "fail"}},
            {"status": "Alles gut"},
            "Service Unhealthy: database down",
            "Database: ok\nQueue: CRITICAL - connection refused",
        )
    ]

    assert details == [
        'says ok false (error "db unreachable")',
        'says status "ok" although check "db" failed',
        'says health "DOWN" (check "db")',
        f'says status "Alles gut", {_UNCLEAR}',
        'says "Service Unhealthy: database down"',
        'says that check "Queue" failed',
    ]


def test_a_zero_where_a_truth_value_is_meant_is_unclear() -> None:
    reading = read_health({"ok": 0, "errmsg": "not primary"})

    assert (reading.health, reading.detail) == (WARN, f"says ok 0, {_UNCLEAR}")


@pytest.mark.parametrize("body", [{"uptime": 3}, {"status": 2}, "Hello", [1], 500])
def test_a_body_that_says_nothing_leaves_a_note(body: object) -> None:
    note = "the body does not report health: only the HTTP status was judged"

    assert read_health(body).notes == (note,)


@pytest.mark.parametrize("body", ["", {}, [], None])
def test_an_empty_body_needs_no_note(body: object) -> None:
    assert read_health(body).notes == ()


_GOOD_WORDS = st.sampled_from(["ok", "UP", "healthy", "pass", "green", "Ready", "running", "true"])
_BAD_WORDS = st.sampled_from(
    ["down", "FAIL", "unhealthy", "red", "error", "not ready", "OUT_OF_SERVICE", "offline", False]
)
_NAMES = st.sampled_from(
    ["status", "checks", "components", "name", "db", "data", "details", "health", "ok", "services"]
)


def _documents(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = _NAMES | st.text(max_size=8)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
        max_leaves=25,
    )


@given(_documents(_GOOD_WORDS | st.just(1) | st.none()))
def test_no_body_of_good_words_only_is_bad(document: object) -> None:
    health = read_health(document).health

    assert health in {GOOD, None} or (health is WARN and _lists_errors(document))


def _lists_errors(document: object) -> bool:
    """A good word where errors are listed is unclear."""
    return any(f'"{name}"' in json.dumps(document).lower() for name in ("error", "errors"))


@given(
    st.sampled_from(["status", "health", "overall", "state", "Status", "healthStatus"]),
    _BAD_WORDS,
    st.dictionaries(st.text(max_size=8), _documents(_GOOD_WORDS | st.booleans()), max_size=4),
)
def test_one_clear_failure_at_the_top_is_unhealthy(
    name: str, word: object, beside: dict[str, object]
) -> None:
    assert read_health({**beside, name: word}).health is BAD
    assert read_health({name: word, **{k: v for k, v in beside.items() if k != name}}).health is BAD


@given(st.sampled_from(["ok", "healthy", "ready", "alive", "success"]), _documents(_GOOD_WORDS))
def test_a_false_at_the_top_is_unhealthy(name: str, beside: object) -> None:
    assert read_health({"beside": beside, name: False}).health is BAD
    assert read_health({"data": {name: False}, "beside": beside}).health is BAD


@given(TEXTS | st.text(max_size=300), _documents(st.text(max_size=20) | st.floats()))
def test_no_text_makes_the_reader_raise_or_say_what_cannot_be_written(
    text: str, document: object
) -> None:
    for reading in (read_health(text), read_health(document)):
        "".join((reading.detail, *reading.notes)).encode()
        assert "\n" not in reading.detail
    is_page(text)


@pytest.mark.parametrize(
    ("text", "is_html"),
    [
        ("<!DOCTYPE html><p>hi", True),
        ("\n <html lang=en>", True),
        ("<!-- built by vite --><!doctype html><title>Shop</title>", True),
        ('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C">', True),
        ("<head><title>x", True),
        ('<div id="root"></div><script src="/app.js"></script>', True),
        ("<title>Shop", True),
        ("<header>", False),
        ("<divisions>", False),
        ("<health><status>UP</status></health>", False),
        ("healthy", False),
        ("<!--" * 20_000, False),
    ],
)
def test_a_page_is_recognised_by_its_beginning(text: str, is_html: bool) -> None:
    assert is_page(text) is is_html
