"""A step's log as a runner makes it: commands obeyed, secrets masked, annotations counted.

Source: actions/runner, ActionCommandManager.cs, ExecutionContext.cs, SecretMasker.
"""

import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from tests.worlds.runner_commands import REGISTERED, Command, parse_command

MOST_OF_A_TYPE = 10
LONGEST_MESSAGE = 4096
_SHORTEST_HIDDEN_TOKEN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An annotation as people see it. Empty text and 0 mean: not given."""

    level: str
    message: str
    title: str = ""
    file: str = ""
    line: int = 0


class Masker:
    """Hides every known secret, its lines and its encoded forms."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        for value in {secret, *secret.splitlines()} - {""}:
            encoded = b64encode(value.encode()).decode()
            self._forms |= {value, quote(value, safe=""), encoded, encoded.rstrip("=")}

    def mask(self, text: str) -> str:
        """What overlaps or touches becomes one `***`."""
        hidden = [False] * len(text)
        for form in self._forms:
            start = text.find(form)
            while start >= 0:
                hidden[start : start + len(form)] = [True] * len(form)
                start = text.find(form, start + 1)
        shown = [
            "\0" if hides else character for character, hides in zip(text, hidden, strict=True)
        ]
        return "".join(
            "***" if character == "\0" else character
            for number, character in enumerate(shown)
            if not (character == "\0" and number and shown[number - 1] == "\0")
        )


class StepLog:
    """Fed line by line, from stdout and stderr alike.

    `raw` is what the step wrote, `visible` what people see, `commands` what was obeyed. `failed`
    says that a command broke the step; `outputs` come from the deprecated `set-output`.
    """

    def __init__(
        self, secrets: Iterable[str] = (), *, workspace: str = "", debug: bool = False
    ) -> None:
        self.raw: list[str] = []
        self.visible: list[str] = []
        self.commands: list[Command] = []
        self.annotations: list[Shown] = []
        self.outputs: dict[str, str] = {}
        self.failed = False
        self.masker = Masker(secrets)
        self._workspace = workspace
        self._debug = debug
        self._echoes = debug
        self._stopped_until = ""
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def feed(self, line: str) -> None:
        with self._changed:
            self.raw.append(line)
            command = parse_command(line, {*REGISTERED, self._stopped_until} - {""})
            if command is None or not self._obeyed(command, line):
                self._print(line)
            self._changed.notify_all()

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until the step has written a line that holds `text`."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(text in line for line in self.raw), seconds)
        assert found, f"{text!r} was not printed within {seconds} s:\n" + "\n".join(self.raw)

    def issue(self, level: str, message: str, **properties: str) -> None:
        """Log an issue; the first ten of a type become annotations."""
        message = self.masker.mask(message)[:LONGEST_MESSAGE]
        self._print(f"##[{level}]{message}")
        self._counts[level] += 1
        if self._counts[level] <= MOST_OF_A_TYPE:
            line = properties.get("line", "")
            self.annotations.append(
                Shown(
                    level=level,
                    message=message,
                    title=self.masker.mask(properties.get("title", "")),
                    file=properties.get("file", "").removeprefix(f"{self._workspace}/"),
                    line=int(line) if line.isdigit() else 0,
                )
            )

    def _print(self, line: str) -> None:
        self.visible.append(self.masker.mask(line))

    def _obeyed(self, command: Command, line: str) -> bool:
        """False where the line is to be printed as it is."""
        if self._stopped_until:
            resumes = command.name == self._stopped_until
            self._stopped_until = "" if resumes else self._stopped_until
            return False
        self.commands.append(command)
        if self._echoes and command.name != "add-mask":
            self._print(line)
        self._obey(command, line)
        return True

    def _obey(self, command: Command, line: str) -> None:
        data = command.data
        match command.name:
            case "error" | "warning" | "notice":
                self.issue(command.name, data, **_located(command.properties))
            case "group" | "endgroup":
                self._print(f"##[{command.name}]{data}")
            case "debug":
                self.visible += [self.masker.mask(f"##[debug]{data}")] if self._debug else []
            case "echo":
                self._echoes = data.strip().lower() == "on"
            case "set-output":
                self._set_output(command)
            case "add-mask":
                self._mask(data)
            case "stop-commands":
                self._stop(command, line)
            case _:
                self._break(line, f"The `{command.name}` command is disabled")

    def _set_output(self, command: Command) -> None:
        self.outputs[command.properties["name"]] = command.data
        self.issue("warning", "The `set-output` command is deprecated")

    def _mask(self, secret: str) -> None:
        if secret.strip():
            self.masker.add(secret)
        else:
            self.issue("warning", "Can't add secret mask for empty string in ##[add-mask] command.")

    def _stop(self, command: Command, line: str) -> None:
        token = command.data.lower()
        if not token or token in REGISTERED or token == "pause-logging":
            self._break(line, "Invalid stop token")
            return
        self._print(line)
        self._stopped_until = token
        if len(token) > _SHORTEST_HIDDEN_TOKEN:
            self.masker.add(command.data)

    def _break(self, line: str, why: str) -> None:
        self.issue("error", f"Unable to process command '{line}' successfully.")
        self.issue("error", why)
        self.failed = True


def _located(properties: Mapping[str, str]) -> dict[str, str]:
    """Take out what a runner drops without a word: places that make no sense."""
    kept = dict(properties)
    line, end = kept.get("line", ""), kept.get("endline", "")
    if not line and end:
        kept["line"] = line = end
    if not line or (end and end != line):
        kept.pop("col", None)
        kept.pop("endcolumn", None)
    if line.isdigit() and end.isdigit() and int(end) < int(line):
        kept.pop("line")
    return kept
