"""slo.yml: files → forms → the core's nouns, every mistake at its line.

A file is one mapping with `services:`, a list of services, or documents that are either; or of
OpenSLO.
"""

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.config.openslo.read import merged, openslo_services
from slo_action.config.slo.forms import ServiceForm
from slo_action.config.slo.includes import (
    Inherited,
    Reference,
    SloYmlFiles,
    SourceEntry,
    without_own,
)
from slo_action.config.slo.mistakes import filled_without, form_at, mistake_at, mistake_below
from slo_action.config.slo.services import (
    POLICY_FORM,
    service_of,
    unfit_policy,
    unset_variables,
)
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.lint.rule import Document, Key
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.services import Service, SloYml
from slo_action.core.text.quoting import quoted
from slo_action.core.text.secrets import hidden_in_line
from slo_action.errors import Mistake
from slo_action.ports import Files

MOST_MISTAKES = 100
_PAGE = "write services: and a list of them; see docs/config.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedService:
    """What OpenSLO says and slo.yml has no key for; `message` quotes it: untrusted."""

    document: Document
    key: Key
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSloYml:
    """What could be read, and every mistake. `texts` are the files by their names.

    `origins` are the entries of the services. `is_whole` is False where the reading of a file
    broke off. `hidden` are notification targets: who has one may write to it.
    """

    slo_yml: SloYml
    origins: Mapping[str, SourceEntry]
    texts: Mapping[str, str]
    mistakes: tuple[Mistake, ...]
    skipped: tuple[SkippedService, ...] = ()
    is_whole: bool = True
    hidden: frozenset[str] = frozenset()


def load_slo_yml(files: Files, name: str, field_name: str) -> LoadedSloYml:
    """Read slo.yml and all it includes. `field_name` is the input that named the file.

    Services are there as far as they could be read, even where there are mistakes. Never raises.
    """
    with _collector_paused():
        written = SloYmlFiles(files, field_name)
        written.read(name, Inherited(), (name,))
        services = _Services(written)
        services.take()
    return LoadedSloYml(
        slo_yml=SloYml(services=services.found, teams=written.teams, policy=written.policy),
        origins=services.origins,
        texts=written.texts,
        mistakes=_shown(_bounded([*written.mistakes, *services.mistakes]), written),
        skipped=tuple(services.skipped),
        is_whole=written.is_whole,
        hidden=frozenset(written.hidden),
    )


def read_slo_yml(path: Path, home: Path, field_name: str) -> LoadedSloYml:
    """Read the slo.yml at a path; what lies below `home` is named relative to it."""
    files, name = WorkspaceFiles.around(path, home)
    return load_slo_yml(files, name, field_name)


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
    more = Mistake("config", f"{rest} more mistakes", "fix these first")
    return (*found[:MOST_MISTAKES], more)


def _shown(mistakes: tuple[Mistake, ...], written: SloYmlFiles) -> tuple[Mistake, ...]:
    """Return them with the lines that they stand on, without what is secret in them."""
    texts = written.texts
    paths = {one.path for one in mistakes if one.path}
    lines = {path: ["", *texts[path].split("\n")] for path in paths & texts.keys()}
    return tuple(
        replace(one, source=hidden_in_line(_line(one, lines), written.hidden)) for one in mistakes
    )


def _line(mistake: Mistake, lines: Mapping[str, list[str]]) -> str:
    texts = lines.get(mistake.path or "", [])
    number = mistake.line or 0
    return texts[number].rstrip("\r") if number < len(texts) else ""


