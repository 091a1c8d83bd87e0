"""What came of a probe's exchanges, as a sample: judged, redacted, bounded."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from http import HTTPStatus
from itertools import pairwise
from json import dumps

from slo_action.core.answer.set_cookie import masked_cookie
from slo_action.core.model import Outcome, Phases, Probe, Response, Sample
from slo_action.core.text.secrets import Scrubber, basic_credentials, without_url_credentials
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body, parse_json, read_body
from slo_action.probing.classify import Reading, classify
from slo_action.probing.exchange import Exchange
from slo_action.probing.failure import read_failure
from slo_action.probing.redirects import MOST_REDIRECTS, without_nonce
from slo_action.probing.sender import following
from slo_action.probing.trust import days_left

Redact = Callable[[str], str]

_WARN_DAYS = 14
_COOKIE_HEADERS = frozenset({"set-cookie", "set-cookie2"})


def read_exchanges(probe: Probe, exchanges: Sequence[Exchange], redact: Redact) -> Sample:
    """Judge what came of a probe; at least one exchange. A bug of ours is `unknown`."""
    first, last = exchanges[0], exchanges[-1]
    try:
        body = read_body(last, probe.body_limit_bytes)
        reading = reading_of(probe, exchanges, body)
        hidden = redaction(probe, redact)
        return sample_of(probe, first.at, exchanges, reading, hidden, (last, body))
    except Exception as error:  # noqa: BLE001 - our bug must not look like the target's
        detail = f"the probe itself failed: {type(error).__name__}"
        total = sum(one.timeline.total_seconds for one in exchanges)
        return unanswered(probe, first.at, detail, redact, total_seconds=total)


def unanswered(
    probe: Probe, at: datetime, detail: str, redact: Redact, *, total_seconds: float = 0.0
) -> Sample:
    """Return the sample of a probe that says nothing of its target; `detail` says why."""
    reading = Reading(outcome=Outcome.UNKNOWN, detail=detail)
    sample = sample_of(probe, at, (), reading, redaction(probe, redact))
    return replace(sample, total_seconds=total_seconds)


def sample_of(
    probe: Probe,
    at: datetime,
    exchanges: Sequence[Exchange],
    reading: Reading,
    redact: Redact,
    answer: tuple[Exchange, Body] | None = None,
) -> Sample:
    """Return the sample of all `exchanges`; `reading` is of `answer`, None if none was sent."""
    last, body = answer or (None, None)
    return Sample(
        witness=probe.witness,
        url=redact(probe.url),
        at=at,
        outcome=reading.outcome,
        detail=redact(reading.detail),
        total_seconds=sum(one.timeline.total_seconds for one in exchanges),
        phases=_summed([one.timeline.phases for one in exchanges]),
        status=last.status if last else None,
        version=None if reading.version is None else redact(reading.version),
        retry_after_seconds=reading.retry_after_seconds,
        address=last.timeline.address if last else None,
        addresses=last.timeline.addresses if last else (),
        response=_response(last, body, redact) if last and body else None,
        notes=tuple(redact(note) for note in reading.notes),
        machine=probe.machine,
        observer_delay_seconds=sum(one.timeline.observer_seconds for one in exchanges),
        fallback_seconds=sum(one.timeline.fallback_seconds for one in exchanges),
        failed_addresses=tuple(
            dict.fromkeys(text for one in exchanges for text in one.timeline.failed_addresses)
        ),
    )


def reading_of(probe: Probe, exchanges: Sequence[Exchange], body: Body) -> Reading:
    """Return what the last of the exchanges and its body mean for a probe, answered or not."""
    last = exchanges[-1]
    failure = read_failure(last.error, last.timeline) if last.error else None
    before = [
        f"followed {one.status} from {without_nonce(one.url)} to {without_nonce(after.url)}"
        for one, after in pairwise(exchanges)
    ]
    before += [*last.timeline.failed_addresses, *last.timeline.notes]
    expires = last.timeline.certificate_expires_at
    if expires and (days := days_left(expires, last.at)) < _WARN_DAYS:
        before.append(f"the certificate expires in {days:.1f} days")
    if failure and (last.status is None or last.status == HTTPStatus.OK):
        outcome, detail = failure
        answers = "" if last.status is None else f"answers {last.status}, but "
        return Reading(outcome=outcome, detail=f"{answers}{detail}", notes=tuple(before))
    answer = Answer(
        url=last.url,
        at=last.at,
        status=last.status or 0,
        headers=last.headers,
        body=body,
        certificate_expires_at=expires,
    )
    reading = _asked_again(classify(answer, probe, last.timeline.service_seconds), exchanges)
    after = [f"the body did not come whole: {failure[1]}"] if failure else []
    if len(exchanges) > MOST_REDIRECTS and following(last):
        after.append(f"gave up after {MOST_REDIRECTS} redirects")
    return replace(reading, notes=(*before, *reading.notes, *after))


def _asked_again(reading: Reading, exchanges: Sequence[Exchange]) -> Reading:
    """A service that only refuses our query is not at fault, and nothing is known of it, either."""
    refused = exchanges[0].refused_query
    if refused is None:
        return reading
    detail = (
        f"answers {refused} to the query `_slo=…` that keeps caches from answering, and without it "
        f"{exchanges[-1].status}: set `cache-buster: off`"
    )
    if not reading.outcome.is_good:
        return replace(reading, notes=(*reading.notes, detail))
    return replace(reading, outcome=Outcome.QUERY_REFUSED, detail=detail)


def _summed(phases: Sequence[Phases]) -> Phases:
    """Return where the time of several exchanges went; None where none of them got that far."""
    found = {
        field.name: [v for one in phases if (v := getattr(one, field.name)) is not None]
        for field in fields(Phases)
    }
    return Phases(**{name: sum(values) for name, values in found.items() if values})


def _response(last: Exchange, body: Body, redact: Redact) -> Response | None:
    """Return the answer for the proofs, redacted; None where not even a status came.

    JSON may escape any character. Where a secret stands in it, it is written anew, our way.
    """
    if last.status is None:
        return None
    is_json, document = parse_json(body.text)
    anew = dumps(document, ensure_ascii=False) if is_json else ""
    anew = anew.encode("utf-8", "replace").decode()  # an escape may be half a character
    hidden = redact(anew)
    headers = (
        (key, masked_cookie(value) if key.lower() in _COOKIE_HEADERS else value)
        for key, value in last.headers
    )
    return Response(
        http_version=last.http_version,
        status=last.status,
        reason=redact(last.reason),
        headers=tuple((redact(key), redact(value)) for key, value in headers),
        body=redact(body.text) if hidden == anew else hidden,
        body_bytes=last.size,
        body_truncated=body.is_cut or last.error is not None,
    )


def redaction(probe: Probe, redact: Redact) -> Redact:
    """Return `redact`, which moreover removes URLs' and this probe's own credentials."""
    scrubber = Scrubber()
    if probe.authorization:
        credentials = probe.authorization.partition(" ")[2]
        given = (probe.authorization, credentials, credentials.rstrip("="))
        for secret in (*given, *basic_credentials(probe.authorization)):
            scrubber.learn(secret)
    return lambda text: without_url_credentials(redact(scrubber.scrub(text)))
