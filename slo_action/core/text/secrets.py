"""Values that must not leave, and the one way to take them out of a text that does."""

import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from json import dumps
from urllib.parse import quote, quote_plus, unquote

from slo_action.core.text.quoting import trimmed

SHORTEST_SECRET = 4
"""Masking shorter values would punch holes into every log line."""
_PERCENT = re.compile("%[0-9A-F]{2}")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_HTML_QUOTES = (
    str.maketrans({'"': "&quot;", "'": "&#x27;"}),
    str.maketrans({'"': "&quot;", "'": "&#39;"}),
    str.maketrans({'"': "&#34;", "'": "&#39;"}),
)
"""The module `html` loads all entities, which costs a start more than these lines."""
_MORE_JSON_ESCAPES = (
    str.maketrans({"/": "\\/"}),
    str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}),
    str.maketrans({"'": "\\u0027"}),
)


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
    return tuple(one for one in found if len(one) >= _SHORTEST_LIKELY and not one.isdigit())


class Scrubber:
    """Replaces every secret that it has learned, in its raw and its encoded forms, by `***`.

    It is shared by all writers and learns new secrets while a run goes on (a signed upload
    address, say), so it is the one object here that changes.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def learn(self, secret: Secret | str) -> tuple[str, ...]:
        """Remember a secret; return its forms that are new, longest first: a log must mask them."""
        value = secret.reveal() if isinstance(secret, Secret) else secret
        forms = {form for form in _forms_of(value) if len(form) >= SHORTEST_SECRET} - self._forms
        self._forms |= forms
        return tuple(sorted(forms, key=len, reverse=True))

    def learn_of(self, other: "Scrubber") -> None:
        """Learn all secrets of another one, such as of a run in another process."""
        self._forms |= other._forms  # noqa: SLF001 - the same class

    def scrub(self, text: str) -> str:
        """Return `text` without the secrets; the longest form goes first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


def _forms_of(value: str) -> set[str]:
    """Return a few dozen forms at most for each line; plain letters and digits have two.

    All but base64 of the value as it came hold it without the blanks around it.
    """
    stripped = trimmed(value)
    raw = {stripped, *stripped.splitlines()} - {""}
    whole = {value, *raw} if raw else raw
    encoded = {b64encode(form.encode("utf-8", "replace")).decode() for form in whole}
    return raw | encoded.union(*map(_in_urls, raw), *map(_in_html, raw), *map(_in_json, raw))


def _in_urls(text: str) -> set[str]:
    """By RFC 3986, in a path, as scripts write it, and in a form; in capitals or not."""
    forms = {quote(text, safe=safe, errors="replace") for safe in ("", "/", "!'()*")}
    forms.add(quote_plus(text, errors="replace"))
    return forms | {_PERCENT.sub(lambda match: match[0].lower(), form) for form in forms}


def _in_html(text: str) -> set[str]:
    """As a text, and as an attribute in the ways of Python, PHP and Go."""
    escaped = text.translate(_HTML)
    return {escaped, *(escaped.translate(quotes) for quotes in _HTML_QUOTES)}


def _in_json(text: str) -> set[str]:
    """As JSON itself escapes it, or languages that escape more; and as JSON within JSON."""
    forms = _dumped(text)
    for escapes in _MORE_JSON_ESCAPES:
        forms |= {form.translate(escapes) for form in forms}
    return forms.union(*map(_dumped, forms))


def _dumped(text: str) -> set[str]:
    return {dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
