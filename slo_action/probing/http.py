"""The real Prober: all probes at once, one sample each, whatever the targets do."""

import threading
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

import httpx

from slo_action.core.model import Outcome, Phases, Probe, Response, Sample
from slo_action.core.secrets import Scrubber, without_url_credentials
from slo_action.ports import Clock
from slo_action.probing.answer import Answer
from slo_action.probing.body import Body, read_body
from slo_action.probing.classify import Reading, classify
from slo_action.probing.exchange import Exchange, Sender, UnsendableHeaderError, answered, following
from slo_action.probing.failure import Failure, read_failure
from slo_action.probing.redirects import MOST_REDIRECTS, without_nonce

Redact = Callable[[str], str]

_GRACE_SECONDS = 0.25
"""A thread is given up only this long after its own deadline should have ended it."""
_SPACING_SECONDS = 0.003
"""Threads that start in the same instant wait for each other, and measure that wait."""
_PRIVATE_HEADERS = frozenset({"set-cookie", "set-cookie2"})


class HttpProber:
    """Implements ports.Prober over httpx's transport seam.

    Reading and judging the answers wait until all of them are in, so that no probe's work is
    in another probe's time.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        nonces: Callable[[], str],
        transport: httpx.BaseTransport,
        redact: Redact,
    ) -> None:
        self._clock = clock
        self._sender = Sender(clock, nonces, transport)
        self._redact = redact

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        """Send all probes at once; see ports.Prober."""
        at = self._clock.now()
        made = self._all_at_once(probes)
        return tuple(
            self._sample(probe, exchanges, at)
            for probe, exchanges in zip(probes, made, strict=True)
        )

    def _all_at_once(self, probes: Sequence[Probe]) -> list[tuple[Exchange, ...]]:
        """Send each probe in a thread of its own, but for the last: this thread is one, too."""
        made: list[tuple[Exchange, ...]] = [()] * len(probes)

        def send(number: int) -> None:
            made[number] = self._sender.exchanges(probes[number])

        threads = [
            threading.Thread(target=send, args=(number,), name="slo-probe", daemon=True)
            for number in range(len(probes) - 1)
        ]
        started = []
        latest = self._clock.monotonic() + max((p.timeout_seconds for p in probes), default=0.0)
        for thread in threads:
            with suppress(RuntimeError):  # no more threads on this host: an unsent probe
                thread.start()
                started.append(thread)
            self._clock.sleep_until(self._clock.monotonic() + _SPACING_SECONDS)
        if probes:
            send(len(probes) - 1)
        for thread in started:
            thread.join(max(0.0, latest - self._clock.monotonic()) + _GRACE_SECONDS)
        return list(made)

    def _sample(self, probe: Probe, exchanges: tuple[Exchange, ...], at: datetime) -> Sample:
        if exchanges:
            return read_exchanges(probe, exchanges, self._redact)
        detail = "this host could not send the probe, or it did not end"
        return unanswered(probe, at, detail, self._redact)


def read_exchanges(probe: Probe, exchanges: tuple[Exchange, ...], redact: Redact) -> Sample:
    """Judge what came of a probe; at least one exchange. A bug of ours is `unknown`."""
    try:
        return _read(probe, exchanges, _redaction(probe, redact))
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
        url=_redaction(probe, redact)(probe.url),
        at=at,
        outcome=Outcome.UNKNOWN,
        detail=detail,
        total_seconds=total_seconds,
        machine=probe.machine,
    )


def _read(probe: Probe, exchanges: tuple[Exchange, ...], redact: Redact) -> Sample:
    last = exchanges[-1]
    body = _body(last, probe.body_limit_bytes)
    reading = _reading(probe, last, body, len(exchanges))
    notes = (*_journey(exchanges), *reading.notes)
    return Sample(
        witness=probe.witness,
        url=redact(probe.url),
        at=exchanges[0].at,
        outcome=reading.outcome,
        detail=redact(reading.detail),
        total_seconds=sum(one.timeline.total_seconds for one in exchanges),
        phases=_summed([one.timeline.phases for one in exchanges]),
        status=last.status,
        version=None if reading.version is None else redact(reading.version),
        retry_after_seconds=reading.retry_after_seconds,
        address=last.timeline.address,
        addresses=last.timeline.addresses,
        response=_response(last, body, redact),
        notes=tuple(redact(note) for note in notes),
        machine=probe.machine,
    )


def _body(exchange: Exchange, limit: int) -> Body:
    headers = {key.lower(): value for key, value in exchange.headers}
    encodings = ",".join(v for k, v in exchange.headers if k.lower() == "content-encoding")
    return read_body(exchange.received, encodings, headers.get("content-type", ""), limit)


def _reading(probe: Probe, last: Exchange, body: Body, count: int) -> Reading:
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


def _journey(exchanges: tuple[Exchange, ...]) -> list[str]:
    """Say what happened on the way: redirects, every fallback."""
    notes = [
        f"followed {one.status} from {without_nonce(one.url)} to {without_nonce(after.url)}"
        for one, after in pairwise(exchanges)
    ]
    return notes + exchanges[-1].timeline.notes


def _summed(phases: list[Phases]) -> Phases:
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
            (redact(key), "***" if key.lower() in _PRIVATE_HEADERS else redact(value))
            for key, value in last.headers
        ),
        body=redact(body.text),
        body_bytes=last.received.count,
        body_truncated=body.is_cut or last.error is not None,
    )


def _redaction(probe: Probe, redact: Redact) -> Redact:
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
