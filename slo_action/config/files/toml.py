"""fly.toml from the workspace: parsed by tomllib, and the line of each key beside it."""

import re
import tomllib

from slo_action.config.files.toml_positions import toml_positions
from slo_action.core.lint.rule import Document
from slo_action.errors import Mistake

SIZE_LIMIT_BYTES = 64 * 1024
_MOST_DOTS = 256
_BYTE_ORDER_MARK = "\ufeff"
_AS_THE_TOOLS = "write it as the platform's own tools do"
_WITHOUT_MARK = "save it as UTF-8 without BOM: not every TOML parser takes that invisible character"
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_toml(text: str, name: str, field: str) -> Document | Mistake:
    """Return the content and places, or why it cannot be read, with its line.

    `name` is the file's path for people; `field` is the input that named it.
    """
    if text.startswith(_BYTE_ORDER_MARK):
        return _unreadable("it begins with a byte order mark (BOM)", name, field, _WITHOUT_MARK)
    plain = text.replace("\r\n", "\n")
    for number, line in enumerate(plain.split("\n"), start=1):
        if line.count(".") > _MOST_DOTS:  # tomllib keeps each part of a key with all before it
            problem = f"cannot be read: a line of more than {_MOST_DOTS} dots"
            return Mistake(field, problem, _AS_THE_TOOLS).at(name, number)
    try:
        return toml_positions(plain, name, tomllib.loads(plain))
    except tomllib.TOMLDecodeError as error:
        return _syntax(str(error), text, name, field)
    except RecursionError:
        return _unreadable("it is nested too deeply", name, field)
    except ValueError as error:
        return _unreadable(next(iter(str(error).splitlines()), "no TOML"), name, field)


def _syntax(message: str, text: str, name: str, field: str) -> Mistake:
    found = _WHERE.search(message)
    line, column = found.groups() if found else (None, None)
    last = text.removesuffix("\n").count("\n") + 1
    accepted = "fix the line" if line else "fix the end of the file"
    mistake = Mistake(field, f"not valid TOML: {_WHERE.sub('', message)}", accepted)
    return mistake.at(name, int(line or last), int(column) if column else None)


def _unreadable(why: str, name: str, field: str, accepted: str = _AS_THE_TOOLS) -> Mistake:
    return Mistake(field, f"cannot be read: {why}", accepted).at(name)
