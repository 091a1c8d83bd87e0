"""Fly's APIs as a list of answers: for what the stateful world never says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.platforms.fly.client.access import FlyAddresses
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyRefusedError
from slo_action.platforms.fly.client.models import FlyMachine
from slo_action.ports import Clock
from tests.worlds.virtual_clock import VirtualClock

APP = "my-app"
FIRST, SECOND = "fm2_lJPEfirst", "fm2_lJPEsecond"
TOKEN = f"FlyV1 {FIRST},{SECOND}"
NONCE = Secret("n0nce-of-a-lease")
MACHINE = "3287457df12589"
REQUEST_ID = "01K6ABCDEF-ams"

Handler = Callable[[httpx.Request], httpx.Response]


class Fly:
    """Answers in the given order, the last one for ever; `requests` holds what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def told(content: object, status: int = 200, **headers: str) -> Handler:
    """Answer JSON as a stream, as over a wire; a fresh one each time."""

    def answer(_: httpx.Request) -> httpx.Response:
        body = httpx.ByteStream(json.dumps(content).encode())
        return httpx.Response(
            status, headers={"fly-request-id": REQUEST_ID, **headers}, stream=body
        )

    return answer


def refusal(status: int, error: str = "no", **headers: str) -> Handler:
    return told({"error": error, "status": "unknown"}, status, **headers)


def api(
    fly: Handler,
    *,
    token: str = TOKEN,
    clock: Clock | None = None,
    scrubber: Scrubber | None = None,
    patience_seconds: float = 30.0,
    addresses: FlyAddresses | None = None,
) -> FlyApi:
    return FlyApi(
        addresses or FlyAddresses(),
        APP,
        Secret(token),
        clock=clock or VirtualClock(),
        scrubber=scrubber or Scrubber(),
        transport=httpx.MockTransport(fly),
        patience_seconds=patience_seconds,
    )


def update(client: FlyApi) -> FlyMachine:
    return client.update(
        MACHINE, config={"image": "i"}, current_version="01J", skip_launch=False, nonce=NONCE
    )


def lost_in(kind: type[httpx.TransportError]) -> httpx.TransportError:
    return kind(f"lost, with {FIRST}", request=httpx.Request("GET", "https://x"))


CHANGES: dict[str, Callable[[FlyApi], object]] = {
    "update": update,
    "start": lambda client: client.start(MACHINE, NONCE),
    "stop": lambda client: client.stop(MACHINE, NONCE),
    "restart": lambda client: client.restart(MACHINE, NONCE),
    "cordon": lambda client: client.cordon(MACHINE, NONCE),
    "uncordon": lambda client: client.uncordon(MACHINE, NONCE),
    "refresh": lambda client: client.lease(MACHINE, ttl_seconds=9, description="d", nonce=NONCE),
    "release": lambda client: client.release_lease(MACHINE, NONCE),
    "create": lambda client: client.create("m", region="ams", config={}, skip_launch=False),
    "destroy": lambda client: client.destroy(MACHINE, NONCE),
}
NOT_TWICE: dict[str, Callable[[FlyApi], object]] = {
    "update": update,
    "restart": CHANGES["restart"],
    "lease": lambda client: client.lease(MACHINE, ttl_seconds=9, description="d"),
}
READS: dict[str, Callable[[FlyApi], object]] = {
    "app": FlyApi.app,
    "machines": FlyApi.machines,
    "machine": lambda client: client.machine(MACHINE),
    "versions": lambda client: client.versions(MACHINE),
    "releases": FlyApi.releases,
}
DESCRIBED = told({"data": {"app": {"name": APP}}})
LEASED = told({"status": "success", "data": {"nonce": NONCE.reveal(), "expires_at": 1_800_000_000}})


def refused(
    call: Callable[[FlyApi], object], *answers: httpx.Response | Exception | Handler
) -> FlyRefusedError:
    """Return the error of a call, after a look for what it must not tell."""
    with pytest.raises(FlyRefusedError) as caught:
        call(api(Fly(*answers)))
    for error in _chain(caught.value):
        shown = f"{error} {error!r} {getattr(error, 'hint', '')} {vars(error)}"
        assert FIRST not in shown
        assert SECOND not in shown
        assert NONCE.reveal() not in shown
    assert caught.value.hint
    return caught.value


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
