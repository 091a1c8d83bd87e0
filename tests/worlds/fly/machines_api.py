"""The Machines API: the app, its machines, their configurations, and waiting for them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.call import Answer, Call, Held, route
from tests.worlds.fly.definitions import SMALL
from tests.worlds.fly.durations import seconds_of
from tests.worlds.fly.machine import FlyMachine, Json, copied, summary
from tests.worlds.fly.machine_json import LaggingList, stamp, told
from tests.worlds.fly.refusal import RefusalError, refused, reply
from tests.worlds.fly.tokens import FlyToken

_LONGEST_WAIT = 60.0
_SETTLED = frozenset({"started", "stopped", "suspended", "failed", "destroyed"})
_WAITABLE = _SETTLED | {"settled"}


def app(app_state: AppState, _call: Call) -> Answer:
    alive = [machine for machine in app_state.flyd.machines.values() if not machine.is_gone]
    return reply(
        200,
        {
            "id": f"app_{app_state.app}",
            "internal_numeric_id": 4711,
            "name": app_state.app,
            "network": "default",
            "status": "deployed" if alive else "pending",
            "machine_count": len(alive),
            "volume_count": sum(len(machine.config.get("mounts") or []) for machine in alive),
            "organization": {
                "name": app_state.organization,
                "slug": app_state.organization,
                "internal_numeric_id": 42,
            },
            "cname_target": f"{app_state.app}.fly.dev",
        },
    )


def machines(listed: LaggingList, app_state: AppState, call: Call) -> Answer:
    found = [machine for machine in listed.machines() if _is_wanted(machine, call)]
    if call.is_set("include_leases"):
        found = [_leased(app_state, machine) for machine in found]
    if call.is_set("summary"):
        found = [summary(machine) for machine in found]
    return reply(200, found)


def _is_wanted(machine: Json, call: Call) -> bool:
    states = [state for state in call.param("state").split(",") if state]
    if machine["state"] == "destroyed" and not call.is_set("include_deleted"):
        return False
    if states and machine["state"] not in states:
        return False
    if call.param("region") and machine["region"] != call.param("region"):
        return False
    config = machine.get("config") or machine["incomplete_config"]
    metadata = config["metadata"] or {}
    wanted = {
        key.removeprefix("metadata."): value
        for key, value in call.request.url.params.items()
        if key.startswith("metadata.")
    }
    return all(metadata.get(key) == value for key, value in wanted.items())


def machine(app_state: AppState, call: Call) -> Answer:
    made = told(app_state, app_state.machine(call.named["machine"]))
    if call.param("version") not in {"", made["instance_id"]}:
        made = _former(made, call.param("version"), app_state.machine(made["id"]))
    return reply(200, _leased(app_state, made) if call.is_set("include_leases") else made)


def _former(made: Json, version: str, found: FlyMachine) -> Json:
    """Return a machine as it was by an older version, which was replaced."""
    config = next((copied(o.config) for o in found.versions if o.instance_id == version), None)
    if config is None:
        raise RefusalError(404, f"not_found: machine version not found: {version}")
    return {**made, "instance_id": version, "version": version, "config": config} | {
        "state": "replaced"
    }


def _leased(app_state: AppState, made: Json) -> Json:
    lease = app_state.leases.of(made["id"])
    return {**made, "lease": app_state.leases.told(lease)} if lease else made


def create(app_state: AppState, call: Call) -> Answer:
    """Create a machine; `lease_ttl` gives a lease along, the one time a nonce is told unasked."""
    config = _config(call)
    names = {found.name for found in app_state.flyd.machines.values() if not found.is_gone}
    name = str(call.body.get("name", ""))
    if name in names:
        raise RefusalError(
            409, f"already_exists: unique machine name violation: {name}", "name_taken"
        )
    made = app_state.flyd.create(
        {"guest": dict(SMALL), **config},
        app_state.resolved(config["image"]),
        region=str(call.body.get("region", "ams")),
        by=call.owner,
        name=name,
        skip_launch=bool(call.body.get("skip_launch")),
    )
    return reply(200, _granted(app_state, made, call))


def update(app_state: AppState, call: Call) -> Answer:
    """Replace the configuration, where the machine is still the one the caller has seen."""
    found = app_state.machine(call.named["machine"])
    if found.is_gone:
        raise RefusalError(412, "failed_precondition: unable to update machine: it is destroyed")
    app_state.leases.demand(found.id, call.nonce)
    config = _config(call)
    seen = call.body.get("current_version")
    if seen and seen != found.instance_id:
        words = f"current machine version is {found.instance_id}, not {seen}"
        raise RefusalError(app_state.switches.stale_status, f"aborted: {words}")
    if call.body.get("region", found.region) != found.region:
        raise RefusalError(400, "invalid_argument: the region of a machine cannot be changed")
    image = app_state.resolved(config["image"])
    skip = bool(call.body.get("skip_launch"))
    app_state.flyd.update(found, config, image, by=call.owner, skip_launch=skip)
    return reply(200, _granted(app_state, found, call))


def _config(call: Call) -> dict[str, Any]:
    config = call.body.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("image"), str):
        raise RefusalError(400, "invalid_argument: config.image is required")
    return copied(config)


def _granted(app_state: AppState, found: FlyMachine, call: Call) -> Json:
    ttl = call.body.get("lease_ttl")
    if not ttl:
        return told(app_state, found)
    lease = app_state.leases.acquire(
        found.id,
        owner_of(call.token),
        nonce=call.nonce,
        ttl=float(ttl),
        version=found.instance_id,
    )
    return {**told(app_state, found), "nonce": lease.nonce}


def owner_of(token: FlyToken | None) -> str:
    """Return a token as leases name their holders."""
    return f"{token.owner if token else 'nobody'}@tokens.fly.io"


def destroy(app_state: AppState, call: Call) -> Answer:
    found = app_state.machine(call.named["machine"])
    app_state.leases.demand(found.id, call.nonce)
    force = call.is_set("force") or call.is_set("kill")
    app_state.flyd.destroy(found, by=call.owner, force=force)
    return reply(200, {"ok": True})


def versions(app_state: AppState, call: Call) -> Answer:
    found = app_state.machine(call.named["machine"])
    told_ones = [
        {"version": one.instance_id, "user_config": copied(one.config)} for one in found.versions
    ]
    return reply(200, told_ones)


def events(app_state: AppState, call: Call) -> Answer:
    found = app_state.machine(call.named["machine"])
    limit = int(call.param("limit") or 20)
    return reply(200, found.events[:limit])


def wait(app_state: AppState, call: Call) -> Answer:
    """Hold the answer until the machine is in a state, at most a minute."""
    found = app_state.machine(call.named["machine"])
    patience = seconds_of(_number(call.param("timeout")), _LONGEST_WAIT)
    if not 1.0 <= patience <= _LONGEST_WAIT:
        words = "value must be inside range [1s, 1m0s]"
        raise RefusalError(400, f"invalid_argument: invalid WaitMachineRequest.Timeout: {words}")
    wanted = call.request.url.params.get_list("state") or ["started"]
    for state in wanted:
        if state not in _WAITABLE:
            raise RefusalError(400, f"invalid_argument: invalid state: {state}")
    now = app_state.events_due.now
    if now < found.created_at + app_state.switches.wait_404_seconds:
        raise RefusalError(404, f"not_found: machine not found: {found.id}")
    version = call.param("version") or call.param("instance_id")
    return Held(
        ready=partial(_reached, found, wanted, version, call.param("from_event_id")),
        until=now + patience,
        late=partial(_missed, found, " or ".join(wanted)),
    )


def _number(text: str) -> float | str:
    return float(text) if text.replace(".", "", 1).isdigit() else text


def _reached(
    found: FlyMachine, wanted: Sequence[str], version: str, since: str
) -> httpx.Response | None:
    """Answer once a state is reached, by that version, after that event (ULIDs sort by time)."""
    event = found.events[0]["id"] if found.events else ""
    if (version and version != found.instance_id) or (since and event <= since):
        return None
    if found.state not in wanted and not ("settled" in wanted and found.state in _SETTLED):
        return None
    told_one = {"ok": True, "state": found.state, "version": found.instance_id, "event_id": event}
    return reply(200, told_one)


def _missed(found: FlyMachine, wanted: str) -> httpx.Response:
    words = f"machine failed to reach desired state, {wanted}, currently {found.state}"
    return refused(RefusalError(408, f"deadline_exceeded: {words}"))


def volumes(app_state: AppState, _call: Call) -> Answer:
    """List the volumes that machines mount."""
    return reply(
        200,
        [
            {
                "id": mount["volume"],
                "name": mount["name"],
                "state": "created",
                "size_gb": mount["size_gb"],
                "region": found.region,
                "zone": "a1b2",
                "encrypted": mount["encrypted"],
                "attached_machine_id": found.id,
                "attached_alloc_id": None,
                "created_at": stamp(app_state.events_due.wall(found.created_at)),
                "host_dedication_id": "",
                "snapshot_retention": 5,
                "auto_backup_enabled": True,
                "host_status": found.host_status,
            }
            for found in app_state.flyd.machines.values()
            if not found.is_gone
            for mount in found.config.get("mounts") or []
        ],
    )


def secrets(app_state: AppState, _call: Call) -> Answer:
    """List the names of secrets, and what tells their values apart."""
    version = app_state.flyd.life.secrets
    at = stamp(app_state.events_due.wall())
    one = {"name": "DATABASE_URL", "digest": f"{version:016x}", "created_at": at, "updated_at": at}
    return reply(200, {"secrets": [one]})


def routes(listed: LaggingList) -> tuple[Any, ...]:
    """Return this part's lines of the table."""
    one = "/v1/apps/{app}/machines/{machine}"
    return (
        route("GET /v1/apps/{app}", "app", app),
        route("GET /v1/apps/{app}/volumes", "volumes", volumes),
        route("GET /v1/apps/{app}/secrets", "secrets", secrets),
        route("GET /v1/apps/{app}/machines", "list", partial(machines, listed)),
        route("POST /v1/apps/{app}/machines", "create", create, writes=True),
        route(f"GET {one}", "get", machine),
        route(f"POST {one}", "update", update, writes=True),
        route(f"DELETE {one}", "destroy", destroy, writes=True),
        route(f"GET {one}/versions", "versions", versions),
        route(f"GET {one}/events", "events", events),
        route(f"GET {one}/wait", "wait", wait),
    )
