"""What the client of Fly's APIs sends, and what it takes for an answer."""

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action import __version__
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.access import FlyAddresses
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.platforms.fly.client.http import MOST_BYTES
from tests.platforms.fly.answers import (
    CHANGES,
    DESCRIBED,
    FIRST,
    LEASED,
    MACHINE,
    NONCE,
    NOT_TWICE,
    READS,
    REQUEST_ID,
    SECOND,
    TOKEN,
    Fly,
    api,
    refusal,
    refused,
    told,
    update,
)
from tests.worlds.virtual_clock import VirtualClock


def test_all_machines_are_asked_for_with_their_leases() -> None:
    fly = Fly(told([{"id": "a"}, {"id": "b"}]))

    assert [live.raw for live in api(fly).machines()] == [{"id": "a"}, {"id": "b"}]
    assert str(fly.requests[0].url) == (
        "https://api.machines.dev/v1/apps/my-app/machines?include_leases=true"
    )


@pytest.mark.parametrize(
    ("token", "header"),
    [
        (TOKEN, f"FlyV1 {FIRST},{SECOND}"),
        (f"Bearer {TOKEN}", f"FlyV1 {FIRST},{SECOND}"),
        (f" {FIRST}\n", f"FlyV1 {FIRST}"),
        ("fo1_user-token", "Bearer fo1_user-token"),
    ],
)
def test_macaroons_go_as_flyv1_and_all_else_as_bearer(token: str, header: str) -> None:
    fly = Fly(DESCRIBED)

    api(fly, token=token).app()

    assert fly.requests[0].headers["Authorization"] == header
    assert fly.requests[0].headers["User-Agent"] == f"slo-verify/{__version__}"


@given(st.text(max_size=40))
def test_any_token_is_sent_as_one_header_or_refused_without_being_quoted(token: str) -> None:
    fly = Fly(DESCRIBED)
    try:
        api(fly, token=token).app()
    except PlatformError as error:
        shown = f"{error.message} {error.hint}"
        assert len(token.strip()) < 5 or token.strip() not in shown
        assert not fly.requests
    else:
        scheme, _, rest = fly.requests[0].headers["Authorization"].partition(" ")
        assert scheme.lower() in {"flyv1", "bearer", "basic"}
        assert rest in token


@pytest.mark.parametrize("token", ["", "  ", "Bearer", "FlyV1 ", "fm2_a\nfm2_b", "fm2_ä"])
def test_a_token_that_is_none_is_refused_before_anything_is_sent(token: str) -> None:
    with pytest.raises(PlatformError) as caught:
        api(Fly(told({})), token=token)

    assert "fly-api-token" in caught.value.hint
    assert "fm2_" not in caught.value.message


@pytest.mark.parametrize("app", ["", "My App", "../other", "a/b", "a" * 64, "-a"])
def test_what_is_no_name_of_an_app_never_gets_into_an_address(app: str) -> None:
    with pytest.raises(PlatformError) as caught:
        FlyApi(
            FlyAddresses(),
            app,
            Secret(TOKEN),
            clock=VirtualClock(),
            scrubber=Scrubber(),
            transport=None,
            patience_seconds=1,
        )

    assert "`app` input" in caught.value.hint


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "create"])
def test_every_change_of_a_machine_carries_the_nonce_of_the_lease(change: str) -> None:
    fly = Fly(LEASED)

    CHANGES[change](api(fly))

    assert fly.requests[0].headers["fly-machine-lease-nonce"] == NONCE.reveal()


def test_without_a_lease_no_nonce_is_sent() -> None:
    fly = Fly(told({}))

    api(fly).start(MACHINE)

    assert "fly-machine-lease-nonce" not in fly.requests[0].headers


def test_an_update_replaces_the_whole_configuration_if_it_is_still_the_one_that_was_seen() -> None:
    fly = Fly(told({"id": MACHINE, "instance_id": "01K"}))

    answer = update(api(fly))

    assert answer.instance_id == "01K"
    assert fly.requests[0].method == "POST"
    assert fly.requests[0].url.path == f"/v1/apps/my-app/machines/{MACHINE}"
    assert fly.bodies == [
        {"config": {"image": "i"}, "current_version": "01J", "skip_launch": False}
    ]


