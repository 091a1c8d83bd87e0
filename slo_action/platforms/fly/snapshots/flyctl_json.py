"""Machines, status and releases as flyctl prints them, redacted.

Source: flyctl's `machines list`, `status` and `releases` with `--json`, and the structs of fly-go.
Parts of a machine that fly-go does not know are left out, as flyctl does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from slo_action.core.text.quantities import instant_text
from slo_action.platforms.fly.client.models import Event, FlyApp, FlyMachine, read
from slo_action.platforms.fly.client.release_row import LedgerRow
from slo_action.platforms.fly.snapshots.go_durations import go_duration
from slo_action.platforms.fly.snapshots.redaction import redacted
from slo_action.platforms.fly.state.machines import (
    COMPATIBILITY_CHECKS,
    is_app_machine,
    newest_first,
)

_Json = Mapping[str, object]

_INDENT = 4
_MACHINE = (
    "id",
    "name",
    "state",
    "region",
    "image_ref",
    "instance_id",
    "version",
    "private_ip",
    "created_at",
    "updated_at",
    "config",
    "events",
    "checks",
    "nonce",
    "host_status",
    "cordoned",
    "containers",
    "incomplete_config",
)
_EVENT = ("type", "status", "request", "source", "timestamp")
_ALWAYS: dict[str, object] = {"image_ref": {}, "cordoned": False}
"""What Go prints of a machine, whether it is told or not."""
_DURATIONS = frozenset({"interval", "timeout", "grace_period"})
_AUTOSTOP: _Json = {"off": False, "stop": True}


def machines_json(raws: Iterable[_Json]) -> str:
    """Return what `flyctl machines list --json` prints: an array of all machines."""
    return _printed([_machine(raw) for raw in raws])


def status_json(app: _Json, raws: Iterable[_Json], ledger_version: int | None) -> str:
    """Return what `flyctl status --json` prints; `app` is what the Machines API tells of it.

    `ledger_version` is the newest release's, whether it runs or not; None where there is none.
    """
    told = read(FlyApp, app)
    host = f"{told.name}.fly.dev"
    organization = told.organization
    shape: dict[str, object] = {
        "ID": told.name,
        "Name": told.name,
        "Deployed": told.status == "deployed",
        "Status": told.status,
        "Hostname": host,
        "Version": ledger_version or 0,
        "AppURL": f"https://{host}",
        "PlatformVersion": "machines",
        "Organization": {
            "ID": organization.id,
            "InternalNumericID": organization.internal_numeric_id,
            "Name": organization.name,
            "Slug": organization.slug,
            "RawSlug": organization.slug,
            "PaidPlan": False,
        },
        "Machines": [_machine(raw) for raw in raws if is_app_machine(raw)],
    }
    return _printed(shape | ({"Network": told.network} if told.network else {}))


def releases_json(ledger: Sequence[LedgerRow]) -> str:
    """Return what `flyctl releases --json` prints, without e-mail addresses and definitions."""
    return _printed([_release(row) for row in ledger])


def events_json(raws: Iterable[_Json]) -> str:
    """Return each machine's state and events, newest first, with how its processes ended."""
    machines = (read(FlyMachine, raw) for raw in raws)
    return _printed(
        [
            {
                "machine": machine.id,
                "region": machine.region,
                "state": machine.state,
                "host_status": machine.host_status,
                "events": [_event(event) for event in newest_first(machine.events)],
            }
            for machine in machines
        ]
    )


def _machine(raw: _Json) -> dict[str, object]:
    told = {key: raw[key] for key in _MACHINE if raw.get(key) is not None}
    shaped = _object(redacted(_ALWAYS | told))
    config = shaped.get("config")
    if isinstance(config, Mapping):
        shaped["config"] = _config(config)
    for key, shape in (("events", _known_event), ("checks", _shown_check)):
        if key in shaped:
            shaped[key] = [found for one in _objects(shaped[key]) if (found := shape(one))]
    return {key: shaped[key] for key in _MACHINE if key in shaped}


def _config(told: _Json) -> dict[str, object]:
    shaped = {"init": {}, **told}
    if "services" in told:
        shaped["services"] = [_service(service) for service in _objects(told["services"])]
    checks = told.get("checks")
    if isinstance(checks, Mapping):
        shaped["checks"] = {name: _with_durations(check) for name, check in checks.items()}
    if "stop_config" in told:
        shaped["stop_config"] = _with_durations(told["stop_config"])
    return shaped


def _service(told: _Json) -> dict[str, object]:
    shaped = {"force_instance_key": None, **told}
    autostop = told.get("autostop")
    if isinstance(autostop, str):
        shaped["autostop"] = _AUTOSTOP.get(autostop, autostop)
    if "checks" in told:
        shaped["checks"] = [_with_durations(check) for check in _objects(told["checks"])]
    return shaped


def _with_durations(told: object) -> object:
    if not isinstance(told, Mapping):
        return told
    return {key: go_duration(one) if key in _DURATIONS else one for key, one in told.items()}


def _known_event(told: _Json) -> _Json:
    return {key: told[key] for key in _EVENT if key in told}


def _shown_check(told: _Json) -> _Json | None:
    """Those for older versions of flyctl are never shown."""
    return None if str(told.get("name", "")).startswith(COMPATIBILITY_CHECKS) else told


def _release(row: LedgerRow) -> dict[str, object]:
    """Several are always empty: flyctl does not ask for them."""
    return {
        "ID": row.id,
        "Version": row.version,
        "Stable": row.is_complete,
        "InProgress": False,
        "Reason": row.reason,
        "Description": row.description,
        "Status": row.status,
        "DeploymentStrategy": "",
        "Metadata": None,
        "User": {"ID": "", "Name": row.user, "Email": "", "EnablePaidHobby": False},
        "EvaluationID": "",
        "CreatedAt": _stamp(row.created_at),
        "ImageRef": row.image,
    }


def _event(event: Event) -> dict[str, object]:
    shown: dict[str, object] = {
        "at": _stamp(event.at),
        "type": event.type,
        "status": event.status,
        "source": event.source,
    }
    ended = event.request.ended
    if ended is None:
        return shown
    return shown | ended.model_dump() | {"restart_count": event.request.restart_count}


def _stamp(at: datetime | None) -> str | None:
    return instant_text(at) if at else None


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _printed(value: object) -> str:
    """A text that is none in Unicode would fail to be written."""
    text = json.dumps(value, indent=_INDENT, ensure_ascii=False)
    return text.encode(errors="replace").decode() + "\n"
