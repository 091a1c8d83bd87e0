"""Health proofs: every answer as a transcript, redacted and capped."""

import re

from slo_action.core.model import Observation, Sample, Witness
from slo_action.core.observation.window import Window
from slo_action.core.record.record import AuditRecord
from slo_action.core.text.quantities import instant_text
from slo_action.core.text.secrets import without_url_credentials
from slo_action.render.text.escape import visible

BODY_LIMIT = 2048
_SECRET_HEADERS = frozenset(
    {"set-cookie", "authorization", "proxy-authorization", "www-authenticate", "cookie"}
)
_SECRET_NAME = re.compile(
    "password|passwd|secret|token|api_?key|authorization|credential", re.IGNORECASE
)
_FIELD_OR_STRING = re.compile(
    r'(?P<name>"(?:[^"\\]|\\.)*+")(?P<colon>\s*+:\s*+)"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
    r'|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)',
    re.DOTALL,
)
"""A JSON field with its text, or any other string; never backtracks, whatever the body holds."""
_HEAD = "======"


def proofs(observations: tuple[Observation, ...], failures: tuple[Sample, ...] = ()) -> str:
    """Return the transcript of all samples, oldest first; empty if nothing was asked.

    `failures` of observation windows come after those of the gates. A journey's are the answers at
    which it ended, after the step's name.
    """
    asked = [sample for o in observations for sample in o.samples]
    return "\n".join(map(_proof, (*asked, *failures)))


def window_failures(record: AuditRecord) -> tuple[Sample, ...]:
    """Return what a window keeps of its failures: the first and the last, oldest first.

    Those after a rollback follow those before it.
    """
    verification = record.rollback.verification if record.rollback else None
    windows = (record.window, verification.window if verification else None)
    return tuple(sample for window in windows if window for sample in _failures(window))


def _failures(window: Window) -> list[Sample]:
    """Fewer than 40 are all of them; else the first takes the place of the oldest that is kept."""
    first, kept = window.first_failure, list(window.failures)
    if first is not None and all(sample is not first for sample in kept):
        kept[0] = first
    return sorted(kept, key=lambda sample: sample.at)


def _proof(sample: Sample) -> str:
    head = f"{_HEAD} {instant_text(sample.at)} {visible(sample.url)} {_HEAD}\n"
    response = sample.response
    if response is None:
        return f"{head}(no response: {sample.outcome}: {visible(sample.detail)})\n"
    step = f"({visible(sample.detail)})\n" if sample.witness is Witness.JOURNEY else ""
    status = f"{response.http_version} {response.status} {visible(response.reason)}".rstrip()
    shown = ((n, "***" if n.lower() in _SECRET_HEADERS else v) for n, v in response.headers)
    headers = "".join(_line(f"{name}: {value}") + "\n" for name, value in shown)
    body = redacted(response.body)
    shown_body = "\n".join(map(_line, body[:BODY_LIMIT].split("\n")))
    is_cut = len(body) > BODY_LIMIT or response.body_truncated
    cut = f"\n(cut: {response.body_bytes} bytes were received)" if is_cut else ""
    return f"{head}{step}{status}\n{headers}\n{shown_body}{cut}\n"


def _line(text: str) -> str:
    """An answer may not look like the head of another proof."""
    shown = visible(text)
    return f"\\x3d{shown[1:]}" if shown.startswith(_HEAD) else shown


def redacted(body: str) -> str:
    """Return a body without values of fields named like secrets and without URL credentials."""
    return without_url_credentials(_FIELD_OR_STRING.sub(_hidden, body))


def _hidden(match: re.Match[str]) -> str:
    name, colon = match["name"], match["colon"]
    return f'{name}{colon}"***"' if name and _SECRET_NAME.search(name) else match[0]
