"""The app and its releases over GraphQL.

Source: fly-go's resource_apps.go for the app; its resource_releases.go and Fly's page on its
registry for the short list of a release's fields. The digest and the definition are in the schema
only, so a refusal of them is survived.
"""

from collections.abc import Mapping
from dataclasses import replace

from slo_action.platforms.fly.client.errors import ApiAnswer
from slo_action.platforms.fly.client.models import FlyRelease

_DOCUMENTED = (
    "id version description reason status imageRef stable user { id email name } createdAt"
)
_MORE = "configDefinition image { digest }"
_NOT_FOUND, _UNAUTHENTICATED, _FORBIDDEN = 404, 401, 403


def _query(fields: str) -> str:
    return (
        "query($appName: String!, $limit: Int!) { app(name: $appName) { "
        f"releases: releasesUnprocessed(first: $limit) {{ nodes {{ {fields} }} }} }} }}"
    )


APP = (
    "query($appName: String!) { app(name: $appName) { id name hostname deployed network status "
    "appUrl platformVersion organization { id internalNumericId slug paidPlan } role { name } } }"
)
"""What flyctl asks for its status."""
RELEASES = (_query(f"{_DOCUMENTED} {_MORE}"), _query(_DOCUMENTED))
"""For everything, and for what is documented."""


def releases_in(answer: ApiAnswer) -> list[FlyRelease] | None:
    """Return the releases of an answer, newest first; None where it holds none at all."""
    nodes = below(answer, "data", "app", "releases", "nodes")
    if not isinstance(nodes, list):
        return None
    found = [FlyRelease.read(node) for node in nodes]
    return sorted((one for one in found if one.version), key=lambda one: -one.version)


def below(answer: ApiAnswer, *names: str) -> object:
    """Return what an answer holds at a path; None where that is nothing."""
    found: object = answer.content
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def as_refusal(answer: ApiAnswer) -> ApiAnswer:
    """Return an error, which GraphQL answers with 200, with the HTTP status that it means."""
    errors = answer.content.get("errors") if isinstance(answer.content, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, str):
        return replace(answer, status=None, lost="its answer has neither data nor an error")
    return replace(answer, status=_status(first, message.lower()), content={"error": message})


def _status(error: Mapping[str, object], message: str) -> int:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if code == "NOT_FOUND" or "could not find" in message:
        return _NOT_FOUND
    if "authenticated" in message:
        return _UNAUTHENTICATED
    return _FORBIDDEN if code in {"UNAUTHORIZED", "FORBIDDEN"} or "authorized" in message else 400
