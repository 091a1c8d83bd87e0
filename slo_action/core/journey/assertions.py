"""What an answer must be beyond a healthy status, as the user defines it."""

from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What of an answer is looked at."""

    STATUS = "status"
    JSON = "json"
    HEADER = "header"
    BODY = "body"
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
