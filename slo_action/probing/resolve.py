"""Name to addresses, apart from everything else and never longer than the probe may take."""

import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

_MOST_TRIED = 4


class Address(NamedTuple):
    """One place to connect to. `target` is what the socket's connect() takes."""

    family: int
    ip: str
    target: tuple[object, ...]

    def __str__(self) -> str:
        """Return the DNS record that leads here."""
        return f"{'AAAA' if self.family == socket.AF_INET6 else 'A'} {self.ip}"


Lookup = Callable[[str, int], Sequence[Address]]
"""Host and port to addresses, best first. Raises socket.gaierror; may block."""


def system_lookup(host: str, port: int, flags: int = 0) -> Sequence[Address]:
    """Ask the system's resolver for A and AAAA; the order is RFC 6724's."""
    tcp = socket.SOCK_STREAM
    found = socket.getaddrinfo(host, port, type=tcp, proto=socket.IPPROTO_TCP, flags=flags)
    return [Address(family, str(target[0]), target) for family, _, _, _, target in found]


def literal(host: str, port: int) -> Address | None:
    """Return the address that an IP literal already is; None for a name."""
    try:
        return system_lookup(host, port, socket.AI_NUMERICHOST)[0]
    except (OSError, UnicodeError):
        return None


def in_turn(addresses: Sequence[Address]) -> tuple[Address, ...]:
    """Return the addresses to try: the families alternate, the resolver's first one leads."""
    first = [one for one in addresses if one.family == addresses[0].family]
    others = [one for one in addresses if one.family != addresses[0].family]
    ranked = [(2 * rank, one) for rank, one in enumerate(first)]
    ranked += [(2 * rank + 1, one) for rank, one in enumerate(others)]
    return tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0])[:_MOST_TRIED])
