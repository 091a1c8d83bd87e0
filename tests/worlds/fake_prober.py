"""A Prober that plays a script."""

from collections.abc import Sequence
from dataclasses import dataclass

from slo_action.core.model import Outcome, Probe, Sample
from tests.worlds.virtual_clock import VirtualClock

_STATUSES = {
    Outcome.HTTP_5XX: 500,
    Outcome.HTTP_4XX: 404,
    Outcome.REDIRECT: 302,
    Outcome.RATE_LIMITED: 429,
    Outcome.WAF_CHALLENGE: 403,
}
_UNANSWERED = frozenset(
    {
        Outcome.DNS_NXDOMAIN,
        Outcome.DNS_TIMEOUT,
        Outcome.CONNECT_REFUSED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.TLS_EXPIRED,
        Outcome.TLS_NAME,
        Outcome.TLS_OTHER,
        Outcome.READ_TIMEOUT,
        Outcome.RESET,
        Outcome.PROTOCOL_ERROR,
        Outcome.UNKNOWN,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one probe is to find, and how long it takes."""

    outcome: Outcome
    version: str | None = None
    seconds: float = 0.05
    detail: str = ""
    retry_after_seconds: float | None = None


OK = Line(outcome=Outcome.OK)


class FakeProber:
    """Plays each URL's lines in turn and repeats the last; a URL without any is `unknown`.

    `asked` holds every probe in the order asked. An ask takes as long as its slowest line.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._lines: dict[str, list[Line]] = {}
        self.asked: list[Probe] = []

    def script(self, url: str, *lines: Line) -> None:
        """Set what the next probes of `url` find."""
        self._lines[url] = list(lines)

    def ask(self, probes: Sequence[Probe]) -> tuple[Sample, ...]:
        lines = [self._next(probe) for probe in probes]
        at = self._clock.now()
        self._clock.advance(max((line.seconds for line in lines), default=0.0))
        return tuple(
            Sample(
                witness=probe.witness,
                url=probe.url,
                at=at,
                outcome=line.outcome,
                detail=line.detail or f"scripted {line.outcome}",
                total_seconds=line.seconds,
                status=None if line.outcome in _UNANSWERED else _STATUSES.get(line.outcome, 200),
                version=line.version,
                retry_after_seconds=line.retry_after_seconds,
            )
            for probe, line in zip(probes, lines, strict=True)
        )

    def _next(self, probe: Probe) -> Line:
        self.asked.append(probe)
        lines = self._lines.get(probe.url, [Line(outcome=Outcome.UNKNOWN)])
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        return Line(
            outcome=line.outcome,
            version=line.version,
            seconds=min(line.seconds, probe.timeout_seconds),
            detail=line.detail,
            retry_after_seconds=line.retry_after_seconds,
        )
