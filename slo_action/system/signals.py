"""Signals, as PID 1 sees them: without a handler Python ignores SIGTERM there."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from slo_action.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalInterrupts:
    """Remembers the first SIGINT or SIGTERM; raises it only where the run may be stopped."""

    def __init__(self) -> None:
        self._received = ""
        self._raising = False

    def install(self) -> None:
        """Take over SIGINT and SIGTERM; to be called from the main thread.

        What came while container/slo-verify held them back is received now.
        """
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    @property
    def received(self) -> str:
        """The first signal's name, empty if none came."""
        return self._received

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise Interrupted within the block as soon as a signal comes, or has come before."""
        self._raising = True
        try:
            if self._received:
                raise Interrupted(self._received)
            yield
        finally:
            self._raising = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        again = bool(self._received)
        self._received = self._received or signal.Signals(number).name
        if self._raising and not again:
            raise Interrupted(self._received)


def end_process(status: int) -> NoReturn:
    """End the process with this exit status.

    By Python's own end a late signal would kill us, a closed pipe be status 120, and a thread that
    hangs be waited for.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)
