"""An answer as received, and what it says beside its outcome."""

from dataclasses import dataclass
from datetime import datetime

from slo_action.core.answer.catch_all import MAY_BE_CATCH_ALL
from slo_action.core.answer.health_body import HealthReading, is_page
from slo_action.core.text.http_time import http_date, retry_after_seconds
from slo_action.core.text.quoting import quoted
from slo_action.probing.body import Body
from slo_action.probing.exchange import Headers, media_type

_SKEW_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as received. `url` is the one that gave it, `at` when it was asked for.

    `certificate_expires_at` is None over plain HTTP.
    """

    url: str
    at: datetime
    status: int
    headers: Headers
    body: Body
    certificate_expires_at: datetime | None = None

    def header(self, name: str) -> str:
        """Return the first value of a header named in lower case; empty if absent."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def retry_after(answer: Answer) -> float | None:
    """Return the seconds to wait, by the server's own clock where it sends a date."""
    now = http_date(answer.header("date")) or answer.at
    return retry_after_seconds(answer.header("retry-after"), now)


def remarks(answer: Answer, health: HealthReading, *, is_json: bool) -> tuple[str, ...]:
    """Return what is odd about a 200 answer and changes no outcome."""
    notes = [*answer.body.notes, *health.notes]
    kind = media_type(answer.headers)
    text = answer.body.text
    claims_json = kind == "application/json" or kind.endswith("+json")
    if claims_json and not is_json and not (answer.body.is_cut or answer.body.is_opaque):
        notes.append("the body claims to be JSON and is not")
    if is_page(text):
        notes.append(MAY_BE_CATCH_ALL)
    if is_json and text.lstrip()[:1] in ("{", "[") and not claims_json:
        notes.append(f"the body is JSON, its content type is {quoted(kind or 'none')}")
    date = http_date(answer.header("date"))
    skew = (date - answer.at).total_seconds() if date else 0.0
    if abs(skew) > _SKEW_SECONDS:
        notes.append(f"the server's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}")
    return tuple(notes)
