"""What can be made to go wrong between a client and the platform."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from tests.worlds.fly.refusal import RefusalError, refused

_Answer = TypeVar("_Answer")

Trouble = int | type[Exception]
"""An HTTP status, or the exception that a client's transport raises."""


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` matching requests; None is for ever.

    `after` True: the platform does what it is asked, and its answer is lost.
    """

    match: str
    trouble: Trouble
    times: int | None
    after: bool
    error: str

    def strikes(self, action: str, line: str) -> bool:
        """Return whether it is meant for a request: by its action, or a part of its line."""
        return self.match == action or ("/" in self.match and self.match in line)


class Faults:
    """The faults that wait for their request, in the order they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def play(
        self, action: str, line: str, serve: Callable[[], _Answer]
    ) -> _Answer | httpx.Response:
        """Serve a request, or let the first fault that fits happen to it."""
        fault = next((one for one in self._faults if one.strikes(action, line)), None)
        if fault is None:
            return serve()
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        if fault.after:
            serve()
        if isinstance(fault.trouble, int):
            return refused(RefusalError(fault.trouble, fault.error))
        raise fault.trouble(fault.error)
