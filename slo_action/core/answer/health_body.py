"""What a health endpoint's body says of its service."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from slo_action.core.text.quoting import printable, quoted

_DEPTH = 4
_NAMED_CHECKS = 3


class BodyHealth(StrEnum):
    """What a body says, worst last."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReading:
    """What was read; `health` is None where the body says nothing we understand.

    `detail` and `notes` quote the target: untrusted.
    """

    health: BodyHealth | None
    detail: str = ""
    notes: tuple[str, ...] = ()


_STATUSES: Mapping[str, BodyHealth] = {
    status: health
    for health, statuses in {
        BodyHealth.HEALTHY: "ok okay up healthy pass passed passing serving true",
        BodyHealth.DEGRADED: "warn warning degraded",
        BodyHealth.UNHEALTHY: "fail failed failing failure down unhealthy error critical "
        "not_serving out_of_service false",
    }.items()
    for status in statuses.split()
}
"""Besides the policy's own statuses: their inflections, and those of gRPC and Spring."""
_CHECKS = ("checks", "components", "entries")
"""The map's name in the RFC draft, in Spring and in ASP.NET."""


_SWITCH = re.compile(
    r"(?:^|_)(?:maintenance|debug|read_?only|degraded|draining|shutting_?down|paused|disabled|"
    r"enabled|locked|dry_?run|mode|stale|overloaded)(?:_|$)"
)
"""Names whose `true` and `false` say how something is set, and not how it is."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST_NAME = 200


def read_health(document: object) -> HealthReading:
    """Read a parsed JSON body, or a plain-text body of one line given as a string.

    `status` decides; a failing check below a healthy `status` makes it degraded; without a
    `status` that is recognised the worst recognised check decides. A text that is not recognised
    judges nothing and leaves a note. Never raises.
    """
    if isinstance(document, str):
        health = _health(document)
        return HealthReading(health=health, detail=f"says {quoted(document)}" if health else "")
    if not isinstance(document, dict):
        return HealthReading(health=None)
    status = _entry(document, ("status",))
    health, detail = _decide(status, dict(_checks(document)))
    notes: tuple[str, ...] = ()
    if status is not None and not _health(status):
        shown = quoted(status) if isinstance(status, str) else f"a {type(status).__name__}"
        notes = (f"the body's status is {shown}, which judges nothing here",)
    return HealthReading(health=health, detail=detail, notes=notes)


_TITLE = re.compile(r"<(title|h1)\b[^<>]{0,200}>([^<]{1,200})", re.IGNORECASE)
_PARTS = re.compile(r"\s+[-–—·:]+\s+|\s*\|\s*|:\s+")
"""What stands between a page's name and its site's."""
_SUBJECT = (
    r"(?:(?:(?:our|the|this) )?(?:web ?)?(?:site|service|server|system|page|app|application) |"
    r"(?:.{1,60} (?:is|are) |we(?:'|’)re )(?:currently |temporarily )?)?"
)
_WORKS = r"(?:(?:scheduled|planned|routine|emergency|essential|system|site) )*maintenance"
_TITLED = re.compile(
    rf"(?:{_WORKS}|unavailable|closed for {_WORKS})(?: in progress)?", re.IGNORECASE
)
"""As the whole title only: a shop may sell maintenance."""
_CLOSED = re.compile(
    rf"{_SUBJECT}(?:down for|under|undergoing|in|offline for) {_WORKS}(?: mode)?|"
    rf"{_WORKS} mode|briefly unavailable for {_WORKS}(?:\. check back in a minute)?|"
    rf"{_SUBJECT}(?:(?:currently|temporarily) )?(?:unavailable|out of service)|"
    r"(?:http )?(?:error )?(?:50\d )?(?:service (?:temporarily )?unavailable|bad gateway|"
    r"gateway time-?out|internal server error)|application error|"
    r"(?:we(?:'|’)ll|(?:(?:the |our )?\S{1,30} )?will) be (?:right )?back"
    r"(?: (?:soon|shortly|later|online|in a .{1,20}|at .{1,20})){0,2}",
    re.IGNORECASE,
)
"""As the whole title, or as the part of it beside the site's name."""


