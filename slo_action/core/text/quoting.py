"""Untrusted text, made fit to stand inside a sentence of ours."""

_LONGEST = 80


def printable(text: str) -> str:
    """Return one line without control characters or lone surrogates, stripped."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def trimmed(text: str) -> str:
    """Return text without blanks around it, as JavaScript trims: a byte order mark is one."""
    return text.strip().strip("\ufeff").strip()


def quoted(text: object, longest: int = _LONGEST) -> str:
    """Return `text` in quotation marks, or only its length.

    Nothing is ever cut in two: half a secret would pass the scrubber that looks for all of it.
    """
    shown = printable(str(text))
    return f'"{shown}"' if len(shown) <= longest else f"a text of {len(shown)} characters"
