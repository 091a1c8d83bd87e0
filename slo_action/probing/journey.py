"""One run of a journey, as one sample: its steps in their order, up to the first that fails."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

import httpx

from slo_action.core.journey.journeys import Assertion, Capture, Journey, JourneyStep, Subject
from slo_action.core.journey.templates import (
    SECRETS,
    UnfitValueError,
    UntypedText,
    asserted_names,
    filled_assertion,
    plain,
)
from slo_action.core.model import Outcome, Probe, Sample, Witness
from slo_action.core.observation.streams import bounded_name
from slo_action.core.text.quantities import instant_text
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.ports import Clock
from slo_action.probing.body import Body, read_body
from slo_action.probing.captures import CaptureError, captured, is_private
from slo_action.probing.classify import Reading
from slo_action.probing.exchange import Exchange
from slo_action.probing.journey_requests import Cookies, LinkError, outgoing
from slo_action.probing.sample import Redact, reading_of, redaction, sample_of, unanswered
from slo_action.probing.sender import Outgoing, Sender, request_of

_SHORTEST_SECRET = 6
"""A captured value of fewer characters is no session, and would punch holes into every answer."""
_IN_BODIES = frozenset({Subject.JSON, Subject.BODY})


class JourneyRunner:
    """Runs journeys over a sender. `secrets` are what their steps may use, by name."""

    def __init__(
        self,
        clock: Clock,
        sender: Sender,
        *,
        nonces: Callable[[], str],
        secrets: Mapping[str, Secret],
        redact: Redact,
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._nonces = nonces
        self._secrets = {f"{SECRETS}{name}": secret for name, secret in secrets.items()}
        self._redact = redact

    def run(self, probe: Probe, journey: Journey) -> Sample:
        """Run the steps below the probe's URL. Never raises an Exception; a bug is `unknown`.

        No secret, cookie or captured value is in the sample: they are learned as they come up.
        """
        at = self._clock.now()
        unique = UUID(bytes=sha256(self._nonces().encode()).digest()[:16], version=4)
        own = {"now": instant_text(at), "uuid": str(unique)}
        run = _Run(self._clock, self._sender, own, self._secrets, probe, self._redact)
        try:
            ended = run.taken(journey)
            return sample_of(
                probe,
                at,
                run.exchanges,
                replace(ended.reading, notes=(*ended.reading.notes, *run.cookie_notes())),
                run.redact,
                ended.answer,
            )
        except Exception as error:  # noqa: BLE001 - our bug must not look like the target's
            detail = f"the journey itself failed: {type(error).__name__}"
            return unanswered(probe, at, detail, run.redact)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepResult:
    """What a step came to. `answer` is its last exchange; None where nothing was sent."""

    reading: Reading
    answer: tuple[Exchange, Body] | None = None


class _Run:
    """One user on their way; what they have learned changes with every step."""

    def __init__(
        self,
        clock: Clock,
        sender: Sender,
        own: Mapping[str, str],
        secrets: Mapping[str, Secret],
        probe: Probe,
        redact: Redact,
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._probe = probe
        self._deadline = clock.monotonic() + probe.timeout_seconds
        self._cookies = Cookies()
        self.exchanges: list[Exchange] = []
        revealed = {name: UntypedText(secret.reveal()) for name, secret in secrets.items()}
        self._values: dict[str, object] = {**own, **revealed}
        self._sources: dict[str, str] = {}
        self._answer: tuple[Exchange, Body] | None = None
        self._scrubber = Scrubber()
        for secret in secrets.values():
            self._scrubber.learn(secret)
        hidden = redaction(probe, redact)
        self.redact: Redact = lambda text: hidden(self._scrubber.scrub(text))

    def taken(self, journey: Journey) -> _StepResult:
        """Take the steps until one is not good; return the last one's result."""
        count = len(journey.steps)
        result = _not_taken(Outcome.UNKNOWN, "it has no steps")
        for number, step in enumerate(journey.steps, start=1):
            result = self._step(step)
            if not result.reading.outcome.is_good:
                name = bounded_name(step.name)
                detail = f"step {number} of {count} ({name}): {result.reading.detail}"
                break
        else:
            if not count:
                return result
            detail = f"{count} steps went well; the last {result.reading.detail}"
        return replace(result, reading=replace(result.reading, detail=detail))

    def cookie_notes(self) -> list[str]:
        """Name the cookies that were refused."""
        return [
            f"the cookie {quoted(name)} is not kept: it is for another host or path"
            for name in self._cookies.refused
        ]

    def _step(self, step: JourneyStep) -> _StepResult:
        begins = self._clock.monotonic() + step.think_seconds
        if begins >= self._deadline:
            return _not_taken(Outcome.SLOW, "the time of the whole journey was over before it")
        if step.think_seconds:
            self._clock.sleep_until(begins)
        try:
            first = outgoing(step, self._probe.url, self._values, self._sources)
        except KeyError as error:
            why = f"it uses ${{{error.args[0]}}}, which has no value"
            return _not_taken(Outcome.UNKNOWN, f"the request was not sent: {why}")
        except UnfitValueError as error:
            return _not_taken(Outcome.UNKNOWN, f"the request was not sent: {error}")
        except LinkError as error:
            reading = Reading(outcome=Outcome.CAPTURE_FAILED, detail=str(error))
            return _StepResult(reading=reading, answer=self._answer)
        sent = self._sender.send(
            first,
            self._request,
            deadline=min(self._deadline, self._clock.monotonic() + step.timeout_seconds),
            limit=self._probe.body_limit_bytes,
            assertions=step.assertions,
        )
        hops = []
        for exchange in sent:
            hops.append(exchange)
            self._cookies.take(exchange.url, exchange.headers)
            for value in self._cookies.values:
                self._learn(value)
        self.exchanges += hops
        return self._judged(step, hops)

    def _request(self, one: Outgoing) -> httpx.Request:
        return request_of(one, self._probe, self._cookies.header_for(one.url))

    def _judged(self, step: JourneyStep, hops: list[Exchange]) -> _StepResult:
        """Captured values are learned first: what is said of the answer may quote them."""
        last = hops[-1]
        body = read_body(last, self._probe.body_limit_bytes)
        self._answer = (last, body)
        missing = [problem for one in step.captures if (problem := self._capture(one, last, body))]
        try:
            assertions = self._filled(step.assertions)
        except UnfitValueError as error:
            return _not_taken(Outcome.UNKNOWN, f"its answer cannot be compared: {error}")
        asked = Probe(
            witness=Witness.JOURNEY,
            url=last.url,
            slow_after_seconds=None,
            body_limit_bytes=self._probe.body_limit_bytes,
            reads_health=False,
            assertions=assertions,
        )
        reading = reading_of(asked, hops, body)
        if reading.outcome.is_good and missing:
            outcome, why = missing[0]
            reading = replace(
                reading,
                outcome=outcome,
                detail=f"answers {last.status}, but {why}",
                retry_after_seconds=None,
            )
        return _StepResult(reading=replace(reading, version=None), answer=self._answer)

    def _capture(self, capture: Capture, last: Exchange, body: Body) -> tuple[Outcome, str] | None:
        """Take a value out of an answer; return what it is where there is none, and why."""
        name = capture.variable
        self._values.pop(name, None)  # it may be captured again and again
        try:
            value = captured(capture, last, body, self._cookies)
        except CaptureError as error:
            failed = (Outcome.CAPTURE_FAILED, f"{quoted(name)} cannot be captured: {error}")
            return (body.problem if capture.subject in _IN_BODIES else None) or failed
        self._values[name], self._sources[name] = value, last.url
        self._learn(plain(value), always=is_private(capture))
        return None

    def _filled(self, assertions: Iterable[Assertion]) -> tuple[Assertion, ...]:
        """Leave out those about a capture that failed: that is the fault."""
        return tuple(
            filled_assertion(one, self._values)
            for one in assertions
            if self._values.keys() >= asserted_names(one)
        )

    def _learn(self, value: str, *, always: bool = False) -> None:
        if always or len(value) >= _SHORTEST_SECRET:
            self._scrubber.learn(value)


def _not_taken(outcome: Outcome, detail: str) -> _StepResult:
    return _StepResult(reading=Reading(outcome=outcome, detail=detail))