def read_page(text: str) -> HealthReading:
    """Read an HTML page: one whose title says nothing but that the service is closed is unhealthy.

    The title, or else the first heading, decides, with or without the site's name beside it. Any
    other page judges nothing, such as one of maintenance that is for sale. Never raises.
    """
    found = _TITLE.search(text)
    title = found[2].strip() if found else ""
    line = " ".join(title.split()).rstrip(".!…")
    parts = (part.rstrip(".!…") for part in _PARTS.split(line))
    if not (_TITLED.fullmatch(line) or any(_CLOSED.fullmatch(part) for part in parts)):
        return HealthReading(health=None)
    detail = f"shows a page titled {quoted(title)}"
    return HealthReading(health=BodyHealth.UNHEALTHY, detail=detail)


def _decide(status: object, checks: Mapping[str, BodyHealth]) -> tuple[BodyHealth | None, str]:
    health = _health(status)
    failing = [name for name, one in checks.items() if one is BodyHealth.UNHEALTHY]
    warning = [name for name, one in checks.items() if one is BodyHealth.DEGRADED]
    if health is BodyHealth.HEALTHY and failing:
        return (
            BodyHealth.DEGRADED,
            f"says status {quoted(status)} although {_named(failing)} failed",
        )
    if health:
        blamed = failing or warning
        return health, f"says status {quoted(status)}{f' ({_named(blamed)})' if blamed else ''}"
    if failing:
        return BodyHealth.UNHEALTHY, f"says that {_named(failing)} failed"
    if warning:
        return BodyHealth.DEGRADED, f"says that {_named(warning)} warned"
    if checks:
        count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
        return BodyHealth.HEALTHY, f"says that {count} passed"
    return None, ""


def _checks(document: Mapping[object, object]) -> Iterator[tuple[str, BodyHealth]]:
    found = _entry(document, _CHECKS)
    if isinstance(found, dict):
        named = [(str(name), value) for name, value in found.items()]
    elif isinstance(found, list):
        named = [(_label(value, number), value) for number, value in enumerate(found, 1)]
    else:
        return
    for name, value in named:
        health = None if _is_switch(name, value) else _check(value, _DEPTH)
        if health:
            yield name, health


def _label(value: object, number: int) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else f"number {number}"


def _check(value: object, depth: int) -> BodyHealth | None:
    """Read one check: a word, a bool, an object with a status or checks of its own, or a list."""
    if depth == 0:
        return None
    if isinstance(value, list):
        return _worst(_check(one, depth - 1) for one in value)
    if not isinstance(value, dict):
        return _health(value)
    status = _health(_entry(value, ("status",)))
    nested = _entry(value, _CHECKS)
    if status or not isinstance(nested, dict | list):
        return status
    named = nested.items() if isinstance(nested, dict) else [("", one) for one in nested]
    return _worst(_check(one, depth - 1) for name, one in named if not _is_switch(str(name), one))


def snake_case(name: str) -> str:
    """Return a name of a check as `read_only`, whether it came as `readOnly` or `read-only`."""
    return _CAMEL.sub("_", name[:_LONGEST_NAME]).lower().replace("-", "_").replace(" ", "_")


def _is_switch(name: str, value: object) -> bool:
    return isinstance(value, bool) and _SWITCH.search(snake_case(name)) is not None


def _worst(found: Iterator[BodyHealth | None]) -> BodyHealth | None:
    order = list(BodyHealth)
    return max((one for one in found if one), key=order.index, default=None)


def _entry(document: Mapping[object, object], names: tuple[str, ...]) -> object:
    for key, value in document.items():
        if isinstance(key, str) and key.lower() in names:
            return value
    return None


def _health(value: object) -> BodyHealth | None:
    if not isinstance(value, str | bool):
        return None
    text = str(value).strip().lower().replace("-", "_").replace(" ", "_")
    return _STATUSES.get(text)


def _named(names: list[str]) -> str:
    shown = ", ".join(quoted(printable(name)) for name in names[:_NAMED_CHECKS])
    more = len(names) - _NAMED_CHECKS
    noun = "check" if len(names) == 1 else "checks"
    return f"{noun} {shown}" + (f" and {more} more" if more > 0 else "")
