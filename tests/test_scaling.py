"""Whatever it is given, no parser or scrubber takes more than linear time or memory.

Each is given hostile texts, and texts four times as long. Processor time and memory may grow
ninefold, where linear is four and quadratic sixteen; what is quick or small is let be.
"""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from slo_action.audit.read import read_record
from slo_action.config.files.toml import SIZE_LIMIT_BYTES as TOML_LIMIT
from slo_action.config.files.toml import parse_toml
from slo_action.config.files.yaml import read_yaml
from slo_action.config.slo.load import load_slo_yml
from slo_action.config.text.request_options import headers, with_secrets
from slo_action.config.text.units import parse_duration, parse_ratio
from slo_action.config.text.url import credentials_in, is_link_local, parse_url, without_credentials
from slo_action.core.answer.health_body import page_title, read_health, read_page
from slo_action.core.answer.set_cookie import masked_cookie
from slo_action.core.answer.version import version_fields_in_lines, version_fields_in_page
from slo_action.core.answer.version_names import compare_names, read_name
from slo_action.core.journey.templates import filled, names_in
from slo_action.core.text.go_durations import go_seconds, is_go_duration
from slo_action.core.text.secrets import (
    Scrubber,
    hidden_in_line,
    likely_secrets,
    without_url_credentials,
)
from slo_action.errors import SloVerifyError
from slo_action.probing.body import parse_json
from slo_action.probing.http1 import AnswerReader, CutAnswerError, MalformedAnswerError
from slo_action.render.text.escape import code, fence, json_line, log_line, output, shell_word
from slo_action.sources.prometheus.promql import written
from tests.sizes import sized
from tests.worlds.check_world import CheckWorld, MemoryFiles

MOST_TIMES = 9
LEAST_SECONDS = 0.05
LEAST_BYTES = 512 * 1024
SIZE = sized(4_000, 30_000)
"""Of the smallest text."""
Text = Callable[[int], str]


