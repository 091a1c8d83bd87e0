"""The registry: whether an image is still there. Its user is `x`, its password a token."""

from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.call import Answer, Call, Route, route
from tests.worlds.fly.refusal import reply

_KIND = "application/vnd.docker.distribution.manifest.v2+json"


def manifest(app_state: AppState, call: Call) -> Answer:
    token, app = call.token, call.named["app"]
    if token is None or token.app not in {None, app}:
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        challenge = 'Basic realm="registry.fly.io"'
        return reply(401, body, WWW_Authenticate=challenge)
    image = app_state.stored(call.named["reference"]) if app == app_state.app else None
    if image is None:
        body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        return reply(404, body)
    told = {"schemaVersion": 2, "mediaType": _KIND}
    content = told if call.request.method == "GET" else None
    return reply(200, content, Docker_Content_Digest=image.digest)


def routes() -> tuple[Route, ...]:
    """Return this part's lines of the table; `app` is left to the registry's own errors."""
    path = "/v2/{app}/manifests/{reference}"
    return tuple(
        route(f"{method} {path}", "manifest", manifest, is_limited=False)
        for method in ("HEAD", "GET")
    )
