"""Metrics that count requests by their status, one entry for each exporter."""

from typing import NamedTuple


class StatusForm(NamedTuple):
    """What the values of a status label look like: regular expressions of all, and of errors.

    A value of another form is no request of its own, such as a sum in `code="all"`.
    """

    any: str
    error: str


_CODES = StatusForm("[1-5][0-9][0-9]", "5[0-9][0-9]")
_CLASSES = StatusForm("[1-5][xX][xX]", "5[xX][xX]")
_DIGITS = StatusForm("[1-5]", "5")
_GRPC_ERRORS = "unknown|deadline_?exceeded|unimplemented|internal|unavailable|data_?loss"
_GRPC_OTHERS = (
    "ok|canceled|cancelled|invalid_?argument|not_?found|already_?exists|permission_?denied|"
    "resource_?exhausted|failed_?precondition|aborted|out_?of_?range|unauthenticated"
)
_GRPC = StatusForm(f"(?i)({_GRPC_ERRORS}|{_GRPC_OTHERS})", f"(?i)({_GRPC_ERRORS})")
"""A server's errors: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/."""

SERVICE_LABELS = (
    "service",
    "service_name",
    "app",
    "application",
    "app_name",
    "job",
    "exported_job",
)
STATUS_LABELS = (
    "status_code",
    "status",
    "code",
    "http_status",
    "http_status_code",
    "response_code",
    "http_response_status_code",
)


class Family(NamedTuple):
    """A counter by status, and the histogram beside it; an empty `buckets` is none.

    `services` are the labels that may name the service; the value may go on with `suffix`, a
    regular expression. Of the values of the `once` label, which count the same requests again, the
    first that exists is counted. `per_second` is how many of the histogram's units are a second.
    """

    exporter: str
    counter: str
    buckets: str = ""
    services: tuple[str, ...] = SERVICE_LABELS
    statuses: tuple[str, ...] = STATUS_LABELS
    forms: tuple[StatusForm, ...] = (_CODES, _CLASSES)
    suffix: str = ""
    once: tuple[str, tuple[str, ...]] | None = None
    per_second: int = 1


FAMILIES = (
    Family(
        "Prometheus clients, FastAPI instrumentator",
        "http_requests_total",
        "http_request_duration_seconds_bucket",
    ),
    Family(
        "OpenTelemetry",
        "http_server_request_duration_seconds_count",
        "http_server_request_duration_seconds_bucket",
    ),
    Family(
        "OpenTelemetry before semantic conventions 1.23",
        "http_server_duration_milliseconds_count",
        "http_server_duration_milliseconds_bucket",
        per_second=1000,
    ),
    Family(
        "Micrometer (Spring Boot, Quarkus)",
        "http_server_requests_seconds_count",
        "http_server_requests_seconds_bucket",
    ),
    Family(
        "django-prometheus",
        "django_http_responses_total_by_status_total",
        "django_http_requests_latency_including_middlewares_seconds_bucket",
    ),
    Family(
        "prometheus-flask-exporter",
        "flask_http_request_total",
        "flask_http_request_duration_seconds_bucket",
    ),
    Family(
        "starlette_exporter",
        "starlette_requests_total",
        "starlette_request_duration_seconds_bucket",
    ),
    Family(
        "prometheus-net",
        "http_requests_received_total",
        "http_request_duration_seconds_bucket",
    ),
    Family(
        "Ruby's Rack collector",
        "http_server_requests_total",
        "http_server_request_duration_seconds_bucket",
    ),
    Family(
        "promhttp, express-prom-bundle",
        "http_request_duration_seconds_count",
        "http_request_duration_seconds_bucket",
    ),
    Family(
        "gRPC interceptors",
        "grpc_server_handled_total",
        "grpc_server_handling_seconds_bucket",
        statuses=("grpc_code",),
        forms=(_GRPC,),
    ),
    Family(
        "ingress-nginx",
        "nginx_ingress_controller_requests",
        "nginx_ingress_controller_request_duration_seconds_bucket",
        services=("exported_service", "service", "ingress"),
    ),
    Family(
        "Traefik",
        "traefik_service_requests_total",
        "traefik_service_request_duration_seconds_bucket",
        services=("exported_service", "service"),
        suffix="@.+",
    ),
    Family(
        "Istio",
        "istio_requests_total",
        "istio_request_duration_milliseconds_bucket",
        services=(
            "destination_service_name",
            "destination_canonical_service",
            "destination_workload",
            "destination_app",
        ),
        once=("reporter", ("destination", "waypoint", "source")),
        per_second=1000,
    ),
    Family(
        "Envoy",
        "envoy_cluster_upstream_rq_xx",
        "envoy_cluster_upstream_rq_time_bucket",
        services=("envoy_cluster_name",),
        statuses=("envoy_response_code_class",),
        forms=(_DIGITS,),
        per_second=1000,
    ),
    Family(
        "HAProxy",
        "haproxy_backend_http_responses_total",
        services=("proxy", "backend", "route"),
    ),
    Family(
        "Caddy",
        "caddy_http_request_duration_seconds_count",
        "caddy_http_request_duration_seconds_bucket",
        services=("host", "server", *SERVICE_LABELS),
        once=("handler", ("subroute", "reverse_proxy", "php", "file_server", "static_response")),
    ),
    Family(
        "Fly.io's edge",
        "fly_edge_http_responses_count",
        "fly_edge_http_response_time_seconds_bucket",
        services=("app",),
    ),
    Family(
        "Fly.io's proxy at the machines",
        "fly_app_http_responses_count",
        "fly_app_http_response_time_seconds_bucket",
        services=("app",),
    ),
)
"""In the order they are tried: the service's own counts, then those of what is in front of it."""
