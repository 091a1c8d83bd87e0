"""Releases and logs: GraphQL, and the undocumented REST calls that flyctl uses today."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tests.worlds.fly.call import Answer, Call, Route, route
from tests.worlds.fly.estate import Estate
from tests.worlds.fly.graphql_query import QueryError, Thing, parsed, told
from tests.worlds.fly.machines_told import stamp
from tests.worlds.fly.refusal import RefusalError, reply
from tests.worlds.fly.releases import FlyRelease

_FIRST = 25
_STATUSES = frozenset({"pending", "running", "complete", "failed", "interrupted"})


def graphql(estate: Estate, call: Call) -> Answer:
    """Answer a query with 200, whatever it comes to."""
    try:
        wanted = parsed(str(call.body.get("query", "")), call.body.get("variables") or {})
        return reply(200, {"data": told(_root(estate, call), wanted)})
    except QueryError as error:
        is_missing = error.told["message"].startswith("Could not find")
        data: dict[str, Any] = {"data": {"app": None}} if is_missing else {}
        return reply(200, {**data, "errors": [error.told]})


def _root(estate: Estate, call: Call) -> Thing:
    token = call.token
    if token is None:
        raise QueryError("You must be authenticated to view this.", "UNAUTHORIZED")

    def app(arguments: Mapping[str, Any]) -> Thing:
        name = arguments.get("name") or arguments.get("id")
        if name != estate.app or token.app not in {None, estate.app}:
            raise QueryError("Could not find App", "NOT_FOUND")
        if not token.may_read_releases:
            raise QueryError("Not authorized to access this App", "UNAUTHORIZED")
        return _app(estate)

    return Thing("Query", {"app": app})


def _app(estate: Estate) -> Thing:
    current = estate.ledger.current
    organization = {
        "id": "org_1",
        "internalNumericId": "42",
        "name": estate.organization,
        "slug": estate.organization,
        "rawSlug": estate.organization,
        "paidPlan": True,
    }
    return Thing(
        "App",
        {
            "id": estate.app,
            "name": estate.app,
            "status": "deployed",
            "deployed": True,
            "hostname": f"{estate.app}.fly.dev",
            "appUrl": f"https://{estate.app}.fly.dev",
            "platformVersion": "machines",
            "organization": Thing("Organization", organization),
            "currentReleaseUnprocessed": _unprocessed(estate, current) if current else None,
            "releasesUnprocessed": lambda arguments: _connection(estate, arguments),
        },
    )


def _connection(estate: Estate, arguments: Mapping[str, Any]) -> Thing:
    """Return the newest releases, newest first."""
    status = arguments.get("status")
    wanted = [one for one in estate.ledger.releases if status in {None, one.status}]
    first = int(arguments.get("first", _FIRST))
    nodes = [_unprocessed(estate, release) for release in reversed(wanted)]
    page = {"hasNextPage": len(nodes) > first, "hasPreviousPage": False}
    return Thing(
        "ReleaseUnprocessedConnection",
        {
            "nodes": nodes[:first],
            "totalCount": len(nodes),
            "pageInfo": Thing("PageInfo", page),
        },
    )


def _unprocessed(estate: Estate, release: FlyRelease) -> Thing:
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
        "createdAt": stamp(estate.agenda.wall(release.created_at)),
        "updatedAt": stamp(estate.agenda.wall(release.updated_at)),
        "user": Thing("User", release.user),
        "revertedTo": None,
    }
    if not estate.switches.refuses_undocumented:
        image = {
            "registry": "registry.fly.io",
            "repository": estate.app,
            "tag": release.image.tag,
            "digest": release.image.digest,
        }
        fields["configDefinition"] = deepcopy(release.definition)
        fields["image"] = Thing("ImageVersion", image)
    return Thing("ReleaseUnprocessed", fields)


def _plain(estate: Estate, release: FlyRelease) -> dict[str, Any]:
    return {
        "id": release.id,
        "version": release.version,
        "stable": release.is_stable,
        "in_progress": release.status == "running",
        "status": release.status,
        "strategy": release.strategy,
        "user": release.user["email"],
        "created_at": stamp(estate.agenda.wall(release.created_at)),
        "image_ref": release.image_ref,
    }


def releases(estate: Estate, call: Call) -> Answer:
    limit = int(call.param("limit") or _FIRST)
    newest = list(reversed(estate.ledger.releases))[:limit]
    return reply(200, {"releases": [_plain(estate, release) for release in newest]})


def current(estate: Estate, _call: Call) -> Answer:
    release = estate.ledger.current
    if release is None:
        raise RefusalError(404, "not_found: no release")
    return reply(200, _plain(estate, release))


def create(estate: Estate, call: Call) -> Answer:
    """Write a release into the ledger, which changes no machine."""
    _demand_release_api(estate)
    if call.body.get("app_name") != estate.app:
        raise RefusalError(404, "not_found: app not found")
    reference = str(call.body.get("image", ""))
    release = estate.ledger.add(
        estate.resolved(reference),
        call.body.get("definition") or {},
        by=call.owner,
        image_ref=reference,
        strategy=str(call.body.get("strategy", "ROLLING")),
    )
    return reply(201, {"release": _plain(estate, release)})


def change(estate: Estate, call: Call) -> Answer:
    _demand_release_api(estate)
    release = estate.ledger.named(call.named["release"])
    if release is None:
        raise RefusalError(404, "not_found: no such release")
    status = str(call.body.get("status", release.status))
    if status not in _STATUSES:
        raise RefusalError(422, f"invalid_argument: unknown status {status}")
    release.metadata = call.body.get("metadata", release.metadata)
    estate.ledger.conclude(release, status, by=call.owner)
    return reply(200, _plain(estate, release))


def _demand_release_api(estate: Estate) -> None:
    status = estate.switches.release_api
    if status != 200:
        raise RefusalError(status, "not_found: no such route" if status == 404 else "forbidden")


def logs(estate: Estate, call: Call) -> Answer:
    """Tell what the hosts saw since `next_token`, a time in nanoseconds."""
    if call.token is None or not call.token.may_read_logs:
        raise RefusalError(401, "unauthorized")
    since = int(call.param("next_token") or 0)
    lines = [line for line in _lines(estate) if line["nanoseconds"] > since]
    wanted = [
        line for line in lines if call.param("instance") in {"", line["attributes"]["instance"]}
    ]
    newest = max((line["nanoseconds"] for line in wanted), default=since)
    told_lines = [{key: line[key] for key in ("id", "attributes")} for line in wanted]
    return reply(200, {"data": told_lines, "meta": {"next_token": str(newest)}})


def _lines(estate: Estate) -> list[dict[str, Any]]:
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
        for machine in estate.flyd.machines.values()
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
