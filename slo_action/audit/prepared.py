"""What `prepare` hands over, as a file: written, found again, and read with care."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from slo_action.core.release.baseline import Prepared
from slo_action.core.text.quantities import instant_text
from slo_action.errors import RecordError
from slo_action.files import HeldDirectory

PREPARED_NAME = "prepared.json"
_ADAPTER = TypeAdapter(Prepared)
_MOST_BYTES = 32 * 1024 * 1024
_MOST_FILES = 200
_LONGEST_AGO = timedelta(hours=24)
_SLACK = timedelta(seconds=60)


def prepared_json(prepared: Prepared) -> str:
    """Return the file's text."""
    return json.dumps(_ADAPTER.dump_python(prepared, mode="json"), indent=2) + "\n"


def read_prepared(workspace: HeldDirectory, name: str) -> Prepared:
    """Return what a file holds. Raises RecordError where it is no such file."""
    try:
        with workspace.opened(name) as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise RecordError(f"{name} is too large", hint="it is not what `prepare` wrote")
        return _ADAPTER.validate_json(content)
    except OSError as error:
        raise RecordError(
            f"{name}: {error.strerror}", hint="unpack it, and make no link"
        ) from error
    except ValidationError as error:
        raise RecordError(
            f"{name} is not what `prepare` wrote ({error.error_count()} mistakes)",
            hint="run `prepare` again with the same version",
        ) from error


def find_prepared(
    workspace: Path,
    *,
    service: str,
    app: str,
    deployed_at: datetime,
    warn: Callable[[str], None] = lambda _: None,
) -> Prepared | None:
    """Return what the newest `prepare` of this service handed over; None where none fits.

    It lies anywhere below `slo-verify/`, where the same job's run left it or an artifact was
    unpacked; it is from before the deploy, and not older than a day. `warn` gets a line for each
    file that is of this service, or unreadable, and is not used.
    """
    held, root = HeldDirectory(workspace), workspace / "slo-verify"
    fitting = []
    for path in sorted(root.rglob(PREPARED_NAME))[:_MOST_FILES]:
        try:
            prepared = read_prepared(held, path.relative_to(workspace).as_posix())
        except RecordError as error:
            warn(f"the result of `prepare` is not used: {error.message}")
            continue
        if (prepared.service, prepared.app) != (service, app):
            continue
        ago = deployed_at - prepared.taken_at
        if -_SLACK <= ago <= _LONGEST_AGO:
            fitting.append(prepared)
        else:
            at = instant_text(prepared.taken_at)
            late = "not from the 24 hours before this deploy"
            warn(f"the result of `prepare` at {at} is not used: {late}")
    return max(fitting, key=lambda prepared: prepared.taken_at, default=None)
