"""How a service is asked, beside its address: what `request:` of slo.yml says."""

import re
from dataclasses import dataclass, field, fields, replace
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]

RESOLVE = re.compile(
    r"(?P<host>\*|[^:\s]+):(?P<port>[0-9]{1,5}):(?P<addresses>[0-9A-Fa-f.:,\[\]]+)"
)
"""As curl's `--resolve`: HOST:PORT:ADDRESS, or several addresses between commas."""
_MAY_BE_CACHED = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """Empty, and None for `cache_buster`, where not set.

    `resolve` fits RESOLVE. Certificates and key are files below the workspace, or the PEM texts
    themselves: in a probe they are always the texts. `proxy` may hold credentials. In a probe whose
    URL says `host`, `stands_for` is the host and port of the service's own URL.
    """

    headers: Headers = field(default=(), repr=False)
    method: str = ""
    body: str = field(default="", repr=False)
    expected_status: tuple[str, ...] = ()
    host: str = ""
    resolve: tuple[str, ...] = ()
    client_cert: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    ca_bundle: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    cache_buster: bool | None = None
    stands_for: str = ""

    def over(self, below: "RequestOptions") -> "RequestOptions":
        """Return what is set here, and `below` where it is not; headers by their names."""
        given = {
            f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in _UNSET
        }
        names = {name.lower() for name, _ in self.headers}
        kept = tuple(pair for pair in below.headers if pair[0].lower() not in names)
        return replace(below, **{**given, "headers": (*kept, *self.headers)})

    @property
    def of_every_request(self) -> "RequestOptions":
        """The options without those of a single endpoint's request."""
        return replace(self, method="", body="", expected_status=())

    @property
    def of_connection(self) -> "RequestOptions":
        """Only the options that may be used for another host, too."""
        return RequestOptions(resolve=self.resolve, ca_bundle=self.ca_bundle, proxy=self.proxy)

    @property
    def verb(self) -> str:
        """The method that is sent."""
        return self.method or ("POST" if self.body else "GET")

    @property
    def busts_cache(self) -> bool:
        """True where a query of our own keeps caches from answering."""
        return self.cache_buster is not False and self.verb in _MAY_BE_CACHED

    @property
    def shown(self) -> tuple[str, ...]:
        """What is set, as phrases; only the names of what may hold secrets."""
        given = (f.name for f in fields(self) if getattr(self, f.name) not in _UNSET)
        return tuple(phrase for name in given if (phrase := self._phrase(name)))

    def _phrase(self, name: str) -> str:
        label = name.replace("_", "-")
        match value := getattr(self, name):
            case bool():
                return f"{label} {'on' if value else 'off'}"
            case _ if name == "headers":
                return f"headers {', '.join(header for header, _ in value)}"
            case _ if name in ("method", "host"):
                return f"{label} {value}"
            case tuple():
                return f"{label} {' '.join(value)}"
            case _:
                return "" if name == "stands_for" else label

    def destination(self, host: str, port: int) -> tuple[tuple[str, ...], int]:
        """Return the hosts or addresses to connect to for a URL's host and port, and the port."""
        places = [(host, port)]
        if self.stands_for and host == urlsplit(f"//{self.host}").hostname:
            own = urlsplit(f"//{self.stands_for}")
            places.append((own.hostname or host, own.port or port))
        for name, number in places:
            for entry in filter(None, map(RESOLVE.fullmatch, self.resolve)):
                if entry["host"].lower() in ("*", name) and int(entry["port"]) == number:
                    return tuple(one.strip("[]") for one in entry["addresses"].split(",")), number
        name, number = places[-1]
        return (name,), number


_UNSET = ((), "", None)
DEFAULT_OPTIONS = RequestOptions()
