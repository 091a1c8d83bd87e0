"""Secrets are taken out of whatever leaves, in each form they may have taken on the way."""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.model import Ending, Trigger, Verdict
from slo_action.core.text.secrets import (
    Scrubber,
    Secret,
    hidden_in_line,
    likely_secrets,
    secret_lines,
)
from slo_action.render.text.escape import markdown

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
    "in base64 without padding": lambda text: b64encode(text.encode()).decode().rstrip("="),
    "in base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "in base64 in a URL": lambda text: quote(b64encode(text.encode()).decode(), safe=""),
    "in hex": lambda text: text.encode().hex(),
    "in HEX": lambda text: text.encode().hex().upper(),
    "percent by percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent of percent": lambda text: quote(quote(text, safe=""), safe=""),
    "in \\u alone": lambda text: "".join(f"\\u{unit:04x}" for unit in units(text)),
    "in \\U alone": lambda text: "".join(f"\\u{unit:04X}" for unit in units(text)),
    "every other in \\u": lambda text: "".join(
        f"\\u{ord(c):04x}" if number % 2 else c for number, c in enumerate(text)
    ),
    "in \\x": lambda text: "".join(f"\\x{ord(c):02x}" if c < "\x80" else c for c in text),
    "in numbers of HTML": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "in hex numbers of HTML": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "in our Markdown": markdown,
}


def units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "secret", [SECRET, "p/q r+s&t<u>v", "it's (so) *good*!", "a=b c/d", "hunter2222"]
)
def test_a_secret_leaves_in_no_form(form: Callable[[str], str], secret: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(Secret(secret))

    assert scrubber.scrub(f"[{form(secret)}]").strip('["\\]') == "***"


@given(before=st.binary(max_size=9), secret=st.text(min_size=9), after=st.binary(max_size=9))
def test_no_part_of_a_secret_is_left_in_base64_of_something_longer(
    before: bytes, secret: str, after: bytes
) -> None:
    scrubber = Scrubber()
    scrubber.learn(f"s3cret {secret}".strip())
    whole = f"s3cret {secret}".strip().encode("utf-8", "replace")
    encoded = b64encode(before + whole + after).decode()

    left = scrubber.scrub(encoded)

    assert "***" in left
    assert len(left) - len("***") <= (len(before) + len(after)) * 4 / 3 + 8


@given(
    secret=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\\%&\r\n"),
        min_size=8,
        max_size=40,
    ),
    ways=st.lists(st.integers(0, 5), min_size=3, max_size=9),
)
def test_a_secret_is_found_however_its_characters_are_escaped(secret: str, ways: list[int]) -> None:
    scrubber = Scrubber()
    value = f"<{secret}>"
    scrubber.learn(value)
    escapes: tuple[Callable[[str], str], ...] = (
        str,
        lambda c: "".join(f"%{byte:02X}" for byte in c.encode()),
        lambda c: "".join(f"\\u{unit:04x}" for unit in units(c)),
        lambda c: f"&#{ord(c)};",
        lambda c: json.dumps(c)[1:-1],
        html.escape,
    )
    written = "".join(escapes[ways[at % len(ways)]](c) for at, c in enumerate(value))

    assert scrubber.scrub(written) == "***"


@given(st.text(max_size=60))
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    scrubber = Scrubber()
    scrubber.learn("a-secret-that-is-nowhere-in-it-4711")

    assert scrubber.scrub(text) == text


@pytest.mark.parametrize("secret", ["hunter2222", "ghs_SecretTok_abcdef0123456789", "pässwörter"])
@pytest.mark.parametrize("form", [str, lambda text: b64encode(text.encode()).decode()])
def test_a_secret_that_was_cut_is_taken_out_as_far_as_it_goes(
    secret: str, form: Callable[[str], str]
) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)
    written = form(secret)

    for kept in range(8, len(written)):
        assert scrubber.scrub(f"pass={written[:kept]}") == "pass=***"
        assert scrubber.scrub(f"{written[-kept:]}; next") == "***; next"


