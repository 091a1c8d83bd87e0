"""What an answer must be, and journeys: steps that hand values on to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from slo_action.core.stats.latency import LatencyObjective


class Subject(StrEnum):
    """What of an answer is looked at."""

    STATUS = "status"
    JSON = "json"
    HEADER = "header"
    BODY = "body"
    COOKIE = "cookie"
    CERTIFICATE = "certificate"


class Condition(StrEnum):
    """How it must be. `equals` compares JSON values; `matches` is a regular expression."""

    ONE_OF = "one_of"
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    MATCHES = "matches"
    LACKS = "lacks"
    EXISTS = "exists"
    ABSENT = "absent"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One demand on an answer.

    `name` is the JSON path or the header's name, empty for other subjects. `expected` is a JSON
    value: for a status, a tuple such as ("200", "2xx"); a regular expression for `matches` and
    `lacks`; a number for `above` and `below`; None for `exists` and `absent`. A certificate's is
    the least number of days that it must still be valid.
    """

    subject: Subject
    condition: Condition
    name: str = ""
    expected: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A value taken out of an answer. `name` is a JSON path, a header or a cookie; not of a body.

    With a `pattern` it is what its first group matches, or all of it where there is no group.
    """

    variable: str
    subject: Subject
    name: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyStep:
    """One request. Texts and assertions may hold `${variable}` and `${secrets.NAME}`.

    `target` is a path below the service's URL, or a whole URL. One that begins with a variable
    follows a captured link, and must stay at the origin of the answer that it is from. `form` and
    `json` exclude each other and `body`; None and "" mean no body. `think_seconds` pass before the
    request; they are not in its time. Without assertions, any 2xx will do.
    """

    name: str
    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    form: Mapping[str, str] | None = None
    body: str = ""
    timeout_seconds: float = 6.0
    think_seconds: float = 0.0
    assertions: tuple[Assertion, ...] = ()
    captures: tuple[Capture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Steps in their order, by one user with their own cookies.

    `timeout_seconds` bounds the whole of it, thinking included. `objective` is what the answers
    may take together; None where nothing is set. `interval_seconds` is the routine monitor's.
    """

    name: str
    steps: tuple[JourneyStep, ...]
    timeout_seconds: float = 30.0
    interval_seconds: float | None = None
    objective: LatencyObjective | None = None
