"""slo.yml, the service matrix: files → forms → the core's nouns, every mistake at its line.

A file is one mapping with `services:`, a list of services, or documents that are either.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeGuard, TypeVar

from pydantic import ValidationError

from slo_action.config.form_mistakes import FormMistake, form_mistakes
from slo_action.config.matrix_forms import (
    OWN_KEY,
    DefaultsForm,
    Form,
    MatrixForm,
    ServiceForm,
    TeamForm,
)
from slo_action.config.matrix_services import maintenance_of, policy_change, service_of
from slo_action.config.suggest import did_you_mean, shown_value
from slo_action.config.workspace_files import WorkspaceFiles
from slo_action.config.yaml_file import Spots, read_yaml
from slo_action.core.matrix import Maintenance, Matrix, Service, Team
from slo_action.core.policy import Policy
from slo_action.core.policy_change import PolicyChange, policy_of
from slo_action.core.rules import Document, Key, dotted
from slo_action.errors import Mistake

MOST_MISTAKES = 100
_MOST_FILES = 200
_DEEPEST_INCLUDE = 10
_PAGE = "see docs/config.md"
_AnyForm = TypeVar("_AnyForm", bound=Form)


class Files(Protocol):
    """Where the matrix and what it includes are read from."""

    def text(self, name: str, field: str) -> str | Mistake:
        """Return a file's text, or why it cannot be had."""
        ...

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        """Return the files that a pattern names, relative to the file `beside`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a service is written down: its entry, and then the defaults of the same file.

    `table` is the entry as it is written, without its defaults.
    """

    document: Document
    roots: tuple[Key, ...]
    table: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What could be read, and every mistake. `texts` are the files by their names."""

    matrix: Matrix
    origins: Mapping[str, Origin]
    texts: Mapping[str, str]
    mistakes: tuple[Mistake, ...]


def load_matrix(files: Files, name: str, field_name: str) -> Loaded:
    """Read a matrix and all it includes. `field_name` is the input that named the file.

    Services without a mistake are there even where others have some. Never raises.
    """
    reader = _Reader(files, field_name)
    with _collector_paused():
        reader.read(name, _Inherited(), (name,))
        reader.finish()
    return Loaded(
        matrix=Matrix(services=reader.services, teams=reader.teams, policy=reader.policy),
        origins=reader.origins,
        texts=reader.texts,
        mistakes=_bounded(reader.mistakes),
    )


def read_matrix(path: Path, home: Path, field_name: str) -> Loaded:
    """Read the matrix at a path; what lies below `home` is named relative to it."""
    files, name = WorkspaceFiles.around(path, home)
    return load_matrix(files, name, field_name)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing here is garbage until it is read: looking for some takes two thirds of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _bounded(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    found = sorted(mistakes, key=lambda one: (one.path or "", one.line or 0, one.column or 0))
    rest = len(found) - MOST_MISTAKES
    if rest <= 0:
        return tuple(found)
    more = Mistake(field="config", problem=f"{rest} more mistakes", accepted="mend these first")
    return (*found[:MOST_MISTAKES], more)


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What files further up say for the services of the files that they include, nearest first.

    `roots` are the places of the defaults, by their file.
    """

    defaults: tuple[DefaultsForm, ...] = ()
    policy: PolicyChange = field(default_factory=PolicyChange)
    roots: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """Something that names something else, which may be written further down."""

    document: Document
    key: Key
    name: str


