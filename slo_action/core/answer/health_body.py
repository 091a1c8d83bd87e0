"""What a health endpoint's body says of its service. Pure, and never raises."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from slo_action.core.answer.health_words import BodyHealth, exact_word, health_of, snake_case
from slo_action.core.text.quoting import printable, quoted
from slo_action.on_demand import on_demand

_DEPTH = 5
_MOST_ENTRIES = 200
_NAMED_CHECKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReading:
    """What was read; `health` is None where the body says nothing we understand.

    `of_checks` says that it is concluded from checks, since the body says nothing of the whole;
    `is_unclear` that it is degraded by a word that is none of ours. `detail` and `notes` quote the
    target: untrusted.
    """

    health: BodyHealth | None
    detail: str = ""
    notes: tuple[str, ...] = ()
    of_checks: bool = False
    is_unclear: bool = False


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a body says of the whole service; `health` is None where the word is none of ours."""

    text: str
    health: BodyHealth | None


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_STATUS = _names(
    "status health healthstatus healthstate overall overallstatus overallhealth globalstatus "
    "aggregatedstatus servicestatus systemstatus appstatus applicationstatus"
)
"""Names of what says how the service is. A word of theirs that is none of ours is degraded."""
_STATE = _names("state result outcome condition code statuscode httpstatus httpcode")
"""Names of what may say it. A word of theirs that is none of ours says nothing."""
_TRUTHS = _names(
    "healthy ok success successful alive live ready up available operational online passing "
    "ishealthy isok isalive islive isready isup isavailable isoperational isonline"
)
_LINKS = _names("connected reachable isconnected isreachable")
"""Truth values about what the service depends on."""
_FAULTS = _names(
    "error errors unhealthy failed failing failure down outage iserror isdown isunhealthy "
    "haserror haserrors hasfailed hasfailures timedout"
)
"""Names whose `true` says that something is wrong, and whose `false` says nothing."""
_COMPLAINTS = _names("error errors failures failedchecks failingchecks")
"""Names whose texts and lists say what is wrong, and not how bad that is."""
_NO_COMPLAINT = _names("none no null nil - n/a na ok false 0 undefined")
_WRAPPERS = _names("data result response health payload body")
_CHECKS = _names(
    "checks components entries dependencies services details indicators subsystems systems modules "
    "probes results checkresults healthchecks integrations backends upstreams databases caches "
    "storage queues"
)
"""Names of the maps and lists of checks in the draft, Spring, ASP.NET, Laravel, Django and so on.
"""
_LABELS = ("name", "checkname", "label", "component", "service", "id")
_SINGLE = _names("status state health healthy ishealthy ok isok") | _LINKS
"""What is read of a map whose own name says nothing, such as Airflow's `scheduler`."""
_SUFFIXES = _names("healthy ok alive ready connected reachable")
_CLEAR = _names(
    "down unhealthy fail failed failing unavailable offline unreachable disconnected error critical"
)
"""What is read beside the status, such as `"database": "down"`: colours and the like are not."""
_SWITCH = re.compile(
    r"(?:^|_)(?:maintenance|debug|read_?only|degraded|draining|shutting_?down|paused|disabled|"
    r"enabled|locked|dry_?run|mode|stale|overloaded)(?:_|$)"
)
"""Names whose `true` and `false` say how something is set, and not how it is."""
_SETTING = re.compile(
    r"(?:^|_)(?:log|logs|logging|level|severity|policy|mode|action|default(?=_)|last|previous|threshold|"
    r"env|environment|region|role|name|type|kind|message|reason|description|title|color|colour|"
    r"branch|on|if|when|strategy|features?|flags?|config|settings?|options|toggles|experiments|"
    r"history|build|git)(?:_|$)"
)
"""Names whose words say how something is set, what it is called or how it was."""


