"""Values that must not leave, and the one way to take them out of a text that does."""

import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from json import dumps
from urllib.parse import quote

_SHORTEST = 4
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
_BEFORE_AT = re.compile(r"[^\s\"'\[\]{},]*@")


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


class Scrubber:
    """Replaces every known secret, in its raw and its encoded forms, by `***`.

    It is shared by all writers and learns new secrets while a run goes on (a signed upload
    address, say), so it is the one object here that changes.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def learn(self, secret: Secret | str) -> tuple[str, ...]:
        """Remember a secret; return its forms that are new, longest first: a log must mask them."""
        value = secret.reveal() if isinstance(secret, Secret) else secret
        forms = {form for form in _forms_of(value) if len(form) >= _SHORTEST} - self._forms
        self._forms |= forms
        return tuple(sorted(forms, key=len, reverse=True))

    def learn_of(self, other: "Scrubber") -> None:
        """Know all that another one knows, as of a run in another process."""
        self._forms |= other._forms  # noqa: SLF001 - it is one of us

    def scrub(self, text: str) -> str:
        """Return `text` without the secrets; the longest form goes first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


def _forms_of(value: str) -> set[str]:
    stripped = value.strip()
    lines = {line for line in stripped.splitlines() if line}
    raw = {stripped, *lines}
    encoded = {quote(form, safe="") for form in raw} | {
        b64encode(form.encode()).decode() for form in raw if form
    }
    quoted = {dumps(form)[1:-1] for form in raw}
    return {form for form in raw | encoded | quoted if form}
