"""The only module that forks: a process for each piece of work, all at the same time.

A process and not a thread, so that a signal, a crash or a wait of one is never another's: each
works, is stopped and cleans up as if it were alone (ADR 0018).
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from slo_action.errors import Interrupted
from slo_action.ports import Interrupts

Post = Callable[[object], None]
"""Sends something that can be pickled to the parent; does nothing where the parent is gone."""
Work = Callable[[Post], None]

_FORK = get_context("fork")


def run_in_processes(
    works: Mapping[str, Work], *, on_message: Callable[[str, object], None], interrupts: Interrupts
) -> None:
    """Do all works at once and return when all have ended; `on_message` is given what each posts.

    `on_message` is called here in the order of arrival, which keeps each work's own order. A signal
    is passed on to all that still work, and they are waited for. Where this process dies,
    they are stopped as by SIGTERM. A work that cannot be begun, or dies, posts nothing more.
    To be called while no other thread runs.
    """
    processes = _Processes()
    try:
        for name, work in works.items():
            processes.begin(name, work)
        processes.listen(on_message, interrupts)
    finally:
        processes.leave()


class _Processes:
    """The processes that are at work, by the end of the pipe that we read."""

    def __init__(self) -> None:
        self._at_work: dict[Connection, tuple[str, ForkProcess]] = {}
        self._life, self._lifeline = os.pipe()
        """Never written to: whoever reads its end of file knows that this process is gone."""

    def begin(self, name: str, work: Work) -> None:
        """Fork; a host that has no memory for another process leaves that work undone."""
        reader, writer = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=self._work, args=(work, writer), daemon=True)
        with suppress(OSError):
            process.start()
            self._at_work[reader] = (name, process)
        writer.close()  # else no end of it would ever be seen

    def listen(self, on_message: Callable[[str, object], None], interrupts: Interrupts) -> None:
        """Hand out what comes until all have ended; a signal interrupts the waiting only."""
        stopped = False
        while self._at_work:
            try:
                ready = self._ready(None if stopped else interrupts)
            except Interrupted:
                stopped = True
                self._stop(interrupts.received)
                continue
            for reader in ready:
                self._receive(reader, on_message)

    def leave(self) -> None:
        """Let go of the pipes: processes that still work are stopped by that."""
        os.close(self._lifeline)
        os.close(self._life)

    def _ready(self, interrupts: Interrupts | None) -> list[Connection]:
        if interrupts is None:
            return _readable(self._at_work)
        with interrupts.raising():
            return _readable(self._at_work)

    def _receive(self, reader: Connection, on_message: Callable[[str, object], None]) -> None:
        name, process = self._at_work[reader]
        try:
            message = reader.recv()
        except (EOFError, OSError):
            del self._at_work[reader]
            reader.close()
            process.join()
            return
        on_message(name, message)

    def _stop(self, received: str) -> None:
        for _, process in self._at_work.values():
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.Signals[received])

    def _work(self, work: Work, writer: Connection) -> None:
        """Run in the process of the work."""
        os.close(self._lifeline)
        threading.Thread(target=self._until_alone, name="slo-lifeline", daemon=True).start()

        def post(message: object) -> None:
            with suppress(BrokenPipeError):
                writer.send(message)

        work(post)

    def _until_alone(self) -> None:
        """A rollback that went on alone would go unreported, so it is stopped as by the runner."""
        os.read(self._life, 1)
        os.kill(os.getpid(), signal.SIGTERM)


def _readable(readers: Mapping[Connection, object]) -> list[Connection]:
    return [one for one in wait(list(readers)) if isinstance(one, Connection)]