def read_health(document: object) -> HealthReading:
    """Read a parsed JSON body, or a plain text given as a string.

    The worst that it says of the whole service decides; a failing check below a good status makes
    it degraded. Without such a statement the worst check decides. A status in a word that is none
    of ours is degraded, unless something else in the body can be read.
    """
    if isinstance(document, str):
        reading = _read_text(document.strip())
    elif isinstance(document, bool):
        reading = _decide([_Statement(str(document).lower(), health_of(document))], {})
    else:
        reading = _decide(
            list(_statements(document)), _by_name(_components(document)), _reason(document)
        )
    if reading.health or reading.notes or not document:
        return reading
    return HealthReading(health=None, notes=(_SAYS_NOTHING,))


_SAYS_NOTHING = "the body does not report health: only the HTTP status was judged"


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


_PAGE = re.compile(
    r"\s*(?:(?:<\?xml[^>]{0,200}\?>|<!--(?:(?!-->).){0,2000}-->)\s*){0,5}"
    r"<(?:!doctype html|html|head|body|title|meta|link|script|style|div|form)\b",
    re.IGNORECASE | re.DOTALL,
)


def is_page(text: str) -> bool:
    """Return whether a body is an HTML page."""
    return _PAGE.match(text) is not None


def page_title(text: str) -> str:
    """Return a page's title, or else its first heading; empty where it has neither."""
    found = _TITLE.search(text)
    title = found[2].strip() if found else ""
    return on_demand("unescape")(title) if "&" in title else title


def read_page(text: str) -> HealthReading:
    """Read an HTML page: one whose title says nothing but that the service is closed is unhealthy.

    The title, or else the first heading, decides, with or without the site's name beside it. Any
    other page judges nothing, such as one of maintenance that is for sale. Never raises.
    """
    title = page_title(text)
    if not _is_closed(title):
        return HealthReading(health=None)
    detail = f"shows a page titled {quoted(title)}"
    return HealthReading(health=BodyHealth.UNHEALTHY, detail=detail)


def _is_closed(title: str) -> bool:
    said = " ".join(title.split()).rstrip(".!…")
    parts = (part.rstrip(".!…") for part in _PARTS.split(said))
    return bool(_TITLED.fullmatch(said)) or any(_CLOSED.fullmatch(part) for part in parts)


def _decide(
    statements: Sequence[_Statement], checks: Mapping[str, BodyHealth], reason: str = ""
) -> HealthReading:
    clear = [one for one in statements if one.health]
    unclear = [one for one in statements if not one.health]
    notes = tuple(f"the body says {one.text}, which is not a known status" for one in unclear)
    failing = [name for name, health in checks.items() if health is BodyHealth.UNHEALTHY]
    warning = [name for name, health in checks.items() if health is BodyHealth.DEGRADED]
    if clear:
        worst = max(clear, key=lambda one: _rank(one.health))
        return _of_the_whole(worst, failing, warning, notes, reason)
    if unclear and not checks:
        detail = f"says {unclear[0].text}, {_UNCLEAR}"
        return HealthReading(health=BodyHealth.DEGRADED, detail=detail, is_unclear=True)
    if failing:
        detail = f"says that {_named(failing)} failed"
    elif warning:
        detail = f"says that {_named(warning)} warned"
    else:
        count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
        detail = f"says that {count} passed" if checks else ""
    health = _worst(checks.values())
    return HealthReading(health=health, detail=detail, notes=notes, of_checks=True)


_UNCLEAR = "which is not a known status: assert in slo.yml what it should be"


def _of_the_whole(
    worst: _Statement,
    failing: list[str],
    warning: list[str],
    notes: tuple[str, ...],
    reason: str,
) -> HealthReading:
    health, detail = worst.health, f"says {worst.text}"
    is_good = health is BodyHealth.HEALTHY
    blamed = failing or warning
    if is_good and failing:
        health, detail = BodyHealth.DEGRADED, f"{detail} although {_named(failing)} failed"
    elif blamed:
        detail = f"{detail} ({_named(blamed)})"
    elif reason and not is_good and reason != worst.text:
        detail = f"{detail} ({reason})"
    return HealthReading(health=health, detail=detail, notes=notes)


def _rank(health: BodyHealth | None) -> int:
    return list(BodyHealth).index(health) if health else -1


