"""Texts of a journey's steps: values come where they belong, and never break out of there."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo_action.core.journey.journeys import Capture, Journey, JourneyStep, Subject
from slo_action.core.journey.templates import (
    UnfitValueError,
    filled,
    filled_json,
    filled_url,
    names_in,
    secrets_of,
    undefined,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/a/${id}?t=${secrets.TOKEN}", ("id", "secrets.TOKEN")),
        ("${a}${a}", ("a", "a")),
        ("$id {id} ${ }} ${${a}", (" ", "a")),
        ("${} ${1a} ${a b} ${{ secrets.A }}", ("", "1a", "a b", "{ secrets.A }")),
    ],
)
def test_what_a_text_uses_is_named(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), (1.5, "1.5"), (True, "true")])
def test_a_value_is_put_in_as_text(value: object, text: str) -> None:
    assert filled("<${x}>", {"x": value}) == f"<{text}>"


def test_what_has_no_value_is_named() -> None:
    with pytest.raises(KeyError) as raised:
        filled("${x}", {})

    assert raised.value.args == ("x",)


@given(ANY_TEXT)
def test_a_value_is_never_looked_at_again(value: str) -> None:
    values = {"x": value + "${secrets.S}", "secrets.S": "s3cret"}

    assert filled("${x}", values) == values["x"]
    assert filled_json({"a": ["${x}", "-${x}"]}, values) == {"a": [values["x"], f"-{values['x']}"]}


@given(ANY_TEXT)
def test_no_value_breaks_out_of_json(value: str) -> None:
    document = {"a": "${x}", "b": ["pre ${x} post", 1, None], "c": {"d": "kept"}}

    sent = json.loads(json.dumps(filled_json(document, {"x": value})))

    assert sent == {"a": value, "b": [f"pre {value} post", 1, None], "c": {"d": "kept"}}


@pytest.mark.parametrize("value", [7, 1.5, True, "7"])
def test_a_json_text_that_is_one_variable_keeps_its_kind(value: object) -> None:
    filled_in = filled_json({"id": "${x}", "text": "n ${x}"}, {"x": value})

    assert isinstance(filled_in, Mapping)
    assert filled_in["id"] is value
    assert isinstance(filled_in["text"], str)


@given(ANY_TEXT, ANY_TEXT)
def test_no_value_breaks_out_of_its_place_in_a_url(segment: str, asked: str) -> None:
    assume(segment not in (".", ".."))

    url = urlsplit(
        "https://shop.example" + filled_url("/a/${x}/b?q=${y}&k=1", {"x": segment, "y": asked})
    )

    assert (url.netloc, url.fragment) == ("shop.example", "")
    assert [unquote(part) for part in url.path.split("/")] == ["", "a", segment, "b"]
    assert parse_qsl(url.query, keep_blank_values=True) == [("q", asked), ("k", "1")]


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("https://${x}/", {"x": "evil.example"}),
        ("https://shop.example:${x}", {"x": "1"}),
        ("/a/${x}/b", {"x": ".."}),
        ("/a/${x}${y}", {"x": ".", "y": "."}),
    ],
)
def test_a_value_that_would_lead_elsewhere_is_refused(
    target: str, values: Mapping[str, object]
) -> None:
    with pytest.raises(UnfitValueError):
        filled_url(target, values)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/a#b", "/a"),
        ("/a/../b", "/a/../b"),
        ("https://shop.example/a?b=${x}#c", "https://shop.example/a?b=%24%26%20"),
        ("/v/${x}.json", "/v/%24%26%20.json"),
    ],
)
def test_the_rest_of_a_url_stays_as_it_is(target: str, url: str) -> None:
    assert filled_url(target, {"x": "$& "}) == url


def test_every_variable_that_is_not_given_is_named_where_it_is_used() -> None:
    take = Capture(variable="token", subject=Subject.JSON, name="$.token")
    first = JourneyStep(
        name="first", target="/${token}", json={"a": ["${secrets.A}"]}, captures=(take,)
    )
    second = JourneyStep(
        name="second",
        target="/${token}",
        headers={"X": "${secrets.B} ${nobody}"},
        form={"k": "${f}"},
        body="${g}",
    )

    journey = Journey(name="j", steps=(first, second))

    assert [(key, name) for key, name, _ in undefined(journey)] == [
        (("steps", 0, "path"), "token"),
        (("steps", 1, "headers", "X"), "nobody"),
        (("steps", 1, "form", "k"), "f"),
        (("steps", 1, "body"), "g"),
    ]
    assert secrets_of(journey) == ("A", "B")
