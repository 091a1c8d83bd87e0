"""Machines, status and releases byte for byte as flyctl prints them, but redacted.

Source: flyctl's `machines list`, `status` and `releases` with `--json`, and its render.JSON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from slo_action.core.text.quantities import instant_text
from slo_action.platforms.fly.client.models import Event, FlyApp, FlyMachine, FlyRelease, Json
from slo_action.platforms.fly.snapshots.go_structs import go_json, go_time
from slo_action.platforms.fly.snapshots.redaction import redacted
from slo_action.platforms.fly.state.machines import COMPATIBILITY_CHECKS

_INDENT = 4
_NOT_IN_STATUS = frozenset({"fly_app_release_command", "release_command", "fly_app_console"})
_GONE = frozenset({"destroyed", "destroying"})
_ESCAPED = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})
"""What Go escapes beside what JSON demands: it may be shown in HTML."""


def machines_json(machines: Iterable[FlyMachine]) -> str:
    """Return what `flyctl machines list --json` prints: an array of all machines."""
    return _printed([_machine(live.raw) for live in machines])


def status_json(app: FlyApp, machines: Iterable[FlyMachine], newest_release: int | None) -> str:
    """Return what `flyctl status --json` prints.

    `newest_release` is a version, whether it runs or not; None where there is none.
    """
    shown = [
        live
        for live in machines
        if (app.is_postgres or live.config.metadata.get("fly_platform_version") == "v2")
        and live.config.group not in _NOT_IN_STATUS
        and live.state not in _GONE
    ]
    shape: dict[str, object] = {
        "ID": app.id,
        "Name": app.name,
        "Deployed": app.deployed,
        "Status": app.status,
        "Hostname": app.hostname,
        "Version": newest_release or 0,
        "AppURL": app.url,
        "PlatformVersion": app.platform_version,
        "Organization": {
            "ID": app.owner_id,
            "InternalNumericID": app.owner_number,
            "Name": "",
            "Slug": app.owner_slug,
            "RawSlug": "",
            "PaidPlan": app.owner_pays,
        },
        "Machines": [_machine(live.raw) for live in sorted(shown, key=_by_id, reverse=True)],
    }
    if app.network:
        shape["Network"] = app.network
    return _printed(dict(sorted(shape.items())))


def releases_json(releases: Sequence[FlyRelease]) -> str:
    """Return what `flyctl releases --json` prints, without e-mail addresses."""
    return _printed([_release(row) for row in releases])


def events_json(machines: Iterable[FlyMachine]) -> str:
    """Return each machine's state and events, newest first, with how its processes ended."""
    return _printed(
        [
            {
                "machine": machine.id,
                "region": machine.region,
                "state": machine.state,
                "host_status": machine.host_status,
                "events": [_event(event) for event in machine.newest_events],
            }
            for machine in machines
        ]
    )


def _machine(raw: Json) -> object:
    shown = redacted(raw)
    if isinstance(shown, dict) and isinstance(shown.get("checks"), list):
        shown["checks"] = [check for check in shown["checks"] if not _is_compatibility(check)]
    return go_json(shown)


def _is_compatibility(check: object) -> bool:
    name = check.get("name") if isinstance(check, Mapping) else None
    return isinstance(name, str) and name.startswith(COMPATIBILITY_CHECKS)


def _by_id(live: FlyMachine) -> str:
    return live.id


def _release(row: FlyRelease) -> dict[str, object]:
    """Several are always empty: flyctl does not ask for them."""
    return {
        "ID": row.id,
        "Version": row.version,
        "Stable": row.stable,
        "InProgress": False,
        "Reason": row.reason,
        "Description": row.description,
        "Status": row.status,
        "DeploymentStrategy": "",
        "Metadata": None,
        "User": {"ID": row.user_id, "Name": row.user, "Email": "", "EnablePaidHobby": False},
        "EvaluationID": "",
        "CreatedAt": go_time(row.created_at) if row.created_at else "0001-01-01T00:00:00Z",
        "ImageRef": row.image,
    }


def _event(event: Event) -> dict[str, object]:
    at = instant_text(event.at) if event.at else None
    shown = {"at": at, **event.model_dump(include={"type", "status", "source"})}
    if event.ended is None:
        return shown
    return shown | event.ended.model_dump() | {"restart_count": event.restart_count}


def _printed(value: object) -> str:
    """A text that is none in Unicode would fail to be written."""
    text = json.dumps(value, indent=_INDENT, ensure_ascii=False).translate(_ESCAPED)
    return text.encode(errors="replace").decode() + "\n"