class _Services:
    """Makes services of what is written, and looks at what is about several of them."""

    def __init__(self, written: SloYmlFiles) -> None:
        self.found: dict[str, Service] = {}
        self.origins: dict[str, SourceEntry] = {}
        self.mistakes: list[Mistake] = []
        self.skipped: list[SkippedService] = []
        self._written = written
        self._teams: list[Reference] = []

    def take(self) -> None:
        """Take everything, each thing once those that it may be about are there."""
        for entry in self._written.services:
            self._service(entry)
        if self._written.openslo:
            self._import()
        if self._written.is_whole:
            self._maintain()
            self._refer(self._written.teams, self._teams)
            self._refer(self.found, self._written.covered)
            self._expect_some()

    def _service(self, entry: SourceEntry) -> None:
        if not isinstance(entry.content, dict):
            accepted = "write a mapping with service: and url:"
            self._mistake(entry, (), "is not a mapping", accepted, entry.content)
            return
        service = self._made(entry, entry.content)
        if service is None:
            return
        origin = self.origins.get(service.name)
        if origin:
            place = origin.document.below(*origin.roots).place(("service",))
            first = f"is named twice, first at {origin.document.path}:{place.line}"
            self._mistake(entry, ("service",), first, "name each service once", service.name)
            return
        self._keep(entry, service, entry.content)

    def _made(self, entry: SourceEntry, raw: Mapping[str, object]) -> Service | None:
        """Return the service that an entry fills in, as far as it does; None where it has no name.

        What is wrong with it is a mistake; the rest is there for whoever looks at the rest.
        """
        plain = without_own(raw)
        form, wrong = form_at(ServiceForm, entry.document, plain, entry.key, self.mistakes)
        form = form or filled_without(wrong, ServiceForm, plain)
        if form is None:
            return None
        service = service_of(form, entry.inherited.defaults, entry.inherited.policy)
        unfit = unfit_policy(service.policy)
        key: Key = ("policy",) if form.policy else ("slo_targets", "error_rate")
        found = [(key, unfit, POLICY_FORM)] if unfit else []
        where = entry.document.below(*entry.roots)
        for one in (*found, *unset_variables(service)):
            mistake = mistake_below(where, *one)
            if mistake not in self.mistakes:  # of defaults it is found in each service
                self.mistakes.append(mistake)
        return service

    def _keep(self, entry: SourceEntry, service: Service, raw: Mapping[str, object]) -> None:
        self.found[service.name] = service
        self.origins[service.name] = replace(entry, content=raw)
        if service.team:
            team = Reference(entry.document, (*entry.key, "team"), service.team)
            self._teams.append(team)

    def _import(self) -> None:
        """Take what OpenSLO says of services, some of which slo.yml may know already."""
        entries = self._written.openslo
        imported = openslo_services([one.content for one in entries], written=self.found)
        for wrong in imported.mistakes:
            shown = None if "://" in str(wrong.value) else wrong.value
            accepted = _ADDRESS.sub("an address", wrong.accepted)
            entry = entries[int(wrong.key[0])]
            self._mistake(entry, wrong.key[1:], wrong.problem, accepted, shown)
        for one in imported.skipped:
            document, key = self._openslo_place(one.key)
            message = f"{quoted(one.what)}: {one.why}"
            self.skipped.append(SkippedService(document=document, key=key, message=message))
        for number, raw in enumerate(imported.services):
            places = {key[1:]: at for key, at in imported.origins.items() if key[0] == number}
            self._imported(raw, places)

    def _imported(self, raw: Mapping[str, object], places: Mapping[Key, Key]) -> None:
        origin = self.origins.get(str(raw.get("service")))
        if origin is not None:
            whole = merged(origin.table, raw)
            service = self._made(origin, whole)
            if service is not None:
                self._keep(origin, service, whole)
            return
        first = self._written.openslo[int(next(iter(places.values()))[0])]
        found = {}
        for ours, theirs in places.items():
            document, key = self._openslo_place(theirs)
            found[(0, *ours)] = document.place(key)
        document = Document(path=first.document.path, content=raw, places=found)
        entry = SourceEntry(document=document, key=(0,), content=raw, inherited=first.inherited)
        before = len(self.mistakes)
        service = self._made(entry, raw)
        if "url" not in raw:  # said of the OpenSLO document, with what to do there
            self.mistakes[before:] = [m for m in self.mistakes[before:] if m.field != "url"]
        if service is not None:
            self._keep(entry, service, raw)

    def _openslo_place(self, key: Key) -> tuple[Document, Key]:
        """Return the file and the key in it; the first part of `key` counts OpenSLO documents."""
        entry = self._written.openslo[int(key[0])]
        return entry.document, (*entry.key, *key[1:])

    def _expect_some(self) -> None:
        """A policy alone will do for back-tests; where something is wrong, that says more."""
        written = self._written
        wrong = written.mistakes or self.mistakes
        if self.found or wrong or self.skipped or written.policy != PolicyOverrides():
            return
        mistake = Mistake("services", "no service is in it", _PAGE)
        self.mistakes.append(mistake.at(next(iter(written.texts))))

    def _maintain(self) -> None:
        for one in self._written.maintenance:
            for name in one.services or tuple(self.found):
                service = self.found.get(name)
                if service:
                    windows = (*service.maintenance, one)
                    self.found[name] = replace(service, maintenance=windows)

    def _refer(self, names: Mapping[str, object], references: list[Reference]) -> None:
        unknown = (one for one in references if one.name not in names)
        for one in islice(unknown, MOST_MISTAKES):
            suggestion = did_you_mean(one.name, names)
            wrong = mistake_at(one.document, one.key, "is not known", suggestion, one.name)
            self.mistakes.append(wrong)

    def _mistake(
        self, entry: SourceEntry, key: Key, problem: str, accepted: str, value: object
    ) -> None:
        where = (*entry.key, *key)
        self.mistakes.append(mistake_at(entry.document, where, problem, accepted, value))


_ADDRESS = re.compile(r"\w+://[^\s\"]*")
"""An address may hold credentials, or be a secret itself."""
