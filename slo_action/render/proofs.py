"""Health proofs: every look in the document's transcript form, redacted and capped."""

import re

from slo_action.core.model import Observation, Response, Sample
from slo_action.render.escape import visible

BODY_LIMIT = 2048
_SECRET_HEADERS = frozenset(
    {"set-cookie", "authorization", "proxy-authorization", "www-authenticate", "cookie"}
)
_SECRET_FIELD = re.compile(
    r'("(?:[^"\\]*(?:password|passwd|secret|token|api_?key|authorization|credential)[^"\\]*)"\s*:\s*)'
    r'"(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)
_URL_CREDENTIALS = re.compile(r"(\w+://)[^/\s@]+@")


def proofs(observations: tuple[Observation, ...]) -> str:
    """Return the transcript of all samples, oldest first; empty if nothing was asked."""
    return "\n".join(_proof(sample) for o in observations for sample in o.samples)


def _proof(sample: Sample) -> str:
    at = sample.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    head = f"====== {at} {visible(sample.url)} ======\n"
    if sample.response is None:
        return f"{head}(no response: {sample.outcome}: {visible(sample.detail)})\n"
    return head + _transcript(sample.response)


def _transcript(response: Response) -> str:
    status = f"{response.http_version} {response.status} {visible(response.reason)}".rstrip()
    headers = "".join(f"{visible(name)}: {_value(name, v)}\n" for name, v in response.headers)
    return f"{status}\n{headers}\n{_body(response)}\n"


def _value(name: str, value: str) -> str:
    return "***" if name.lower() in _SECRET_HEADERS else visible(value)


def _body(response: Response) -> str:
    body = redacted(response.body)
    shown = "\n".join(visible(line) for line in body[:BODY_LIMIT].split("\n"))
    if len(body) <= BODY_LIMIT and not response.body_truncated:
        return shown
    return f"{shown}\n(cut: {response.body_bytes} bytes were received)"


def redacted(body: str) -> str:
    """Return a body without values of fields named like secrets and without URL credentials."""
    return _URL_CREDENTIALS.sub(r"\1***@", _SECRET_FIELD.sub(r'\1"***"', body))
