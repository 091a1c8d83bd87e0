"""OpenSLO v1 as input: what is taken, what is left out and why, and what is wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.openslo.read import Imported, is_openslo, merged, openslo_services
from slo_action.core.lint.rule import dotted

FIXTURES = Path(__file__).parents[1] / "fixtures" / "openslo"
NO_URL = "the document has no place for a service's URL, and this one has none"
SLICES = ("budgetingMethod", "timeWindow[0]")

TAKEN: dict[str, list[dict[str, Any]]] = {
    "alerts": [],
    "bundle": [
        {
            "service": "payments",
            "slo_targets": {"response_time_p95": "0.5s"},
        }
    ],
    "composite": [
        {"service": "TheShop", "slo_targets": {"availability": "0.98", "error_rate": "0.01"}}
    ],
    "indicator-elsewhere": [{"service": "TheShop"}],
    "logs-ratio": [{"service": "batch"}],
    "logs-window": [{"service": "batch"}],
    "low-traffic": [{"service": "line"}],
    "ours": [
        {
            "service": "shop",
            "url": "https://shop.example.com",
            "health_endpoint": "/healthz",
            "search_endpoint": "/search",
            "monitoring": {"health_interval": "15s"},
            "endpoints": [{"name": "cart", "path": "/cart", "response_time_p95": "0.8s"}],
            "slo_targets": {"search_response_time_p90": "5s"},
        }
    ],
    "ratio-timeslices": [{"service": "shop"}],
    "sdk": [{"service": "shop", "slo_targets": {"availability": "0.98"}}],
    "services": [{"service": "shop"}],
    "slis": [],
    "slos": [{"service": "web", "slo_targets": {"availability": "0.995"}}],
    "threshold": [{"service": "shop"}],
    "timeslices": [{"service": "line"}],
    "v1alpha": [],
}
SKIPPED: dict[str, tuple[str, ...]] = {
    "alerts": ("AlertPolicy mail", "AlertPolicy pager"),
    "bundle": (
        "DataSource metrics",
        "AlertCondition burning",
        "AlertNotificationTarget on-call",
        "AlertPolicy default",
        "objectives[0]",
        "timeWindow[0]: 30d",
        "target: 0.98",
        "timeWindow[0]: 28d",
    ),
    "composite": ("compositeWeight: 1", "timeWindow[0]: 1M", "compositeWeight: 2"),
    "indicator-elsewhere": (
        "objectives[0]: Errors",
        "timeWindow[0]: 1d",
        "alertPolicies[0]: WakeSomebody",
    ),
    "logs-ratio": (
        "objectives[0]: Fast enough",
        "timeWindow[0]: 7d",
        "alertPolicies[0]: Burning",
    ),
    "logs-window": (
        "budgetingMethod: Timeslices",
        "objectives[0]: Fast enough",
        "timeWindow[0]: Week",
    ),
    "low-traffic": (
        "budgetingMethod: Timeslices",
        "objectives[0]: All hours alike",
        "timeWindow[0]: 1w",
    ),
    "ours": ("timeWindow[0]: 24h",),
    "ratio-timeslices": (
        "budgetingMethod: RatioTimeslices",
        "objectives[0]: Good",
        "timeWindow[0]: 2w",
    ),
    "sdk": (),
    "services": (),
    "slis": ("SLI find-up", "SLI user-waits", "SLI wifi", "SLI lag"),
    "slos": ("budgetingMethod: Timeslices", "timeWindow[0]: 1w"),
    "threshold": ("objectives[0]: Nobody waits", "timeWindow[0]: 2w"),
    "timeslices": (
        "budgetingMethod: Timeslices",
        "objectives[0]: Ours",
        "objectives[1]: The contract's",
        "timeWindow[0]: 1M",
    ),
    "v1alpha": (),
}


def imported(text: str, *written: str) -> Imported:
    return openslo_services(list(yaml.safe_load_all(text)), written)


def fixture(name: str, *written: str) -> Imported:
    return imported((FIXTURES / f"{name}.yml").read_text(encoding="utf-8"), *written)


def slo(spec: str, annotations: str = "{}") -> str:
    return f"""
