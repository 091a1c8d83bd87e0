"""What exporters show of a service's requests, by the names they give to things.

Held against their real output: Flask, FastAPI, Starlette, Django and OpenTelemetry by their Python
packages, HAProxy 2.6 and Caddy 2.6 by themselves; the others by their documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str, tuple[tuple[str, str], ...]]
LATENCY_BUCKETS = {0.1: False, 0.25: True, 0.5: True, 1.0: True, float("inf"): True}
"""Every request takes 0.2 s; True where a bucket holds it."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What an exporter calls things; `value` has the service's name for {}.

    Series with the labels of `again` count the same requests again.
    """

    counter: str = "http_requests_total"
    buckets: str = "http_request_duration_seconds_bucket"
    service: str = "service"
    value: str = "{}"
    status: str = "status_code"
    success: str = "200"
    error: str = "502"
    labels: Mapping[str, str] = field(default_factory=lambda: {"method": "GET"})
    again: Mapping[str, str] = field(default_factory=dict)
    per_second: int = 1

    def exposition(self, service: str, successes: float, errors: float) -> dict[Key, float]:
        """Return the values by name and labels; the error's series is born with the first error."""
        ours = {self.service: self.value.format(service), **self.labels}
        counts = {self.success: successes} | ({self.error: errors} if errors else {})
        values: dict[Key, float] = {}
        for status, count in counts.items():
            labels = ours | {self.status: status}
            values[self.counter, tuple(labels.items())] = count
            if self.again:
                again = (self.counter, tuple({**labels, **self.again}.items()))
                values[again] = values.get(again, 0.0) + count
        for le, holds in LATENCY_BUCKETS.items() if self.buckets else ():
            bound = "+Inf" if le == float("inf") else f"{le * self.per_second:g}"
            key = (self.buckets, (*ours.items(), ("le", bound)))
            values[key] = (successes + errors) * holds
        return values


FLY_EDGE = Names(
    counter="fly_edge_http_responses_count",
    buckets="fly_edge_http_response_time_seconds_bucket",
    service="app",
    status="status",
)
EXPORTERS = {
    "prometheus-client": Names(status="code", again={"code": "all"}),
    "fastapi-instrumentator": Names(
        status="status", success="2xx", error="5xx", again={"status": "total"}
    ),
    "classes-beside-codes": Names(status="status", again={"status": "5xx"}),
    "opentelemetry": Names(
        counter="http_server_request_duration_seconds_count",
        buckets="http_server_request_duration_seconds_bucket",
        service="service_name",
        status="http_response_status_code",
        labels={"http_route": "/", "network_protocol_version": "1.1"},
    ),
    "opentelemetry-1.22": Names(
        counter="http_server_duration_milliseconds_count",
        buckets="http_server_duration_milliseconds_bucket",
        service="job",
        status="http_status_code",
        per_second=1000,
    ),
    "micrometer": Names(
        counter="http_server_requests_seconds_count",
        buckets="http_server_requests_seconds_bucket",
        service="application",
        status="status",
        labels={"uri": "/", "method": "GET", "exception": "None"},
    ),
    "django": Names(
        counter="django_http_responses_total_by_status_total",
        buckets="django_http_requests_latency_including_middlewares_seconds_bucket",
        service="job",
        status="status",
        labels={},
    ),
    "flask": Names(
        counter="flask_http_request_total",
        buckets="flask_http_request_duration_seconds_bucket",
        service="job",
        status="status",
    ),
    "starlette": Names(
        counter="starlette_requests_total",
        buckets="starlette_request_duration_seconds_bucket",
        service="app_name",
    ),
    "prometheus-net": Names(counter="http_requests_received_total", service="job", status="code"),
    "rack": Names(
        counter="http_server_requests_total",
        buckets="http_server_request_duration_seconds_bucket",
        service="job",
        status="code",
    ),
    "promhttp": Names(counter="http_request_duration_seconds_count", service="job", status="code"),
    "grpc-go": Names(
        counter="grpc_server_handled_total",
        buckets="grpc_server_handling_seconds_bucket",
        service="job",
        status="grpc_code",
        success="OK",
        error="DeadlineExceeded",
        labels={"grpc_service": "shop.v1.Shop", "grpc_type": "unary"},
    ),
    "grpc-java": Names(
        counter="grpc_server_handled_total",
        buckets="grpc_server_handling_seconds_bucket",
        service="app",
        status="grpc_code",
        success="NOT_FOUND",
        error="DATA_LOSS",
    ),
    "ingress-nginx": Names(
        counter="nginx_ingress_controller_requests",
        buckets="nginx_ingress_controller_request_duration_seconds_bucket",
        service="exported_service",
        status="status",
        labels={"service": "ingress-nginx-controller", "ingress": "all"},
    ),
    "traefik": Names(
        counter="traefik_service_requests_total",
        buckets="traefik_service_request_duration_seconds_bucket",
        service="service",
        value="{}@docker",
        status="code",
    ),
    "istio": Names(
        counter="istio_requests_total",
        buckets="istio_request_duration_milliseconds_bucket",
        service="destination_service_name",
        status="response_code",
        labels={"reporter": "destination", "destination_workload": "shop-v2"},
        again={"reporter": "source"},
        per_second=1000,
    ),
    "envoy": Names(
        counter="envoy_cluster_upstream_rq_xx",
        buckets="envoy_cluster_upstream_rq_time_bucket",
        service="envoy_cluster_name",
        status="envoy_response_code_class",
        success="2",
        error="5",
        labels={},
        per_second=1000,
    ),
    "haproxy": Names(
        counter="haproxy_backend_http_responses_total",
        buckets="",
        service="proxy",
        status="code",
        success="2xx",
        error="5xx",
        labels={},
    ),
    "caddy": Names(
        counter="caddy_http_request_duration_seconds_count",
        buckets="caddy_http_request_duration_seconds_bucket",
        service="host",
        status="code",
        labels={"handler": "subroute", "server": "srv0"},
        again={"handler": "reverse_proxy"},
    ),
    "fly-edge": FLY_EDGE,
    "fly-app": Names(
        counter="fly_app_http_responses_count",
        buckets="fly_app_http_response_time_seconds_bucket",
        service="app",
        status="status",
    ),
}