def of(unit: str, before: str = "", after: str = "") -> Text:
    return lambda length: before + unit * (length // len(unit)) + after


def numbered(unit: str, before: str = "", after: str = "") -> Text:
    """The unit with another number each time."""
    return lambda length: (
        before + "".join(unit.format(n=n) for n in range(length // len(unit))) + after
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads a text, and the hostile ones; `longest` is where it refuses by itself."""

    read: Callable[[str], object]
    texts: tuple[Text, ...]
    longest: int = 10**9


RUNS = tuple(
    of(unit)
    for unit in (
        *("x", " ", "\t", "\n", "\r\n", "@", ".", ":", "/", "'", '"', "\\", "%", "&", "$", "{"),
        *("[", "<", "a.", "a:", "a=", "@a", "x@y ", "://", "a://", "${", "&#1", "\\u00", "%4"),
        *("%41", "\\u0041", "&#65;", "-----", "1", "1.", "0x", "ab\n", "# ", "- ", "a: b\n"),
        *("\x00", "ü", "<h1>", "<!--", "key=", "token=", "status=", "error code: ", '"a', '\\"'),
        *("***", "\u2028", "`"),
    )
)


def yaml_texts() -> Iterator[Text]:
    yield from RUNS
    yield numbered("%TAG !a{n}! tag:x{n}:\n", after="--- a\n")
    yield numbered("k{n}: &a{n} x\n")
    yield of("- *a\n", "a: &a x\nb:\n")
    yield of("[", "a: ")
    yield of("{a: ", "a: ")
    yield of("? a\n: b\n")
    yield of("---\na: b\n")
    yield numbered("b{n}: {{<<: *a}}\n", "a: &a {x: 1}\n")
    yield of("*a,", "a: &a {x: 1, y: 2}\nb:\n  <<: [", "]\n")
    yield of("x\n", 'a: "')
    yield of("  x\n", "a: |\n")
    yield of("1", "a: ")


def slo_texts() -> Iterator[Text]:
    yield from yaml_texts()
    shop = "service: shop\nurl: https://shop.example\n"
    yield of("  - {}\n", "services:\n")
    yield of("  - x\n", "services:\n")
    yield of("  - service: a\n    url: https://a.example\n", "services:\n")
    yield numbered("  - service: a{n}\n    url: https://a.example\n", "services:\n")
    yield numbered(
        "  - service: a{n}\n    notify: [https://h{n}.example]\n    x: 1\n", "services:\n"
    )
    yield numbered("servic{n}: 1\n", shop)
    yield of("s", shop, ": 1\n")
    yield of("@", "service: a\nurl: https://a.example/")
    yield of("${", "service: a\nurl: https://a.example/")
    yield numbered("  - {{name: e{n}, path: /p{n}}}\n", f"{shop}endpoints:\n")
    yield numbered(
        "      - {{name: s{n}, path: /p}}\n", f"{shop}journeys:\n  - name: j\n    steps:\n"
    )
    yield numbered("a{n}.yml,", "include: [", "]\n")
    yield of('"*?*?*?*.yml",', "include: [", "]\n")
    yield of("**/", 'include: "', 'x.yml"\n')
    yield of("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec: {}\n---\n")
    yield numbered("apiVersion: openslo/v1\nkind: Service\nmetadata: {{name: a{n}}}\n---\n")
    yield numbered("  - {{start: x{n}, end: y}}\n", "maintenance:\n")
    yield numbered("  t{n}: {{notify: [a]}}\n", "teams:\n")


def toml_texts() -> Iterator[Text]:
    yield from RUNS
    yield of("a.", after="a = 1\n")
    yield of("a.", "[", "a]\n")
    yield of("a.", "x = {", "a = 1}\n")
    yield of('"a" . ', after="a = 1\n")
    yield numbered("[a.b.c.d.e{n}]\n")
    yield of("[[a]]\n[[a.b]]\n")
    yield numbered("a.b.c{n} = 1\n")
    yield numbered("k{n}=1,", "a = {", "}")
    yield of("1,", "a = [", "]")
    yield of("[", "a = ")
    yield of('""x', 'a = """', '"""')
    yield of("x", "a = '''")
    yield numbered("[[services]]\ninternal_port = {n}\n[[services.ports]]\nport = {n}\n")
    yield numbered("[processes]\np{n} = 'x'\n")
    yield numbered("[http_service.checks{n}]\npath = 'x'\n")
    yield of("1_", "a = ")


def json_texts() -> Iterator[Text]:
    yield from RUNS
    yield of("[")
    yield of('{"a":')
    yield of('"a",', "[", '"a"]')
    yield numbered('"k{n}":{n},', "{", '"z":0}')
    yield numbered('"k{n}":{{"status":"up"}},', '{"checks":{', '"z":{"status":"down"}}}')
    yield of('{"status":"ok"},', '{"components":[', '{"status":"ok"}]}')
    yield of("\\u0041", '"', '"')


SECRETS = tuple(f"{kind}-secret-{number}-value" for kind in ("a", "aaaa") for number in range(20))


def scrubber() -> Scrubber:
    made = Scrubber()
    for secret in (*SECRETS, "aaaaaaaa", "a" * 64, "%41%41%41", "&amp;&amp;", '"\\"\\"\\"', "0000"):
        made.learn(secret)
    return made


SCRUBBER = scrubber()
SECRET_TEXTS = (
    *RUNS,
    *(
        of(unit)
        for unit in ("a", "aaaaaaaa", "a-secret-1", SECRETS[0], "0000", "%2541", "&amp;#97;")
    ),
)


def answered(text: str) -> object:
    """Read an answer that comes in small pieces."""
    content, at = text.encode("utf-8", "replace"), 0

    def read(most: int) -> bytes:
        nonlocal at
        at += (piece := min(most, 700))
        return content[at - piece : at]

    reader = AnswerReader(read)
    with suppress(MalformedAnswerError, CutAnswerError):
        return list(reader.body(reader.head(), "GET", lambda _: None))
    return None


def http_texts() -> Iterator[Text]:
    ok = "HTTP/1.1 200 OK\r\n"
    yield from (of("x", before) for before in ("", "HTTP/1.1 ", ok, f"{ok}a: "))
    yield of(" a\r\n", f"{ok}a: b\r\n")
    yield of("a: b\r\n", ok, "\r\n")
    yield of("no colon\r\n", ok, "\r\n")
    yield of("HTTP/1.1 103 Early\r\n\r\n")
    yield of("1\r\na\r\n", f"{ok}Transfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n")
    yield of("1;x\r\na\r\n", f"{ok}Transfer-Encoding: chunked\r\n\r\n")
    yield of("a: b\r\n", f"{ok}Transfer-Encoding: chunked\r\n\r\n0\r\n")
    yield of(",chunked", f"{ok}Transfer-Encoding: chunked", "\r\n\r\n")
    yield of("Content-Length: 1\r\n", ok, "\r\na")
    yield of("x", f"{ok}\r\n")


def loaded(text: str) -> object:
    return load_slo_yml(MemoryFiles({"slo.yml": text}), "slo.yml", "config")


def health(text: str) -> object:
    is_json, document = parse_json(text)
    return read_health(document if is_json else text), read_page(text), page_title(text)


def quiet(read: Callable[[str], object]) -> Callable[[str], object]:
    def reading(text: str) -> object:
        with suppress(ValueError, SloVerifyError):
            return read(text)
        return None

    return reading


READERS: dict[str, Reader] = {
    "YAML": Reader(lambda text: read_yaml(text, "slo.yml", "config"), (*yaml_texts(),)),
    "slo.yml": Reader(loaded, (*slo_texts(),)),
    "fly.toml": Reader(
        lambda text: parse_toml(text, "fly.toml", "fly-config"), (*toml_texts(),), TOML_LIMIT
    ),
    "HTTP": Reader(answered, (*http_texts(),)),
    "health body": Reader(health, (*json_texts(),)),
    "version lines": Reader(version_fields_in_lines, RUNS),
    "version page": Reader(version_fields_in_page, RUNS),
    "version name": Reader(lambda text: compare_names(read_name(text), read_name("v1")), RUNS),
    "URL": Reader(quiet(lambda text: parse_url(text, allow_link_local=False)), RUNS),
    "credentials": Reader(lambda text: (credentials_in(text), without_credentials(text)), RUNS),
    "host": Reader(is_link_local, RUNS),
    "headers": Reader(quiet(headers), RUNS),
    "variables": Reader(quiet(lambda text: (with_secrets(text), names_in(text))), RUNS),
    "template": Reader(quiet(lambda text: filled(text, {"a": "b"})), RUNS),
    "duration": Reader(quiet(lambda text: (parse_duration(text), parse_ratio(text))), RUNS),
    "Go duration": Reader(lambda text: (go_seconds(text), is_go_duration(text)), RUNS),
    "cookie": Reader(masked_cookie, RUNS),
    "PromQL": Reader(quiet(lambda text: written(text, text, text, "shop")), RUNS),
    "likely secrets": Reader(likely_secrets, RUNS),
    "line of a file": Reader(lambda text: hidden_in_line(text, SECRETS), RUNS),
    "URL credentials": Reader(without_url_credentials, RUNS),
    "scrub": Reader(SCRUBBER.scrub, SECRET_TEXTS),
    "scrub encoded": Reader(SCRUBBER.scrub_encoded, SECRET_TEXTS),
    "scrub JSON": Reader(
        lambda text: SCRUBBER.scrub_json(json.dumps([text, {text[:50]: text}])), SECRET_TEXTS
    ),
    "scrub no JSON": Reader(SCRUBBER.scrub_json, SECRET_TEXTS),
    "escapes": Reader(
        lambda text: [escape(text) for escape in (code, fence, log_line, output, shell_word)], RUNS
    ),
    "JSON line": Reader(lambda text: json_line(json.dumps(text)), RUNS),
}


def processor_seconds(reader: Reader, text: str) -> float:
    begun = time.thread_time()
    reader.read(text)
    return time.thread_time() - begun


def allocated(reader: Reader, text: str) -> int:
    tracemalloc.start()
    try:
        reader.read(text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def too_slow(reader: Reader, text: Text, length: int) -> bool:
    whole = processor_seconds(reader, text(length))
    if whole <= LEAST_SECONDS:
        return False
    quarter = max(processor_seconds(reader, text(length // 4)) for _ in range(2))
    again = min(whole, processor_seconds(reader, text(length)))
    return again > MOST_TIMES * max(quarter, LEAST_SECONDS / MOST_TIMES)


@pytest.mark.parametrize("name", READERS)
def test_time_is_linear(name: str) -> None:
    reader = READERS[name]
    for text in reader.texts:
        length = min(4 * SIZE, reader.longest - 100)

        assert not too_slow(reader, text, length), text(40)


@pytest.mark.parametrize("name", READERS)
def test_memory_is_linear(name: str) -> None:
    reader = READERS[name]
    for text in reader.texts[:: sized(5, 1)]:
        length = min(4 * SIZE, reader.longest - 100)
        whole = allocated(reader, text(length))

        if whole > LEAST_BYTES:
            assert whole <= MOST_TIMES * allocated(reader, text(length // 4)), text(40)


@pytest.mark.parametrize("text", [*slo_texts()][len([*yaml_texts()]) :])
def test_check_of_slo_yml_is_linear(text: Text, tmp_path: Path) -> None:
    assert not too_slow(checked(tmp_path, "slo.yml", "config"), text, 2 * SIZE)


def test_check_of_fly_toml_is_linear(tmp_path: Path) -> None:
    reader = checked(tmp_path, "fly.toml", "fly-config")
    for text in toml_texts():
        assert not too_slow(reader, text, min(2 * SIZE, TOML_LIMIT - 100)), text(40)


def checked(workspace: Path, name: str, given: str) -> Reader:
    def read(content: str) -> object:
        (workspace / name).write_text(content, encoding="utf-8", errors="replace")
        return CheckWorld(workspace).run(**{given: name})

    return Reader(quiet(read), ())


def test_a_record_is_read_in_linear_time(tmp_path: Path) -> None:
    def read(content: str) -> object:
        path = tmp_path / "audit.json"
        path.write_text(content, encoding="utf-8")
        return quiet(lambda _: read_record(path))(content)

    for text in json_texts():
        assert not too_slow(Reader(read, ()), text, 4 * SIZE), text(40)


def test_what_is_quadratic_is_found() -> None:
    def quadratic(text: str) -> object:
        return [text[:at] for at in range(len(text))]

    assert too_slow(Reader(quadratic, ()), of("x"), 40_000)
    short, long = (allocated(Reader(quadratic, ()), "x" * length) for length in (4_000, 16_000))
    assert long > MOST_TIMES * short
