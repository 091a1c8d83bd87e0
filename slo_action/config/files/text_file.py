"""UTF-8 text from the workspace, of a bounded size, or the mistake that it is not."""

from pathlib import Path

from slo_action.core.text.quantities import size_words
from slo_action.errors import Mistake
from slo_action.files import read_plain


def read_text(path: Path, name: str, field: str, *, limit_bytes: int, kind: str) -> str | Mistake:
    """Return the file's text as it is.

    `name` is the file's path for people, `field` what named it, `kind` such as YAML.
    """
    accepted = f"name a UTF-8 {kind} file of at most {size_words(limit_bytes)} below the workspace"
    try:
        content = read_plain(path, limit_bytes + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
        return Mistake(field, problem, accepted, name)
    if len(content) > limit_bytes:
        problem = f"cannot be read: it is larger than {size_words(limit_bytes)}"
        return Mistake(field, problem, accepted, name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        mistake = Mistake(field, f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8")
        return mistake.at(name, before.count(b"\n") + 1, column)