apiVersion: openslo/v1
kind: SLO
metadata: {{name: one, annotations: {annotations}}}
spec: {{service: shop, {spec}}}
"""


def ratio(indicator: str, target: object = 0.99, annotations: str = "{}") -> str:
    counted = indicator.replace("{}", "{metricSource: {spec: {query: http_requests_total}}}")
    metric = f"indicator: {{metadata: {{name: i}}, spec: {{ratioMetric: {counted}}}}}"
    return slo(f"{metric}, objectives: [{{target: {target}}}]", annotations)


def threshold(query: str, objective: str, name: str = "thresholdMetric") -> str:
    source = f"{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}"
    metric = f"indicator: {{metadata: {{name: i}}, spec: {{{name}: {source}}}}}"
    return slo(f"{metric}, objectives: [{objective}]")


def targets(text: str) -> object:
    (service,) = imported(text, "shop").services
    return service.get("slo_targets")


def reasons(text: str) -> list[str]:
    return [one.why for one in imported(text, "shop").skipped]


def test_every_fixture_is_in_the_table() -> None:
    names = {path.stem for path in FIXTURES.glob("*.yml")}
    assert names == TAKEN.keys() == SKIPPED.keys()


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_of_an_example_is_taken(name: str) -> None:
    assert list(fixture(name).services) == TAKEN[name]


@pytest.mark.parametrize("name", sorted(SKIPPED))
def test_of_an_example_is_left_out(name: str) -> None:
    assert sorted(one.what for one in fixture(name).skipped) == sorted(SKIPPED[name])


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_nothing_but_a_url_is_missing_in_an_example(name: str) -> None:
    problems = {mistake.problem for mistake in fixture(name).mistakes}
    urls = {NO_URL} if any("url" not in service for service in TAKEN[name]) else set()
    assert problems == ({"an unsupported version"} if name == "v1alpha" else urls)


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_service_of_a_slo_yml_needs_no_url_in_openslo(name: str) -> None:
    written = [service["service"] for service in TAKEN[name]]
    assert all(mistake.problem != NO_URL for mistake in fixture(name, *written).mistakes)


def test_a_missing_url_is_reported_at_the_service_with_what_to_add() -> None:
    (mistake,) = fixture("services").mistakes

    assert dotted(mistake.key) == "[0][0].metadata.name"
    assert mistake.value == "shop"
    assert "slo-verify.url" in mistake.accepted


def test_each_value_knows_where_it_stands_in_openslo() -> None:
    found = fixture("ours").origins

    assert found[0, "service"] == (0, "metadata", "name")
    assert found[0, "search_endpoint"] == (
        0,
        "metadata",
        "annotations",
        "slo-verify/search_endpoint",
    )
    assert found[0, "endpoints", 0, "response_time_p95"] == (2, "spec", "objectives", 0)
    assert found[0, "slo_targets", "search_response_time_p90"] == (1, "spec", "objectives", 0)


@pytest.mark.parametrize(
    "good",
    [
        'http_requests_total{code!~"5.."}',
        'http_server_request_duration_seconds_count{status!~"5.."}',
        'http_server_requests_seconds_count{status="200"}',
        'sum(rate(istio_requests_total{response_code=~"2.*"}[5m]))',
        'nginx_ingress_controller_requests{status!~"[45].."}',
        'traefik_service_requests_total{code=~"2[0-9][0-9]"}',
        'haproxy_frontend_http_responses_total{code="2xx"}',
        'grpc_server_handled_total{grpc_code="OK"}',
        'sum by (job) (checkout_requests_total{status_code=~"2.."})',
        "sum:trace.web.request.hits{status:200}.as_count()",
    ],
)
def test_a_ratio_of_requests_is_availability(good: str) -> None:
    assert targets(_ratio_of(good, re.sub(r"{.*}", "", good))) == {"availability": "0.99"}


@pytest.mark.parametrize(
    "metric",
    [
        "audit_root_match_total",
        "backup_success_total",
        "batch_runs_total",
        "cache_requests_total",
        "cpu_idle_seconds_total",
        "kube_job_failed",
        "kafka_requests_total",
        "Any",
    ],
)
def test_a_ratio_of_anything_else_is_left_out_and_its_metric_named(metric: str) -> None:
    text = _ratio_of(f'rate({metric}{{result="ok"}}[5m])', f"rate({metric}[5m])")

    assert targets(text) is None
    (reason,) = reasons(text)
    assert reason.startswith(f'"{metric}" does not count HTTP requests for certain; say which')


def test_requests_within_a_limit_are_no_availability() -> None:
    text = _ratio_of(
        'http_request_duration_seconds_bucket{le="0.5"}', "http_request_duration_seconds_count"
    )

    assert targets(text) is None
    assert "within a limit is a latency" in reasons(text)[0]


@pytest.mark.parametrize(
    "query",
    [
        "time() - max(pipeline_last_success_timestamp_seconds)",
        "sum(rate(process_cpu_seconds_total[5m]))",
        "histogram_quantile(0.95, rate(batch_duration_seconds_bucket[5m]))",
        "kafka_consumer_lag_seconds",
    ],
)
def test_a_threshold_of_anything_but_requests_is_no_response_time(query: str) -> None:
    text = threshold(query, "{op: lte, value: 1, target: 0.95}")

    assert targets(text) is None
    assert "not time HTTP requests; say which" in reasons(text)[0]


def test_the_quantile_of_a_summary_is_the_objective_s() -> None:
    summary = 'http_request_duration_seconds{quantile="0.99"}'
    text = threshold(summary, "{op: lte, value: 1, target: 0.95}")

    assert targets(text) is None
    assert reasons(text) == ["p99 has no counterpart; " + SAY]


def test_a_target_that_is_given_twice_is_a_mistake() -> None:
    (mistake,) = imported(ratio("{bad: {}}", "0.9, targetPercent: 90"), "shop").mistakes

    assert (mistake.problem, mistake.accepted) == (
        "a target twice",
        "write target or targetPercent, not both",
    )


def _ratio_of(good: str, total: str) -> str:
    sources = (json.dumps({"metricSource": {"spec": {"query": one}}}) for one in (good, total))
    return ratio("{good: %s, total: %s}" % tuple(sources))  # noqa: UP031


SAY = "say which with the annotation slo-verify.objective"
P95 = "target: 0.95"
AS_JOBS = "{slo-verify.objective: job_success_rate}"
AS_AVAILABILITY = "{slo-verify/objective: availability}"
RAW = "{raw: {}, rawType: success}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ratio("{good: {}, total: {}}"), {"availability": "0.99"}),
        (ratio("{bad: {}, total: {}}"), {"error_rate": "0.01"}),
        (ratio("{bad: {}, total: {}}", 1), {"error_rate": "0"}),
        (ratio("{good: {}}", 0.5, AS_JOBS), {"job_success_rate": "0.5"}),
        (ratio(RAW, 0.9, AS_AVAILABILITY), {"availability": "0.9"}),
        (ratio(RAW), None),
        (
            threshold("http_request_duration_seconds", f"{{op: lte, value: 0.5, {P95}}}"),
            {"response_time_p95": "0.5s"},
        ),
        (
            threshold("http_request_duration_seconds_sum", f"{{op: lt, value: 2, {P95}}}"),
            {"response_time_p95": "2s"},
        ),
        (
            threshold("http_request_duration_ms_bucket", f"{{op: lte, value: 250, {P95}}}"),
            {"response_time_p95": "0.25s"},
        ),
        (
            threshold(
                "http_request_duration_seconds", f"{{op: lte, value: 1, {P95}}}", "rawMetric"
            ),
            {"response_time_p95": "1s"},
        ),
        (
            threshold("search_request_duration_seconds", "{op: lte, value: 5, target: 0.9}"),
            {"search_response_time_p90": "5s"},
        ),
        (threshold("search_request_duration_seconds", f"{{op: lte, value: 5, {P95}}}"), None),
        (threshold("http_request_duration_seconds", "{op: lte, value: 5, target: 0.99}"), None),
        (threshold("http_request_duration_seconds", f"{{op: gte, value: 5, {P95}}}"), None),
        (threshold("http_time_seconds / http_time_ms", f"{{op: lte, value: 5, {P95}}}"), None),
        (threshold("http_request_duration_seconds", f"{{op: lte, value: .inf, {P95}}}"), None),
        (threshold("http_request_duration_seconds", f"{{op: lte, value: 0, {P95}}}"), None),
        (threshold("http_request_duration_seconds", f"{{op: lte, value: true, {P95}}}"), None),
    ],
)
def test_an_objective_is_taken_only_where_it_is_clear(text: str, expected: object) -> None:
    assert targets(text) == expected
    assert (expected is None) == bool(reasons(text))


def test_of_several_objectives_the_strictest_is_taken_and_the_others_are_reported() -> None:
    text = "\n---".join(ratio("{bad: {}, total: {}}", target) for target in (0.9, 0.99, 0.95))

    assert targets(text) == {"error_rate": "0.01"}
    assert len(reasons(text)) == 2


def test_a_target_in_an_annotation_wins_and_the_other_is_reported() -> None:
    text = ratio("{good: {}}", 0.9, "{slo-verify.slo_targets.availability: 100%}")

    assert targets(text) == {"availability": "100%"}
    assert reasons(text) == ['an annotation has "100%"']


def test_two_slos_of_one_service_are_one_service() -> None:
    text = ratio("{bad: {}}") + "\n---" + ratio("{good: {}}", 0.5)
    assert targets(text) == {"error_rate": "0.01", "availability": "0.5"}


@pytest.mark.parametrize(
    ("text", "key", "accepted"),
    [
        (ratio("{good: {}}", 99.9), "[0].spec.objectives[0].target", "targetPercent: 99.9"),
        (ratio("{good: {}}", -0.1), "[0].spec.objectives[0].target", "0.999"),
        (ratio("{good: {}}", "'0.9'"), "[0].spec.objectives[0].target", "0.999"),
        (ratio("{good: {}}", "null"), "[0].spec.objectives[0].target", "0.999"),
        (ratio("{good: {}}", ".nan"), "[0].spec.objectives[0].target", "0.999"),
        (slo("indicatorRef: x"), "[0].spec.objectives", "`target`"),
        (slo("objectives: []").replace("service: shop,", ""), "[0].spec.service", "Service's name"),
        (slo("objectives: []").replace("SLO", "SOL"), "[0].kind", "did you mean SLO?"),
        (slo("objectives: []").replace("/v1", "/v2alpha"), "[0].apiVersion", "openslo/v1"),
        (slo("objectives: []").replace("name: one", "x: one"), "[0].metadata.name", "text"),
        (ratio("{good: {}}", 0.9, "{slo-verify.objective: availability_}"),
         "[0].metadata.annotations.slo-verify.objective", "did you mean availability?"),
        (ratio("{good: {}}", 0.9, "{slo-verify.ulr: x}"),
         "[0].metadata.annotations.slo-verify.ulr", "did you mean url?"),
        (ratio("{good: {}}", 0.9, "{slo-verify.url: [x]}"),
         "[0].metadata.annotations.slo-verify.url", "quotes"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what_is_accepted(text: str, key: str, accepted: str) -> None:
    (mistake,) = imported(text, "shop").mistakes

    assert dotted(mistake.key) == key
    assert accepted in mistake.accepted


def test_all_mistakes_are_reported_at_once() -> None:
    text = "\n---".join([ratio("{good: {}}", 2), slo("objectives: []"), slo("x: y")])
    assert len(imported(text).mistakes) == 4


def test_two_objects_may_say_the_same_of_a_service_but_no_two_things() -> None:
    said = [ratio("{good: {}}", 0.9, f"{{slo-verify.url: 'https://{x}.example'}}") for x in "aab"]

    (mistake,) = imported("\n---".join(said)).mistakes

    assert dotted(mistake.key) == "[2].metadata.annotations.slo-verify.url"
    assert mistake.accepted == '"https://a.example" is there'


def test_an_indicator_that_refers_to_itself_is_not_used() -> None:
    text = slo("indicatorRef: one").replace("SLO", "SLI")
    assert reasons(text) == ["no SLO refers to it"]


def test_a_service_that_is_named_twice_is_a_mistake() -> None:
    text = (FIXTURES / "services.yml").read_text(encoding="utf-8")
    (mistake,) = imported(f"{text}\n---\n{text}", "shop").mistakes
    assert mistake.problem == "named twice"


def test_documents_of_ours_beside_openslo_are_not_touched() -> None:
    text = f"services: [{{service: shop}}]\n---{ratio('{good: {}}', 7)}"
    (mistake,) = imported(text, "shop").mistakes
    assert mistake.key[0] == 1


def test_what_slo_yml_writes_wins_over_openslo() -> None:
    written = {
        "service": "shop",
        "url": "https://shop.example",
        "slo_targets": {"error_rate": "5%"},
    }
    taken = {"service": "shop", "slo_targets": {"error_rate": "0.01", "availability": "0.9"}}

    assert merged(written, taken) == {
        "service": "shop",
        "url": "https://shop.example",
        "slo_targets": {"error_rate": "5%", "availability": "0.9"},
    }


def test_a_number_of_thousands_of_digits_is_a_mistake_and_no_crash() -> None:
    document = yaml.safe_load(ratio("{good: {}}"))
    document["spec"]["objectives"][0]["target"] = 10**9999

    (mistake,) = openslo_services([document], ("shop",)).mistakes

    assert (mistake.problem, mistake.value) == ("no target", None)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "spec", "target", "metricSource", "x"]), inner)
    ),
    max_leaves=8,
)
hostile = st.fixed_dictionaries(
    {
        "apiVersion": st.just("openslo/v1"),
        "kind": st.sampled_from(["SLO", "SLI", "Service"]) | trees,
    },
    optional={
        "metadata": trees
        | st.fixed_dictionaries(
            {"name": st.just("a")},
            optional={
                "annotations": st.dictionaries(
                    st.sampled_from(
                        ["slo-verify.url", "slo-verify.notify.1", "slo-verify.objective"]
                    ),
                    trees,
                )
            },
        ),
        "spec": trees
        | st.fixed_dictionaries(
            {"service": st.just("a") | trees},
            optional={
                "indicatorRef": st.just("a") | trees,
                "indicator": trees,
                "objectives": trees
                | st.lists(st.fixed_dictionaries({"target": leaves}), max_size=2),
                "timeWindow": trees,
            },
        ),
    },
)


@given(st.lists(hostile | trees, max_size=4))
def test_whatever_a_document_holds_is_taken_left_out_or_a_mistake(documents: list[object]) -> None:
    result = openslo_services(documents)

    assert (
        result.services or result.mistakes or result.skipped or not any(map(is_openslo, documents))
    )
    assert all(isinstance(service["service"], str) for service in result.services)


def test_ten_thousand_slos_are_read_once_each() -> None:
    one = yaml.safe_load(ratio("{good: {}}"))
    many = [
        {**one, "spec": {**one["spec"], "service": f"shop-{number}"}} for number in range(10_000)
    ]
    assert len(openslo_services(many).services) == 10_000
