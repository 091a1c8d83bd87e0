"""The Machines API: leases, power, metadata, and what a token is."""

from collections.abc import Callable
from functools import partial

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.call import Answer, Call, Route, route
from tests.worlds.fly.leases import DEFAULT_TTL_SECONDS
from tests.worlds.fly.machine import FlyMachine, copied
from tests.worlds.fly.machines_api import owner_of
from tests.worlds.fly.refusal import RefusalError, reply


def _mine(app_state: AppState, call: Call) -> FlyMachine:
    """Return the machine of a call that may change it: nobody else holds its lease."""
    machine = app_state.machine(call.named["machine"])
    if machine.is_gone:
        raise RefusalError(412, "failed_precondition: the machine is destroyed")
    app_state.leases.demand(machine.id, call.nonce)
    return machine


def start(app_state: AppState, call: Call) -> Answer:
    former = app_state.flyd.start(_mine(app_state, call), by=call.owner)
    return reply(200, {"previous_state": former, "migrated": False, "new_host": ""})


def stop(app_state: AppState, call: Call) -> Answer:
    app_state.flyd.stop(_mine(app_state, call), by=call.owner)
    return reply(200, {"ok": True})


def restart(app_state: AppState, call: Call) -> Answer:
    app_state.flyd.restart(_mine(app_state, call), by=call.owner)
    return reply(200, {"ok": True})


def suspend(app_state: AppState, call: Call) -> Answer:
    app_state.flyd.suspend(_mine(app_state, call), by=call.owner)
    return reply(200, {"ok": True})


def cordon(cordoned: bool, app_state: AppState, call: Call) -> Answer:
    app_state.flyd.cordon(_mine(app_state, call), by=call.owner, cordoned=cordoned)
    return reply(200, {"ok": True})


def acquire(app_state: AppState, call: Call) -> Answer:
    """Take a lease, or renew it by its nonce; the ttl is a parameter or in the body."""
    machine = app_state.machine(call.named["machine"])
    ttl = call.param("ttl") or call.body.get("ttl") or DEFAULT_TTL_SECONDS
    lease = app_state.leases.acquire(
        machine.id,
        owner_of(call.token),
        nonce=call.nonce,
        ttl=float(ttl),
        description=str(call.body.get("description", "")),
        version=machine.instance_id,
    )
    return reply(201, {"status": "success", "data": app_state.leases.told(lease)})


def held(app_state: AppState, call: Call) -> Answer:
    lease = app_state.leases.of(app_state.machine(call.named["machine"]).id)
    if lease is None:
        raise RefusalError(404, "not_found: lease not found")
    return reply(200, {"status": "success", "data": app_state.leases.told(lease)})


def release(app_state: AppState, call: Call) -> Answer:
    app_state.leases.release(app_state.machine(call.named["machine"]).id, call.nonce)
    return reply(200, {"ok": True})


def metadata(app_state: AppState, call: Call) -> Answer:
    return reply(200, app_state.machine(call.named["machine"]).metadata)


def set_metadata(app_state: AppState, call: Call) -> Answer:
    key, value = call.named["key"], str(call.body.get("value", ""))
    return _with_metadata(app_state, call, lambda kept: {**kept, key: value})


def drop_metadata(app_state: AppState, call: Call) -> Answer:
    key = call.named["key"]
    return _with_metadata(app_state, call, lambda kept: {n: kept[n] for n in kept if n != key})


def replace_metadata(app_state: AppState, call: Call) -> Answer:
    return _with_metadata(app_state, call, lambda _: dict(call.body.get("metadata", {})))


def merge_metadata(app_state: AppState, call: Call) -> Answer:
    return _with_metadata(app_state, call, lambda kept: {**kept, **call.body.get("metadata", {})})


def _with_metadata(
    app_state: AppState, call: Call, change: Callable[[dict[str, str]], dict[str, str]]
) -> Answer:
    """Change metadata, which restarts nothing and makes no version."""
    machine = _mine(app_state, call)
    seen = call.body.get("machine_version") or machine.instance_id
    if seen != machine.instance_id:
        raise RefusalError(412, "failed_precondition: machine version mismatch")
    app_state.change_log.note(call.owner, "metadata", machine.id, machine.image)
    machine.config = {**copied(machine.config), "metadata": change(machine.metadata)}
    return reply(204, None)


def token(app_state: AppState, call: Call) -> Answer:
    """Say what a token is: its owner, and the apps it is good for."""
    assert call.token is not None
    apps = ["*"] if call.token.app is None else [call.token.app]
    told = {
        "token_id": f"tok_{call.token.owner}",
        "organization": app_state.organization,
        "org_slug": app_state.organization,
        "user": call.token.owner,
        "apps": apps,
    }
    return reply(200, {"tokens": [told]})


def routes() -> tuple[Route, ...]:
    """Return this part's lines of the table."""
    one = "/v1/apps/{app}/machines/{machine}"
    return (
        route(f"POST {one}/lease", "lease", acquire, writes=True),
        route(f"GET {one}/lease", "find-lease", held),
        route(f"DELETE {one}/lease", "release-lease", release, writes=True),
        route(f"POST {one}/start", "start", start, writes=True),
        route(f"POST {one}/stop", "stop", stop, writes=True),
        route(f"POST {one}/restart", "restart", restart, writes=True),
        route(f"POST {one}/suspend", "suspend", suspend, writes=True),
        route(f"POST {one}/cordon", "cordon", partial(cordon, True), writes=True),
        route(f"POST {one}/uncordon", "uncordon", partial(cordon, False), writes=True),
        route(f"GET {one}/metadata", "metadata", metadata),
        route(f"POST {one}/metadata/{{key}}", "set-metadata", set_metadata, writes=True),
        route(f"PUT {one}/metadata", "set-metadata", replace_metadata, writes=True),
        route(f"PATCH {one}/metadata", "set-metadata", merge_metadata, writes=True),
        route(f"DELETE {one}/metadata/{{key}}", "drop-metadata", drop_metadata, writes=True),
        route("GET /v1/tokens/current", "token", token, is_limited=False),
    )
