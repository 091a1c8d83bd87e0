"""What came of a probe's exchanges, as a sample: judged, redacted, bounded."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from json import dumps

from slo_action.core.answer.set_cookie import masked_cookie
from slo_action.core.model import Outcome, Phases, Probe, Response, Sample
from slo_action.core.text.secrets import Scrubber, without_url_credentials
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body, parse_json, read_body
from slo_action.probing.classify import Reading, classify
from slo_action.probing.exchange import Exchange, UnsendableHeaderError, answered, following
from slo_action.probing.failure import Failure, read_failure
from slo_action.probing.redirects import MOST_REDIRECTS, without_nonce

Redact = Callable[[str], str]

_PRIVATE_HEADERS = frozenset({"set-cookie", "set-cookie2"})


def read_exchanges(probe: Probe, exchanges: tuple[Exchange, ...], redact: Redact) -> Sample:
    """Judge what came of a probe; at least one exchange. A bug of ours is `unknown`."""
    try:
        return _read(probe, exchanges, redaction(probe, redact))
    except Exception as error:  # noqa: BLE001 - our bug must not look like the target's
        detail = f"the probe itself failed: {type(error).__name__}"
        total = sum(one.timeline.total_seconds for one in exchanges)
        return unanswered(probe, exchanges[0].at, detail, redact, total_seconds=total)


def unanswered(
    probe: Probe, at: datetime, detail: str, redact: Redact, *, total_seconds: float = 0.0
) -> Sample:
    """Return the sample of a probe that says nothing of its target; `detail` says why."""
    return Sample(
        witness=probe.witness,
        url=redaction(probe, redact)(probe.url),
        at=at,
        outcome=Outcome.UNKNOWN,
        detail=detail,
        total_seconds=total_seconds,
        machine=probe.machine,
    )


def _read(probe: Probe, exchanges: tuple[Exchange, ...], redact: Redact) -> Sample:
    last = exchanges[-1]
    body = body_of(last, probe.body_limit_bytes)
    reading = reading_of(probe, last, body, len(exchanges))
    notes = (*way_of(exchanges), *reading.notes)
    return Sample(
        witness=probe.witness,
        url=redact(probe.url),
        at=exchanges[0].at,
        outcome=reading.outcome,
        detail=redact(reading.detail),
        total_seconds=sum(one.timeline.total_seconds for one in exchanges),
        phases=summed([one.timeline.phases for one in exchanges]),
        status=last.status,
        version=None if reading.version is None else redact(reading.version),
        retry_after_seconds=reading.retry_after_seconds,
        address=last.timeline.address,
        addresses=last.timeline.addresses,
        response=redacted_response(last, body, redact),
        notes=tuple(redact(note) for note in notes),
        machine=probe.machine,
    )


def body_of(exchange: Exchange, limit: int) -> Body:
    """Return what came of the body; `limit` bounds what it unpacks to, in bytes."""
    headers = {key.lower(): value for key, value in exchange.headers}
    encodings = ",".join(v for k, v in exchange.headers if k.lower() == "content-encoding")
    return read_body(exchange.received, encodings, headers.get("content-type", ""), limit)


def reading_of(probe: Probe, last: Exchange, body: Body, count: int) -> Reading:
    """Return what the last of `count` exchanges means for a probe, answered or not."""
    failure = _failure(last)
    if last.status is None or not answered(last):
        outcome, detail = failure or (Outcome.UNKNOWN, "the probe was never sent")
        told = "" if last.status is None else f"answers {last.status}, but "
        return Reading(outcome=outcome, detail=f"{told}{detail}")
    answer = Answer(
        url=last.url,
        at=last.at,
        status=last.status,
        headers=last.headers,
        body=body,
        certificate_expires_at=last.timeline.certificate_expires_at,
    )
    reading = classify(answer, probe, last.timeline.total_seconds)
    extra = [f"the body did not come whole: {failure[1]}"] if failure else []
    if count > MOST_REDIRECTS and following(last):
        extra.append(f"gave up after {MOST_REDIRECTS} redirects")
    return Reading(
        outcome=reading.outcome,
        detail=reading.detail,
        version=reading.version,
        retry_after_seconds=reading.retry_after_seconds,
        notes=(*reading.notes, *extra),
    )


def _failure(last: Exchange) -> Failure | None:
    if isinstance(last.error, UnsendableHeaderError):
        return Outcome.UNKNOWN, str(last.error)
    return read_failure(last.error, last.timeline) if last.error else None


def way_of(exchanges: Sequence[Exchange]) -> list[str]:
    """Say what happened on the way: redirects, every fallback."""
    notes = [
        f"followed {one.status} from {without_nonce(one.url)} to {without_nonce(after.url)}"
        for one, after in pairwise(exchanges)
    ]
    return notes + exchanges[-1].timeline.notes


def summed(phases: Sequence[Phases]) -> Phases:
    """Return where the time of several exchanges went; None where none of them got that far."""

    def total(name: str) -> float | None:
        found = [value for one in phases if (value := getattr(one, name)) is not None]
        return sum(found) if found else None

    return Phases(
        resolve_seconds=total("resolve_seconds"),
        connect_seconds=total("connect_seconds"),
        tls_seconds=total("tls_seconds"),
        processing_seconds=total("processing_seconds"),
        transfer_seconds=total("transfer_seconds"),
    )


def _response(last: Exchange, body: Body, redact: Redact) -> Response | None:
    if last.status is None:
        return None
    return Response(
        http_version=last.http_version,
        status=last.status,
        reason=redact(last.reason),
        headers=tuple(
            (
                redact(key),
                redact(masked_cookie(value) if key.lower() in _PRIVATE_HEADERS else value),
            )
            for key, value in last.headers
        ),
        body=redact(body.text),
        body_bytes=last.received.count,
        body_truncated=body.is_cut or last.error is not None,
    )


def redacted_response(last: Exchange, body: Body, redact: Redact) -> Response | None:
    """Return the answer for the proofs, redacted; None where not even a status came.

    JSON may escape any character. Where a secret stands in it, it is written anew, our way.
    """
    is_json, document = parse_json(body.text)
    anew = dumps(document, ensure_ascii=False) if is_json else ""
    hides = redact(anew) != anew
    return _response(last, replace(body, text=anew) if hides else body, redact)


def redaction(probe: Probe, redact: Redact) -> Redact:
    """Return `redact`, which moreover knows URLs' and this probe's own credentials."""
    scrubber = Scrubber()
    if probe.authorization:
        scheme, _, credentials = probe.authorization.partition(" ")
        scrubber.learn(probe.authorization)
        scrubber.learn(credentials)
        scrubber.learn(credentials.rstrip("="))
        if scheme.lower() == "basic":
            for secret in _basic(credentials):
                scrubber.learn(secret)
    return lambda text: without_url_credentials(redact(scrubber.scrub(text)))


def _basic(credentials: str) -> tuple[str, ...]:
    try:
        pair = b64decode(credentials, validate=True).decode()
    except ValueError:
        return ()
    return pair, pair.partition(":")[2]