def _worst(found: Iterable[BodyHealth | None]) -> BodyHealth | None:
    return max(found, key=_rank, default=None)


def _entries(document: Mapping[object, object]) -> Iterator[tuple[str, str, object]]:
    """Yield the first entries: the key, the key without case and punctuation, the value."""
    for key, value in islice(document.items(), _MOST_ENTRIES):
        shown = printable(str(key)[:_MOST_ENTRIES])
        yield shown, "".join(c for c in shown.lower() if c.isalnum()), value


def _statements(
    document: object, *, inside: str = "", wrapped: bool = True, depth: int = _DEPTH
) -> Iterator[_Statement]:
    """Yield what a map says of its whole subject; where `wrapped`, also within `data` and so on."""
    if not isinstance(document, dict) or depth == 0:
        return
    for key, name, value in _entries(document):
        is_status = name in _STATUS or (name == "level" and inside == "overall")
        if isinstance(value, dict) and (is_status or (wrapped and name in _WRAPPERS | _STATE)):
            yield from _statements(value, inside=name, depth=depth - 1)
        elif is_status or name in _STATE:
            yield from _of_status(key, name, value)
        else:
            health = _of_truth(name, value)
            is_zero = name in _TRUTHS and value == 0 and not isinstance(value, bool)
            if health or is_zero:  # a zero may be false, or a count
                yield _Statement(f"{key} {_shown(value)}", health)