class _Reader:
    """Reads file after file, and gathers what all of them say."""

    def __init__(self, files: Files, field_name: str) -> None:
        self.services: dict[str, Service] = {}
        self.origins: dict[str, Origin] = {}
        self.teams: dict[str, Team] = {}
        self.texts: dict[str, str] = {}
        self.policy = PolicyChange()
        self.mistakes: list[Mistake] = []
        self._files = files
        self._field = field_name
        self._teams: list[_Reference] = []
        self._covered: list[_Reference] = []
        self._maintenance: list[Maintenance] = []
        self._patterns: dict[str, list[tuple[Document, Key, str]]] = {}
        self._is_whole = True

    def read(self, name: str, inherited: _Inherited, chain: tuple[str, ...]) -> None:
        """Take one file; `chain` are the files that led to it, itself the last."""
        text = self._files.text(name, self._field)
        if isinstance(text, Mistake):
            self.mistakes.append(text)
            return
        self.texts[name] = text
        parsed = read_yaml(text, name, self._field)
        self.mistakes += parsed.mistakes
        self._is_whole = self._is_whole and parsed.is_whole
        documents = [
            (_document(name, content, parsed.places), content, number)
            for number, content in enumerate(parsed.documents)
        ]
        for document, content, number in documents:
            if _is_mapping(content):
                inherited = self._file_wide(document, content, (number,), inherited, chain)
        for document, content, number in documents:
            self._services(document, content, (number,), inherited)
        for document, key, pattern in self._patterns.pop(name, ()):
            self._include(document, pattern, key, inherited, chain)
        if not parsed.documents and parsed.is_whole:
            problem = "holds no service: it is empty"
            self.mistakes.append(_in_file(self._field, problem, name))

    def finish(self) -> None:
        """Look at what is about other entries, once everything is there."""
        if not self._is_whole:
            return
        if self._maintenance:
            self.services = {name: self._maintained(one) for name, one in self.services.items()}
        for known, references in ((self.teams, self._teams), (self.services, self._covered)):
            for one in references:
                if one.name not in known:
                    told = did_you_mean(one.name, known)
                    self._mistake(one.document, one.key, "is not known", told, one.name)

    def _maintained(self, service: Service) -> Service:
        about = (m for m in self._maintenance if not m.services or service.name in m.services)
        return replace(service, maintenance=(*service.maintenance, *about))

    def _services(
        self, document: Document, content: object, key: Key, inherited: _Inherited
    ) -> None:
        if isinstance(content, list):
            self._listed(document, content, key, inherited)
        elif _is_mapping(content):
            listed = content.get("services", [])
            self._listed(document, listed, (*key, "services"), inherited)
        elif isinstance(content, dict):
            self._service(document, content, key, inherited)
        else:
            accepted = f"write services: and a list of them; {_PAGE}"
            self._mistake(document, key, "is no mapping", accepted, content)

    def _file_wide(
        self,
        document: Document,
        content: Mapping[str, object],
        key: Key,
        inherited: _Inherited,
        chain: tuple[str, ...],
    ) -> _Inherited:
        """Take what holds for more than one service; return what the file's services inherit."""
        plain = {name: value for name, value in content.items() if name != "services"}
        form = self._form(MatrixForm, document, _without_own(plain), key) or MatrixForm()
        for name, team in (form.teams or {}).items():
            self._team(document, name, team, (*key, "teams", name))
        self._take_maintenance(document, form, key)
        included = form.include or []
        patterns = [included] if isinstance(included, str) else included
        named = [(document, (*key, "include"), pattern) for pattern in patterns]
        self._patterns.setdefault(document.path, []).extend(named)
        policy = policy_change(form.policy) if form.policy else PolicyChange()
        if len(chain) == 1:
            self.policy = policy.over(self.policy)
        own = form.defaults or DefaultsForm()
        wide = DefaultsForm(notify=form.notify)
        roots = ((*key, "defaults"), *inherited.roots.get(document.path, ()))
        above = _Inherited(
            (own, wide, *inherited.defaults),
            policy.over(inherited.policy),
            {**inherited.roots, document.path: roots},
        )
        self._check_policy(document, (*key, "policy") if form.policy else key, above.policy)
        return above

    def _take_maintenance(self, document: Document, form: MatrixForm, key: Key) -> None:
        for number, one in enumerate(form.maintenance or ()):
            self._maintenance.append(maintenance_of(one))
            for index, service in enumerate(one.services or ()):
                where = (*key, "maintenance", number, "services", index)
                self._covered.append(_Reference(document=document, key=where, name=service))

    def _team(self, document: Document, name: str, form: TeamForm, key: Key) -> None:
        if name in self.teams:
            self._mistake(document, key, "is named twice", "name each team once", name)
        self.teams[name] = Team(name=name, notify=tuple(form.notify or ()))

    def _listed(self, document: Document, listed: object, key: Key, inherited: _Inherited) -> None:
        if not isinstance(listed, list):
            self._mistake(document, key, "is no list", "write a list of services", listed)
            return
        for number, entry in enumerate(listed):
            self._service(document, entry, (*key, number), inherited)

    def _service(self, document: Document, entry: object, key: Key, above: _Inherited) -> None:
        if not isinstance(entry, dict):
            accepted = "write a mapping with service: and url:"
            self._mistake(document, key, "is no mapping", accepted, entry)
            return
        form = self._form(ServiceForm, document, _without_own(entry), key)
        if form is None:
            return
        known = self.origins.get(form.service)
        if known:
            place = known.document.below(*known.roots).place(("service",))
            first = f"is named twice, first at {known.document.path}:{place.line}"
            where = (*key, "service")
            self._mistake(document, where, first, "name each service once", form.service)
            return
        service = service_of(form, above.defaults)
        service = replace(service, policy=service.policy.over(above.policy))
        self._check_policy(document, _policy_key(form, key), service.policy)
        self.services[service.name] = service
        roots = (key, *above.roots.get(document.path, ()))
        self.origins[service.name] = Origin(document=document, roots=roots, table=entry)
        if service.team:
            where = (*key, "team")
            self._teams.append(_Reference(document=document, key=where, name=service.team))

    def _check_policy(self, document: Document, key: Key, change: PolicyChange) -> None:
        """Keep a mistake where numbers do not fit together."""
        why = _unfit(change)
        if why:
            told = "slo_targets.error_rate counts as its slo"
            self._mistake(document, key, why, told, None)

    def _include(
        self,
        document: Document,
        pattern: str,
        key: Key,
        inherited: _Inherited,
        chain: tuple[str, ...],
    ) -> None:
        names = self._files.matching(pattern, document.path)
        if not names:
            accepted = "name files relative to this one, such as teams/*.yml"
            self._mistake(document, key, "matches no file", accepted, pattern)
        for name in names:
            why = self._refused(name, chain)
            if why:
                self._mistake(document, key, why, "leave it out", name)
            elif name not in self.texts:
                self._read_included(document, key, name, inherited, chain)

    def _read_included(
        self,
        document: Document,
        key: Key,
        name: str,
        inherited: _Inherited,
        chain: tuple[str, ...],
    ) -> None:
        before = len(self.mistakes)
        self.read(name, inherited, (*chain, name))
        for number in range(before, len(self.mistakes)):
            one = self.mistakes[number]
            if one.path is None:  # the file could not be read: what is wrong is who names it
                place = document.place(key)
                self.mistakes[number] = replace(
                    one,
                    field="include",
                    path=document.path,
                    line=place.line,
                    column=place.column,
                )

    def _refused(self, name: str, chain: tuple[str, ...]) -> str:
        if name in chain:
            return f"includes itself: {' → '.join((*chain, name))}"
        if len(chain) > _DEEPEST_INCLUDE:
            return f"is included more than {_DEEPEST_INCLUDE} deep"
        return (
            f"is one file too many: {_MOST_FILES} are read"
            if len(self.texts) >= _MOST_FILES
            else ""
        )

    def _form(
        self, form: type[_AnyForm], document: Document, raw: dict[str, object], key: Key
    ) -> _AnyForm | None:
        try:
            return form.model_validate(raw)
        except ValidationError as error:
            for one in form_mistakes(error, form, raw):
                self._form_mistake(document, key, one)
            return None

    def _form_mistake(self, document: Document, key: Key, one: FormMistake) -> None:
        self.mistakes.append(_at(document, (*key, *one.key), one.problem, one.accepted, one.value))

    def _mistake(
        self, document: Document, key: Key, problem: str, accepted: str, value: object
    ) -> None:
        """Lists and mappings are not shown: aliases can make them endless."""
        shown = shown_value(value) if isinstance(value, str | int | float) else None
        self.mistakes.append(_at(document, key, problem, accepted, shown))