def test_a_configuration_is_sent_back_as_it_was_read_strange_texts_included() -> None:
    strange = {"env": {"A": "ä\ud800\u2028", "N": 2**70}}
    fly = Fly(told({"config": strange}))
    client = api(fly)

    config = client.machine(MACHINE).whole_config.raw
    client.update(MACHINE, config=config, current_version="1", skip_launch=True, nonce=NONCE)

    assert json.loads(fly.requests[1].content)["config"] == strange


def test_a_machines_name_cannot_lead_to_another_address() -> None:
    fly = Fly(told({}))

    api(fly).machine("../../other/machines/1?x#y")

    assert fly.requests[0].url.raw_path == (
        b"/v1/apps/my-app/machines/..%2F..%2Fother%2Fmachines%2F1%3Fx%23y"
    )


def test_a_lease_holds_its_nonce_as_a_secret_and_the_scrubber_learns_it() -> None:
    scrubber = Scrubber()
    fly = Fly(LEASED)

    nonce = api(fly, scrubber=scrubber).lease(MACHINE, ttl_seconds=120, description="rollback")

    assert nonce == NONCE
    assert NONCE.reveal() not in repr(nonce)
    assert scrubber.scrub(f"it is {NONCE.reveal()}") == "it is ***"
    assert fly.bodies == [{"ttl": 120, "description": "rollback"}]
    assert fly.requests[0].url.params["ttl"] == "120"


@pytest.mark.parametrize("data", [None, {}, {"nonce": [7]}, {"nonce": "a\nb"}, {"nonce": "ä"}])
def test_a_lease_without_a_usable_nonce_is_no_lease(data: object) -> None:
    error = refused(NOT_TWICE["lease"], told({"status": "success", "data": data}))

    assert error.status is None


def test_a_refreshed_lease_keeps_its_nonce_where_the_answer_has_none() -> None:
    client = api(Fly(told({"status": "success"})))

    assert client.lease(MACHINE, ttl_seconds=60, description="d", nonce=NONCE) == NONCE


def test_a_lease_that_is_not_there_any_more_is_given_back() -> None:
    fly = Fly(refusal(404, "lease not found"))

    api(fly).release_lease(MACHINE, NONCE)

    assert fly.requests[0].method == "DELETE"


def test_a_lease_that_cannot_be_given_back_is_reported() -> None:
    assert refused(CHANGES["release"], refusal(403)).status == 403


@pytest.mark.parametrize("content", [None, [], [None, 3, "x", []]])
def test_a_list_may_be_null_or_hold_what_is_no_object(content: object) -> None:
    assert api(Fly(told(content))).machines() == []


@pytest.mark.parametrize("call", ["machines", "machine", "versions"])
@pytest.mark.parametrize("content", [True, "text", 5])
def test_an_answer_of_another_kind_is_reported(call: str, content: object) -> None:
    error = refused(READS[call], told(content))

    assert error.status is None
    assert "not of this API" in error.message
    assert f"request {REQUEST_ID}" in error.message


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"{", b'{"a": NaN}', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_json_is_no_answer(body: bytes) -> None:
    error = refused(FlyApi.app, lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))

    assert error.status is None
    assert "not JSON" in error.message
    assert "login" not in error.message


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 1024 * 1024

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return endless()

    client = api(Fly(lambda _: httpx.Response(200, stream=Stream())), patience_seconds=0)
    with pytest.raises(FlyRefusedError, match="larger than 16 MiB"):
        client.machines()

    assert sent <= MOST_BYTES // 1024 // 1024 + 1


def test_an_answer_that_trickles_in_is_given_up() -> None:
    clock = VirtualClock()

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                clock.advance(1.0)
                yield b" "

    client = api(
        Fly(lambda _: httpx.Response(200, stream=Stream())), clock=clock, patience_seconds=0
    )
    with pytest.raises(FlyRefusedError, match="takes longer than 10 s"):
        client.machines()


def test_an_answer_that_is_compressed_unasked_is_not_unpacked() -> None:
    def bomb(_: httpx.Request) -> httpx.Response:
        body = httpx.ByteStream(b"\x1f\x8b")
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)

    assert "compressed" in refused(FlyApi.app, bomb).message
