"""What each option of a request may be, and what else is said to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.text.request_options import REQUEST_OPTIONS

KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
ACCEPTED: list[tuple[str, str, object]] = [
    ("headers", "X-A: b\n\n  x-c:d: e  ", (("X-A", "b"), ("x-c", "d: e"))),
    ("headers", "Authorization: Bearer ${secrets.T}", (("Authorization", "Bearer ${secrets.T}"),)),
    ("method", "post", "POST"),
    ("body", '{"query": "{ a }"}', '{"query": "{ a }"}'),
    ("expected_status", "200, 204 4xx", ("200", "204", "4xx")),
    ("host", "Shop.Example:8443", "shop.example:8443"),
    (
        "resolve",
        "a.example:443:192.0.2.1,[2001:db8::1]",
        ("a.example:443:192.0.2.1,[2001:db8::1]",),
    ),
    ("resolve", "*:80:::1\nb:1:127.0.0.1", ("*:80:::1", "b:1:127.0.0.1")),
    ("client_cert", "certs/client.pem", "certs/client.pem"),
    ("client_key", KEY, KEY),
    ("client_key", "${secrets.KEY}", "${secrets.KEY}"),
    (
        "proxy",
        "http://bob:${secrets.P}@proxy.example:3128",
        "http://bob:${secrets.P}@proxy.example:3128",
    ),
    ("cache_buster", "off", False),
    ("cache_buster", "True", True),
    *((name, "", option.parse("")) for name, option in REQUEST_OPTIONS.items()),
]
REFUSED = [
    ("headers", "Bearer abcdefgh", "`Name: value`"),
    ("headers", "Bad name: x", "a header's name"),
    ("headers", "Host: shop.example", "the option `host`"),
    ("headers", "Content-Length: 3", "the probe sets it"),
    ("headers", "X-A: \N{SNOWMAN}", "in Latin letters"),
    ("headers", "X-A: ${TOKEN}", "${secrets.NAME}"),
    ("headers", "X-A: b\n" * 51, "at most 50 lines"),
    ("method", "FETCH", "write one of GET, HEAD"),
    ("body", "${{ secrets.T }}", "nothing fills in ${{ secrets.T }}"),
    ("expected_status", "200, 600", "a status such as 200"),
    ("host", "https://shop.example", "a host name"),
    ("host", "${secrets.HOST}", "nothing fills in ${secrets.HOST} here"),
    ("resolve", "shop.example:192.0.2.1", "HOST:PORT:ADDRESS"),
    ("resolve", "shop.example:443:999.0.2.1", "HOST:PORT:ADDRESS"),
    ("client_cert", "/etc/client.pem", "below the workspace"),
    ("ca_bundle", "certs/../../ca.pem", "below the workspace"),
    ("proxy", "socks5://proxy.example:1080", "an HTTP proxy"),
    ("proxy", "http://proxy.example", "address and port"),
    ("cache_buster", "maybe", "on or off"),
]


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED)
def test_what_may_be_written_is_read(name: str, text: str, value: object) -> None:
    assert REQUEST_OPTIONS[name].parse(text) == value


@pytest.mark.parametrize(("name", "text", "accepted"), REFUSED)
def test_what_is_refused_is_told_what_would_be_right(name: str, text: str, accepted: str) -> None:
    with pytest.raises(ValueError, match=r"write|leave|fills") as caught:
        REQUEST_OPTIONS[name].parse(text)

    assert accepted in str(caught.value)


def said_of(name: str, text: str) -> str:
    """Return why a text is refused; empty where it is read."""
    try:
        REQUEST_OPTIONS[name].parse(text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.sampled_from(sorted(REQUEST_OPTIONS)), st.text(max_size=60))
def test_no_text_does_more_than_be_refused(name: str, text: str) -> None:
    assert said_of(name, text).isprintable()


@given(st.sampled_from(["client_key", "proxy", "headers"]), st.text(min_size=8, max_size=60))
def test_a_private_value_is_never_in_what_is_said_of_it(name: str, text: str) -> None:
    private = f"{text}\N{SNOWMAN}"

    assert private not in said_of(name, f"X-Key: {private}" if name == "headers" else private)
