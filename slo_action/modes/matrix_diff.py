"""What a change under review makes of slo.yml: the former file → both matrices → words."""

from dataclasses import dataclass

from slo_action.config.check import CheckRequest
from slo_action.config.matrix import Loaded, load_matrix
from slo_action.core.change import Change
from slo_action.core.matrix import Matrix
from slo_action.core.matrix_change import matrix_changes
from slo_action.core.matrix_hindsight import Hindsight
from slo_action.errors import GitHubError, Mistake
from slo_action.modes.look_back import look_back
from slo_action.ports import Files, FormerFiles
from slo_action.render.matrix_change import unread_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes, and what the past says of it. `unread` says why nothing can be told."""

    changes: tuple[Change, ...] = ()
    looked: tuple[Hindsight, ...] = ()
    unread: str = ""


def difference(request: CheckRequest, now: Files, former: FormerFiles) -> Difference | None:
    """Return what the change makes of the matrix; None where it does nothing to it.

    `now` are the files of the workspace. A matrix with mistakes is not compared: what is missing
    from it would look like a change.
    """
    loaded, name = request.loaded, request.config
    if loaded is None or loaded.mistakes:
        return None
    try:
        before = _former(name, _FormerFiles(now, former))
    except GitHubError as error:
        return Difference(unread=unread_line(name, error.in_words))
    if before.mistakes:
        return Difference(unread=unread_line(name, "the former file has mistakes"))
    changes = matrix_changes(before.matrix, loaded.matrix)
    if not changes:
        return None
    looked = (
        look_back(request.records, before.matrix, loaded.matrix, changes).found
        if (request.records and request.records.is_dir())
        else ()
    )
    return Difference(changes=changes, looked=looked)


def _former(name: str, files: "_FormerFiles") -> Loaded:
    """A file that was not there said nothing."""
    if files.read(name) is None:
        return Loaded(matrix=Matrix(), origins={}, texts={}, mistakes=())
    return load_matrix(files, name, "config")


class _FormerFiles:
    """The Files that a matrix is read from, as they were.

    Names that match a pattern are today's: what was deleted since is not seen.
    """

    def __init__(self, now: Files, former: FormerFiles) -> None:
        self._former = former
        self._now = now
        self._texts: dict[str, str | None] = {}

    def read(self, name: str) -> str | None:
        """Return a file's former text, None where there was none; each is asked for once."""
        if name not in self._texts:
            self._texts[name] = self._former.read(name)
        return self._texts[name]

    def text(self, name: str, field: str) -> str | Mistake:
        text = self.read(name)
        if text is None:
            return Mistake(field=field, problem="was not there", value=name, accepted="")
        return text

    def matching(self, pattern: str, beside: str) -> tuple[str, ...]:
        names = self._now.matching(pattern, beside)
        return tuple(name for name in names if self.read(name) is not None)
