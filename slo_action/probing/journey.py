"""One run of a journey, as one sample: its steps in their order, up to the first that fails."""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_action.config.text.patterns import nodes
from slo_action.core.journey.assertions import Subject
from slo_action.core.journey.journeys import Capture, Journey, JourneyStep
from slo_action.core.journey.templates import SECRETS, UnfitValueError, plain
from slo_action.core.model import Outcome, Probe, Response, Sample, Witness
from slo_action.core.observation.streams import bounded_name
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.ports import Clock
from slo_action.probing.assertions import PRIVATE_HEADERS, expects_status
from slo_action.probing.body import Body, parse_json
from slo_action.probing.classify import Reading
from slo_action.probing.exchange import Exchange, Sender, following
from slo_action.probing.journey_cookies import Cookies
from slo_action.probing.journey_steps import Outgoing, outgoing, redirected, request_of
from slo_action.probing.redirects import MOST_REDIRECTS, may_follow
from slo_action.probing.sample import (
    Redact,
    body_of,
    reading_of,
    redacted_response,
    redaction,
    summed,
    unanswered,
    way_of,
)

_SHORTEST_SECRET = 6
"""A captured value of fewer characters is no session, and would punch holes into every answer."""
_PAST_ITS_TIME = "the time of the whole journey was over before it"


