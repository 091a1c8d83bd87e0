"""What Fly.io's refusals mean, as messages to act on. Fly's own texts are untrusted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError

_LONGEST_ERROR = 200
T = TypeVar("T")

TRANSIENT = frozenset({408, 500, 502, 503, 504})
_CONFLICTS = frozenset({409, 412})
_FULL_HOST = ("could not reserve resource", "deploys to this host are temporarily disabled")
"""flyctl replaces a machine for these words: its deploy/machines_deploymachinesapp.go."""
_FULL = frozenset({"insufficient_capacity", "volume_placement_capacity"})
_FORBIDDEN, _NOT_FOUND = 403, 404
_STATUS_PAGE = "see status.flyio.net, then run the job again"

_REDIRECT = ("it redirects elsewhere", "check the FLY_*_BASE_URL variables of the job")
_CONFLICT = (
    "another client is changing the machine, or has changed it",
    "wait until the other deploy has finished, then run the job again",
)
_MEANINGS = {
    401: ("the token is expired or malformed", ""),
    403: ("the token is for another app", ""),
    429: ("too many requests", "let fewer jobs deploy at once, then run the job again"),
    409: _CONFLICT,
    412: ("the machine's state does not allow it, or it was changed meanwhile", _CONFLICT[1]),
    **dict.fromkeys((301, 302, 303, 307, 308), _REDIRECT),
    **dict.fromkeys(TRANSIENT, ("it has an outage", _STATUS_PAGE)),
    408: ("it did not finish in time", _STATUS_PAGE),
}
"""What a status means and the next step; without one the next step is another token."""
_CAPACITY = (
    "there is no capacity for the machine",
    "run the job again later, or make room: fewer or smaller machines, or another region",
)


class FlyRefusedError(PlatformError):
    """A call that was not answered as asked.

    `status` is the HTTP status, or the one that GraphQL's error means. It is None where no answer
    came, or none that can be read: the request may have been carried out, so read the state before
    sending it again.
    `request_id` is Fly's name for the exchange, empty where it gave none. `is_capacity`: the host
    or the region is full, whatever the status.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        status: int | None = None,
        request_id: str = "",
        is_capacity: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.request_id = request_id
        self.is_capacity = is_capacity

    @property
    def is_unsure(self) -> bool:
        """True where the request may have been carried out all the same."""
        return self.status is None or self.status == 408 or self.status >= 500  # noqa: PLR2004 - HTTP

    @property
    def is_passing(self) -> bool:
        """True where the same may be accepted later: a conflict, or no sure answer."""
        return not self.is_capacity and (self.is_unsure or self.status in _CONFLICTS)


class FlyConflictError(FlyRefusedError):
    """409 or 412: another client's lease, a version that is not current, a change under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one of Fly's APIs.

    `action` says what is done to `machine` or else to the app.
    `is_repeatable`: twice is as good as once. `authorization` None is the token's own header.
    """

    app: str
    action: str
    method: str
    url: str
    machine: str = ""
    params: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None
    nonce: Secret | None = None
    authorization: Secret | None = None
    accept: str = "application/json"
    is_change: bool = False
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What came back. `status` is None where nothing did, or nothing readable: see `lost`.

    `content` is its JSON, None where it has none. `was_sent` is False where the request surely did
    not reach Fly.
    """

    status: int | None = None
    content: object = None
    request_id: str = ""
    retry_after: str | None = None
    lost: str = ""
    was_sent: bool = True


def tried(call: Callable[[], T]) -> T | FlyRefusedError:
    """Return what a call returns, or its refusal."""
    try:
        return call()
    except FlyRefusedError as error:
        return error


def refused(call: Call, answer: ApiAnswer, scrub: Callable[[str], str]) -> FlyRefusedError:
    """Return the error for an answer that is no success."""
    asked = f"{call.action} {call.machine}".strip()
    request = f"request {answer.request_id}" if answer.request_id else ""
    if answer.status is None:
        more = "; it may have been done all the same" if call.is_change and answer.was_sent else ""
        facts = ", ".join(fact for fact in (answer.lost, request) if fact)
        return FlyRefusedError(
            f"Fly.io gave no answer when asked to {asked} ({facts}){more}.",
            hint=_STATUS_PAGE,
            request_id=answer.request_id,
        )
    body = answer.content if isinstance(answer.content, dict) else {}
    said = body.get("error")
    said = said if isinstance(said, str) else ""
    is_capacity = str(body.get("status")) in _FULL or any(words in said for words in _FULL_HOST)
    problem, hint = _CAPACITY if is_capacity else _meaning(call, answer.status)
    said = quoted(scrub(said), _LONGEST_ERROR) if said else ""
    facts = ", ".join(fact for fact in (f"HTTP {answer.status}", said, request) if fact)
    is_conflict = answer.status in _CONFLICTS and not is_capacity
    return (FlyConflictError if is_conflict else FlyRefusedError)(
        f"Fly.io refused to {asked}: {problem} ({facts}).",
        hint=hint,
        status=answer.status,
        request_id=answer.request_id,
        is_capacity=is_capacity,
    )


def _meaning(call: Call, status: int) -> tuple[str, str]:
    """Return what a status means here, and the next step."""
    token = f"set fly-api-token to one from `fly tokens create deploy -a {call.app}`"
    if status == _FORBIDDEN and call.is_change:
        return "the token may read but not change machines", f"for a rollback, {token}"
    if status == _NOT_FOUND and call.machine:
        return "the machine is not there", f"see `fly machine list -a {call.app}`"
    if status == _NOT_FOUND:
        problem = f"app {quoted(call.app)} is unknown to this token"
        return problem, f"see the `app` input, or {token}"
    problem, hint = _MEANINGS.get(status, ("it does not accept this", _STATUS_PAGE))
    return problem, hint or token
