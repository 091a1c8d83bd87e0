"""A shop with a login, a cart and a checkout, as a user's journey meets it, and that journey."""

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, unquote

import httpx

from slo_action.core.journey.journeys import (
    Assertion,
    Capture,
    Condition,
    Journey,
    JourneyStep,
    Subject,
)
from slo_action.core.text.secrets import Secret
from slo_action.probing.exchange import TIMELINE, ExchangeTimeline
from tests.worlds.artifact_http import Asked, Reply, json_reply
from tests.worlds.virtual_clock import VirtualClock

PASSWORD = 'p&ss"w=rd/21'
SESSION = "s3ss10n-f00d"
CSRF = 'c5rf/"t0k3n"+1'
CART = "cart 1/a?b"
SECRETS = {"PASSWORD": Secret(PASSWORD)}


class CartShop:
    """Keeps who is logged in. `faults` are paths that answer 500, `delays` seconds by path.

    `cookie_domain` is whom its session is for, empty for itself. `asked` holds every request.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[Asked] = []
        self.faults: set[str] = set()
        self.delays: dict[str, float] = {}
        self.cookie_domain = ""
        self.orders = 0

    def serve(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        path = asked.path
        answer = _ROUTES.get((asked.method, path), CartShop._cart)
        reply = json_reply(500, {"error": "oops"}) if path in self.faults else answer(self, asked)
        return Reply(
            status=reply.status,
            body=reply.body,
            headers=reply.headers,
            delay_seconds=self.delays.get(path, 0.0),
        )

    def _login(self, asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode())
        if form != {"user": ["probe@shop.example"], "password": [PASSWORD]}:
            return json_reply(401, {"error": "wrong password"})
        domain = f"; Domain={self.cookie_domain}" if self.cookie_domain else ""
        cookie = f"sid={SESSION}; Path=/{domain}; HttpOnly"
        return Reply(status=303, headers={"Location": "/account", "Set-Cookie": cookie})

    def _account(self, asked: Asked) -> Reply:
        if not self._knows(asked):
            return json_reply(401, {"error": "log in"})
        return json_reply(200, {"csrf": CSRF, "user": {"id": 42}})

    def _add(self, asked: Asked) -> Reply:
        if not self._trusts(asked) or json.loads(asked.body)["user"] != 42:
            return json_reply(403, {"error": "forged"})
        reply = json_reply(201, {"items": json.loads(asked.body)["items"]})
        return Reply(status=201, body=reply.body, headers={**reply.headers, "X-Cart": CART})

    def _cart(self, asked: Asked) -> Reply:
        name = unquote(asked.path.removeprefix("/cart/"))
        return json_reply(200, {"total": 12.5}) if name == CART else json_reply(404, {"path": name})

    def _checkout(self, asked: Asked) -> Reply:
        if not self._trusts(asked):
            return json_reply(403, {"error": "forged"})
        self.orders += 1
        return json_reply(200, {"order": self.orders, "state": "paid", "echo": CSRF})

    @staticmethod
    def _knows(asked: Asked) -> bool:
        return asked.headers.get("cookie") == f"sid={SESSION}"

    def _trusts(self, asked: Asked) -> bool:
        return self._knows(asked) and asked.headers.get("x-csrf") == CSRF


_ROUTES: dict[tuple[str, str], Callable[[CartShop, Asked], Reply]] = {
    ("POST", "/login"): CartShop._login,
    ("GET", "/account"): CartShop._account,
    ("POST", "/cart"): CartShop._add,
    ("POST", "/checkout"): CartShop._checkout,
}


def json_at(path: str, condition: Condition, expected: object = None) -> Assertion:
    return Assertion(subject=Subject.JSON, name=path, condition=condition, expected=expected)


LOGIN = JourneyStep(
    name="login",
    target="/login",
    method="POST",
    form={"user": "probe@shop.example", "password": "${secrets.PASSWORD}"},
    captures=(
        Capture(variable="csrf", subject=Subject.JSON, name="$.csrf"),
        Capture(variable="user", subject=Subject.JSON, name="$.user.id"),
    ),
)
ADD = JourneyStep(
    name="fill the cart",
    target="/cart",
    method="POST",
    headers={"X-CSRF": "${csrf}"},
    json={"user": "${user}", "items": ["umbrella for ${user}"]},
    think_seconds=2.0,
    assertions=(json_at("$.items[0]", Condition.EQUALS, "umbrella for 42"),),
    captures=(Capture(variable="cart", subject=Subject.HEADER, name="x-cart"),),
)
LOOK = JourneyStep(name="look", target="/cart/${cart}?of=${user}")
PAY = JourneyStep(
    name="pay",
    target="/checkout",
    method="POST",
    headers={"X-CSRF": "${csrf}"},
    assertions=(json_at("$.state", Condition.EQUALS, "paid"),),
)
BUY = Journey(name="buy", steps=(LOGIN, ADD, LOOK, PAY))


def at_once(journey: Journey) -> Journey:
    """Return the journey of a user who does not think."""
    steps = tuple(replace(step, think_seconds=0.0) for step in journey.steps)
    return replace(journey, steps=steps)


def in_virtual_time(shop: CartShop, clock: VirtualClock) -> httpx.MockTransport:
    """An answer takes 0.1 s more than its path's delay, or what its request has left."""

    def answer(request: httpx.Request) -> httpx.Response:
        timeline: ExchangeTimeline = request.extensions[TIMELINE]
        asked = Asked(
            method=request.method,
            target=request.url.raw_path.decode("ascii"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.read(),
        )
        reply = shop.serve(asked)
        takes, left = 0.1 + reply.delay_seconds, timeline.remaining()
        clock.advance(min(takes, left))
        if takes > left:
            raise TimeoutError
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    return httpx.MockTransport(answer)
