"""The peers, each as one Policy under the name that the tables use.

The rules are those of the projects' own documentation and source, at their defaults or as one
would tune them for the document's five minutes. None of them looks at the version served.
"""

from bench.verdicts.peers_metrics import ArgoPrometheus, Flagger, codedeploy
from bench.verdicts.peers_waiting import (
    Document,
    FirstSuccess,
    curl_3x,
    is_200,
    is_curl_success,
    wait_for_response,
)
from bench.verdicts.peers_watching import K6, ArgoWeb, blackbox_5m, gatus
from bench.verdicts.score import Policy

PEERS: dict[str, Policy] = {
    "curl_any": FirstSuccess(tries=8, pause=15.0, timeout=10.0, is_good=is_200),
    "curl_3x": curl_3x,
    "wait_for_response": wait_for_response,
    "jtalk_readme": FirstSuccess(tries=4, pause=5.0, is_good=is_curl_success),
    "jtalk_8x15": FirstSuccess(tries=8, pause=15.0, is_good=is_curl_success),
    "argo_web_dflt": ArgoWeb(count=1),
    "argo_web_5m": ArgoWeb(count=10, interval=30.0),
    "argo_prom_doc": ArgoPrometheus(interval=300.0, failures=3, count=4),
    "argo_prom_1m": ArgoPrometheus(interval=60.0, failures=0, count=5),
    "flagger": Flagger(),
    "flagger_20rps": Flagger(load=20.0),
    "gatus": gatus,
    "blackbox_5m": blackbox_5m,
    "k6_1m": K6(seconds=60.0, failed=0.01, p95=0.5),
    "k6_5m_tuned": K6(seconds=270.0, failed=0.05, p95=5.0, timeout=10.0),
    "codedeploy": codedeploy,
    "doc_peek": Document(peek=True),
    "doc_end": Document(peek=False),
}
