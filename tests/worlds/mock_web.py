"""A prober over answers made up in memory, and the probes to ask it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import httpx

from slo_action.core.model import Probe, Sample, Witness
from slo_action.ports import Clock
from slo_action.probing.prober import HttpProber
from tests.worlds.virtual_clock import VirtualClock

URL = "https://shop.example/health"
PROBE = Probe(witness=Witness.HEALTH, url=URL)

Handler = Callable[[httpx.Request], httpx.Response]


def mock_prober(
    handler: Handler,
    clock: Clock | None = None,
    redact: Callable[[str], str] = lambda text: text,
) -> HttpProber:
    """Return the real prober above httpx's MockTransport; nonces are n1, n2 and so on."""
    numbers = count(1)
    return HttpProber(
        clock or VirtualClock(),
        nonces=lambda: f"n{next(numbers)}",
        transport=httpx.MockTransport(handler),
        redact=redact,
    )


def found(
    status: int = 200,
    body: bytes | str = b"",
    headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
    **probe: Any,
) -> Sample:
    """Return the sample of one probe that is given this answer."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]

    def handler(_: httpx.Request) -> httpx.Response:
        text = body.encode() if isinstance(body, str) else body
        return httpx.Response(status, headers=given, stream=httpx.ByteStream(text))

    (sample,) = mock_prober(handler).ask([replace(PROBE, **probe)])
    return sample
