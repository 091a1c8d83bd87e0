"""Several services in one step: who is meant, whose address is overridden, what fits only one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from slo_action.config.inputs import Inputs, read_inputs
from slo_action.config.request import RunEnvironment, VerifyRequest, matrix_of, read_request
from slo_action.config.text.suggest import did_you_mean
from slo_action.config.text.url import is_named
from slo_action.core.model import Mode
from slo_action.errors import InputError, Mistake

if TYPE_CHECKING:
    from slo_action.config.slo.load import LoadedSloYml

ALL = "all"
MOST_SERVICES = 50
"""Each is a process of its own, and a runner has few cores."""
_MATRIX_STRATEGY = "verify each in a job of its own: examples/workflows/matrix.yml shows how"
_SAME = "would be the same for several services"
_NO_URL = "write NAME=URL, a line for each, or name a `config` that has the service"
_NAMES_SHOWN = 3
_EMPTY_MATRIX = Mistake(
    "service",
    "means every service of slo.yml, which has none",
    "add a service there, or name one here and give its `url`",
    ALL,
)
_NO_MATRIX = Mistake(
    "config",
    "is missing, and there is no .github/slo.yml",
    "`service: all` means every service of slo.yml: check the repository out first, "
    "or name the file",
)
_QUERIES = ("prometheus-errors-query", "prometheus-requests-query", "prometheus-latency-selector")


def read_multi_service(
    given: Mapping[str, str], environment: RunEnvironment
) -> tuple[VerifyRequest, ...] | None:
    """Return a request for each service that is named; None where a single one is.

    `all` means every service of slo.yml; else names stand between commas or on lines. In slo.yml
    no service is called `all` or holds a comma. Raises InputError with the mistakes of all.
    """
    asked = given.get("service", "").strip()
    if asked != ALL and not {",", "\n"} & set(asked):
        return None
    loaded = matrix_of(given.get("config", "").strip(), environment.workspace)
    # one with mistakes has no names: `read_request` reports them, as for a single service
    in_matrix = () if loaded is None or loaded.mistakes else tuple(loaded.slo_yml.services)
    if asked != ALL:
        parts = (part.strip() for line in asked.splitlines() for part in line.split(","))
        names = tuple(filter(None, parts))
        if names:
            return _read(given, environment, names, in_matrix, loaded)
        return (read_request({**given, "service": ""}, environment, lambda *_: loaded),)
    url = given.get("url", "").strip()
    if loaded is None and (not url or is_named(url)):
        raise InputError((_NO_MATRIX,))
    if loaded is not None and not (in_matrix or loaded.mistakes):
        raise InputError((_EMPTY_MATRIX,))
    return _read(given, environment, in_matrix, in_matrix, loaded) if in_matrix else None


def _read(
    given: Mapping[str, str],
    environment: RunEnvironment,
    names: Sequence[str],
    in_matrix: Sequence[str],
    loaded: "LoadedSloYml | None",
) -> tuple[VerifyRequest, ...]:
    """Read each service by itself, unless there are too many, or what is asked fits only one."""
    inputs, _ = read_inputs({**given, "service": ""})
    mistakes = [*_countless(names), *_fits_one(inputs, given)]
    urls = dict(_overrides(given.get("url", ""), names, in_matrix, mistakes))
    if any(mistake.field in {"service", "mode"} for mistake in mistakes):
        raise InputError(tuple(mistakes))
    requests: list[VerifyRequest] = []
    found: dict[str, tuple[Mistake, ...]] = {}
    for name in names:
        try:
            own = {**given, "service": name, "url": urls.get(name, "")}
            requests.append(read_request(own, environment, lambda *_: loaded))
        except InputError as error:
            found[name] = error.mistakes
    mistakes += [*_once_each(found, len(names)), *_same_apps(requests)]
    if mistakes:
        raise InputError(tuple(mistakes))
    return tuple(requests)


def _countless(names: Sequence[str]) -> Iterator[Mistake]:
    if len(names) > MOST_SERVICES:
        most = f"names {len(names)} services, and one step verifies at most {MOST_SERVICES}"
        yield Mistake("service", most, _MATRIX_STRATEGY)
    for name, count in Counter(names).items():
        if count > 1:
            yield Mistake("service", "named twice", "name each service once", name)


def _fits_one(inputs: Inputs, given: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield a mistake for each input that cannot be meant for several services."""
    if inputs.mode in {Mode.PREPARE, Mode.ROLLBACK}:
        yield Mistake("mode", f"{inputs.mode} takes one service", _MATRIX_STRATEGY)
    for name in ("app", "to-version", "host"):
        if given.get(name, "").strip():
            yield Mistake(name, _SAME, "leave it out, or name one service")
    for name in _QUERIES:
        query = given.get(name, "")
        if query.strip() and "{service}" not in query:
            yield Mistake(name, _SAME, "write {service} where the query selects the service")
    if inputs.prometheus_url and inputs.prometheus_service_label == "none":
        accepted = "name the label that distinguishes them"
        yield Mistake("prometheus-service-label", _SAME, accepted)


