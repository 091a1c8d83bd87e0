"""Whether an image is still there."""

from base64 import b64decode

import httpx
import pytest

from slo_action.core.text.secrets import Scrubber
from tests.platforms.fly.answers import FIRST, SECOND, Fly, api, lost_in


@pytest.mark.parametrize(
    ("answer", "has"),
    [(httpx.Response(200), True), (httpx.Response(404), False), (httpx.Response(401), None)],
)
@pytest.mark.parametrize("repository", ["my-app", "registry.fly.io/my-app"])
def test_the_registry_reports_whether_an_image_is_still_there(
    repository: str, answer: httpx.Response, has: bool | None
) -> None:
    fly = Fly(answer)

    assert api(fly).has_image(repository, "sha256:abc") is has
    request = fly.requests[0]
    assert request.method == "HEAD"
    assert request.url == "https://registry.fly.io/v2/my-app/manifests/sha256:abc"
    scheme, _, value = request.headers["Authorization"].partition(" ")
    assert (scheme, b64decode(value).decode()) == ("Basic", f"x:{FIRST},{SECOND}")
    assert "application/vnd.oci.image.index.v1+json" in request.headers["Accept"]
    assert "application/vnd.docker.distribution.manifest.v2+json" in request.headers["Accept"]


@pytest.mark.parametrize(
    ("repository", "digest"),
    [
        ("docker.io/library/nginx", "sha256:abc"),
        ("registry-1.docker.io/library/nginx", "sha256:abc"),
        ("my-app", "latest"),
        ("my-app", ""),
        ("../my-app", "sha256:abc"),
        ("", "sha256:abc"),
    ],
)
def test_no_request_is_sent_for_images_of_another_registry(repository: str, digest: str) -> None:
    fly = Fly(httpx.Response(200))

    assert api(fly).has_image(repository, digest) is None
    assert not fly.requests


def test_a_registry_that_does_not_answer_reports_nothing() -> None:
    assert api(Fly(lost_in(httpx.ConnectError))).has_image("my-app", "sha256:abc") is None


def test_the_registrys_password_is_learned_in_the_form_it_is_sent() -> None:
    scrubber = Scrubber()
    fly = Fly(httpx.Response(200))
    api(fly, scrubber=scrubber).has_image("my-app", "sha256:abc")

    sent = fly.requests[0].headers["Authorization"]

    assert scrubber.scrub(sent) == "Basic ***"
