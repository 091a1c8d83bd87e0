"""Durations as Go prints them: flyctl rewrites what the API tells."""

from slo_action.core.text.go_durations import go_seconds

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
}


def go_duration(value: object) -> object:
    """Return `1m0s` for `60s`, or for as many nanoseconds; what is no duration stays as it is."""
    nanoseconds = _nanoseconds(value)
    return value if nanoseconds is None else _printed(nanoseconds)


def _nanoseconds(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    seconds = go_seconds(value)
    return None if seconds is None else round(seconds * _NANOSECONDS["s"])


def _printed(nanoseconds: int) -> str:
    """time.Duration.String: the largest unit below a second, else hours, minutes and seconds."""
    if nanoseconds == 0:
        return "0s"
    for unit, next_unit in (("ns", "us"), ("us", "ms"), ("ms", "s")):
        if nanoseconds < _NANOSECONDS[next_unit]:
            return f"{_decimal(nanoseconds, _NANOSECONDS[unit])}{unit.replace('us', 'µs')}"
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, _NANOSECONDS['s'])}s"
    return (
        f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
    )


def _decimal(nanoseconds: int, unit: int) -> str:
    whole, rest = divmod(nanoseconds, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