def test_a_secret_of_few_letters_that_was_cut_leaves_less_than_half() -> None:
    scrubber = Scrubber()
    scrubber.learn("hunter22")

    assert scrubber.scrub("pass: hunt") == "pass: ***"
    assert scrubber.scrub("er22 was it") == "*** was it"
    assert scrubber.scrub("a hunt was on") == "a hunt was on"


COMMON = (
    *(
        "0000",
        "null",
        "true",
        "json",
        "2026",
        "1000",
        "audit",
        "slo-verify",
        "healthy",
        "unhealthy",
    ),
    *("inconclusive", "service", "status", '"": ', "\\u00", "schema_version", "20261128"),
    *("2026-11-28", "web-1", "health-check-failure", "rolled-back-verified", "sha256"),
)


@pytest.mark.parametrize("secret", COMMON)
def test_a_secret_that_is_a_common_word_or_number_breaks_no_json(secret: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)
    document = {
        "schema_version": 1,
        "verdict": Verdict.UNHEALTHY,
        "ending": Ending.ROLLED_BACK_VERIFIED,
        "timestamp": "2026-11-28T22:36:27Z",
        "audit-path": "slo-verify/web-1/audit.json",
        "digest": f"sha256:{'0000' * 16}",
        "rows": ["7 8 1000.0 2026.5 http_5xx 0.0000", "-1 8 1.5 1.5 ok 0.0"],
        "triggers": [Trigger.HEALTH_CHECK_FAILURE],
        "passed": True,
        "none": None,
        "run_id": "20261128",
        "count": 20261128,
    }

    for indent in (None, 2):
        text = json.dumps(document, indent=indent)
        assert json.loads(scrubber.scrub_json(text)) == document


@pytest.mark.parametrize("secret", ["0000", "hunter2", 'a"b\\c', "unhealthy"])
def test_a_sentence_in_json_is_free_text_whatever_the_secret(secret: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)
    text = json.dumps({"why": f"it said {secret} twice", "verdict": "unhealthy"})

    assert json.loads(scrubber.scrub_json(text)) == {
        "why": "it said *** twice",
        "verdict": "unhealthy",
    }


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


def _shape(node: object) -> object:
    """Return a document with every text in it that is no key replaced by nothing."""
    if isinstance(node, dict):
        return {key: _shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_shape(value) for value in node]
    return "" if isinstance(node, str) else node


@given(
    document=_JSON, secret=st.sampled_from(COMMON) | st.text(min_size=4), ascii_only=st.booleans()
)
def test_json_stays_json_with_all_its_keys_numbers_and_flags(
    document: object, secret: str, *, ascii_only: bool
) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)

    left = scrubber.scrub_json(json.dumps(document, ensure_ascii=ascii_only))

    assert _shape(json.loads(left)) == _shape(document)


def test_a_long_secret_is_taken_out_of_every_text_of_json_and_of_markdown() -> None:
    scrubber = Scrubber()
    scrubber.learn(SECRET * 2)
    text = json.dumps({"url": SECRET * 2, "said": [f"it is {SECRET * 2}"], SECRET * 2: 1})

    assert json.loads(scrubber.scrub_json(text)) == {
        "url": "***",
        "said": ["it is ***"],
        SECRET * 2: 1,
    }
    assert scrubber.scrub_encoded(f"| {markdown(SECRET * 2)} |") == "| *** |"


@pytest.mark.parametrize("secret", ["table", "summary", "0000", "details"])
def test_a_common_secret_leaves_markdown_that_is_encoded_as_it_is(secret: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(secret)
    page = "<details><summary>0000</summary>\n\n<table></table></details>"

    assert scrubber.scrub_encoded(page) == page


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
        (
            "Authorization: Basic dXNlcjpodW50ZXIy",
            {"Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy", "user:hunter2", "hunter2"},
        ),
        ("Authorization: Basic ab:c", {"Basic ab:c"}),
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
