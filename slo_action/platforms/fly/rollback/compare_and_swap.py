"""Compare and swap: the release that was judged must be the newest when something is changed."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from slo_action.platforms.fly.client.api import FlyApi, FlyRefusedError
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.rollback.step_log import RollbackAbortedError, TakenOverError

T = TypeVar("T")


def tried(call: Callable[[], T]) -> T | FlyRefusedError:
    """Return what a call returns, or its refusal: others beside it go on."""
    try:
        return call()
    except FlyRefusedError as error:
        return error


def demand_newest(api: FlyApi, judged: LedgerRow | None, *, must_know: bool = True) -> None:
    """Raise TakenOverError where the judged release is not the newest any more.

    Where that cannot be read, raise RollbackAbortedError; with `must_know` False, go on: later the
    machines themselves tell who changed them.
    """
    rows = tried(partial(api.releases, 1))
    if isinstance(rows, FlyRefusedError):
        if must_know:
            raise RollbackAbortedError(f"the newest release could not be read: {rows.message}")
        return
    newest = rows[0].name if rows else "no release"
    before = judged.name if judged else "no release"
    if newest != before:
        raise TakenOverError(
            f"another deploy took over: {newest} is the newest release, and {before} was judged"
        )