def _document(name: str, content: object, places: Spots) -> Document:
    """Rules look at mappings; what else may be in a file has nothing for them to look at."""
    table = content if isinstance(content, dict) else {}
    return Document(path=name, content=table, places=places)


def _is_mapping(content: object) -> TypeGuard[dict[str, object]]:
    """Tell a file's own mapping from a service that stands by itself."""
    return isinstance(content, dict) and ("services" in content or "service" not in content)


def _without_own(raw: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in raw.items() if not key.startswith(OWN_KEY)}


def _policy_key(form: ServiceForm, key: Key) -> Key:
    if form.policy:
        return (*key, "policy")
    said = form.slo_targets is not None and form.slo_targets.error_rate is not None
    return (*key, "slo_targets", "error_rate") if said else key


@lru_cache(maxsize=1024)
def _unfit(change: PolicyChange) -> str:
    try:
        policy_of(change, Policy())
    except ValueError as error:
        return str(error)
    return ""


def _at(document: Document, key: Key, problem: str, accepted: str, value: str | None) -> Mistake:
    place = document.place(key)
    return Mistake(
        field=shown_value(dotted(key[1:]), 200) or f"document {key[0]}",
        problem=problem,
        accepted=accepted,
        value=value,
        path=document.path,
        line=place.line,
        column=place.column,
    )


def _in_file(field_name: str, problem: str, name: str) -> Mistake:
    return Mistake(field=field_name, problem=problem, accepted=_PAGE, path=name, line=1, column=1)
