"""A way to Fly's APIs on which the process is stopped at a request of one's choice."""

from collections.abc import Callable

import httpx


class KilledError(BaseException):
    """The process is no more: nothing it would still do is done."""


class FailingTransport(httpx.BaseTransport):
    """Raises what `error` makes at the request number `at`; `after`: the platform got it.

    With `is_final`, every later request raises it, too. `at` 0 is never.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        at: int,
        error: Callable[[], BaseException],
        *,
        after: bool = False,
        is_final: bool = False,
    ) -> None:
        self._inner = inner
        self._at = at
        self._error = error
        self._after = after
        self._is_final = is_final
        self.count = 0

    @property
    def has_failed(self) -> bool:
        return 0 < self._at <= self.count

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        is_past = self._at and self.count > self._at
        if is_past and self._is_final:
            raise self._error()
        if self.count != self._at:
            return self._inner.handle_request(request)
        if self._after:
            self._inner.handle_request(request)
        raise self._error()
