"""Untrusted text made inert for each surface it may reach. Pure; the writers call nothing else."""

import re

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_MARKDOWN = re.compile(r"""[&<>"'\\`*_{}\[\]()#+\-.!|~:$^=@/]""")
_SHORTHAND = re.compile(r":(?=[\w+-]+:)|\bGH-(?=\d)", re.IGNORECASE)
"""Emoji and issues that GitHub finds in the text itself."""
_RUNS_OF_BACKTICKS = re.compile(r"`+")
_BREAK = "\u200b"

NAME_LIMIT, DETAIL_LIMIT = 120, 300
"""Characters of a name, and of a detail, that a summary shows."""

_SHELL = str.maketrans(
    {
        ";": ",",
        "(": "[",
        ")": "]",
        **dict.fromkeys("'\"`\u2018\u2019\u201a\u201b\u201c\u201d\u201e", "\u02bc"),
        "$": "\uff04",
        "&": "\uff06",
        "|": "\u00a6",
        "<": "\u2039",
        ">": "\u203a",
        "\\": "\u2216",
        "!": "\uff01",
        "*": "\u2217",
        "#": "\uff03",
        "{": "[",
        "}": "]",
    },
)
_NO_WORD = re.compile(r"[^\w.:+@/~-]|(?<=:)~")
"""No separator, quote, pattern, comment or expansion of sh, zsh, cmd.exe or PowerShell."""
_JSON_ESCAPED = dict(zip('"\\bfnrt', b'"\\\b\f\n\r\t', strict=True))
_JSON_ESCAPE = re.compile(r'\\(["\\bfnrt])')
_JSON_SHELL = {c: f"\\u{ord(c):04x}" for c in " '`$<>&;|()*?!#~"}
"""None of them stands outside the strings of a compact JSON text."""


def visible(text: str) -> str:
    """Return one line in which control, line-breaking and direction characters show as escapes.

    This takes bare CR, U+2028 and terminal sequences out; what is left prints as it reads.
    """
    return _INVISIBLE.sub(_escape, text)


def log_line(text: str) -> str:
    """Return a line that no runner takes for a command, wherever in a log line it stands.

    `::` works only at the start of a line, which the log's own marker occupies; `##[` works
    anywhere, so a zero-width space parts it.
    """
    return visible(text).replace("##[", f"##{_BREAK}[")


def markdown(text: str) -> str:
    """Return text that GitHub's Markdown shows as it reads: no markup, link, mention or issue.

    Every character with a meaning becomes a numeric entity. Mentions, issue numbers and emoji are
    found after that is undone, so they are also parted from what follows.
    """
    shown = _SHORTHAND.sub(rf"\g<0>{_BREAK}", visible(text))
    inert = _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", shown)
    return inert.replace("&#64;", f"&#64;{_BREAK}").replace("&#35;", f"&#35;{_BREAK}")


def code(text: str) -> str:
    """Return text as inline code; safe in a table cell too."""
    return f"<code>{markdown(text) or ' '}</code>"


def fence(text: str, language: str = "") -> str:
    """Return a fenced block that its content cannot close. Line breaks of the text stay."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    longest = max((len(run) for run in _RUNS_OF_BACKTICKS.findall(shown)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{shown}\n{marks}"


def output(text: str) -> str:
    """Return one line that stays one word list even where a workflow pastes it into a shell.

    Characters a shell gives a meaning to are replaced by ones that look alike; PowerShell takes
    typographic quotes for quotes, too. A step that prints it prints no command for the runner.
    """
    return visible(text).translate(_SHELL).replace("::", "\u2237")


def shell_word(text: str) -> str:
    """Return an output that stays one word even unquoted, in any shell, and is no option.

    What versions are written in stays; the rest, such as a pattern for files, are underscores. It
    is empty for an empty text alone.
    """
    word = _NO_WORD.sub("_", visible(text).replace("::", "__"))
    return f"_{word}" if word.startswith(tuple("-+/@~:")) else word


def json_line(encoded: str) -> str:
    """Return compact ASCII JSON in which what a shell or HTML would see is a numeric escape.

    Within quotation marks of a shell, those of the JSON end them: `audit="…"` would run what comes
    after a space, so spaces are escaped, too. The `echo` of some shells would obey JSON's own short
    escapes.
    """
    encoded = _JSON_ESCAPE.sub(lambda match: f"\\u{_JSON_ESCAPED[match[1]]:04x}", encoded)
    for character, escape in _JSON_SHELL.items():
        encoded = encoded.replace(character, escape)
    return encoded


def shortened(text: str, limit: int) -> str:
    """Return at most `limit` characters, the cut marked by an ellipsis."""
    return text if len(text) <= limit else f"{text[: max(0, limit - 1)]}\u2026"


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004 - a byte
