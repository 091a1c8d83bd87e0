"""slo.yml and the files it includes: their entries, and what they inherit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from slo_action.config.files.yaml import KeyPositions, read_yaml
from slo_action.config.openslo.read import is_openslo
from slo_action.config.openslo.sloth import is_sloth
from slo_action.config.slo.forms import OWN_KEY, DefaultsForm, MatrixForm
from slo_action.config.slo.mistakes import form_at, mistake_at, placed
from slo_action.config.slo.other_tools import other_tool
from slo_action.config.slo.services import (
    POLICY_FORM,
    maintenance_of,
    policy_overrides,
    unfit_policy,
)
from slo_action.core.lint.rule import Document, Key
from slo_action.core.policy.numbers import PolicyOverrides
from slo_action.core.slo.services import Maintenance, Team
from slo_action.errors import Mistake
from slo_action.ports import Files

_MOST_FILES = 200
_DEEPEST_INCLUDE = 10
_PAGE = "see docs/config.md"


@dataclass(frozen=True, slots=True)
class Inherited:
    """What files say for the services in them and in those that they include, nearest first.

    `roots` are the places of the defaults, by their file.
    """

    defaults: tuple[DefaultsForm, ...] = ()
    policy: PolicyOverrides = field(default_factory=PolicyOverrides)
    roots: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """An entry as it is written: a service, or a YAML document of OpenSLO."""

    document: Document
    key: Key
    content: object
    inherited: Inherited

    @property
    def table(self) -> Mapping[str, object]:
        """The entry without its defaults; empty where it is not a mapping."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def roots(self) -> tuple[Key, ...]:
        """Where its keys stand: in the entry, or in the defaults of the same file."""
        return (self.key, *self.inherited.roots.get(self.document.path, ()))


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of something that may be written further down, or the pattern of an include."""

    document: Document
    key: Key
    name: str


class SloYmlFiles:
    """Reads file after file, and gathers what is written in all of them.

    `is_whole` is False where the reading of one broke off.
    """

    def __init__(self, files: Files, field_name: str) -> None:
        self.services: list[SourceEntry] = []
        self.openslo: list[SourceEntry] = []
        self.covered: list[Reference] = []
        self.maintenance: list[Maintenance] = []
        self.teams: dict[str, Team] = {}
        self.texts: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.policy = PolicyOverrides()
        self.mistakes: list[Mistake] = []
        self.is_whole = True
        self._files = files
        self._field = field_name
        self._patterns: dict[str, list[Reference]] = {}

    def read(self, name: str, inherited: Inherited, chain: tuple[str, ...]) -> None:
        """Take one file; `chain` are the files that led to it, itself the last."""
        text = self._files.text(name, self._field)
        if isinstance(text, Mistake):
            self.mistakes.append(text)
            return
        self.texts[name] = text
        parsed = read_yaml(text, name, self._field)
        self.mistakes += parsed.mistakes
        self.is_whole = self.is_whole and parsed.is_whole
        documents = [
            (_document(name, content, parsed.places), content, (number,))
            for number, content in enumerate(parsed.documents)
            if not self._is_foreign(name, content)
        ]
        for _, content, _ in documents:
            self.hidden.update(_targets(content))
        for document, content, key in documents:
            if _is_mapping(content):
                inherited = self._file_wide(document, content, key, inherited, chain)
        for document, content, key in documents:
            self._document(document, content, key, inherited)
        for pattern in self._patterns.pop(name, ()):
            self._include(pattern, inherited, chain)
        if not parsed.documents and parsed.is_whole:
            empty = Mistake(self._field, "has no service: it is empty", _PAGE)
            self.mistakes.append(empty.at(name))

    def _is_foreign(self, name: str, content: object) -> bool:
        tool = other_tool(content)
        if tool:
            self.mistakes.append(Mistake(self._field, f"is {tool}, not slo.yml", _PAGE).at(name))
        return bool(tool)

    def _document(
        self, document: Document, content: object, key: Key, inherited: Inherited
    ) -> None:
        entry = SourceEntry(document=document, key=key, content=content, inherited=inherited)
        if is_openslo(content) or is_sloth(content):
            self.openslo.append(entry)
        elif isinstance(content, list):
            self._listed(entry, content)
        elif _is_mapping(content):
            self._listed(replace(entry, key=(*key, "services")), content.get("services") or [])
        elif isinstance(content, dict):
            self.services.append(entry)
        else:
            accepted = f"write services: and a list of them; {_PAGE}"
            self.mistakes.append(mistake_at(document, key, "is not a mapping", accepted, content))

    def _listed(self, entry: SourceEntry, listed: object) -> None:
        if not isinstance(listed, list):
            accepted = "write a list of services"
            wrong = mistake_at(entry.document, entry.key, "is not a list", accepted, listed)
            self.mistakes.append(wrong)
            return
        self.services += [
            replace(entry, key=(*entry.key, number), content=content)
            for number, content in enumerate(listed)
        ]

    def _file_wide(
        self,
        document: Document,
        content: Mapping[str, object],
        key: Key,
        inherited: Inherited,
        chain: tuple[str, ...],
    ) -> Inherited:
        """Take what holds for more than one service; return what the file's services inherit."""
        plain = {name: value for name, value in content.items() if name != "services"}
        filled, _ = form_at(MatrixForm, document, without_own(plain), key, self.mistakes)
        form = filled or MatrixForm()
        for name, team in (form.teams or {}).items():
            if name in self.teams:
                at, accepted = (*key, "teams", name), "name each team once"
                self.mistakes.append(mistake_at(document, at, "is named twice", accepted, name))
            self.teams[name] = Team(name=name, notify=tuple(team.notify or ()))
        self._take_maintenance(document, form, key)
        where, included = (*key, "include"), form.include or []
        listed = enumerate([included] if isinstance(included, str) else included)
        self._patterns.setdefault(document.path, []).extend(
            Reference(document, where if one is included else (*where, number), one)
            for number, one in listed
        )
        policy = policy_overrides(form.policy) if form.policy else PolicyOverrides()
        if len(chain) == 1:
            self.policy = policy.over(self.policy)
        own = form.defaults or DefaultsForm()
        wide = DefaultsForm(notify=form.notify)
        roots = ((*key, "defaults"), *inherited.roots.get(document.path, ()))
        above = Inherited(
            (own, wide, *inherited.defaults),
            policy.over(inherited.policy),
            {**inherited.roots, document.path: roots},
        )
        unfit = unfit_policy(above.policy)
        if unfit:
            where = (*key, "policy") if form.policy else key
            self.mistakes.append(mistake_at(document, where, unfit, POLICY_FORM))
        return above

    def _take_maintenance(self, document: Document, form: MatrixForm, key: Key) -> None:
        for number, one in enumerate(form.maintenance or ()):
            self.maintenance.append(maintenance_of(one))
            for index, service in enumerate(one.services or ()):
                where = (*key, "maintenance", number, "services", index)
                self.covered.append(Reference(document, where, service))

    def _include(self, pattern: Reference, inherited: Inherited, chain: tuple[str, ...]) -> None:
        document, key = pattern.document, pattern.key
        accepted = "name files relative to this one, such as teams/*.yml"
        if "://" in pattern.name:
            wrong = mistake_at(document, key, "is an address, and nothing is fetched", accepted)
            self.mistakes.append(wrong)
            return
        names = self._files.matching(pattern.name, document.path)
        if not names:
            wrong = mistake_at(document, key, "matches no file", accepted, pattern.name)
            self.mistakes.append(wrong)
        for name in names:
            why = self._refused(name, chain)
            if why:
                self.mistakes.append(mistake_at(document, key, why, "leave it out", name))
            elif name not in self.texts:
                before = len(self.mistakes)
                self.read(name, inherited, (*chain, name))
                # a file that cannot be read is the mistake of the entry that names it
                self.mistakes[before:] = [
                    one if one.path else placed(replace(one, field="include"), document, key)
                    for one in self.mistakes[before:]
                ]

    def _refused(self, name: str, chain: tuple[str, ...]) -> str:
        if name in chain:
            return f"includes itself: {' → '.join((*chain, name))}"
        if len(chain) > _DEEPEST_INCLUDE:
            return f"is included more than {_DEEPEST_INCLUDE} deep"
        too_many = len(self.texts) >= _MOST_FILES
        return f"is one file too many: {_MOST_FILES} are read" if too_many else ""


