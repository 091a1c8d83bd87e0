"""What a probe sends: its request, redirects with their cookies, and our query that caches miss."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from json import loads

import httpx

from slo_action.core.model import Probe
from slo_action.ports import Clock
from slo_action.probing.assertions import expects_status
from slo_action.probing.exchange import Exchange
from slo_action.probing.journey_requests import Cookies
from slo_action.probing.redirects import MOST_REDIRECTS, with_nonce, without_nonce
from slo_action.probing.sender import Outgoing, Sender, request_of

_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""What a service that checks its queries strictly answers to one that it does not know."""


class ProbeRequests:
    """Asks a probe over a sender; `nonces` give queries that no cache has seen."""

    def __init__(self, clock: Clock, sender: Sender, nonces: Callable[[], str]) -> None:
        self._clock = clock
        self._sender = sender
        self._nonces = nonces

    def exchanges(self, probe: Probe) -> tuple[Exchange, ...]:
        """Ask once, and again for each redirect that the probe lets us follow; at least one.

        A service that refuses the query may only refuse ours: it is asked without it, and where
        that is answered otherwise, once more with it. Where that is refused again, the exchanges
        are those without it; else it is a service that fails now and then.
        """
        deadline = self._clock.monotonic() + probe.timeout_seconds
        nonces = self._nonces if probe.request.busts_cache else None
        found = self._asked(probe, deadline, nonces)
        refused = found[-1].status
        if nonces is None or refused not in _REFUSALS or expects_status(probe.assertions, refused):
            return found
        plain = self._asked(probe, deadline, None)
        status = plain[-1].status
        is_good = status is not None and 200 <= status < 300  # noqa: PLR2004
        again = self._asked(probe, deadline, nonces)[-1].status if is_good else refused
        if status in (None, refused) or again not in (None, refused):
            return found
        return (replace(plain[0], refused_query=refused), *plain[1:])

    def _asked(
        self, probe: Probe, deadline: float, nonces: Callable[[], str] | None
    ) -> tuple[Exchange, ...]:
        cookies = Cookies()

        def make(one: Outgoing) -> httpx.Request:
            url = with_nonce(without_nonce(one.url), nonces()) if nonces else one.url
            return request_of(replace(one, url=url), probe, cookies.header_for(one.url))

        found = []
        for exchange in self._sender.send(
            _outgoing(probe),
            make,
            deadline=deadline,
            limit=probe.body_limit_bytes,
            assertions=probe.assertions,
            redirects_followed=MOST_REDIRECTS if probe.follows_same_host else 0,
        ):
            found.append(exchange)
            if probe.follows_same_host:
                cookies.take(exchange.url, exchange.headers)
        return tuple(found)


def _outgoing(probe: Probe) -> Outgoing:
    options = probe.request
    named = any(name.lower() == "content-type" for name, _ in options.headers)
    headers = () if named or not _is_json(options.body) else (("Content-Type", "application/json"),)
    content = options.body.encode("utf-8", "replace")
    return Outgoing(method=options.verb, url=probe.url, headers=headers, content=content)


def _is_json(body: str) -> bool:
    try:
        return isinstance(loads(body), dict | list)
    except ValueError:
        return False
