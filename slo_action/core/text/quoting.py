"""Untrusted text, made fit to stand inside a sentence of ours."""

_LONGEST = 80
LONGEST_ADDRESS = 300
"""Of a URL in a sentence."""


def printable(text: str) -> str:
    """Return one line without control characters or lone surrogates, stripped."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def trimmed(text: str) -> str:
    """Return text without blanks around it, as JavaScript trims: a byte order mark is one."""
    return text.strip().strip("\ufeff").strip()


def shown_value(value: object, longest: int = _LONGEST) -> str:
    """Return a scalar as people wrote it; what is long or could be endless is only named.

    Nothing is ever cut in two: half a secret would pass the scrubber that looks for all of it.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if abs(value) < 10**18 else "a huge number"
    if isinstance(value, str):
        return value if len(value) <= longest else f"a text of {len(value)} characters"
    return "nothing" if value is None else f"a {'list' if isinstance(value, list) else 'mapping'}"


def quoted(text: object, longest: int = _LONGEST) -> str:
    """Return `text` in quotation marks, or only its length, for the reason of `shown_value`."""
    shown = printable(str(text))
    return f'"{shown}"' if len(shown) <= longest else f"a text of {len(shown)} characters"
