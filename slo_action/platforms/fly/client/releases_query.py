"""The ledger of releases over GraphQL.

Source: fly-go's resource_releases.go and Fly's page on its registry document the short list of
fields; the digest and the definition are in the schema only, so a refusal of them is survived.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

from slo_action.platforms.fly.client.errors import ApiAnswer
from slo_action.platforms.fly.client.models import FlyRelease, read
from slo_action.platforms.fly.client.release_row import LedgerRow

_DOCUMENTED = (
    "id version description reason status imageRef stable user { id email name } createdAt"
)
_MORE = "configDefinition image { digest }"
_NOT_FOUND, _UNAUTHENTICATED, _FORBIDDEN = 404, 401, 403


def queries() -> tuple[str, str]:
    """Return the query for everything, and the one for what is documented."""
    return _query(f"{_DOCUMENTED} {_MORE}"), _query(_DOCUMENTED)


def _query(fields: str) -> str:
    return (
        "query($appName: String!, $limit: Int!) { app(name: $appName) { "
        f"releases: releasesUnprocessed(first: $limit) {{ nodes {{ {fields} }} }} }} }}"
    )


def rows(answer: ApiAnswer) -> list[LedgerRow] | None:
    """Return the releases of an answer, newest first; None where it holds none at all."""
    nodes: object = answer.content
    for name in ("data", "app", "releases", "nodes"):
        nodes = nodes.get(name) if isinstance(nodes, dict) else None
    if not isinstance(nodes, list):
        return None
    found = [_row(read(FlyRelease, node)) for node in nodes]
    return sorted((row for row in found if row.version), key=lambda row: -row.version)


def meant(answer: ApiAnswer) -> ApiAnswer:
    """Return a refusal, which GraphQL answers with 200, as the status that its words stand for."""
    errors = answer.content.get("errors") if isinstance(answer.content, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    told = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(told, str):
        return replace(answer, status=None, lost="its answer holds no releases")
    return replace(answer, status=_status(first, told.lower()), content={"error": told})


def _status(error: Mapping[str, object], told: str) -> int:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if code == "NOT_FOUND" or "could not find" in told:
        return _NOT_FOUND
    if "authenticated" in told:
        return _UNAUTHENTICATED
    return _FORBIDDEN if code in {"UNAUTHORIZED", "FORBIDDEN"} or "authorized" in told else 400


def _row(told: FlyRelease) -> LedgerRow:
    created = told.created_at
    if created and created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return LedgerRow(
        version=told.version,
        status=told.status.lower(),
        image=told.image_ref,
        digest=told.image.digest or told.image_ref.partition("@")[2],
        definition=told.definition,
        reason=told.reason,
        description=told.description,
        user=told.user.name or told.user.email,
        created_at=created,
        id=told.id,
    )
