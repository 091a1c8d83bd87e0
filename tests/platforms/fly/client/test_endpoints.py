"""Where the APIs are, and whose variables say so."""

import pytest

from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.access import FlyAddresses
from tests.platforms.fly.answers import Fly, api, told


def test_flyctls_own_variables_lead_to_other_addresses() -> None:
    addresses = FlyAddresses.from_environment(
        {
            "FLY_FLAPS_BASE_URL": "http://_api.internal:4280/",
            "FLY_API_BASE_URL": "http://127.0.0.1:4000/fly",
            "FLY_UIEX_BASE_URL": "",
            "FLY_REGISTRY_HOST": "registry.example:5000",
            "FLY_APP": "other",
        }
    )

    assert addresses == FlyAddresses(
        machines="http://_api.internal:4280",
        graphql="http://127.0.0.1:4000/fly",
        registry="https://registry.example:5000",
    )


@pytest.mark.parametrize(
    "text",
    [
        "ftp://fly.example",
        "https://user:pa55word@fly.example",
        "https://fly.example/?token=pa55word",
        "https://fly.example/#pa55word",
        "https://fly.example:port",
        "https://[::1",
        "https://",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(PlatformError) as caught:
        FlyAddresses.from_environment({"FLY_API_BASE_URL": text})

    assert "FLY_API_BASE_URL" in caught.value.message
    assert "pa55word" not in f"{caught.value.message} {caught.value.hint}"


def test_an_overridden_address_is_asked() -> None:
    fly = Fly(told([]))

    api(fly, addresses=FlyAddresses(machines="http://127.0.0.1:4280/fly")).machines()

    assert str(fly.requests[0].url).startswith("http://127.0.0.1:4280/fly/v1/apps/my-app/")