def _of_status(key: str, name: str, value: object) -> Iterator[_Statement]:
    """A number is an HTTP status or may mean anything; only words may be unclear."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and not name.endswith(("status", "code")):
        return
    health = health_of(value)
    is_word = isinstance(value, str) and not value.strip().isdigit() and bool(value.strip())
    if health or (is_word and name not in _STATE):
        yield _Statement(f"{key} {_shown(value)}", health)


def _of_truth(name: str, value: object) -> BodyHealth | None:
    if name in _COMPLAINTS and _complains(value):
        return BodyHealth.DEGRADED
    said = _NO_OR_YES.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(said, bool):
        return None
    if name in _TRUTHS:
        return BodyHealth.HEALTHY if said else BodyHealth.UNHEALTHY
    return BodyHealth.UNHEALTHY if said and name in _FAULTS else None


_NO_OR_YES = {"true": True, "yes": True, "false": False, "no": False}


def _complains(value: object) -> bool:
    """Return whether something stands where errors are listed: a text, a list, names with texts."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text not in _NO_COMPLAINT | _NO_OR_YES.keys() and bool(text.strip("0"))
    if isinstance(value, dict):
        return any(isinstance(one, str) and _complains(one) for one in value.values())
    return isinstance(value, list) and bool(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        named = [str(name) for name in value] if isinstance(value, dict) else []
        return ", ".join(map(quoted, named[:_NAMED_CHECKS])) or f"(a list of {len(value)})"
    return quoted(value) if isinstance(value, str) else printable(str(value))


def _reason(document: object) -> str:
    """Return what a body says beside its status, in its own words; empty where nothing."""
    found = {}
    for key, name, value in _entries(document) if isinstance(document, dict) else ():
        if name in _REASONS and isinstance(value, str) and value.strip():
            found[name] = f"{key} {_shown(value)}"
    return next((found[name] for name in _REASONS if name in found), "")


_REASONS = ("error", "reason", "message", "output", "description")


def _by_name(checks: Iterable[tuple[str, BodyHealth]]) -> dict[str, BodyHealth]:
    """Return the checks; where two have one name, the worse."""
    found: dict[str, BodyHealth] = {}
    for name, health in checks:
        found[name] = max(found.get(name, health), health, key=_rank)
    return found


def _components(document: object, depth: int = _DEPTH) -> Iterator[tuple[str, BodyHealth]]:
    """Yield the checks that a document reports, wherever the published formats put them."""
    if isinstance(document, list):
        yield from _contained(document, depth)
    elif isinstance(document, dict) and depth:
        for key, name, value in _entries(document):
            yield from _in_entry(key, name, value, depth)


def _in_entry(key: str, name: str, value: object, depth: int) -> Iterable[tuple[str, BodyHealth]]:
    if name in _CHECKS or name.endswith(("check", "checks")):
        return _contained(value, depth, of_details=name == "details")
    if name in _COMPLAINTS and isinstance(value, dict):
        return _contained(value, depth - 1, of_details=True)
    if name in _STATUS and isinstance(value, list):
        return _contained(value, depth)
    if name in _STATUS | _STATE | _WRAPPERS and isinstance(value, dict):
        is_map_of_checks = name in _STATUS and not any(_statements(value, depth=depth - 1))
        return (_contained if is_map_of_checks else _components)(value, depth - 1)
    health = _beside(key, name, value)
    return ((key, health),) if health else ()


def _contained(
    checks: object, depth: int, *, of_details: bool = False
) -> Iterator[tuple[str, BodyHealth]]:
    """Yield the checks of a map or list of them; `details` hold settings, too."""
    if isinstance(checks, dict):
        named = [(key, value) for key, _, value in _entries(checks)]
    elif isinstance(checks, list):
        few = enumerate(checks[:_MOST_ENTRIES], 1)
        named = [(_label(value, number), value) for number, value in few]
    else:
        return
    for name, one in named:
        value = _NO_OR_YES.get(one.strip().lower(), one) if isinstance(one, str) else one
        excluded = _SWITCH if isinstance(value, bool) else _SETTING if of_details else _LEVEL
        is_check = not isinstance(value, bool | str) or not excluded.search(snake_case(name))
        health = _check(name, value, depth) if is_check else None
        if health:
            yield name, health


_LEVEL = re.compile(r"(?:^|_)(?:level|severity|mode|policy)$")


def _label(value: object, number: int) -> str:
    found = {name: one for _, name, one in _entries(value)} if isinstance(value, dict) else {}
    named = (found.get(name) for name in _LABELS)
    return next((one for one in named if isinstance(one, str) and one), f"number {number}")


def _check(name: str, value: object, depth: int) -> BodyHealth | None:
    """Read one check: a word, a truth value, a list, a map with a status or checks."""
    if depth == 0:
        return None
    if isinstance(value, list):
        return _worst(_check("", one, depth - 1) for one in value[:_MOST_ENTRIES])
    if isinstance(value, bool):
        fault = "".join(c for c in name.lower() if c.isalnum()) in _FAULTS
        return (BodyHealth.UNHEALTHY if value else None) if fault else health_of(value)
    if not isinstance(value, dict):
        return health_of(value) if isinstance(value, str) else None
    own = _worst(one.health for one in _statements(value, wrapped=False))
    links = (health_of(one) for _, key, one in _entries(value) if key in _LINKS and one is False)
    found = _worst([own, *links])
    within = {k: v for k, name, v in _entries(value) if name in _NESTED} if found else value
    return _worst([found, *(health for _, health in _components(within, depth - 1))])


_NESTED = _names("components checks")
"""Checks of a check that has a status of its own, as Spring Boot's composites do."""


def _beside(key: str, name: str, value: object) -> BodyHealth | None:
    """Read what stands beside the status: `"database": "down"`, `"scheduler": {"status": …}`."""
    snake = snake_case(key)
    if name in _STATUS | _STATE | _TRUTHS | _FAULTS | _COMPLAINTS or _SETTING.search(snake):
        return None
    if isinstance(value, bool):
        is_check = name in _LINKS or ("_" in snake and snake.rpartition("_")[2] in _SUFFIXES)
        return health_of(value) if is_check else None
    if isinstance(value, dict):
        single = {key: one for key, name, one in _entries(value) if name in _SINGLE}
        return _check(key, single, 1) if single else None
    head = value.partition(":")[0] if isinstance(value, str) else ""
    health = exact_word(head)
    is_clear = health is BodyHealth.HEALTHY or snake_case(head.strip()) in _CLEAR
    return health if is_clear else None


_LONGEST_TEXT = 4000
_MOST_LINES = 100
_LISTED = re.compile(r"\[([+-])\]\s*(\S{1,200})")
"""Kubernetes: `[-]etcd failed: reason withheld`."""
_LABELLED = re.compile(
    r"([^:=\n]{1,60}):(?: |$)\s*(.*)|([\w.-]{1,60})\s?=\s?(.*)|(\S{1,60}) - (.*)"
)
_PAIR = r"([\w.-]{1,60})[=:]\s?([\w-]{1,60})"
_PAIRS = re.compile(rf"{_PAIR}(?:[,;|\s]+{_PAIR})+")
_OF_ALL = _STATUS | _STATE | _names("service server app application system healthz livez readyz")
_ELEMENT = re.compile(
    r"<(?:\w+:)?(status|state|health)(?:\s[^<>]{0,200})?>([^<>]{1,80})</", re.IGNORECASE
)

_CRASH = re.compile(
    r"^Traceback \(most recent call last\):$|"
    r"<b>(?:Fatal|Parse) error</b>:.{0,80}|^(?:PHP )?(?:Fatal|Parse) error: .{0,80}",
    re.MULTILINE,
)
"""A program that fails with status 200: Python's and PHP's own words."""


def _read_text(text: str) -> HealthReading:
    """Read a plain text of one or several lines, or the first status of an XML document."""
    if crash := _CRASH.search(text):
        return _decide([_Statement(quoted(crash[0]), BodyHealth.UNHEALTHY)], {})
    if len(text) > _LONGEST_TEXT or is_page(text):
        return HealthReading(health=None)
    if text.startswith("<"):
        found = _ELEMENT.search(text)
        health = health_of(found[2].strip()) if found else None
        shown = f"{found[1]} {quoted(found[2])}" if found else ""
        return _decide([_Statement(shown, health)] if health else [], {})
    statements: list[_Statement] = []
    checks: list[tuple[str, BodyHealth]] = []
    for line in _lines(text):
        listed = _LISTED.match(line)
        if listed:
            checks.append((listed[2], BodyHealth(_MARKS[listed[1]])))
            continue
        name, health = _of_line(line)
        if health and name:
            checks.append((name, health))
        elif health:
            statements.append(_Statement(quoted(line), health))
    return _decide(statements, _by_name(checks))


def _lines(text: str) -> Iterator[str]:
    """Yield the lines; one of pairs, such as `db=ok cache=down`, in pieces."""
    for line in map(str.strip, text.splitlines()[:_MOST_LINES]):
        pairs = re.findall(_PAIR, line) if _PAIRS.fullmatch(line) else []
        yield from (f"{name}: {value}" for name, value in pairs) if pairs else (line,)


_MARKS = {"+": BodyHealth.HEALTHY, "-": BodyHealth.UNHEALTHY}


def _of_line(line: str) -> tuple[str, BodyHealth | None]:
    """Return what a line says, and of which check; empty where it is of the whole service.

    `Errors: 0` and `Unhealthy: none` count, and say nothing.
    """
    labelled = _LABELLED.fullmatch(line)
    plain = None if line.isdigit() else health_of(line)
    if labelled is None:
        return "", plain
    name, rest = (part.strip() for part in labelled.groups() if part is not None)
    truth, about = _NO_OR_YES.get(rest.lower()), health_of(name)
    if about and truth is not None:
        is_good = about is BodyHealth.HEALTHY
        return "", about if truth else BodyHealth.UNHEALTHY if is_good else None
    if about:
        is_count = labelled[5] is None and (rest[:1].isdigit() or rest.lower() in _NO_COMPLAINT)
        return "", None if is_count else about
    if truth is not None or _SETTING.search(snake_case(name)):
        return "", None
    is_of_all = "".join(c for c in name.lower() if c.isalnum()) in _OF_ALL
    return "" if is_of_all else name, health_of(rest)


def _named(names: list[str]) -> str:
    shown = ", ".join(quoted(printable(name)) for name in names[:_NAMED_CHECKS])
    more = len(names) - _NAMED_CHECKS
    noun = "check" if len(names) == 1 else "checks"
    return f"{noun} {shown}" + (f" and {more} more" if more > 0 else "")
