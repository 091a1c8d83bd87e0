"""What the artifact worlds and their faces say to each other, and how they can be made to fail."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request. `target` is path and query exactly as sent; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def raw_query(self) -> dict[str, str]:
        """Keys and values as they were sent, nothing decoded."""
        parts = self.target.partition("?")[2].split("&")
        return {key: value for key, _, value in (part.partition("=") for part in parts) if key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


class ConnectionLostError(Exception):
    """The face breaks the connection instead of answering."""


def json_reply(status: int, content: object) -> Reply:
    return Reply(
        status=status,
        body=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )


def twirp_error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "msg": message})


class FaultKind(Enum):
    ANSWER = auto()  # answers instead of the service, whose state does not change
    LOSE_REQUEST = auto()  # the connection breaks before the service has read anything
    LOSE_REPLY = auto()  # the service does what it is asked, and nobody hears of it
    DELAY = auto()  # the service does what it is asked, and answers late


@dataclass(slots=True, kw_only=True)
class Fault:
    operation: str
    kind: FaultKind
    times: int
    reply: Reply = field(default_factory=lambda: Reply(status=500))
    delay_seconds: float = 0.0


class FaultScript:
    """What goes wrong, per operation: a Twirp method, PutBlock, PutBlockList or GetBlob."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def answer(self, operation: str, reply: Reply, *, times: int = 1) -> None:
        self._add(Fault(operation=operation, kind=FaultKind.ANSWER, times=times, reply=reply))

    def lose_request(self, operation: str, *, times: int = 1) -> None:
        self._add(Fault(operation=operation, kind=FaultKind.LOSE_REQUEST, times=times))

    def lose_reply(self, operation: str, *, times: int = 1) -> None:
        self._add(Fault(operation=operation, kind=FaultKind.LOSE_REPLY, times=times))

    def delay(self, operation: str, seconds: float, *, times: int = 1) -> None:
        self._add(
            Fault(operation=operation, kind=FaultKind.DELAY, times=times, delay_seconds=seconds)
        )

    def play(self, operation: str, serve: Callable[[], Reply]) -> Reply:
        """Serve the request, or let the next fault of this operation happen to it."""
        fault = next((one for one in self._faults if one.operation == operation), None)
        if fault is None:
            return serve()
        fault.times -= 1
        if not fault.times:
            self._faults.remove(fault)
        return _happen(fault, serve)

    def _add(self, fault: Fault) -> None:
        self._faults.append(fault)


def _happen(fault: Fault, serve: Callable[[], Reply]) -> Reply:
    if fault.kind is FaultKind.ANSWER:
        return fault.reply
    if fault.kind is FaultKind.LOSE_REQUEST:
        raise ConnectionLostError(fault.operation)
    reply = serve()
    if fault.kind is FaultKind.LOSE_REPLY:
        raise ConnectionLostError(fault.operation)
    return Reply(
        status=reply.status,
        body=reply.body,
        headers=reply.headers,
        delay_seconds=fault.delay_seconds,
    )
