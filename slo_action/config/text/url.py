"""The service's URL: what may be probed, and what of it must never be shown."""

import ipaddress
import socket
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from slo_action.core.text.secrets import Secret

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
URL_FORMS = "write the whole base URL, such as https://my-service.fly.dev"

_METADATA_HOSTS = frozenset({"metadata.google.internal", "metadata.goog"})
_METADATA_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254",  # Google Cloud
        "fd00:42::42",  # Scaleway
    )
)
_IPV4_LAST = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
"""Whose last four bytes are an IPv4 address: compatible, mapped, translated, and NAT64's."""
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
"""May hold the address right behind its prefix, too, around an empty byte (RFC 6052)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUrl:
    """A base URL without credentials; they live in `authorization` as a header value."""

    base: str
    authorization: Secret | None = None
    secrets: tuple[Secret, ...] = ()

    def join(self, path: str) -> str:
        """Return the URL of `path`, which starts with a slash, below the base."""
        return self.base + path


def parse_url(text: str, *, allow_link_local: bool) -> ServiceUrl:
    """Return the service's URL. Raises ValueError, without quoting credentials, when unusable."""
    parts = _split(text.strip())
    if parts.scheme not in ("http", "https"):
        if not (parts.scheme and parts.netloc):
            raise ValueError(f"start with http:// or https://; {URL_FORMS}")
        allowed = f"only http: and https:; {URL_FORMS}"
        raise ValueError(f"the scheme {parts.scheme}: cannot be probed, {allowed}")
    if not parts.hostname:
        raise ValueError(f"the host is missing; {URL_FORMS}")
    if "@" in parts.path:
        raise ValueError("a base URL has no @ in its path; in credentials write / as %2F")
    if parts.query or parts.fragment:
        raise ValueError("a base URL has neither `?` nor `#`; put the query into health-path")
    if not allow_link_local and is_link_local(parts.hostname):
        raise ValueError(
            "link-local and metadata addresses are refused; set allow-link-local: true if this "
            "really is your service"
        )
    host = parts.netloc.rpartition("@")[2]
    base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    if parts.username is None:
        return ServiceUrl(base=base)
    return _with_credentials(base, parts)


def is_named(text: str) -> bool:
    """Return whether a name and an equals sign stand before an address."""
    before, separator, _ = text.partition("://")
    return bool(separator) and "=" in before


def without_credentials(text: str) -> str:
    """Return a text that may be a URL with everything before an `@` taken out."""
    scheme, rest = _scheme_and_rest(text.strip())
    return scheme + rest.rpartition("@")[2]


def credentials_in(text: str) -> tuple[str, ...]:
    """Return what must be masked before a text that may be a URL is even looked at."""
    userinfo = _scheme_and_rest(text.strip())[1].rpartition("@")[0]
    return tuple(part for part in (userinfo, userinfo.partition(":")[2]) if part)


def _scheme_and_rest(text: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    return ("", text) if not separator or "@" in scheme else (scheme + separator, rest)


def is_link_local(host: str) -> bool:
    """True for link-local addresses and the well-known metadata services of clouds."""
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").lower()
    if plain in _METADATA_HOSTS:
        return True
    address = _address(plain.partition("%")[0])
    if address is None:
        return False
    return any(one in network for one in _leads_to(address) for network in _METADATA_NETWORKS)


def _leads_to(address: _Address) -> Iterator[_Address]:
    """Yield the address, and the IPv4 addresses that it stands for where a network translates."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _IPV4_LAST):
            yield ipaddress.IPv4Address(address.packed[-4:])
        if address in _NAT64_LOCAL:
            yield ipaddress.IPv4Address(address.packed[6:8] + address.packed[9:11])
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo


def _address(host: str) -> _Address | None:
    """Return the address of a literal, also of the odd ones resolvers take, such as 2852039166."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _split(text: str) -> SplitResult:
    if "${" in text:
        raise ValueError(f"nothing fills in ${{…}} in an address; {URL_FORMS}")
    if " " in text or not text.isprintable():  # no other white space is printable
        raise ValueError(f"a URL has no spaces or control characters; {URL_FORMS}")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(f"the host or the port is not valid; {URL_FORMS}") from None
    return parts


def _with_credentials(base: str, parts: SplitResult) -> ServiceUrl:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    token = b64encode(f"{user}:{password}".encode()).decode()
    raw = (parts.netloc.rpartition("@")[0], f"{user}:{password}", password or user, token)
    return ServiceUrl(
        base=base,
        authorization=Secret(f"Basic {token}"),
        secrets=tuple(Secret(value) for value in raw),
    )
