"""What a platform is opened with, beside the request."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from slo_action.core.release.baseline import Prepared
from slo_action.core.release.track_record import PastVerdict
from slo_action.ports import Clock


class PlatformContext(NamedTuple):
    """Where a platform works. `redact` takes the run's secrets out of captured text.

    `prepared` is what a `prepare` run handed over, None without one. `past` are the verdicts of
    earlier runs, oldest first.
    """

    environment: Mapping[str, str]
    workspace: Path
    clock: Clock
    redact: Callable[[str], str]
    prepared: Prepared | None = None
    past: tuple[PastVerdict, ...] = ()
