"""A shop with a login form, orders, and links to them: what examples/journeys.yml walks through."""

import json
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, quote

from tests.worlds.artifact_http import Asked, Reply, json_reply

PASSWORD = "c0rrect h0rse"
CSRF = 'f0rm+"t0k3n"&1'
XSRF = "xsrf/t0k3n=="
SESSION = "s3ss10n-f00d"
_USER = "probe@shop.example"


class OrderDesk:
    """Knows one user. `asked` holds every request, `orders` what was ordered.

    `form` is the login page, `invoice` the link to an invoice, with `{}` for the order's number.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[Asked] = []
        self.orders: list[dict[str, object]] = []
        self.form = f'<form method="post"><input name="csrf" value="{escape(CSRF)}"></form>'
        self.invoice = "{}/invoice?format=html"

    def serve(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        number = len(self.orders)
        pages: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "/healthz"): lambda: json_reply(200, {"status": "ok"}),
            ("GET", "/login"): lambda: _page(self.form),
            ("POST", "/login"): lambda: _login(asked),
            ("GET", "/account"): _account,
            ("POST", "/api/orders"): lambda: self._order(asked),
            ("GET", f"/api/orders/{number}"): self._shown,
            ("GET", f"/api/orders/{number}/invoice?format=html"): lambda: _page(
                f"<h1>Invoice of order {number}</h1>"
            ),
        }
        reply = pages.get((asked.method, asked.target), lambda: json_reply(404, {}))
        is_open = asked.path in ("/healthz", "/login")
        knows = asked.headers.get("cookie", "").startswith(f"session={SESSION}")
        return reply() if is_open or knows else json_reply(401, {"error": "log in"})

    def _order(self, asked: Asked) -> Reply:
        if asked.headers.get("x-xsrf-token") != XSRF:
            return json_reply(419, {"error": "page expired"})
        self.orders.append(json.loads(asked.body))
        number = len(self.orders)
        body = json.dumps({"number": number}).encode()
        return Reply(status=201, body=body, headers={"Location": f"/api/orders/{number}"})

    def _shown(self) -> Reply:
        number = len(self.orders)
        links = {"invoice": self.invoice.format(number)}
        return json_reply(200, {**self.orders[-1], "number": number, "links": links})


def _page(html: str) -> Reply:
    return Reply(status=200, body=html.encode(), headers={"Content-Type": "text/html"})


def _login(asked: Asked) -> Reply:
    wanted = {"csrf": [CSRF], "user": [_USER], "password": [PASSWORD]}
    is_form = asked.headers.get("content-type") == "application/x-www-form-urlencoded"
    if not is_form or parse_qs(asked.body.decode()) != wanted:
        return json_reply(403, {"error": "forged"})
    cookie = f"session={SESSION}; Path=/; HttpOnly"
    return Reply(status=303, headers={"Location": "/account", "Set-Cookie": cookie})


def _account() -> Reply:
    reply = json_reply(200, {"user": _USER})
    cookie = f"XSRF-TOKEN={quote(XSRF, safe='')}; Path=/"
    return Reply(status=200, body=reply.body, headers={"Set-Cookie": cookie})