def _document(name: str, content: object, places: KeyPositions) -> Document:
    """Rules look at mappings; what else may be in a file has nothing for them to look at."""
    table = content if isinstance(content, dict) else {}
    return Document(path=name, content=table, places=places)


def _targets(content: object, depth: int = 0) -> Iterator[str]:
    """Yield the notification targets, wherever they are written."""
    if isinstance(content, list) and depth < _DEEPEST_TARGET:
        for one in content:
            yield from _targets(one, depth + 1)
    elif isinstance(content, dict) and depth < _DEEPEST_TARGET:
        for key, value in content.items():
            if key == "notify" and isinstance(value, list):
                yield from (one for one in value if isinstance(one, str) and len(one) > 3)  # noqa: PLR2004
            elif key in _HOLDERS:
                named = value.values() if key == "teams" and isinstance(value, dict) else [value]
                yield from _targets(list(named), depth + 1)


_HOLDERS = ("services", "defaults", "teams")
_DEEPEST_TARGET = 4


def _is_mapping(content: object) -> TypeGuard[dict[str, object]]:
    """Return whether it is a file's own mapping, and no single service or object of OpenSLO."""
    if not isinstance(content, dict) or is_openslo(content) or is_sloth(content):
        return False
    return "services" in content or not _SERVICE_KEYS & content.keys()


_SERVICE_KEYS = {"service", "url"}


def without_own(raw: Mapping[str, object]) -> dict[str, object]:
    """Return what is not the user's own."""
    return {key: value for key, value in raw.items() if not key.startswith(OWN_KEY)}
