"""What happened to a window, row by row, so that it can be watched again."""

from dataclasses import dataclass

from slo_action.core.model import Outcome

MAX_EVENTS = 20_000
"""How many rows a record holds one by one; a longer window is told by its sums."""
CONTROL_TICKET = -1
TRAFFIC_TICKET = -2
GATE_TICKET = -3


@dataclass(frozen=True, slots=True)
class WindowEvent:
    """One thing that happened, as a record keeps it: enough to judge it again.

    `sent` tickets had been taken when it happened, at `taken_seconds`. `ticket` is the slot's whose
    answer came, or who could not be taken (no outcome); or the control's; or that of a look at
    real traffic, whose readings are kept by themselves; or of the health gate that was met.
    """

    ticket: int
    sent: int
    taken_seconds: float
    heard_seconds: float
    outcome: Outcome | None = None
    seconds: float = 0.0
    version: str | None = None
    retry_after_seconds: float | None = None
    asked_seconds: float | None = None


class EventLog:
    """The first rows, and how many more there were."""

    def __init__(self) -> None:
        self.rows: list[WindowEvent] = []
        self.left_out = 0

    def keep(self, row: WindowEvent) -> None:
        """Keep a row while there is room."""
        if len(self.rows) < MAX_EVENTS:
            self.rows.append(row)
        else:
            self.left_out += 1
