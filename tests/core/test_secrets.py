"""Secrets are taken out of whatever leaves, in each form they may have taken on the way."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from slo_action.core.secrets import Scrubber, Secret

SECRET = 'pä"ss\\wörd+1'


@pytest.mark.parametrize(
    "form",
    [SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode(), json.dumps(SECRET)],
    ids=["as it is", "in a URL", "in base64", "in JSON"],
)
def test_a_secret_leaves_in_no_form(form: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(Secret(SECRET))

    assert scrubber.scrub(f"<{form}>").strip('<">') == "***"


def test_a_secret_shows_itself_only_where_it_is_asked_to() -> None:
    secret = Secret("hunter2222")

    assert "hunter2222" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2222"


def test_each_line_of_a_secret_is_one_too() -> None:
    scrubber = Scrubber()
    scrubber.learn("first-line\nsecond-line")

    assert scrubber.scrub("second-line, first-line") == "***, ***"


def test_what_is_too_short_to_be_a_secret_leaves_words_alone() -> None:
    scrubber = Scrubber()
    scrubber.learn("on")

    assert scrubber.scrub("once on") == "once on"
