"""YAML from the workspace, with the line of every mistake. Never an unsafe loader."""

from pathlib import Path

import yaml

from slo_action.errors import Mistake

SIZE_LIMIT_BYTES = 1024 * 1024


def load_documents(path: Path, field: str) -> tuple[object, ...] | Mistake:
    """Return the file's YAML documents, empty ones left out, or why they cannot be read.

    `field` is the input that named the file.
    """
    try:
        text = _read(path)
        return tuple(d for d in yaml.safe_load_all(text) if d is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return Mistake(
            field=field,
            problem=f"not valid YAML: {error.problem}",
            accepted="mend the line",
            path=str(path),
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        )
    except Exception as error:  # noqa: BLE001 - PyYAML lets through what int() and its like raise
        return Mistake(
            field=field,
            problem=f"cannot be read: {_reason(error)}",
            value=str(path),
            accepted="name a UTF-8 YAML file of at most 1 MiB below the workspace",
        )


def _read(path: Path) -> str:
    if path.stat().st_size > SIZE_LIMIT_BYTES:
        raise ValueError("it is larger than 1 MiB")
    return path.read_text(encoding="utf-8")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return next(iter(str(error).splitlines()), type(error).__name__)
