"""The words by which health endpoints say how a service is. Pure, and never raises.

Sources: the draft of health+json (draft-inadarei-api-health-check), MicroProfile Health, Spring
Boot, ASP.NET Core, gRPC, Kubernetes, Elasticsearch, Consul, Envoy, Airflow, and the health
packages of Rails, Laravel, Django, Node and Go.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache


class BodyHealth(StrEnum):
    """What a body says, worst last."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


def _each(health: BodyHealth, terms: str) -> dict[str, BodyHealth]:
    return dict.fromkeys(terms.split(), health)


def _set(terms: str) -> frozenset[str]:
    return frozenset(terms.split())


_VOCABULARY: Mapping[str, BodyHealth] = {
    **_each(
        BodyHealth.HEALTHY,
        "ok okay up healthy pass passed passing serving true green good great fine normal nominal "
        "alive live living ready available online operational running active started working works "
        "success successful succeeded connected reachable accessible stable excellent perfect yes "
        "pong no_issues no_errors no_problems up_and_running all_good all_systems_operational "
        "all_systems_go server_is_ready server_is_not_shutting_down accepting_traffic correct",
    ),
    **_each(
        BodyHealth.DEGRADED,
        "warn warning warnings degraded partial partially_available partially_degraded "
        "partially_healthy partial_outage degraded_performance impaired limited unstable yellow "
        "amber orange unknown undefined minor recovering flapping concerning",
    ),
    **_each(
        BodyHealth.UNHEALTHY,
        "fail failed fails failing failure down unhealthy error errored critical fatal severe red "
        "not_serving not_responding out_of_service out_of_order false unavailable offline dead "
        "broken crashed crashing outage major_outage bad ko nok unready unreachable inaccessible "
        "inoperable inoperative un_healthy sick dying lost erroring unwell unresponsive "
        "disconnected unsuccessful unserviceable timeout timed_out "
        "starting starting_up initializing initialising pre_initializing booting bootstrapping "
        "loading warming_up restarting stopping stopped shutting_down shut_down shutdown "
        "terminating terminated draining maintenance in_maintenance under_maintenance "
        "maintenance_mode server_is_not_ready server_is_shutting_down refusing_traffic "
        "internal_error internal_server_error service_unavailable bad_gateway gateway_timeout "
        "timeout_during_health_check",
    ),
}
_LONGEST_PHRASE = 4
_MOST_WORDS = 7
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EDGES = re.compile(r"^[^0-9A-Za-z]+|[^0-9A-Za-z]+$")
_HEAD = re.compile(r"(?:[^:;,()\[\]|\n–—-]|(?<=\w)-(?=\w))*")
"""What stands before the first colon, comma, bracket or dash; not before a hyphen."""
_BULLETS = " \t\r\n[(*-•✓✔✗✘✅❌"
_HTTP_STATUS = re.compile(
    r"([1-5]\d\d)(?: (?:[a-z -]{0,30}(?:error|not found|unavailable|gateway|time-?out|forbidden|"
    r"unauthorized|bad request|ok|success))?)?",
    re.IGNORECASE,
)
_CONNECTIVES = _set("since for and in with at on because due to as after from while until")
_ADVERBS = _set("smoothly normally well now yet again correctly properly currently")
"""Words at the end that change nothing of what is said before them."""
_NEGATIONS = _set(
    "no not never without none nothing zero if when unless last previous latest than non "
    "isn't aren't wasn't hasn't any may can could should"
)
"""Words after which the next one does not say how the service is now."""


def snake_case(name: str) -> str:
    """Return a name or word as `read_only`, whether it came as `readOnly` or `read-only`."""
    return _CAMEL.sub("_", name[:_LONGEST_NAME]).lower().replace("-", "_").replace(" ", "_")


_LONGEST_NAME = 200


def health_of(value: object) -> BodyHealth | None:
    """Return what a status says: a word, a short phrase, a truth value or an HTTP status.

    None where it is no word of ours. `not` before a good word makes it a bad one.
    """
    if isinstance(value, bool):
        return BodyHealth.HEALTHY if value else BodyHealth.UNHEALTHY
    if isinstance(value, int | float):
        return health_of_status(value)
    return _phrase(value) if isinstance(value, str) else None


def health_of_status(code: object) -> BodyHealth | None:
    """Return what an HTTP status inside a body says; None for any other number."""
    if isinstance(code, bool) or not isinstance(code, int | float):
        return None
    if 200 <= code < 300:  # noqa: PLR2004
        return BodyHealth.HEALTHY
    return BodyHealth.UNHEALTHY if 400 <= code < 600 else None  # noqa: PLR2004


def exact_word(text: str) -> BodyHealth | None:
    """Return what a text says that is one word of ours and nothing else."""
    word = snake_case(_EDGES.sub("", text))
    found = _VOCABULARY.get(word)
    if found or not word.startswith("not_"):
        return found
    good = _VOCABULARY.get(word.removeprefix("not_")) is BodyHealth.HEALTHY
    return BodyHealth.UNHEALTHY if good else None


@lru_cache(maxsize=256)
def _phrase(text: str) -> BodyHealth | None:
    """Read `DOWN`, `503 Service Unavailable`, `unavailable: no route`, `Server is not ready`."""
    if len(text) > _LONGEST_NAME:
        return None
    found = _HEAD.match(text.lstrip(_BULLETS))
    head = _EDGES.sub("", found[0]) if found else ""
    status = _HTTP_STATUS.fullmatch(head)
    if status:
        return health_of_status(int(status[1]))
    terms = head.split()
    while len(terms) > 1 and terms[-1].lower() in _ADVERBS:
        terms.pop()
    if not terms:
        return None
    return exact_word(" ".join(terms)) or _leading(terms) or _trailing(terms) or _shouted(terms)


def _leading(terms: list[str]) -> BodyHealth | None:
    """`down for maintenance`, `ready to serve`: a word of ours, and what belongs to it."""
    for size in range(min(_LONGEST_PHRASE, len(terms) - 1), 0, -1):
        found = exact_word(" ".join(terms[:size]))
        if found:
            return found if terms[size].lower() in _CONNECTIVES else None
    return None


def _trailing(terms: list[str]) -> BodyHealth | None:
    """`Prometheus Server is Healthy`: few words of no meaning here, and then one of ours."""
    if not 1 < len(terms) <= _MOST_WORDS:
        return None
    for size in range(min(_LONGEST_PHRASE, len(terms) - 1), 0, -1):
        found = exact_word(" ".join(terms[-size:]))
        if found:
            before = [word.lower() for word in terms[:-size]]
            return None if any(map(_turns, before)) else found
    return None


def _shouted(terms: list[str]) -> BodyHealth | None:
    """`CRITICAL connection refused`: a word in capitals before anything but a number."""
    if len(terms) == 1 or not terms[0].isupper() or terms[1].isdigit():
        return None
    return exact_word(terms[0])


def _turns(word: str) -> bool:
    """Return whether a word before another one may turn what that one says."""
    return (
        word in _NEGATIONS or word.isdigit() or exact_word(word) not in {None, BodyHealth.HEALTHY}
    )
