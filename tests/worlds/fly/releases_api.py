"""Releases and logs: GraphQL, and the undocumented REST calls that flyctl uses today."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.call import Answer, Call, Route, route
from tests.worlds.fly.graphql_query import QueryError, Thing, parsed, told
from tests.worlds.fly.machine_json import stamp
from tests.worlds.fly.refusal import RefusalError, reply
from tests.worlds.fly.releases import FlyRelease

_FIRST = 25
_STATUSES = frozenset({"pending", "running", "complete", "failed", "interrupted"})


def graphql(app_state: AppState, call: Call) -> Answer:
    """Answer a query with 200, whatever it comes to."""
    try:
        wanted = parsed(str(call.body.get("query", "")), call.body.get("variables") or {})
        return reply(200, {"data": told(_root(app_state, call), wanted)})
    except QueryError as error:
        is_missing = error.told["message"].startswith("Could not find")
        data: dict[str, Any] = {"data": {"app": None}} if is_missing else {}
        return reply(200, {**data, "errors": [error.told]})


def _root(app_state: AppState, call: Call) -> Thing:
    token = call.token
    if token is None:
        raise QueryError("You must be authenticated to view this.", "UNAUTHORIZED")

    def app(arguments: Mapping[str, Any]) -> Thing:
        name = arguments.get("name") or arguments.get("id")
        if name != app_state.app or token.app not in {None, app_state.app}:
            raise QueryError("Could not find App", "NOT_FOUND")
        if not token.may_read_releases:
            raise QueryError("Not authorized to access this App", "UNAUTHORIZED")
        return _app(app_state)

    return Thing("Query", {"app": app})


def _app(app_state: AppState) -> Thing:
    current = app_state.ledger.current
    organization = {
        "id": "org1Jx5",
        "internalNumericId": "42",
        "name": app_state.organization,
        "slug": app_state.organization,
        "rawSlug": app_state.organization,
        "paidPlan": True,
    }
    return Thing(
        "App",
        {
            "id": app_state.app,
            "internalNumericId": 4711,
            "name": app_state.app,
            "status": "deployed",
            "deployed": True,
            "hostname": f"{app_state.app}.fly.dev",
            "cnameTarget": f"{app_state.app}.fly.dev",
            "network": None,
            "role": None,
            "appUrl": f"https://{app_state.app}.fly.dev",
            "platformVersion": "machines",
            "organization": Thing("Organization", organization),
            "currentReleaseUnprocessed": _unprocessed(app_state, current) if current else None,
            "image": lambda arguments: _image(app_state, str(arguments["ref"])),
            "releasesUnprocessed": lambda arguments: _connection(app_state, arguments),
        },
    )


def _image(app_state: AppState, reference: str) -> Thing | None:
    """Resolve a reference, as flyctl asks before it deploys an image that it does not build."""
    try:
        found = app_state.resolved(reference)
    except RefusalError:
        return None
    described = {
        "id": f"img_{found.digest[7:17]}",
        "digest": found.digest,
        "ref": found.ref(app_state.app),
        "compressedSizeFull": "42000000",
        "manifest": {},
    }
    return Thing("Image", described)


def _connection(app_state: AppState, arguments: Mapping[str, Any]) -> Thing:
    """Return the newest releases, newest first."""
    status = arguments.get("status")
    wanted = [one for one in app_state.ledger.releases if status in {None, one.status}]
    first = int(arguments.get("first", _FIRST))
    nodes = [_unprocessed(app_state, release) for release in reversed(wanted)]
    page = {"hasNextPage": len(nodes) > first, "hasPreviousPage": False}
    return Thing(
        "ReleaseUnprocessedConnection",
        {
            "nodes": nodes[:first],
            "totalCount": len(nodes),
            "pageInfo": Thing("PageInfo", page),
        },
    )


def _unprocessed(app_state: AppState, release: FlyRelease) -> Thing:
    fields: dict[str, Any] = {
        "id": release.id,
        "version": release.version,
        "stable": release.is_stable,
        "inProgress": release.status == "running",
        "status": release.status,
        "reason": release.reason,
        "description": release.description,
        "deploymentStrategy": release.strategy,
        "imageRef": release.image_ref,
        "createdAt": stamp(app_state.events_due.wall(release.created_at)),
        "updatedAt": stamp(app_state.events_due.wall(release.updated_at)),
        "user": Thing("User", release.user),
        "revertedTo": None,
    }
    if not app_state.switches.refuses_undocumented:
        image = {
            "registry": "registry.fly.io",
            "repository": app_state.app,
            "tag": release.image.tag,
            "digest": release.image.digest,
        }
        fields["configDefinition"] = deepcopy(release.definition)
        fields["image"] = Thing("ImageVersion", image)
    return Thing("ReleaseUnprocessed", fields)


def _plain(app_state: AppState, release: FlyRelease) -> dict[str, Any]:
    return {
        "id": release.id,
        "version": release.version,
        "stable": release.is_stable,
        "in_progress": release.status == "running",
        "status": release.status,
        "strategy": release.strategy,
        "user": release.user["email"],
        "created_at": stamp(app_state.events_due.wall(release.created_at)),
        "image_ref": release.image_ref,
    }


def releases(app_state: AppState, call: Call) -> Answer:
    _demand_bearer(call)
    limit = int(call.param("limit") or _FIRST)
    newest = list(reversed(app_state.ledger.releases))[:limit]
    return reply(200, {"releases": [_plain(app_state, release) for release in newest]})


def current(app_state: AppState, call: Call) -> Answer:
    _demand_bearer(call)
    release = app_state.ledger.current
    if release is None:
        raise RefusalError(404, "not_found: no release")
    return reply(200, _plain(app_state, release))


def create(app_state: AppState, call: Call) -> Answer:
    """Write a release into the ledger, which changes no machine."""
    _demand_release_api(app_state, call)
    if call.body.get("app_name") != app_state.app:
        raise RefusalError(404, "not_found: app not found")
    reference = str(call.body.get("image", ""))
    release = app_state.ledger.add(
        app_state.resolved(reference),
        call.body.get("definition") or {},
        by=call.owner,
        image_ref=reference,
        strategy=str(call.body.get("strategy", "ROLLING")),
    )
    return reply(201, {"release": _plain(app_state, release)})


def change(app_state: AppState, call: Call) -> Answer:
    _demand_release_api(app_state, call)
    release = app_state.ledger.named(call.named["release"])
    if release is None:
        raise RefusalError(404, "not_found: no such release")
    status = str(call.body.get("status", release.status))
    if status not in _STATUSES:
        raise RefusalError(422, f"invalid_argument: unknown status {status}")
    release.metadata = call.body.get("metadata", release.metadata)
    app_state.ledger.conclude(release, status, by=call.owner)
    return reply(200, _plain(app_state, release))


def _demand_bearer(call: Call) -> None:
    """This API is sent `Bearer` with any token, macaroons too."""
    if not call.request.headers["authorization"].startswith("Bearer "):
        raise RefusalError(401, "unauthorized")


def _demand_release_api(app_state: AppState, call: Call) -> None:
    _demand_bearer(call)
    status = app_state.switches.release_api
    if status != 200:
        raise RefusalError(status, "not_found: no such route" if status == 404 else "forbidden")


def logs(app_state: AppState, call: Call) -> Answer:
    """Tell what the hosts saw since `next_token`, a time in nanoseconds."""
    if call.token is None or not call.token.may_read_logs:
        raise RefusalError(401, "unauthorized")
    since = int(call.param("next_token") or 0)
    lines = [line for line in _lines(app_state) if line["nanoseconds"] > since]
    wanted = [
        line for line in lines if call.param("instance") in {"", line["attributes"]["instance"]}
    ]
    newest = max((line["nanoseconds"] for line in wanted), default=since)
    told_lines = [{key: line[key] for key in ("id", "attributes")} for line in wanted]
    return reply(200, {"data": told_lines, "meta": {"next_token": str(newest)}})


def _lines(app_state: AppState) -> list[dict[str, Any]]:
    found = [
        {
            "id": event["id"],
            "nanoseconds": event["timestamp"] * 1_000_000,
            "attributes": {
                "timestamp": event["timestamp"] * 1_000_000,
                "message": f"machine {event['type']}: {event['status']}",
                "level": "error" if event["type"] == "exit" else "info",
                "instance": machine.id,
                "region": machine.region,
                "meta": {"event": {"provider": "runner"}},
            },
        }
        for machine in app_state.flyd.machines.values()
        for event in machine.events
    ]
    return sorted(found, key=lambda line: int(line["nanoseconds"]))


def routes() -> tuple[Route, ...]:
    """Return this part's lines of the table."""
    own = "/api/v1/apps/{app}"
    return (
        route("POST /graphql", "graphql", graphql, is_limited=False),
        route(f"GET {own}/releases", "releases", releases, is_limited=False),
        route(f"GET {own}/releases/current", "current-release", current, is_limited=False),
        route("POST /api/v1/releases", "create-release", create, writes=True, is_limited=False),
        route(
            "PATCH /api/v1/releases/{release}",
            "change-release",
            change,
            writes=True,
            is_limited=False,
        ),
        route(f"GET {own}/logs", "logs", logs, is_limited=False),
    )
