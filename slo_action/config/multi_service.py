"""Several services in one step: who is meant, whose address is overridden, what fits only one."""

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
_NAMES_SHOWN = 3
_EMPTY_MATRIX = Mistake(
    field="service",
    problem="means every service of slo.yml, which has none",
    value=ALL,
    accepted="add a service there, or name one here and give its `url`",
)
_NO_MATRIX = Mistake(
    field="config",
    problem="is missing, and there is no .github/slo.yml",
    accepted="`service: all` means every service of slo.yml: check the repository out first, "
    "or name the file",
)
_QUERIES = (
    "prometheus-errors-query",
    "prometheus-requests-query",
    "prometheus-latency-selector",
)


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
    in_matrix = _names_in(loaded)
    if asked != ALL:
        names = _split(asked)
        one = {**given, "service": ""}
        return (
            _read(given, environment, names, in_matrix, loaded)
            if names
            else _single(one, environment, loaded)
        )
    url = given.get("url", "").strip()
    if loaded is None and (not url or is_named(url)):
        raise InputError((_NO_MATRIX,))
    if loaded is not None and not (in_matrix or loaded.mistakes):
        raise InputError((_EMPTY_MATRIX,))
    return _read(given, environment, in_matrix, in_matrix, loaded) if in_matrix else None


def _single(
    given: Mapping[str, str], environment: RunEnvironment, loaded: "LoadedSloYml | None"
) -> tuple[VerifyRequest]:
    return (read_request(given, environment, lambda *_: loaded),)


def _names_in(loaded: "LoadedSloYml | None") -> tuple[str, ...]:
    """Return the names in the order of the file; none where something is wrong with it.

    `read_request` reports what, as for a single service.
    """
    return () if loaded is None or loaded.mistakes else tuple(loaded.slo_yml.services)


def _split(text: str) -> tuple[str, ...]:
    parts = (part.strip() for line in text.splitlines() for part in line.split(","))
    return tuple(part for part in parts if part)


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
            requests += _single(own, environment, loaded)
        except InputError as error:
            found[name] = error.mistakes
    mistakes += _once_each(found, len(names))
    mistakes += _same_apps(requests)
    if mistakes:
        raise InputError(tuple(mistakes))
    return tuple(requests)


def _countless(names: Sequence[str]) -> Iterator[Mistake]:
    if len(names) > MOST_SERVICES:
        yield Mistake(
            field="service",
            problem=f"names {len(names)} services, and one step verifies at most {MOST_SERVICES}",
            accepted=_MATRIX_STRATEGY,
        )
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Mistake(
            field="service", problem="named twice", value=name, accepted="name each service once"
        )


def _fits_one(inputs: Inputs, given: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield a mistake for each input that cannot be meant for several services."""
    if inputs.mode in {Mode.PREPARE, Mode.ROLLBACK}:
        yield Mistake(
            field="mode", problem=f"{inputs.mode} takes one service", accepted=_MATRIX_STRATEGY
        )
    for name in ("app", "to-version"):
        if given.get(name, "").strip():
            yield _only_one(name, "leave it out, or name one service")
    for name in _QUERIES:
        query = given.get(name, "")
        if query.strip() and "{service}" not in query:
            yield _only_one(name, "write {service} where the query selects the service")
    if inputs.prometheus_url and inputs.prometheus_service_label == "none":
        yield _only_one("prometheus-service-label", "name the label that tells them apart")


def _only_one(field: str, accepted: str) -> Mistake:
    return Mistake(field=field, problem="would be the same for several services", accepted=accepted)


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
            mistakes.append(_override_mistake("is given twice", name, "give each address once"))
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
        return _override_mistake("names no service", None, form)
    if name.strip() in in_matrix:
        return _override_mistake("is of a service that `service` does not name", name, form)
    return _override_mistake("is of no service", name, did_you_mean(name.strip(), names))


def _override_mistake(problem: str, name: str | None, accepted: str) -> Mistake:
    return Mistake(
        field="url", problem=problem, value=name.strip() if name else None, accepted=accepted
    )


def _once_each(found: Mapping[str, tuple[Mistake, ...]], count: int) -> list[Mistake]:
    """Return each mistake once. One that every service has is the inputs' own, and names none."""
    by: dict[Mistake, list[str]] = {}
    for name, mistakes in found.items():
        for mistake in mistakes:
            by.setdefault(_with_form(mistake), []).append(name)
    return [
        mistake if len(names) == count else _named(mistake, names) for mistake, names in by.items()
    ]


def _with_form(mistake: Mistake) -> Mistake:
    if mistake.field != "url" or mistake.problem != "is missing":
        return mistake
    accepted = "write NAME=URL, a line for each, or name a `config` that has the service"
    return replace(mistake, accepted=accepted)


def _named(mistake: Mistake, names: Sequence[str]) -> Mistake:
    if mistake.field == "service" or mistake.path:
        return mistake
    return replace(mistake, field=f"{_listed(names)}: {mistake.field}")


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
    return [
        Mistake(
            field="service",
            problem=f"{_listed(names)} are the same app",
            value=app,
            accepted="give each its own `app` in slo.yml, or verify one of them",
        )
        for app, names in apps.items()
        if len(names) > 1
    ]
