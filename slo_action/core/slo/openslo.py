"""What reading and printing OpenSLO v1 have in common: names, windows and annotations."""

from fractions import Fraction

API_VERSION = "openslo/v1"
PREFIX = "slo-verify."
"""Of our annotations. OpenSLO wants a dot in what stands before a slash, so we use no slash."""

OBJECTIVE = f"{PREFIX}objective"
"""The annotation of an SLO that says which of our objectives it is, such as `availability`."""
UNIT = f"{PREFIX}unit"
"""The annotation of an SLO that says what its `value` counts: `s` or `ms`."""

RATIO_WINDOWS = {"availability": "30d", "error_rate": "1h", "job_success_rate": "30d"}
"""Our ratios, and the usual time over which each is judged."""
LATENCY_WINDOW = "24h"


LATENCY_TARGETS = {
    "response_time_p95": ("health", Fraction(95, 100)),
    "api_response_time_p95": ("api", Fraction(95, 100)),
    "stats_response_time_p95": ("stats", Fraction(95, 100)),
    "search_response_time_p90": ("search", Fraction(90, 100)),
}
"""The objectives about response times: which endpoint's, at which quantile."""
ENDPOINT_TARGET = "response_time_p95"
"""The objective of an endpoint of the user's own: p95."""
