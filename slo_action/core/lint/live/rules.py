"""The rules for a running service: what a verification needs of its answers to a few plain GETs.

Pure, and never raises.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from slo_action.core.answer.cache_headers import Caching, caching
from slo_action.core.answer.health_body import read_health, read_page
from slo_action.core.answer.health_words import BodyHealth, snake_case
from slo_action.core.answer.set_cookie import is_kept_by_service
from slo_action.core.lint.rule import Find, Key, RuleTable, Violation
from slo_action.core.model import Outcome, Response, Sample
from slo_action.core.slo.services import NAMED_ENDPOINTS, Endpoint, Service
from slo_action.core.text.quoting import LONGEST_ADDRESS, quoted

HEALTH = "health"
_NOT_THE_SERVICE = frozenset({Outcome.RATE_LIMITED, Outcome.WAF_CHALLENGE})
_LARGE_BYTES = 8 * 1024
_MOST_NAMES = 5
_END_OF_LOCATION = '": '
"""What stands between the address and the advice in a redirect's detail."""
_BEHIND_PATH = re.compile(r"[?#].*", re.DOTALL)
_LOCKED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_DEPENDENCY = re.compile(
    r"(?:^|[^a-z])(?:db|database|sql|sqlite|pg|postgres(?:ql)?|my_?sql|maria_?db|mongo(?:db)?|"
    r"redis|valkey|memcached?|kafka|rabbit(?:mq)?|amqp|nats|queue|broker|elastic(?:search)?|"
    r"open_?search|cassandra|dynamo(?:db)?|s3|sqs|smtp|mail|stripe|upstream)(?:$|[^a-z])"
)
_OWN_QUEUE = re.compile(r"(?:task|memory|thread|work(?:er)?|event|local|internal|process)_?queue")
"""Queues within the process, as far as their names say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointVisit:
    """One endpoint and its answers, in order; more than one for the health endpoint only.

    All of an answer is untrusted.
    """

    endpoint: Endpoint
    samples: tuple[Sample, ...]

    @property
    def answers(self) -> tuple[Sample, ...]:
        """The whole answers of the service, or of a cache; a firewall's do not count."""
        return tuple(
            one
            for one in self.samples
            if one.status is not None
            and one.outcome not in _NOT_THE_SERVICE
            and not one.outcome.is_unanswered
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A service, and what its endpoints answered when they were asked once or twice.

    `asked` is empty where the service has nothing to ask. `skipped` says why a service was not
    asked at all, or which of its endpoints were not; empty where all were.
    """

    service: Service
    asked: tuple[EndpointVisit, ...] = ()
    skipped: str = ""

    @property
    def health(self) -> EndpointVisit | None:
        """The health endpoint; None where the service has none or it was not asked."""
        return next((one for one in self.asked if one.endpoint.name == HEALTH), None)

    def key(self, endpoint: Endpoint) -> Key:
        """Return where the endpoint stands in the service's entry."""
        if endpoint.name in NAMED_ENDPOINTS:
            return (f"{endpoint.name}_endpoint",)
        return ("endpoints", self.service.own_endpoints.index(endpoint), "path")

    def healthy(self) -> Iterator[tuple[Sample, Response]]:
        """Yield the health endpoint's answers with status 200."""
        for one in self.health.answers if self.health else ():
            if one.status == HTTPStatus.OK and one.response is not None:
                yield one, one.response


def title(endpoint: Endpoint) -> str:
    """Return what slo.yml calls an endpoint. The user's own name is untrusted."""
    is_named = endpoint.name in NAMED_ENDPOINTS
    return f"{endpoint.name}_endpoint" if is_named else f"endpoint {quoted(endpoint.name)}"


def json_body(response: Response) -> object:
    """Return the parsed body; None where it is no JSON."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


_CHECKS = frozenset({"checks", "components", "entries", "dependencies"})
_MAYBE_CHECKS = frozenset({"info", "details", "services"})
"""Where some frameworks put checks, and others what they like."""
_LINKS = frozenset(
    {"connected", "disconnected", "reachable", "unreachable", "available", "online", "alive"}
)


def named_checks(document: object) -> tuple[str, ...]:
    """Return the names of the checks that a health body reports, and of values beside `status`.

    They are the target's: untrusted. `{"status": "ok", "database": "up"}` reports one.
    """
    if not isinstance(document, dict):
        return ()
    found: dict[str, None] = {}
    for key, value in document.items():
        if str(key).lower() in _CHECKS:
            found.update(dict.fromkeys(_names(value)))
        elif str(key).lower() in _MAYBE_CHECKS and isinstance(value, dict):
            found.update(dict.fromkeys(str(n) for n, one in value.items() if _is_check(n, one)))
        elif _is_check(key, value):
            found[str(key)] = None
    return tuple(found)


def _is_check(name: object, value: object) -> bool:
    """Return whether a value reports a state, such as `"up"` or `{"connected": true}`."""
    if isinstance(value, str) and value.strip().lower() in _LINKS:
        return True
    if read_health({"checks": {str(name): value}}).health:
        return True
    return isinstance(value, dict) and any(
        str(key).lower() in (*_LINKS, "ok", "up", "healthy") and isinstance(one, bool)
        for key, one in value.items()
    )


def _names(checks: object) -> Iterator[str]:
    if isinstance(checks, dict):
        yield from (str(name) for name in checks)
    elif isinstance(checks, list):
        for one in checks:
            name = one.get("name") if isinstance(one, dict) else one
            if isinstance(name, str):
                yield name


LIVE_RULES: RuleTable[Visit] = RuleTable()


@LIVE_RULES.notice(
    "target-not-reached",
    "A running service was not checked",
    why="what an endpoint does can be seen only where it answers",
    fix="let the runner reach the address, or accept that it is not checked",
)
def _not_reached(visit: Visit) -> Iterator[Violation]:
    if visit.skipped:
        yield Violation(("url",), visit.skipped)
    unanswered = [asked for asked in visit.asked if not asked.answers]
    if unanswered:
        names = ", ".join(title(one.endpoint) for one in unanswered)
        is_whole = len(unanswered) == len(visit.asked)
        key = ("url",) if is_whole else visit.key(unanswered[0].endpoint)
        yield Violation(key, f"{names}: {unanswered[0].samples[-1].detail}")


@LIVE_RULES.warning(
    "endpoint-fails",
    "An endpoint answers with an error",
    why="every verification probes it, and it fails there too",
    fix="name a path that answers 200 to a plain GET",
)
def _fails(visit: Visit) -> Iterator[Violation]:
    """An empty 2xx is no failure elsewhere, but only 200 is healthy."""
    for asked, sample in _first_answers(visit):
        status = sample.status or 0
        is_empty = HTTPStatus.OK < status < HTTPStatus.MULTIPLE_CHOICES
        is_error = status >= HTTPStatus.BAD_REQUEST and status not in _LOCKED
        if is_error or (is_empty and asked.endpoint.name == HEALTH):
            yield _answers_status(visit, asked, status)


@LIVE_RULES.warning(
    "endpoint-locked",
    "An endpoint asks for credentials",
    why="a probe without them, such as the platform's own, fails",
    fix="open the path, or put credentials into the url input of the verification",
)
def _locked(visit: Visit) -> Iterator[Violation]:
    for asked, sample in _first_answers(visit):
        if sample.status in _LOCKED:
            yield _answers_status(visit, asked, sample.status)


def _answers_status(visit: Visit, asked: EndpointVisit, status: int | None) -> Violation:
    message = f"{title(asked.endpoint)} answers {status}"
    return Violation(visit.key(asked.endpoint), message)


def _first_answers(visit: Visit) -> Iterator[tuple[EndpointVisit, Sample]]:
    for asked in visit.asked:
        if asked.answers:
            yield asked, asked.answers[0]


@LIVE_RULES.warning(
    "health-redirects",
    "The health endpoint redirects",
    why="a redirect may work while the service is down, so it does not prove health",
    fix="name the address that answers 200 itself",
)
def _redirects(visit: Visit) -> Iterator[Violation]:
    for asked, sample in _first_answers(visit):
        if asked.endpoint.name == HEALTH and sample.outcome is Outcome.REDIRECT:
            location = (sample.response and sample.response.header("location")) or ""
            to_https = visit.service.url.startswith("http:") and location.startswith("https:")
            key = ("url",) if to_https else visit.key(asked.endpoint)
            yield Violation(key, f"{title(asked.endpoint)} {_redirect(sample, location)}")


def _redirect(sample: Sample, location: str) -> str:
    """Return where a redirect leads, without its query and fragment: they may hold secrets."""
    shown = _BEHIND_PATH.sub("", location)
    if shown == location:
        return sample.detail
    _, end, advice = sample.detail.rpartition(_END_OF_LOCATION)
    text = f"answers {sample.status} to {quoted(shown, LONGEST_ADDRESS)}, its query left out"
    return f"{text}: {advice}" if end else text


def _at_health(texts: Callable[[Visit], Iterable[str]]) -> Find[Visit]:
    """Find one violation at the health endpoint: the first of the texts, if there are any."""

    def find(visit: Visit) -> Iterator[Violation]:
        found = next(iter(texts(visit)), None)
        if visit.health and found:
            endpoint = visit.health.endpoint
            yield Violation(visit.key(endpoint), f"{title(endpoint)} {found}")

    return find


@LIVE_RULES.warning(
    "health-cacheable",
    "The health answer may come from a cache",
    why="a cached answer is healthy long after the service is not",
    fix="send Cache-Control: no-store on this path",
)
@_at_health
def _cacheable(visit: Visit) -> Iterator[str]:
    for sample, response in visit.healthy():
        may, reason = caching(response)
        if sample.outcome is Outcome.CACHED:
            yield sample.detail
        elif may is Caching.ALLOWED:
            yield reason


@LIVE_RULES.notice(
    "health-cache-unsaid",
    "The health answer has no cache headers",
    why="a cache may then choose for itself how long it keeps the answer",
    fix="send Cache-Control: no-store on this path",
)
@_at_health
def _cache_unsaid(visit: Visit) -> Iterator[str]:
    answers = list(visit.healthy())
    if not any(sample.outcome is Outcome.CACHED for sample, _ in answers):
        found = (caching(response) for _, response in answers)
        yield from (reason for may, reason in found if may is Caching.UNSAID)


@LIVE_RULES.warning(
    "no-version",
    "The service reports no version",
    why="a verification cannot distinguish the new release from the old one that still answers",
    fix=(
        "put the commit into the health body as version, or send X-Version, or name a "
        "build_endpoint that reports it"
    ),
)
def _no_version(visit: Visit) -> Iterator[Violation]:
    """Only where every endpoint that could report a version has answered."""
    sources = [one for one in visit.asked if one.endpoint.name in (HEALTH, "build")]
    if not any(visit.healthy()) or not all(one.answers for one in sources):
        return
    if not any(sample.version for one in visit.asked for sample in one.answers):
        names = " and ".join(title(one.endpoint) for one in sources)
        message = f"neither body nor headers of {names} report a version"
        yield Violation(visit.key(sources[-1].endpoint), message)


@LIVE_RULES.warning(
    "degraded-answers-200",
    "An unhealthy service answers 200",
    why="load balancers, platforms and monitors read the status alone, and see a healthy one",
    fix="answer 503 when the service cannot do its work",
)
@_at_health
def _degraded_200(visit: Visit) -> Iterator[str]:
    for _, response in visit.healthy():
        document = json_body(response)
        reading = read_health(response.body if document is None else document)
        if document is None and not reading.health:
            reading = read_page(response.body)
        if reading.health in (BodyHealth.DEGRADED, BodyHealth.UNHEALTHY):
            yield f"answers 200 and {reading.detail}"


@LIVE_RULES.warning(
    "liveness-checks-dependencies",
    "The health endpoint checks dependencies",
    why=(
        "an outage of a dependency looks like a bad release: every machine would be rolled back, "
        "or restarted, at once, which helps nothing"
    ),
    fix=(
        "let health_endpoint report on the process alone, such as /livez, and keep what it "
        "depends on at a readiness path, such as /readyz"
    ),
)
@_at_health
def _dependencies(visit: Visit) -> Iterator[str]:
    for _, response in visit.healthy():
        checks = named_checks(json_body(response))
        names = [n for n in checks if _DEPENDENCY.search(_OWN_QUEUE.sub("", snake_case(n)))]
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else ""
            yield f"reports on {', '.join(map(quoted, names[:_MOST_NAMES]))}{more}"


@LIVE_RULES.notice(
    "health-slow",
    "The health answer is slower than slo.yml allows",
    why="measured once from here, it would fail in a verification",
    fix="make the answer cheaper, or raise the target",
)
@_at_health
def _slow(visit: Visit) -> Iterator[str]:
    """The faster of the answers counts: the first one may have woken the service."""
    best = min((sample.total_seconds for sample, _ in visit.healthy()), default=None)
    if best is None or visit.health is None:
        return
    timeout, objective = visit.health.endpoint.timeout, visit.health.endpoint.objective
    limits = [(timeout.total_seconds(), "timeout")] if timeout else []
    limits += [(objective.limit_seconds, objective.name)] if objective else []
    for limit, name in limits:
        if best > limit:
            yield f"took {best:.3f} s, and its {name} is {limit:g} s"


@LIVE_RULES.notice(
    "health-large",
    "The health answer is large",
    why="each prober fetches it every few seconds, and a long one is cut off unread",
    fix="answer with a status and a version, and little else",
)
@_at_health
def _large(visit: Visit) -> Iterator[str]:
    for _, one in visit.healthy():
        if one.body_bytes > _LARGE_BYTES:
            yield f"sends {'more than ' if one.body_truncated else ''}{one.body_bytes} bytes"


@LIVE_RULES.notice(
    "health-not-json",
    "The health answer is not JSON",
    why="plain text or a page has no version, and a catch-all page is always 200",
    fix='answer {"status": "ok", "version": "..."} as application/json',
)
@_at_health
def _not_json(visit: Visit) -> Iterator[str]:
    for _, response in visit.healthy():
        value = response.header("content-type") or ""
        kind = value.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            yield f"has the content type {quoted(kind)}" if kind else "has no content type"


@LIVE_RULES.warning(
    "health-sets-cookies",
    "The health endpoint sets cookies",
    why="each probe then opens a session: thousands a day, each kept somewhere",
    fix="leave sessions out on this path",
)
@_at_health
def _cookies(visit: Visit) -> Iterator[str]:
    """Cookies of what stands before the service, such as a load balancer, do not count."""
    for _, response in visit.healthy():
        for name, value in response.headers:
            if name.lower() == "set-cookie" and is_kept_by_service(value):
                yield "sets a cookie"
