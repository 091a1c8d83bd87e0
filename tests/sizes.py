"""How much a test tries: enough for a change in progress by default, all of it with THOROUGH=1.

The same checks run both times; what differs is how many examples, draws or rows they are held
against. `.ci/run` sets it.
"""

import os
from typing import TypeVar

Size = TypeVar("Size")

THOROUGH = os.environ.get("THOROUGH", "") not in ("", "0")


def sized(quick: Size, thorough: Size) -> Size:
    """Return the one that this run asks for."""
    return thorough if THOROUGH else quick
