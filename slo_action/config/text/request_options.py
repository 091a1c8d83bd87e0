"""What may be written for each option of a request, in inputs and in slo.yml alike."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import NamedTuple

from slo_action.config.text.url import parse_url
from slo_action.core.journey.templates import SECRETS, names_in
from slo_action.core.request_options import RESOLVE, Headers

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PEM = "-----BEGIN "
STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)")
STATUS_FORMS = "write a status such as 200 or 2xx, or a list of them"
MOST_STATUSES = 20
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t -~\xa0-\xff]*")
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "accept-encoding"})
_HOST = re.compile(r"(?:[0-9A-Za-z_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_MOST_LINES = 50


def with_secrets(text: str) -> str:
    """Return a text as it is. Raises ValueError for a `${…}` in it that is no `${secrets.NAME}`."""
    for name in names_in(text):
        if not name.startswith(SECRETS):
            raise ValueError(
                f"nothing fills in ${{{name}}}: write ${{secrets.NAME}}, and NAME=value in the "
                "input `secrets`"
            )
    return text


def without_variables(text: str) -> str:
    """Return a text as it is. Raises ValueError for any `${…}` in it."""
    for name in names_in(text):
        raise ValueError(
            f"nothing fills in ${{{name}}} here: write the value itself; in a workflow, "
            "${{ … }} is filled in"
        )
    return text


def request_header(name: str) -> str:
    """Return the name of a header that may be sent. Raises ValueError for the others."""
    if not HEADER_NAME.fullmatch(name):
        raise ValueError("write a header's name, such as Content-Type")
    if name.lower() == "host":
        raise ValueError("leave Host out, and write it as the option `host`")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"leave {name} out: the probe sets it")
    return name


def headers(text: str) -> Headers:
    """Read one `Name: value` a line. Messages never show a value."""
    return tuple(map(_header, _lines(text)))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("write one `Name: value` a line, such as X-Tenant: shop")
    if not sendable(with_secrets(value.strip())):
        raise ValueError(f"write the value of {request_header(name.strip())} in Latin letters")
    return request_header(name.strip()), value.strip()


def sendable(value: str) -> bool:
    """Return whether a text can be a header's value."""
    return _HEADER_VALUE.fullmatch(value) is not None


def _method(text: str) -> str:
    method = text.strip().upper()
    if method and method not in METHODS:
        raise ValueError(f"write one of {', '.join(METHODS)}")
    return method


def _statuses(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if len(found) > MOST_STATUSES or not all(map(STATUS.fullmatch, found)):
        raise ValueError(STATUS_FORMS)
    return found


def _host(text: str) -> str:
    host = without_variables(text.strip())
    if host and not _HOST.fullmatch(host):
        raise ValueError("write a host name, such as shop.example.com or shop.example.com:8443")
    return host.lower()


def _resolve(text: str) -> tuple[str, ...]:
    found = tuple(_lines(text))
    for match in map(RESOLVE.fullmatch, found):
        if match is None or not all(map(_is_address, match["addresses"].split(","))):
            raise ValueError(
                "write HOST:PORT:ADDRESS as for curl, one per line, such as "
                "shop.example.com:443:203.0.113.7"
            )
    return found


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return False


def _pem(text: str) -> str:
    """A PEM text, a file below the workspace that holds one, or the secret that is one."""
    given = with_secrets(text.strip())
    is_file = PEM not in given and not names_in(given)
    if is_file and ("\n" in given or given.startswith("/") or ".." in PurePosixPath(given).parts):
        raise ValueError("write the PEM text itself, or a file below the workspace: certs/ca.pem")
    return given


def _proxy(text: str) -> str:
    proxy = with_secrets(text.strip())
    plain = re.sub(r"\$\{[^}]*\}", "secret", proxy)
    if proxy and (not plain.startswith("http://") or not _has_port(plain)):
        raise ValueError("write the address and port of an HTTP proxy, such as http://proxy:3128")
    return proxy


def _has_port(url: str) -> bool:
    return parse_url(url, allow_link_local=True).base.rpartition(":")[2].isdigit()


def _cache_buster(text: str) -> bool | None:
    flags = {"on": True, "true": True, "off": False, "false": False, "": None}
    if text.strip().lower() not in flags:
        raise ValueError("write on or off")
    return flags[text.strip().lower()]


def _lines(text: str) -> list[str]:
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if len(found) > _MOST_LINES:
        raise ValueError(f"write at most {_MOST_LINES} lines")
    return found


class RequestOption(NamedTuple):
    """One option: `parse` reads its text and raises ValueError with the accepted forms.

    Empty text means that it is not set. `schema` is of its value in slo.yml; a private one's value
    is never shown.
    """

    meaning: str
    parse: Callable[[str], object]
    schema: Mapping[str, object]
    is_private: bool = False


_TEXT: Mapping[str, object] = {"type": "string"}
_SCALAR = {"type": ["string", "number", "boolean"]}
_STATUS_SCHEMA = [
    {"type": "integer", "minimum": 100, "maximum": 599},
    {"type": "string", "pattern": f"^{STATUS.pattern}$"},
]
STATUSES_SCHEMA = {
    "anyOf": [
        *_STATUS_SCHEMA,
        {
            "type": "array",
            "items": {"anyOf": _STATUS_SCHEMA},
            "minItems": 1,
            "maxItems": MOST_STATUSES,
        },
    ]
}
REQUEST_OPTIONS: Mapping[str, RequestOption] = {
    "headers": RequestOption(
        "Request headers, such as `X-Tenant: shop`; one per line in an input. `${secrets.NAME}` is filled in.",
        headers,
        {"anyOf": [{"type": "object", "additionalProperties": _SCALAR}, _TEXT]},
        is_private=True,
    ),
    "method": RequestOption(
        "HTTP method of the health request; default `GET`, or `POST` with a body.",
        _method,
        {"enum": list(METHODS)},
    ),
    "body": RequestOption(
        "Body of the health request. `${secrets.NAME}` is filled in.",
        with_secrets,
        _TEXT,
        is_private=True,
    ),
    "expected_status": RequestOption(
        "Statuses that are a good answer of the health endpoint, such as `204` or `2xx, 401`; default 200.",
        _statuses,
        STATUSES_SCHEMA,
    ),
    "host": RequestOption(
        "Host name to ask for (Host header and TLS server name) at the address of `url`.",
        _host,
        _TEXT,
    ),
    "resolve": RequestOption(
        "Address to connect to for a host and port, as curl's `--resolve`: `HOST:PORT:ADDRESS`, one per line.",
        _resolve,
        {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    ),
    "client_cert": RequestOption(
        "Client certificate, and the chain after it: PEM text, or a file below the workspace.",
        _pem,
        _TEXT,
        is_private=True,
    ),
    "client_key": RequestOption(
        "Private key of the client certificate, if not in the same PEM text. Masked.",
        _pem,
        _TEXT,
        is_private=True,
    ),
    "ca_bundle": RequestOption(
        "Certificates to trust in addition to the usual ones: PEM text, or a file below the workspace.",
        _pem,
        _TEXT,
    ),
    "proxy": RequestOption(
        "HTTP proxy for all probes, such as `http://proxy.example.com:3128`; credentials in it are masked.",
        _proxy,
        _TEXT,
        is_private=True,
    ),
    "cache_buster": RequestOption(
        "`off`: leave out the query `_slo=…` that keeps caches from answering.",
        _cache_buster,
        {"enum": ["on", "off", True, False]},
    ),
}
"""By their names in slo.yml; inputs write dashes for underscores."""
