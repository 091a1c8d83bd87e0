"""Where real traffic is counted, and what to ask there."""

from dataclasses import dataclass

from slo_action.config.text.url import ServiceUrl
from slo_action.core.request_options import Headers
from slo_action.core.text.secrets import Secret

AUTO_LABEL = "auto"
_NO_TOKEN = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSettings:
    """What to ask, and whom. Without queries, the usual families of metrics are tried.

    In the first `handover_seconds` after the deploy the old release still answers: not counted.
    """

    url: ServiceUrl
    service: str
    token: Secret = _NO_TOKEN
    service_label: str = AUTO_LABEL
    errors_query: str = ""
    requests_query: str = ""
    latency_selector: str = ""
    headers: Headers = ()
    handover_seconds: float = 30.0
