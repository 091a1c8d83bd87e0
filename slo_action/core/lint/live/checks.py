"""What a visit to a running service brings to light; one function a rule. Never raises."""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from slo_action.core.answer.cache_headers import Caching, caching
from slo_action.core.answer.health_body import HealthReading, read_health, read_page
from slo_action.core.answer.health_words import BodyHealth, snake_case
from slo_action.core.answer.set_cookie import is_kept_by_service
from slo_action.core.lint.live.visit import HEALTH, Asked, Visit, json_body, named_checks, title
from slo_action.core.lint.rule import Violation
from slo_action.core.model import Outcome, Response, Sample
from slo_action.core.text.quoting import quoted

_LARGE_BYTES = 8 * 1024
_NAMED = 5
_LONGEST_LOCATION = 300
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


def _health_spots(visit: Visit, words: Iterable[str]) -> Iterator[Violation]:
    """One spot at the health endpoint for the first of the words, if there are any."""
    found = next(iter(words), None)
    if visit.health and found:
        yield Violation(
            key=visit.key(visit.health.endpoint), words=f"{title(visit.health.endpoint)} {found}"
        )


def cacheable(visit: Visit) -> Iterator[Violation]:
    """A cache has answered, or the headers let one."""

    def words() -> Iterator[str]:
        for sample, response in visit.healthy():
            may, told = caching(response)
            if sample.outcome is Outcome.CACHED:
                yield sample.detail
            elif may is Caching.ALLOWED:
                yield told

    yield from _health_spots(visit, words())


def cache_unsaid(visit: Visit) -> Iterator[Violation]:
    """The headers leave it to caches."""
    answers = list(visit.healthy())
    if any(sample.outcome is Outcome.CACHED for sample, _ in answers):
        return
    found = (caching(response) for _, response in answers)
    yield from _health_spots(visit, (told for may, told in found if may is Caching.UNSAID))


def redirects(visit: Visit) -> Iterator[Violation]:
    """The health endpoint leads elsewhere."""
    for asked, sample in _first_heard(visit):
        if asked.endpoint.name == HEALTH and sample.outcome is Outcome.REDIRECT:
            to_https = visit.service.url.startswith("http:") and _location(sample).startswith(
                "https:"
            )
            key = ("url",) if to_https else visit.key(asked.endpoint)
            yield Violation(key=key, words=f"{title(asked.endpoint)} {_led_to(sample)}")


def _led_to(sample: Sample) -> str:
    """Return where a redirect leads, without its query and fragment: they may hold secrets."""
    location = _location(sample)
    shown = _BEHIND_PATH.sub("", location)
    if shown == location:
        return sample.detail
    _, end, advice = sample.detail.rpartition(_END_OF_LOCATION)
    told = f"answers {sample.status} to {quoted(shown, _LONGEST_LOCATION)}, its query left out"
    return f"{told}: {advice}" if end else told


def _location(sample: Sample) -> str:
    return (sample.response and sample.response.header("location")) or ""


def _first_heard(visit: Visit) -> Iterator[tuple[Asked, Sample]]:
    for asked in visit.asked:
        if asked.heard:
            yield asked, asked.heard[0]


def locked(visit: Visit) -> Iterator[Violation]:
    """An endpoint wants credentials, which are never sent here."""
    for asked, sample in _first_heard(visit):
        if sample.status in _LOCKED:
            words = f"{title(asked.endpoint)} answers {sample.status}"
            yield Violation(key=visit.key(asked.endpoint), words=words)


def fails(visit: Visit) -> Iterator[Violation]:
    """An endpoint answers with an error."""
    for asked, sample in _first_heard(visit):
        if _is_failure(asked, sample.status or 0):
            words = f"{title(asked.endpoint)} answers {sample.status}"
            yield Violation(key=visit.key(asked.endpoint), words=words)


def _is_failure(asked: Asked, status: int) -> bool:
    """An empty 2xx is none of others' failures, but only 200 is healthy."""
    is_empty = HTTPStatus.OK < status < HTTPStatus.MULTIPLE_CHOICES
    is_error = status >= HTTPStatus.BAD_REQUEST and status not in _LOCKED
    return is_error or (is_empty and asked.endpoint.name == HEALTH)


