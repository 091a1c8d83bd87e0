"""Durations as Go writes and reads them."""

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(value: object, otherwise: float) -> float:
    """Return the seconds of `15s`, `1m30s`, `500ms` or a number of them; else the default."""
    if isinstance(value, int | float):
        return float(value)
    parts = _PART.findall(value) if isinstance(value, str) else []
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else otherwise
