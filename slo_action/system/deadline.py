"""A limit in seconds for what has none of its own: a lookup, or an answer that comes in drips."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what a call returns, made in a thread of its own; raise what it raises.

    Raises TimeoutError where it takes longer. Its thread is left behind then, and ends with the
    process. Where there is no thread left, the call is made without a limit.
    """
    ended: SimpleQueue[tuple[Result, None] | tuple[None, BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            ended.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            ended.put((None, error))

    try:
        threading.Thread(target=run, name="slo-within", daemon=True).start()
    except RuntimeError:
        return call()
    try:
        result, error = ended.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value] # None only with an error
