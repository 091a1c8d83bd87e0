"""What may be probed, and what of an address is never shown."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.text.url import (
    ServiceUrl,
    credentials_in,
    is_link_local,
    parse_url,
    without_credentials,
)


def parsed(text: str) -> ServiceUrl:
    return parse_url(text, allow_link_local=False)


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://api.example", "https://api.example"),
        (" https://api.example/ ", "https://api.example"),
        ("http://localhost:8080/app/", "http://localhost:8080/app"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_base_url_takes_paths(text: str, base: str) -> None:
    assert parsed(text).base == base
    assert parsed(text).join("/healthz") == f"{base}/healthz"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("api.example", "start with http://"),
        ("//api.example", "start with http://"),
        ("ftp://api.example", "the scheme ftp: cannot be probed"),
        ("file:///etc/passwd", "start with http://"),
        ("https://", "the host is missing"),
        ("https://api.example:99999", "the port is not valid"),
        ("https://[::1", "the port is not valid"),
        ("https://api.example/a b", "no spaces or control characters"),
        ("https://api.example/\u202e", "no spaces or control characters"),
        ("https://api.example?x=1", "neither `\\?` nor `#`"),
        ("https://api.example#top", "neither `\\?` nor `#`"),
        ("https://api.example/@me", "no @ in its path"),
    ],
)
def test_an_address_that_cannot_be_probed_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parsed(text)


def test_credentials_are_taken_out_and_sent_as_a_header() -> None:
    url = parsed("https://bob:s%C3%BC%2Fs@api.example/app")

    assert url.base == "https://api.example/app"
    assert url.authorization is not None
    assert url.authorization.reveal() == "Basic Ym9iOnPDvC9z"
    assert {secret.reveal() for secret in url.secrets} >= {"bob:s%C3%BC%2Fs", "sü/s"}


@pytest.mark.parametrize(
    "text",
    [
        "https://bob:hunter22@api.example",
        "https://bob:hunter22@api.example/?next=http://other.example",
        "https://bob:hun/ter22@api.example",
        "https://bob:hun?ter22@api.example",
        "https://bob:12/hunter22@api.example",
        "ftp://bob:hunter22@api.example",
        "bob:hunter22@api.example",
        "https://bob:hunt@er22@api.example:99999",
        "bob:hunter22@https://api.example",
    ],
)
def test_credentials_are_never_shown_and_are_masked_before_anything_else(text: str) -> None:
    shown = without_credentials(text)

    assert "api.example" in shown
    assert not any(part in shown for part in ("bob", "hun", "er22", "12/"))
    assert any(part.endswith("er22") for part in credentials_in(text))


def test_an_error_quotes_no_credentials() -> None:
    with pytest.raises(ValueError, match="the port is not valid") as caught:
        parsed("https://bob:hun/ter22@api.example")

    assert "hun" not in str(caught.value)


@pytest.mark.parametrize("text", ["https://api.example", "api.example", "", "not a url", "://"])
def test_an_address_without_credentials_is_shown_whole_and_masks_nothing(text: str) -> None:
    assert without_credentials(text) == text
    assert credentials_in(text) == ()


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1",
        "169.254.169.254.",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "\uff11\uff16\uff19.254.169.254",
        "169\u3002254\uff61169\u3002254",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "100.100.100.200",
        "0x64.0x64.0x64.0xc8",
        "168.63.129.16",
        "192.0.0.192",
        "fd20:ce::254",
        "fd00:42::42",
        "::ffff:a9fe:a9fe",
        "::ffff:100.100.100.200",
        "::ffff:0:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::168.63.129.16",
        "64:ff9b:1::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001::5601:5601",
    ],
)
def test_a_metadata_address_is_refused_however_it_is_written(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host

    assert is_link_local(host)
    with pytest.raises(ValueError, match="link-local and metadata addresses are refused"):
        parsed(f"http://{shown}/")


@pytest.mark.parametrize(
    "host",
    [
        "a.example",
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "168.63.129.17",
        "::1",
        "2001:db8::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "fd00::1",
    ],
)
def test_a_private_address_is_not_a_metadata_address(host: str) -> None:
    assert not is_link_local(host)


def test_a_metadata_address_may_be_allowed() -> None:
    assert parse_url("http://169.254.1.1", allow_link_local=True).base == "http://169.254.1.1"


_URLISH = st.from_regex(r"(https?://)?[a-z0-9:@/?#%\[\].\\ -]{0,30}", fullmatch=True)


@given(st.one_of(st.text(), _URLISH))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    with suppress(ValueError):
        url = parsed(text)
        assert url.base.startswith(("http://", "https://"))
        assert "@" not in url.base


_WORD = st.from_regex(r"[a-zA-Z0-9:/?#%@!$&'()*+,;=._~-]{0,20}", fullmatch=True)


@given(before=_WORD, after=_WORD)
def test_whatever_surrounds_a_password_it_is_not_shown(before: str, after: str) -> None:
    text = f"https://bob:{before}hunter22{after}@api.example"

    assert "hunter22" not in without_credentials(text)
    assert any("hunter22" in part for part in credentials_in(text))
