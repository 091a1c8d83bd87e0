"""Machines, status and releases as flyctl prints them, redacted.

Source: flyctl's `machines list`, `status` and `releases` with `--json`, and the structs of fly-go.
Parts of a machine that fly-go does not know are left out, as flyctl does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from slo_action.core.text.go_durations import go_printed
from slo_action.core.text.quantities import instant_text
from slo_action.platforms.fly.client.models import Event, FlyApp, FlyMachine, FlyRelease, Json
from slo_action.platforms.fly.snapshots.redaction import redacted
from slo_action.platforms.fly.state.machines import COMPATIBILITY_CHECKS, is_app_machine

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
"""What Go prints of a machine, whether the API sends it or not."""
_DURATIONS = frozenset({"interval", "timeout", "grace_period"})
_AUTOSTOP: Json = {"off": False, "stop": True}


def machines_json(machines: Iterable[FlyMachine]) -> str:
    """Return what `flyctl machines list --json` prints: an array of all machines."""
    return _printed([_machine(live.raw) for live in machines])


def status_json(app: FlyApp, machines: Iterable[FlyMachine], newest_release: int | None) -> str:
    """Return what `flyctl status --json` prints.

    `newest_release` is a version, whether it runs or not; None where there is none.
    """
    host = f"{app.name}.fly.dev"
    shape: dict[str, object] = {
        "ID": app.name,
        "Name": app.name,
        "Deployed": app.status == "deployed",
        "Status": app.status,
        "Hostname": host,
        "Version": newest_release or 0,
        "AppURL": f"https://{host}",
        "PlatformVersion": "machines",
        "Organization": {
            "ID": app.owner_id,
            "InternalNumericID": app.owner_number,
            "Name": app.owner,
            "Slug": app.owner_slug,
            "RawSlug": app.owner_slug,
            "PaidPlan": False,
        },
        "Machines": [_machine(live.raw) for live in machines if is_app_machine(live)],
    }
    return _printed(shape | ({"Network": app.network} if app.network else {}))


def releases_json(releases: Sequence[FlyRelease]) -> str:
    """Return what `flyctl releases --json` prints, without e-mail addresses and definitions."""
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


def _machine(raw: Json) -> dict[str, object]:
    sent = {key: raw[key] for key in _MACHINE if raw.get(key) is not None}
    shaped = _object(redacted(_ALWAYS | sent))
    config = shaped.get("config")
    if isinstance(config, Mapping):
        shaped["config"] = _config(config)
    if "events" in shaped:
        events = _objects(shaped["events"])
        shaped["events"] = [{key: sent[key] for key in _EVENT if key in sent} for sent in events]
    if "checks" in shaped:
        names = [(check, str(check.get("name", ""))) for check in _objects(shaped["checks"])]
        shaped["checks"] = [one for one, name in names if not name.startswith(COMPATIBILITY_CHECKS)]
    return {key: shaped[key] for key in _MACHINE if key in shaped}


def _config(sent: Json) -> dict[str, object]:
    shaped = {"init": {}, **sent}
    if "services" in sent:
        shaped["services"] = [_service(service) for service in _objects(sent["services"])]
    checks = sent.get("checks")
    if isinstance(checks, Mapping):
        shaped["checks"] = {name: _with_durations(check) for name, check in checks.items()}
    if "stop_config" in sent:
        shaped["stop_config"] = _with_durations(sent["stop_config"])
    return shaped


def _service(sent: Json) -> dict[str, object]:
    shaped = {"force_instance_key": None, **sent}
    autostop = sent.get("autostop")
    if isinstance(autostop, str):
        shaped["autostop"] = _AUTOSTOP.get(autostop, autostop)
    if "checks" in sent:
        shaped["checks"] = [_with_durations(check) for check in _objects(sent["checks"])]
    return shaped


def _with_durations(sent: object) -> object:
    if not isinstance(sent, Mapping):
        return sent
    return {key: go_printed(one) if key in _DURATIONS else one for key, one in sent.items()}


def _release(row: FlyRelease) -> dict[str, object]:
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
        "User": {"ID": "", "Name": row.user or row.email, "Email": "", "EnablePaidHobby": False},
        "EvaluationID": "",
        "CreatedAt": _stamp(row.created_at),
        "ImageRef": row.image,
    }


def _event(event: Event) -> dict[str, object]:
    shown = {"at": _stamp(event.at), **event.model_dump(include={"type", "status", "source"})}
    if event.ended is None:
        return shown
    return shown | event.ended.model_dump() | {"restart_count": event.restart_count}


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
