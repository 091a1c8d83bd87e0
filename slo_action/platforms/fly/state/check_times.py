"""When a machine started last, and whether its checks looked since; by the platform's time."""

from datetime import datetime

from slo_action.platforms.fly.state.machine_config import Json, text_of

_TOLERANCE_SECONDS = 1.0


def newest_start(raw: Json) -> float | None:
    """Return the newest start in seconds since 1970; None where it is not told."""
    events = raw.get("events")
    told = [
        event["timestamp"] / 1000
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict)
        and event.get("type") == "start"
        and isinstance(event.get("timestamp"), int | float)
    ]
    return max(told, default=None)


def have_looked(raw: Json) -> bool:
    """Tell whether no check is older than the newest start, as far as that is told."""
    begun = newest_start(raw)
    checks = raw.get("checks")
    looks = [
        _instant(text_of(check.get("updated_at")))
        for check in (checks if isinstance(checks, list) else [])
        if isinstance(check, dict)
    ]
    return begun is None or all(at is None or at >= begun - _TOLERANCE_SECONDS for at in looks)


def _instant(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
