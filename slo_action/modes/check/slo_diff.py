"""What a change under review changes in slo.yml: base file → both versions → changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname, join, normpath

from slo_action.config.check import CheckRequest
from slo_action.config.request import DEFAULT_CONFIG
from slo_action.config.slo.load import LoadedSloYml, load_slo_yml
from slo_action.core.slo.services import SloYml
from slo_action.core.slo_diff.change import Change
from slo_action.core.slo_diff.diff import slo_changes
from slo_action.core.slo_diff.impact import Impact
from slo_action.errors import GitHubError, Mistake
from slo_action.modes.check.slo_impact import recorded_impact
from slo_action.ports import BaseFiles
from slo_action.render.lint.slo_diff import unread_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes in the file at `path`, and the impact on past deploys.

    `unread` says why nothing can be compared.
    """

    path: str
    changes: tuple[Change, ...] = ()
    impacts: tuple[Impact, ...] = ()
    unread: str = ""


def difference(request: CheckRequest, base: BaseFiles) -> Difference | None:
    """Return what the change changes in slo.yml; None where it changes nothing.

    A file that is gone promises nothing any more. One with mistakes is not compared: what is
    missing from it would look like a change.
    """
    name = request.config or str(DEFAULT_CONFIG)
    after = request.loaded or _NOTHING
    if after.mistakes:
        return _unread(name, "the file has mistakes")
    files = BaseSloFiles(base)
    try:  # a file that does not exist in the base commit promised nothing
        exists = files.read(name) is not None
        before = load_slo_yml(files, name, "config") if exists else _NOTHING
    except GitHubError as error:
        return _unread(name, error.description)
    if before.mistakes:
        return _unread(name, "the file of the base commit has mistakes")
    changes = slo_changes(before.slo_yml, after.slo_yml)
    if not changes:
        return None
    impacts = (
        recorded_impact(request.records, before.slo_yml, after.slo_yml, changes)
        if request.records
        else ()
    )
    return Difference(path=name, changes=changes, impacts=impacts)


_NOTHING = LoadedSloYml(slo_yml=SloYml(), origins={}, texts={}, mistakes=())


def _unread(name: str, why: str) -> Difference:
    return Difference(path=name, unread=unread_line(name, why))


class BaseSloFiles:
    """The Files that slo.yml is read from, in the base commit. All of it raises GitHubError."""

    def __init__(self, base: BaseFiles) -> None:
        self._base = base
        self._texts: dict[str, str | None] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def read(self, name: str) -> str | None:
        """Return the text of a file in the base commit, None where it has none; read once."""
        if name not in self._texts:
            self._texts[name] = self._base.read(name)
        return self._texts[name]

    def text(self, name: str, field: str) -> str | Mistake:
        """Return the text of a file in the base commit, or that there was none."""
        text = self.read(name)
        if text is None:
            return Mistake(
                field=field, problem="does not exist in the base commit", value=name, accepted=""
            )
        return text

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        """Return the files that a pattern named, relative to the file `beside`."""
        named = normpath(join(dirname(beside), pattern))
        if named.startswith(("/", "..")):
            return ()
        if any(mark in named for mark in _WILDCARDS):
            return tuple(sorted(set(self._below("", named.split("/")))))
        return (named,) if self.read(named) is not None else ()

    def _below(self, folder: str, parts: list[str]) -> Iterator[str]:
        """Yield the files below a folder that match, part by part, as pathlib's glob does."""
        part, rest = parts[0], parts[1:]
        if rest and not any(mark in part for mark in _WILDCARDS):
            yield from self._below(join(folder, part), rest)
            return
        if part == "**" and rest:
            yield from self._below(folder, rest)
        for name in self._listed(folder):
            inside = parts if part == "**" else rest
            if not name.endswith("/"):
                if not rest and fnmatchcase(name, part):
                    yield join(folder, name)
            elif inside and fnmatchcase(name[:-1], part):
                yield from self._below(join(folder, name[:-1]), inside)

    def _listed(self, folder: str) -> tuple[str, ...]:
        if folder not in self._names:
            if len(self._names) >= _MOST_FOLDERS:
                raise GitHubError(
                    f"include looks into more than {_MOST_FOLDERS} folders",
                    hint="name the folders in the pattern",
                )
            self._names[folder] = self._base.names(folder)
        return self._names[folder]


_WILDCARDS = "*?["
_MOST_FOLDERS = 100
"""Each is one call of GitHub's API."""
