"""Secrets are taken out of whatever leaves, in each form they may have taken on the way."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.text.secrets import (
    Scrubber,
    Secret,
    hidden_in_line,
    likely_secrets,
    secret_lines,
)

SECRET = 'pä"ss\\wörd+1'


LOWER = re.compile("%[0-9A-F]{2}")


def in_go(text: str) -> str:
    """As Go's encoder writes JSON."""
    told = json.dumps(text, ensure_ascii=False)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda text: quote(text, safe=""),
    "in a path": quote,
    "in a script's URL": lambda text: quote(text, safe="!'()*"),
    "in small letters": lambda text: LOWER.sub(lambda m: m[0].lower(), quote(text, safe="")),
    "in a form": lambda text: urlencode({"": text})[1:],
    "in a form, small": lambda text: LOWER.sub(lambda m: m[0].lower(), quote_plus(text)),
    "in base64": lambda text: b64encode(text.encode()).decode(),
    "in HTML": html.escape,
    "in an HTML text": lambda text: html.escape(text, quote=False),
    "in HTML by numbers": lambda text: (
        html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    ),
    "in JSON": json.dumps,
    "in JSON beyond ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "in PHP's JSON": lambda text: json.dumps(text).replace("/", "\\/"),
    "in Go's JSON": in_go,
    "in a template's JSON": lambda text: in_go(text).replace("'", "\\u0027"),
    "in JSON within JSON": lambda text: json.dumps(json.dumps(text)[1:-1]),
    "in Go's JSON within JSON": lambda text: json.dumps(in_go(text)[1:-1]),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "secret", [SECRET, "p/q r+s&t<u>v", "it's (so) *good*!", "a=b c/d", "hunter2222"]
)
def test_a_secret_leaves_in_no_form(form: Callable[[str], str], secret: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(Secret(secret))

    assert scrubber.scrub(f"[{form(secret)}]").strip('["\\]') == "***"


@given(text=st.text(min_size=4, max_size=30))
def test_a_secret_has_a_bounded_number_of_forms(text: str) -> None:
    assert len(Scrubber().learn(f"x{text}".replace("\n", ""))) <= 200


def test_a_plain_secret_has_no_more_forms_than_it_needs() -> None:
    assert Scrubber().learn("hunter2222") == (b64encode(b"hunter2222").decode(), "hunter2222")


def test_a_secret_shows_itself_only_where_it_is_asked_to() -> None:
    secret = Secret("hunter2222")

    assert "hunter2222" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2222"


def test_each_line_of_a_secret_is_one_too() -> None:
    scrubber = Scrubber()
    scrubber.learn("first-line\nsecond-line")

    assert scrubber.scrub("second-line, first-line") == "***, ***"


@pytest.mark.parametrize("blank", ["\n", "\r\n", " ", "\ufeff"])
def test_a_secret_that_was_stored_with_blanks_leaves_neither_with_nor_without_them(
    blank: str,
) -> None:
    scrubber = Scrubber()
    stored = f"hunter2222{blank}"
    scrubber.learn(stored)

    encoded = b64encode(stored.encode()).decode()

    assert scrubber.scrub(f"hunter2222, {quote(stored)}, {encoded}").count("***") == 3
    assert encoded not in scrubber.scrub(encoded)


def test_what_is_too_short_to_be_a_secret_leaves_words_alone() -> None:
    scrubber = Scrubber()
    scrubber.learn("on")

    assert scrubber.scrub("once on") == "once on"


def test_a_long_line_without_credentials_is_read_in_linear_time() -> None:
    line = "x" * 1_000_000

    assert hidden_in_line(line, ()) == line
    assert hidden_in_line(f"url: {line}@host, a@b@c", ()) == "url: ***@host, ***@c"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/healthz?bypass=abcd-efgh&q=shoes", {"abcd-efgh"}),
        ("/healthz?x=s3cr3tBypassTokenForTests99", {"s3cr3tBypassTokenForTests99"}),
        ("/healthz?token=a%2Fbcdefgh", {"a%2Fbcdefgh", "a/bcdefgh"}),
        ("X-Api-Key: abcdefgh", {"abcdefgh"}),
        ("Authorization: Bearer abcdefgh", {"Bearer abcdefgh", "abcdefgh"}),
        ("Cookie: id=abcdefgh; a=b", {"id=abcdefgh; a=b", "abcdefgh"}),
        ('{"password": "hunter2222", "user": "somebody"}', {"hunter2222"}),
        ("?token=${secrets.TOKEN}&key=short", set()),
        ("?session=12345678901234567890", set()),
        ("/api/customer-orders-2024?q=a", set()),
        ('{"query": "{ customer_orders_2024 }"}', set()),
        ("Accept: application/vnd.github.v3+json\nX-Tenant: shop-of-somebody", set()),
    ],
)
def test_what_is_likely_to_be_secret_is_found_by_its_name_or_its_look(
    text: str, found: set[str]
) -> None:
    assert set(likely_secrets(text)) == found


def test_a_secret_of_several_lines_is_one() -> None:
    chain = "-----BEGIN A-----\nab==\n-----END A-----\n-----BEGIN B-----\ncd=e\n-----END B-----"

    assert secret_lines(f"ONE=1234\n\nPEM={chain}\n TWO=5678 ") == (
        "ONE=1234",
        f"PEM={chain}",
        "TWO=5678",
    )
