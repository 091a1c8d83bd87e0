"""The ledger of releases over GraphQL, and the records that a rollback writes."""

import httpx
import pytest

from slo_action.platforms.fly.client.api import FlyApi
from tests.platforms.fly.answers import TOKEN, Fly, Handler, api, lost_in, refusal, refused, told


def nodes(*rows: object, **more: object) -> Handler:
    return told({"data": {"app": {"releases": {"nodes": list(rows)}}}, **more})


ROW = {
    "id": "rel_42",
    "version": 42,
    "status": "Complete",
    "imageRef": "registry.fly.io/my-app:deployment-01J",
    "createdAt": "2026-10-04T12:00:00Z",
    "reason": "",
    "description": "Release",
    "user": {"id": "u", "name": "Ada", "email": "ada@example.com"},
    "image": {"digest": "sha256:abc"},
    "configDefinition": {"app": "my-app"},
}


def test_releases_come_newest_first_with_digest_and_definition() -> None:
    fly = Fly(nodes({**ROW, "version": 41}, ROW, {"version": None}, None))

    rows = api(fly).releases(limit=10)

    assert [row.name for row in rows] == ["v42", "v41"]
    assert rows[0].digest == "sha256:abc"
    assert rows[0].definition == {"app": "my-app"}
    assert rows[0].status == "complete"
    assert rows[0].user == "Ada"
    assert str(rows[0].created_at) == "2026-10-04 12:00:00+00:00"
    assert fly.requests[0].url == "https://api.fly.io/graphql"
    assert fly.bodies[0]["variables"] == {"appName": "my-app", "limit": 10}


def test_an_app_is_described_as_flyctl_asks_for_it() -> None:
    described = {
        "id": "my-app",
        "name": "my-app",
        "appUrl": "https://my-app.fly.dev",
        "network": None,
        "organization": {"id": "o", "internalNumericId": 5, "slug": "personal", "paidPlan": True},
        "role": {"name": "postgres_cluster"},
    }
    fly = Fly(told({"data": {"app": described}}))

    app = api(fly).app()

    assert (app.url, app.network, app.is_postgres) == ("https://my-app.fly.dev", "", True)
    assert (app.owner_id, app.owner_number, app.owner_pays) == ("o", "5", True)
    assert fly.bodies[0]["variables"] == {"appName": "my-app"}


def test_an_app_that_graphql_does_not_know_is_reported_as_any_other() -> None:
    missing = {"message": "Could not find App", "extensions": {"code": "NOT_FOUND"}}

    error = refused(FlyApi.app, told({"data": {"app": None}, "errors": [missing]}))

    assert error.status == 404
    assert 'app "my-app" is unknown to this token' in error.message


def test_where_the_undocumented_fields_are_refused_the_documented_ones_are_asked_for() -> None:
    no_field = {
        "message": "Field 'configDefinition' doesn't exist on type 'ReleaseUnprocessed'",
        "extensions": {"code": "undefinedField"},
    }
    plain = {key: ROW[key] for key in ROW if key not in {"image", "configDefinition"}}
    fly = Fly(told({"errors": [no_field]}), nodes(plain))

    rows = api(fly).releases()

    assert rows[0].version == 42
    assert rows[0].digest == ""
    assert rows[0].definition is None
    assert "configDefinition" in fly.bodies[0]["query"]
    assert "configDefinition" not in fly.bodies[1]["query"]


def test_what_a_token_may_not_see_of_a_release_is_missing_and_the_rest_is_there() -> None:
    fly = Fly(nodes({**ROW, "configDefinition": None}, errors=[{"message": "Not authorized"}]))

    assert api(fly).releases()[0].definition is None
    assert len(fly.requests) == 1


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            {"message": "Could not find App", "extensions": {"code": "NOT_FOUND"}},
            404,
            'app "my-app" is unknown to this token',
        ),
        (
            {"message": "You must be authenticated to view this."},
            401,
            "the token is expired or malformed",
        ),
        (
            {
                "message": "Not authorized to access this App",
                "extensions": {"code": "UNAUTHORIZED"},
            },
            403,
            "the token is for another app",
        ),
        ({"message": "Something else"}, 400, "it does not accept this"),
    ],
)
def test_a_refusal_in_graphql_is_one_although_its_status_is_200(
    error: object, status: int, words: str
) -> None:
    caught = refused(FlyApi.releases, told({"errors": [error], "data": None}))

    assert caught.status == status
    assert words in caught.message


@pytest.mark.parametrize(
    "content", [{}, [], {"data": {"app": None}}, {"errors": []}, {"errors": "no"}, {"errors": [7]}]
)
def test_an_answer_without_releases_is_not_an_empty_ledger(content: object) -> None:
    assert refused(FlyApi.releases, told(content)).status is None


def test_a_time_without_a_zone_is_utc_and_what_is_none_is_unknown() -> None:
    fly = Fly(nodes({**ROW, "createdAt": "2026-10-04T12:00:00"}, {**ROW, "createdAt": "soon"}))

    assert [str(row.created_at) for row in api(fly).releases()] == [
        "2026-10-04 12:00:00+00:00",
        "None",
    ]


def test_a_first_deploy_has_an_empty_ledger() -> None:
    assert api(Fly(nodes())).releases() == []


def test_a_release_record_is_written_and_finished() -> None:
    fly = Fly(told({"release": {"id": "rel_43", "version": 43}}, 201), told({"id": "rel_43"}))
    client = api(fly)

    release = client.record_release(image="i@sha256:a", definition={"a": 1}, strategy="rolling")
    assert release == "rel_43"
    assert client.finish_release(release, "complete")

    assert [str(request.url) for request in fly.requests] == [
        "https://api.fly.io/api/v1/releases",
        "https://api.fly.io/api/v1/releases/rel_43",
    ]
    assert fly.bodies[0] == {
        "app_name": "my-app",
        "build_id": 0,
        "definition": {"a": 1},
        "image": "i@sha256:a",
        "strategy": "ROLLING",
    }
    assert fly.bodies[1] == {"status": "complete", "metadata": None}
    sent = {request.headers["Authorization"] for request in fly.requests}
    assert sent == {TOKEN.replace("FlyV1", "Bearer")}


@pytest.mark.parametrize("status", [401, 403, 404, 405, 422, 500])
def test_a_release_record_that_is_not_taken_stops_nothing(status: int) -> None:
    client = api(Fly(refusal(status)), patience_seconds=1)

    assert client.record_release(image="i", definition={}, strategy="rolling") is None
    assert client.finish_release("rel_43", "complete") is False


def test_a_release_record_whose_answer_was_lost_is_not_written_twice() -> None:
    fly = Fly(lost_in(httpx.ReadTimeout))

    assert api(fly).record_release(image="i", definition={}, strategy="rolling") is None
    assert len(fly.requests) == 1
