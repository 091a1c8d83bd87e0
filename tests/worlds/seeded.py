"""Chance that repeats itself."""

import random


def seeded(seed: int) -> random.Random:
    """Return a source whose numbers and bytes are the same in every run."""
    return random.Random(seed)
