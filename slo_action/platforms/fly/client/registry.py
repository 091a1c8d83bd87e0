"""Fly.io's image registry: is an image still there?

Source: the OCI distribution specification (HEAD of a manifest); flyctl's imgsrc/docker.go for the
user's name. Images that were not deployed for a while may be gone.
"""

import re
from base64 import b64encode

import httpx

from slo_action.core.text.secrets import Secret
from slo_action.platforms.fly.client.errors import Call

_PATH = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_DIGEST = re.compile(r"[a-z0-9]+:[a-zA-Z0-9]+")
_USER = "x"
_NAMED = "registry.fly.io"
"""What images are called by, also where the registry is reached by another address."""
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Without its own type among these, a registry answers 404 for an image that is there."""


def registry_header(header: Secret) -> Secret:
    """Return what the registry wants: the bare token is the password, as for docker."""
    bare = header.reveal().partition(" ")[2]
    return Secret(f"Basic {b64encode(f'{_USER}:{bare}'.encode()).decode()}")


def manifest_call(
    app: str, registry: str, repository: str, digest: str, header: Secret
) -> Call | None:
    """Return the question; None for what is none of this registry's images."""
    path = repository.removeprefix(f"{httpx.URL(registry).netloc.decode()}/")
    path = path.removeprefix(f"{_NAMED}/")
    is_foreign = "." in path.partition("/")[0]
    if is_foreign or not _PATH.fullmatch(path) or not _DIGEST.fullmatch(digest):
        return None
    return Call(
        app=app,
        action="find the image",
        method="HEAD",
        url=f"{registry}/v2/{path}/manifests/{digest}",
        accept=", ".join(_MANIFESTS),
        authorization=header,
    )
