"""A plain HTTP proxy between the probes and the service."""

from base64 import b64encode
from urllib.parse import unquote, urlsplit


class ProxyError(Exception):
    """The proxy gives no connection to the service; the text says why.

    `of_target` is True where the proxy says that it cannot reach the service, which is no fault of
    the proxy's.
    """

    def __init__(self, why: str, *, of_target: bool = False) -> None:
        super().__init__(why)
        self.of_target = of_target

    @classmethod
    def of(cls, status: bytes) -> "ProxyError":
        """Return the error of an answer other than 200; `status` is untrusted."""
        code = status.decode() if status.isdigit() else "no HTTP status"
        hint = ": it requires other credentials" if code == "407" else ""
        return cls(f"it answers {code} to CONNECT{hint}", of_target=code in _UNREACHABLE)


_UNREACHABLE = frozenset({"502", "503", "504"})


class Proxy:
    """Where a proxy is, and which server behind it is asked for."""

    def __init__(self, url: str, host: str, port: int) -> None:
        split = urlsplit(url)
        self.host, self.port = split.hostname or "", split.port or 80
        self.target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        credentials = f"{unquote(split.username or '')}:{unquote(split.password or '')}"
        basic = b64encode(credentials.encode())
        self.authorization = b"Proxy-Authorization: Basic %s\r\n" % basic if split.username else b""

    @property
    def connect(self) -> bytes:
        """The request for a connection to the server."""
        target = self.target.encode("ascii")
        first = b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n" % (target, target)
        return first + self.authorization + b"\r\n"