class JourneyRunner:
    """Runs journeys over a sender. `secrets` are what their steps may use, by name."""

    def __init__(
        self, clock: Clock, sender: Sender, *, secrets: Mapping[str, Secret], redact: Redact
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._secrets = secrets
        self._redact = redact

    def run(self, probe: Probe, journey: Journey) -> Sample:
        """Run the steps below the probe's URL. Never raises an Exception; a bug is `unknown`.

        No secret, cookie or captured value is in the sample: they are learned as they come up.
        """
        at = self._clock.now()
        run = _Run(self._clock, self._sender, self._secrets, probe, self._redact)
        try:
            return run.sample(journey)
        except Exception as error:  # noqa: BLE001 - our bug must not look like the target's
            detail = f"the journey itself failed: {type(error).__name__}"
            return unanswered(probe, at, detail, run.redact)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stepped:
    """What a step came to. `last` and `body` are None where nothing was sent."""

    reading: Reading
    last: Exchange | None = None
    body: Body | None = None
    notes: tuple[str, ...] = ()


class _Run:
    """One user on their way; what they have learned changes with every step."""

    def __init__(
        self,
        clock: Clock,
        sender: Sender,
        secrets: Mapping[str, Secret],
        probe: Probe,
        redact: Redact,
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._probe = probe
        self._at = clock.now()
        self._ends = clock.monotonic() + probe.timeout_seconds
        self._cookies = Cookies()
        self._exchanges: list[Exchange] = []
        self._values: dict[str, object] = {
            f"{SECRETS}{name}": secret.reveal() for name, secret in secrets.items()
        }
        self._scrubber = Scrubber()
        for secret in secrets.values():
            self._scrubber.learn(secret)
        known = redaction(probe, redact)
        self.redact: Redact = lambda text: known(self._scrubber.scrub(text))

    def sample(self, journey: Journey) -> Sample:
        """Take the steps until one is not good."""
        count = len(journey.steps)
        stepped = _Stepped(reading=Reading(outcome=Outcome.UNKNOWN, detail="it has no steps"))
        detail = stepped.reading.detail
        for number, step in enumerate(journey.steps, start=1):
            stepped = self._step(step)
            if not stepped.reading.outcome.is_good:
                name = bounded_name(step.name)
                detail = f"step {number} of {count} ({name}): {stepped.reading.detail}"
                break
            detail = f"{count} steps went well; the last {stepped.reading.detail}"
        return self._sample(stepped, detail)

    def _sample(self, stepped: _Stepped, detail: str) -> Sample:
        reading, last = stepped.reading, stepped.last
        timelines = [one.timeline for one in self._exchanges]
        refused = (
            f"the cookie {quoted(name)} is not kept: it is for another host or path"
            for name in self._cookies.refused
        )
        return Sample(
            witness=Witness.JOURNEY,
            url=self.redact(self._probe.url),
            at=self._at,
            outcome=reading.outcome,
            detail=self.redact(detail),
            total_seconds=sum(timeline.total_seconds for timeline in timelines),
            phases=summed([timeline.phases for timeline in timelines]),
            status=last.status if last else None,
            retry_after_seconds=reading.retry_after_seconds,
            address=last.timeline.address if last else None,
            addresses=last.timeline.addresses if last else (),
            response=self._response(stepped),
            notes=tuple(self.redact(note) for note in (*stepped.notes, *reading.notes, *refused)),
        )

    def _response(self, stepped: _Stepped) -> Response | None:
        if stepped.last is None or stepped.body is None:
            return None
        return redacted_response(stepped.last, stepped.body, self.redact)

    def _step(self, step: JourneyStep) -> _Stepped:
        begins = self._clock.monotonic() + step.think_seconds
        if begins >= self._ends:
            return _Stepped(reading=Reading(outcome=Outcome.SLOW, detail=_PAST_ITS_TIME))
        if step.think_seconds:
            self._clock.sleep_until(begins)
        try:
            first = outgoing(step, self._probe.url, self._values)
        except KeyError as error:
            return _unsent(f"it uses ${{{error.args[0]}}}, which nobody gave a value")
        except UnfitValueError as error:
            return _unsent(str(error))
        made = self._sent(first, step)
        return self._judged(step, made)

    def _sent(self, one: Outgoing, step: JourneyStep) -> list[Exchange]:
        """Send a request and follow where it is led on the same host, as a browser would."""
        deadline = min(self._ends, self._clock.monotonic() + step.timeout_seconds)
        made = [self._send(one, deadline)]
        while len(made) <= MOST_REDIRECTS:
            status, target = made[-1].status, following(made[-1])
            if status is None or target is None or expects_status(step.assertions, status):
                break
            one = redirected(one, status, target)
            made.append(self._send(one, deadline))
        return made

    def _send(self, one: Outgoing, deadline: float) -> Exchange:
        own = self._probe.authorization if may_follow(self._probe.url, one.url) else None
        exchange = self._sender.send(
            one.url,
            lambda: request_of(one, cookie=self._cookies.header_for(one.url), authorization=own),
            deadline=deadline,
            limit=self._probe.body_limit_bytes,
        )
        self._exchanges.append(exchange)
        self._cookies.take(one.url, exchange.headers)
        for value in self._cookies.values:
            self._learn(value)
        return exchange

    def _judged(self, step: JourneyStep, made: list[Exchange]) -> _Stepped:
        """Captured values are learned first: whatever is told of the answer may quote them."""
        last = made[-1]
        asked = Probe(
            witness=Witness.JOURNEY,
            url=last.url,
            slow_after_seconds=None,
            body_limit_bytes=self._probe.body_limit_bytes,
            reads_health=False,
            assertions=step.assertions,
        )
        body = body_of(last, asked.body_limit_bytes)
        missing = [problem for one in step.captures if (problem := self._capture(one, last, body))]
        reading = reading_of(asked, last, body, len(made))
        if reading.outcome.is_good and missing:
            told = (Outcome.ASSERTION_FAILED, missing[0])
            outcome, why = body.problem or told  # what was cut off may have held it
            detail = f"answers {last.status}, but {why}"
            reading = Reading(outcome=outcome, detail=detail, notes=reading.notes)
        return _Stepped(reading=reading, last=last, body=body, notes=tuple(way_of(made)))

    def _capture(self, capture: Capture, last: Exchange, body: Body) -> str:
        """Take a value out of an answer; return why there is none, else nothing.

        Of several the first one is taken. It is text, a number or a truth value, and not empty.
        """
        values = _found(capture, last, body)
        source = f"{capture.subject} {quoted(capture.name)}"
        if not values:
            return f"{capture.variable} cannot be captured: nothing is at {source}"
        value = values[0]
        if value is None or isinstance(value, list | dict) or value == "":
            return f"{capture.variable} cannot be captured: {source} is empty, a list or an object"
        self._values[capture.variable] = value
        private = capture.subject is Subject.HEADER and capture.name.lower() in PRIVATE_HEADERS
        self._learn(plain(value), always=private)
        return ""

    def _learn(self, value: str, *, always: bool = False) -> None:
        if always or len(value) >= _SHORTEST_SECRET:
            self._scrubber.learn(value)


def _unsent(why: str) -> _Stepped:
    """What this side cannot send says nothing of the service."""
    reading = Reading(outcome=Outcome.UNKNOWN, detail=f"the request was not sent: {why}")
    return _Stepped(reading=reading)


def _found(capture: Capture, last: Exchange, body: Body) -> tuple[object, ...]:
    if capture.subject is Subject.HEADER:
        wanted = capture.name.lower()
        return tuple(value for name, value in last.headers if name.lower() == wanted)
    is_json, document = parse_json(body.text)
    return nodes(capture.name, document) if is_json else ()