def no_version(visit: Visit) -> Iterator[Violation]:
    """Speak only where nothing that could tell a version was left unheard."""
    telling = [one for one in visit.asked if one.endpoint.name in (HEALTH, "build")]
    if not any(visit.healthy()) or not all(one.heard for one in telling):
        return
    if any(sample.version for one in visit.asked for sample in one.heard):
        return
    spots = " and ".join(title(one.endpoint) for one in telling)
    words = f"neither body nor headers of {spots} tell a version"
    yield Violation(key=visit.key(telling[-1].endpoint), words=words)


def sick_200(visit: Visit) -> Iterator[Violation]:
    """The status says one thing, the body another."""

    def words() -> Iterator[str]:
        for _, response in visit.healthy():
            reading = _said(response)
            if reading.health in (BodyHealth.DEGRADED, BodyHealth.UNHEALTHY):
                yield f"answers 200 and {reading.detail}"

    yield from _health_spots(visit, words())


def _said(response: Response) -> HealthReading:
    document = json_body(response)
    reading = read_health(response.body if document is None else document)
    return read_page(response.body) if document is None and not reading.health else reading


def dependencies(visit: Visit) -> Iterator[Violation]:
    """The body tells of databases and the like."""

    def words() -> Iterator[str]:
        for _, response in visit.healthy():
            names = [name for name in named_checks(json_body(response)) if _is_dependency(name)]
            if names:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                yield f"reports on {', '.join(quoted(name) for name in names[:_NAMED])}{more}"

    yield from _health_spots(visit, words())


def _is_dependency(name: str) -> bool:
    return _DEPENDENCY.search(_OWN_QUEUE.sub("", snake_case(name))) is not None


def large(visit: Visit) -> Iterator[Violation]:
    """The body is longer than a health answer need be."""
    large = (one for _, one in visit.healthy() if one.body_bytes > _LARGE_BYTES)
    told = (
        f"sends {'more than ' if one.body_truncated else ''}{one.body_bytes} bytes" for one in large
    )
    yield from _health_spots(visit, told)


def slow(visit: Visit) -> Iterator[Violation]:
    """The faster of the answers counts: the first one may have woken the service."""
    took = [sample.total_seconds for sample, _ in visit.healthy()]
    if not took or visit.health is None:
        return
    endpoint, best = visit.health.endpoint, min(took)
    limits = [
        (endpoint.timeout.total_seconds(), "timeout") if endpoint.timeout else None,
        (endpoint.objective.limit_seconds, endpoint.objective.name) if endpoint.objective else None,
    ]
    over = (limit for limit in limits if limit and best > limit[0])
    told = (f"took {best:.3f} s, and its {name} is {limit:g} s" for limit, name in over)
    yield from _health_spots(visit, told)


def not_json(visit: Visit) -> Iterator[Violation]:
    """The content type is another one."""
    kinds = (response.header("content-type") or "" for _, response in visit.healthy())
    bare = (kind.partition(";")[0].strip().lower() for kind in kinds)
    other = (kind for kind in bare if kind != "application/json" and not kind.endswith("+json"))
    told = (
        f"has the content type {quoted(kind)}" if kind else "has no content type" for kind in other
    )
    yield from _health_spots(visit, told)


def cookies(visit: Visit) -> Iterator[Violation]:
    """Each answer opens a session; what stands before the service sets cookies of its own."""
    headers = ((name, value) for _, one in visit.healthy() for name, value in one.headers)
    set_by_service = (
        "sets a cookie"
        for name, value in headers
        if name.lower() == "set-cookie" and is_kept_by_service(value)
    )
    yield from _health_spots(visit, set_by_service)


def not_looked_at(visit: Visit) -> Iterator[Violation]:
    """Nothing came back from an endpoint, or it was not asked."""
    if visit.left_out:
        yield Violation(key=("url",), words=visit.left_out)
    silent = [asked for asked in visit.asked if not asked.heard]
    if silent:
        names = ", ".join(title(one.endpoint) for one in silent)
        is_whole = len(silent) == len(visit.asked)
        key = ("url",) if is_whole else visit.key(silent[0].endpoint)
        yield Violation(key=key, words=f"{names}: {silent[0].samples[-1].detail}")
