"""Values that must not leave, and the one way to take them out of a text that does."""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from json import dumps, loads
from typing import NamedTuple
from urllib.parse import unquote

from slo_action.core.text.escapes import unescaped
from slo_action.core.text.quoting import trimmed

SHORTEST_SECRET = 4
"""Masking shorter values would punch holes into every log line."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that prints as `***`; call `reveal()` where it is truly sent."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret('***')"

    def __bool__(self) -> bool:
        return bool(self._value)


_URL_CREDENTIALS = re.compile(r"\b(\w++://)[^/\s\"'<>]*@")
_BEFORE_AT = re.compile(r"(?<![^\s\"'\[\]{},])[^\s\"'\[\]{},]*@")
"""Looked for from the start of a run alone, which is linear in a line's length."""


def without_url_credentials(text: str) -> str:
    """Return a text with the part before the `@` of each URL in it taken out."""
    return _URL_CREDENTIALS.sub(r"\1***@", text)


def hidden_in_line(line: str, secrets: Collection[str]) -> str:
    """Return a line of a user's file without the secrets, nor anything that could be credentials.

    Whoever mistypes an address writes them in ways that no address has: all that ends in an `@` is
    taken out.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, "***")
    return _BEFORE_AT.sub("***@", line)


def secret_lines(text: str) -> tuple[str, ...]:
    """Return each NAME=value of several lines; the lines of a PEM text belong to one value."""
    entries: list[str] = []
    is_open = False
    for line in filter(None, map(str.strip, text.splitlines())):
        if entries and (is_open or line.startswith("-----BEGIN")):
            entries[-1] += f"\n{line}"
        else:
            entries.append(line)
        is_open = "-----END" not in line and (is_open or "-----BEGIN" in line)
    return tuple(entries)


_VARIABLE = re.compile(r"\$\{[^}]*\}")
_LONG_VALUE = re.compile(r"[=:][ \"']{0,4}([\w-]{16,})", re.ASCII)
_NAMED_SECRET = re.compile(
    r"(?:auth|bypass|cookie|credential|jwt|key|passw|secret|session|signature|token)"
    r"[\w-]{0,40}[\"']?[ ]{0,4}[:=][ ]{0,4}[\"']?([^&\"'\n]+)",
    re.IGNORECASE,
)
_SHORTEST_LIKELY = 8
_BASIC = re.compile(r"\bBasic +([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)


def basic_credentials(text: str) -> tuple[str, ...]:
    """Return `user:password` and the password of each `Basic …` in a text, decoded."""
    found = []
    for encoded in _BASIC.findall(text):
        with suppress(ValueError):
            pair = b64decode(encoded, validate=True).decode()
            found += [pair, pair.partition(":")[2]]
    return tuple(found)


def likely_secrets(text: str) -> tuple[str, ...]:
    """Return what is probably secret in a path, in `Name: value` lines, or in a body.

    That is the value of a name that says so, and any long one of letters and digits. What `${…}`
    stands for is not looked at.
    """
    plain = _VARIABLE.sub(" ", text)
    named = [value.strip() for value in _NAMED_SECRET.findall(plain)]
    words = [word for value in named for word in re.split(r"[\s;,=]+", value)]
    random = [word for word in _LONG_VALUE.findall(plain) if any(map(str.isdigit, word))]
    found = dict.fromkeys((*named, *map(unquote, named), *words, *random))
    likely = (one for one in found if len(one) >= _SHORTEST_LIKELY and not one.isdigit())
    return (*likely, *basic_credentials(plain))


class Scrubber:
    """Replaces every secret that it has learned, in whatever form it stands, by `***`.

    That is: as it is, in base64 (padded or not, by itself or within something longer), in hex, and
    each of them escaped for a URL, JSON or HTML, wholly or in part, up to three times. Also half of
    it, where a text begins or ends within a secret: it was cut.

    It is shared by all writers and learns new secrets while a run goes on (a signed upload
    address, say), so it is the one object here that changes.
    """

    def __init__(self) -> None:
        self._forms: dict[str, frozenset[_Form]] = {}
        """By the value that they are forms of."""

    def learn(self, secret: Secret | str) -> tuple[str, ...]:
        """Remember a secret; return the texts that a log must mask from now on, longest first."""
        value = secret.reveal() if isinstance(secret, Secret) else secret
        stripped = trimmed(value)
        raw = {one for one in (stripped, *stripped.splitlines()) if len(one) >= SHORTEST_SECRET}
        whole = {value, *raw} if raw else raw
        new = whole - self._forms.keys()
        self._forms |= {one: frozenset(map(_Form.of, _forms_of(one))) for one in new}
        masks = {mask for one in new for mask in (one, _base64(one)) if mask == mask.strip()}
        return tuple(sorted(masks, key=len, reverse=True))

    def learn_of(self, other: "Scrubber") -> None:
        """Learn all secrets of another one, such as of a run in another process."""
        self._forms |= other._forms  # noqa: SLF001 - the same class

    def scrub(self, text: str) -> str:
        """Return free text, before it is encoded for any surface, without the secrets."""
        return _without(text, _spans(text, self._forms.values(), _DEEPEST))

    def scrub_encoded(self, text: str) -> str:
        """Return a text of ours that is encoded already, such as Markdown.

        What could be a word or a number of our own stays: it was taken out of what is quoted here
        before that was encoded.
        """
        own = [forms for value, forms in self._forms.items() if not _is_common(value.strip())]
        return _without(text, _spans(text, own, _DEEPEST))

    def scrub_json(self, text: str) -> str:
        """Return JSON without the secrets in its strings; keys, numbers and words of ours stay."""
        if self.scrub(text) == text:
            return text
        return _JSON_STRING.sub(self._json_string, text)

    def scrub_file(self, name: str, text: str) -> str:
        """Return what is written to a file of that name."""
        scrubs = {".json": self.scrub_json, ".jsonl": self.scrub_json}
        scrubs |= {".md": self.scrub_encoded, ".prom": self.scrub_encoded}
        return scrubs.get(name[name.rfind(".") :], self.scrub)(text)

    def _json_string(self, found: "re.Match[str]") -> str:
        """A sentence is free text; a single word may be a digest, a time or a path."""
        if found[2]:
            return found[0]
        value: str = loads(found[1])
        is_sentence = " " in value and not _ROW.match(value)
        clean = self.scrub(value) if is_sentence else self.scrub_encoded(value)
        return found[0] if clean == value else dumps(clean)


_DEEPEST = 3
_JSON_STRING = re.compile(r'("(?:[^"\\]|\\.)*+")(\s*+:)?')
_ROW = re.compile(r"-?\d+ \d+ ")
"""Of an observation window, in the audit record: mostly numbers."""
_SHORTEST_DISTINCTIVE = 8
_SHORTEST_WORD = 12
_SHORTEST_NUMBER = 16
_LOWERCASE = re.compile(r"[a-z_-]*")
_NUMBER = re.compile(r"[\d\W]*")
_SHORTEST_CODE = 6
_CUT = 8
"""So much of a secret, or half of a shorter one, is taken for a part of it where a text ends."""


def _is_common(value: str) -> bool:
    """Return whether it could be a word or a number of our own: `0000`, `null`, `unhealthy`."""
    return (
        len(value) < _SHORTEST_DISTINCTIVE
        or (len(value) < _SHORTEST_WORD and _LOWERCASE.fullmatch(value) is not None)
        or (len(value) < _SHORTEST_NUMBER and _NUMBER.fullmatch(value) is not None)
        or any(value in set(kind) for kind in StrEnum.__subclasses__())
    )


def _forms_of(value: str) -> set[str]:
    """Return a dozen forms at most; escapes are undone in the text that is searched."""
    raw = value.encode("utf-8", "replace")
    encoded = _base64(value)
    codes = {raw.hex(), raw.hex().upper(), encoded, encoded.rstrip("="), *_within_base64(raw)}
    codes |= {code.translate(_URL_SAFE) for code in codes}
    return {value, value.replace(" ", "+")} | {
        code for code in codes if len(code) >= _SHORTEST_CODE
    }


_URL_SAFE = str.maketrans("+/", "-_")


def _base64(value: str) -> str:
    return b64encode(value.encode("utf-8", "replace")).decode()


def _within_base64(raw: bytes) -> set[str]:
    """Return what does not depend on the neighbours, where it begins at each of three places."""
    return {
        b64encode(bytes(before) + raw).decode()[first : (before + len(raw)) * 8 // 6]
        for before, first in ((0, 0), (1, 2), (2, 3))
    }


class _Form(NamedTuple):
    """What is looked for, and the parts of it that a text is searched for first."""

    whole: str
    head: str
    tail: str

    @classmethod
    def of(cls, whole: str) -> "_Form":
        part = min(_CUT, max(SHORTEST_SECRET, (len(whole) + 1) // 2))
        return cls(whole, whole[:part], whole[-part:])

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where it stands, or, at the text's ends, a part of it."""
        whole, head, tail = self
        at = text.find(whole)
        while at >= 0:
            yield at, at + len(whole)
            at = text.find(whole, at + len(whole))
        at = text.find(head, max(0, len(text) - len(whole) + 1))
        while at >= 0:
            if whole.startswith(text[at:]):
                yield at, len(text)
            at = text.find(head, at + 1)
        at = text.rfind(tail, 0, len(whole) - 1)
        while at >= 0:
            end = at + len(tail)
            if whole.endswith(text[:end]):
                yield 0, end
            at = text.rfind(tail, 0, end - 1)


def _spans(text: str, sought: Collection[frozenset[_Form]], deepest: int) -> list[tuple[int, int]]:
    """Return where secrets begin and end, in a text and with its escapes undone."""
    found: list[tuple[int, int]] = []
    for form in chain.from_iterable(sought):
        if form.head in text or form.tail in text:
            found += form.places(text)
    plain = unescaped(text) if deepest and sought else None
    if plain is not None:
        within = _spans(plain.text, sought, deepest - 1)
        found += [(plain.source(start), plain.source(end)) for start, end in within]
    return found


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with `***` for each span; those that overlap are one."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            pieces += [text[end:start], "***"]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])
