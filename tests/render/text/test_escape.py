"""Escaping, as properties over any text at all."""

import html
import json
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.render.text.escape import (
    code,
    fence,
    json_line,
    log_line,
    markdown,
    output,
    shell_word,
    shortened,
    visible,
)
from tests.worlds.rendered import rendered
from tests.worlds.runner_commands import parse_command

ANY = st.text(st.characters())
"""Lone surrogates, too."""
MARKED = st.text(st.sampled_from("`~*_[](){}<>!|#@:/\\&;-+=^$'\" \n\r\t\u2028\u200bab1.w"))
_BREAK = "\u200b"


def reads_as(text: str) -> str:
    """What is left of a rendered text without the marks that part it."""
    return text.replace(_BREAK, "").strip()


@given(st.one_of(ANY, MARKED))
@example("\r\n\x1b[31m\x85\u2028\u202e\ufeff\ud800")
def test_what_is_visible_is_one_printable_line(text: str) -> None:
    shown = visible(text)

    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Zl", "Zp", "Cs"}
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(shown)
    shown.encode("utf-8")


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.one_of(ANY, MARKED))
@example("##[add-mask]a")
@example("x ##[set-output name=ok]true")
@example("#\u200b#[error]")
def test_a_line_behind_a_marker_is_never_a_command(text: str) -> None:
    line = log_line(text)

    assert parse_command(f"│ {line}") is None
    assert "##[" not in line


@given(st.one_of(ANY, MARKED))
@example("[x](javascript:alert(1)) ![i](http://e/x.png) <b>@a #1</b> `c` |")
@example("    indented")
@example("1. list")
@example("&lt;script&gt; &#60;")
def test_markdown_reads_as_the_text_and_is_nothing_else(text: str) -> None:
    page = rendered(f"a {markdown(text)} z")

    assert page.elements == [("p", ())]
    assert reads_as(page.prose) == reads_as(f"a {visible(text)} z")


@given(st.one_of(ANY, MARKED))
@example("@octocat and x@octocat, org/repo#1 #1 GH-1 gh-22")
@example(":tada::+1: 10:00:00")
@example("https://evil.example www.evil.example mailto:a@b.example")
def test_no_mention_issue_emoji_or_address_is_left_for_github_to_find(text: str) -> None:
    source = markdown(text)
    shown = html.unescape(source)

    assert not re.search(r"@\w|#\d|:[\w+-]+:|gh-\d", shown, re.IGNORECASE)
    assert not re.search(r"https?:|www\.|\w@\w", source)


@given(st.one_of(ANY, MARKED))
@example("a|b\n|---|")
def test_code_in_a_cell_leaves_the_table_as_it_is(text: str) -> None:
    page = rendered(f"| a | b |\n| --- | --- |\n| {code(text)} | z |")

    assert [len(row) for row in page.rows] == [2, 2]
    assert page.rows[1][1] == "z"
    assert reads_as(page.inline[0]) == reads_as(visible(text))


@given(st.one_of(ANY, MARKED))
@example("```\n</details><b>\n````` `\n~~~")
@example("```mermaid\ngraph")
def test_a_fence_is_not_closed_by_what_is_in_it(text: str) -> None:
    page = rendered(f"{fence(text, 'json')}\n\nz")

    assert [tag for tag, _ in page.elements] == ["pre", "code", "p"]
    assert page.code == ["\n".join(visible(line) for line in text.split("\n")) + "\n"]


@given(st.one_of(ANY, MARKED))
@example("$(id) `id` ; id | id && id > x < y 'a' \"b\" \\ ! * ? # { } ~ %PATH%")
@example("::add-mask::x")
@example(":::add-mask:::x ##[error]y")
@example("\u2018\u2019\u201a\u201b\u201c\u201d\u201e")
def test_an_output_holds_nothing_that_a_shell_obeys(text: str) -> None:
    value = output(text)

    assert not set(value) & set(";()'\"`$&|<>\\!*#{}\n\r\t")
    assert not set(value) & set("\u2018\u2019\u201a\u201b\u201c\u201d\u201e")
    assert len(value.splitlines()) <= 1
    assert parse_command(value) is None


_SHELL_TEXTS = r"""
$(id) `id` ; id | id && id > x < y 'a' "b" \ ! * ? # { } %PATH% ^ =ls a,b
[a-z]*
?
[!x]
~
x:~root
~/.ssh
-rf
-
+x
/q
@x
=ls
{a,b}
v1.2.3 (dirty)
::error::x
%ec2
$IFS
#x
'
"
"""


@given(st.text(st.characters(), min_size=1) | MARKED.filter(bool))
def test_a_word_is_one_word_of_plain_characters_and_no_option(text: str) -> None:
    word = shell_word(text)

    assert re.fullmatch(r"\w[\w.:+@/~-]*|\.[\w.:+@/~-]*", word)
    assert ":~" not in word
    assert "::" not in word


@pytest.mark.parametrize("shell", [["sh"], ["bash"], ["bash", "-O", "extglob"]])
def test_a_shell_reads_each_unquoted_word_as_one(shell: list[str], tmp_path: Path) -> None:
    for name in ("a", "b", "x", "-rf"):
        (tmp_path / name).touch()
    texts = [*_SHELL_TEXTS.strip().split("\n"), "a\u3000b", "\u00a0", "\u2019", "a\nb", "\t"]
    words = [shell_word(text) for text in texts]

    read = subprocess.run(
        [*shell, "-c", f"printf '%s\n' {' '.join(words)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout.splitlines() == words
    assert read.stderr == ""


@pytest.mark.parametrize(
    "text",
    ["v1.2.3", "sha256:0af1", "registry/app:v2@sha256:0af1", "1.2~rc1+b5", "main-3_x", "", "für"],
)
def test_what_versions_are_written_in_stays_as_it_is(text: str) -> None:
    assert shell_word(text) == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY | MARKED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MARKED, inner, max_size=3),
    max_leaves=8,
)


@given(_JSON)
@example({"a": "x\\"})
@example(['\\";`$(id)`'])
def test_json_for_a_shell_is_still_the_same_json(value: object) -> None:
    line = json_line(json.dumps(value, separators=(",", ":"), ensure_ascii=True))

    assert json.loads(line) == value
    assert line.isascii()
    assert not set(line) & set(" '`$<>&;|()*?!#~\n\r")
    assert not re.search(r"\\[^u]", line)


@given(ANY, st.integers(min_value=1, max_value=50))
def test_what_is_shortened_says_so(text: str, limit: int) -> None:
    cut = shortened(text, limit)

    assert len(cut) <= limit
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


@pytest.mark.parametrize("text", ["", "\n", " "])
def test_nothing_is_still_code(text: str) -> None:
    assert rendered(code(text)).elements == [("p", ()), ("code", ())]
