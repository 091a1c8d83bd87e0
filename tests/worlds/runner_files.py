"""What a runner reads from a step's files when it has ended.

Source: actions/runner, FileCommandManager.cs; act's dialect: nektos/act, parse_env_file.go.
"""

import re
from collections.abc import Iterator

from tests.worlds.runner_log import StepLog

SUMMARY_LIMIT_BYTES = 1024 * 1024
_DOTNET_BREAK = re.compile(r"\r\n|\n|\r")


class FileCommandError(Exception):
    """The step fails; what stood before the bad line counts all the same."""


def read_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values as a runner reads them. Raises FileCommandError."""
    lines = iter(_lines(text))
    for line, _ in lines:
        if not line:
            continue
        if _is_heredoc(line):
            name, _, delimiter = line.partition("<<")
            if not name or not delimiter:
                raise FileCommandError(
                    f"Invalid format '{line}'. Name must not be empty and delimiter must not be "
                    "empty"
                )
            yield name, _heredoc(lines, delimiter)
        elif "=" in line:
            name, _, value = line.partition("=")
            if not name:
                raise FileCommandError("Value cannot be null. (Parameter 'name')")
            yield name, value
        else:
            raise FileCommandError(f"Invalid format '{line}'")


def read_act_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values as act reads them. Raises FileCommandError."""
    lines = iter([line.removesuffix("\r") for line, _ in _lines(text)])
    for line in lines:
        if _is_heredoc(line):
            name, _, delimiter = line.partition("<<")
            value = ""
            for content in lines:
                if content == delimiter:
                    break
                value += f"\n{content}" if value else content
            else:
                raise FileCommandError(
                    f"invalid format delimiter '{delimiter}' not found before end of file"
                )
            yield name, value
        elif "=" in line:
            name, _, value = line.partition("=")
            yield name, value
        else:
            raise FileCommandError(f"invalid format '{line}', expected a line with '=' or '<<'")


def read_summary(content: bytes, log: StepLog) -> str:
    """Return the summary people see; empty where it is too large, and then an error says so."""
    if len(content) > SUMMARY_LIMIT_BYTES:
        log.issue(
            "error",
            "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got "
            f"{len(content) // 1024}k.",
        )
        return ""
    lines = _DOTNET_BREAK.split(content.decode("utf-8", errors="replace"))
    shown = lines if lines[-1] else lines[:-1]
    return "".join(f"{log.masker.mask(line)}\n" for line in shown)


def _is_heredoc(line: str) -> bool:
    equals, heredoc = line.find("="), line.find("<<")
    return heredoc >= 0 and (equals < 0 or heredoc < equals)


def _heredoc(lines: Iterator[tuple[str, bool]], delimiter: str) -> str:
    value: list[str] = []
    for line, has_newline in lines:
        if line == delimiter:
            return "\n".join(value)
        if not has_newline:
            raise FileCommandError("Invalid value. EOF marker missing new line.")
        value.append(line)
    raise FileCommandError(f"Invalid value. Matching delimiter not found '{delimiter}'")


def _lines(text: str) -> list[tuple[str, bool]]:
    """Return lines and whether a newline ends them; only LF is one, CR is data."""
    parts = text.split("\n")
    ended = [(part, True) for part in parts[:-1]]
    return [*ended, (parts[-1], False)] if parts[-1] else ended