def _overrides(
    text: str, names: Sequence[str], in_matrix: Sequence[str], mistakes: list[Mistake]
) -> Iterator[tuple[str, str]]:
    """Yield each service's own address. An address may hold credentials: only names are shown."""
    seen: set[str] = set()
    for line in filter(None, map(str.strip, text.splitlines())):
        name, url = _override(line, names)
        if not url:
            mistakes.append(_unknown_override(line, names, in_matrix))
        elif name in seen:
            mistakes.append(Mistake("url", "is given twice", "give each address once", name))
        seen.add(name)
        yield name, url


def _override(line: str, names: Iterable[str]) -> tuple[str, str]:
    """Return the name and the address behind it; a name may itself hold an equals sign."""
    fitting = [
        name
        for name in names
        if line.startswith(name) and line.removeprefix(name).lstrip().startswith("=")
    ]
    if not fitting:
        return "", ""
    name = max(fitting, key=len)
    return name, line.removeprefix(name).lstrip()[1:].strip()


def _unknown_override(line: str, names: Sequence[str], in_matrix: Sequence[str]) -> Mistake:
    name, separator, _ = line.partition("=")
    form = "with several services, write NAME=URL, a line for each"
    if not separator or "://" in name or not name.strip():
        return Mistake("url", "names no service", form)
    name = name.strip()
    if name in in_matrix:
        return Mistake("url", "is of a service that `service` does not name", form, name)
    return Mistake("url", "is of no service", did_you_mean(name, names), name)


def _once_each(found: Mapping[str, tuple[Mistake, ...]], count: int) -> list[Mistake]:
    """Return each mistake once. One that every service has is the inputs' own, and names none."""
    by: dict[Mistake, list[str]] = {}
    for name, mistakes in found.items():
        for mistake in mistakes:
            no_url = (mistake.field, mistake.problem) == ("url", "is missing")
            shown = replace(mistake, accepted=_NO_URL) if no_url else mistake
            by.setdefault(shown, []).append(name)
    return [
        mistake
        if len(names) == count or mistake.field == "service" or mistake.path
        else replace(mistake, field=f"{_listed(names)}: {mistake.field}")
        for mistake, names in by.items()
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _same_apps(requests: Sequence[VerifyRequest]) -> list[Mistake]:
    """Two rollbacks of one app would undo each other."""
    apps: dict[str, list[str]] = {}
    for request in requests:
        if request.fly:
            apps.setdefault(request.fly.app, []).append(request.service)
    accepted = "give each its own `app` in slo.yml, or verify one of them"
    return [
        Mistake("service", f"{_listed(names)} are the same app", accepted, app)
        for app, names in apps.items()
        if len(names) > 1
    ]
