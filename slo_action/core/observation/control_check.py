"""Was it us? Answers that never came wait for the control's answer before they count.

A timeout is the service's fault only where an unrelated host answered the next question after it,
and none failed to answer while it lasted. Times are seconds since the deploy.
"""

from dataclasses import dataclass
from enum import Enum

_BEFORE_SECONDS = 1.0
"""How long before a timeout a control may have been asked to speak against the service."""
_OVERLAP_SECONDS = 1.0
"""How far from a timeout a failed control still explains it."""
_KEPT_SECONDS = 30.0
_SUSPICION_SECONDS = 6.0
"""How long after a timeout the control is asked on: the longest a probe in flight may take."""
_EVERY_SECONDS = 2.0


class Attribution(Enum):
    """What the control says of a timeout."""

    SERVICE = "service"
    RUNNER = "runner"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class ControlProbe:
    """One question to the control."""

    asked_seconds: float
    heard_seconds: float
    alive: bool


class ControlEvidence:
    """What the control said, as far back as any probe in flight can reach."""

    def __init__(self) -> None:
        self._heard: list[ControlProbe] = []
        self._unanswered_seconds: float | None = None
        self._asked_seconds: float | None = None

    def note_unanswered(self, heard_seconds: float) -> None:
        """Take note that a probe got no answer."""
        self._unanswered_seconds = max(heard_seconds, self._unanswered_seconds or 0.0)

    def wants_control(self, now_seconds: float) -> bool:
        """Return whether to ask the control now: every two seconds while timeouts are fresh."""
        if self._unanswered_seconds is None:
            return False
        fresh = now_seconds - self._unanswered_seconds <= _SUSPICION_SECONDS
        asked = self._asked_seconds
        return fresh and (asked is None or now_seconds - asked >= _EVERY_SECONDS)

    def asked(self, now_seconds: float) -> None:
        """Take note that the control is being asked."""
        self._asked_seconds = now_seconds

    def heard(self, answer: ControlProbe) -> None:
        """Take note of the control's answer, or that none came."""
        horizon = answer.heard_seconds - _KEPT_SECONDS
        self._heard = [a for a in self._heard if a.heard_seconds >= horizon]
        self._heard.append(answer)

    def attribution(self, sent_seconds: float, heard_seconds: float) -> Attribution:
        """Return what the control says of a timeout that lasted from one instant to the other."""
        early, late = sent_seconds - _OVERLAP_SECONDS, heard_seconds + _OVERLAP_SECONDS
        for a in self._heard:
            if not a.alive and a.asked_seconds <= late and a.heard_seconds >= early:
                return Attribution.RUNNER
        after = [a for a in self._heard if a.asked_seconds >= heard_seconds - _BEFORE_SECONDS]
        if not after:
            return Attribution.WAIT
        soonest = min(after, key=lambda a: a.asked_seconds)
        return Attribution.SERVICE if soonest.alive else Attribution.RUNNER
