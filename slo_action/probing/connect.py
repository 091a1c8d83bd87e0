"""Connects to the first of a name's addresses that answers: RFC 8305's "happy eyeballs"."""

import errno
import os
import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress
from math import inf

from slo_action.probing.exchange import ExchangeTimeline, Phase
from slo_action.probing.resolve import Address

OWN_SIDE_ERRNOS = frozenset(
    {
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPERM,
        errno.EACCES,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
    },
)
"""Errors of connecting that say nothing of the target: this host could not even try."""
_STAGGER_SECONDS = 0.25
"""How long an address has before the next one is tried beside it."""


def connected(addresses: Sequence[Address], timeline: ExchangeTimeline) -> socket.socket:
    """Return a connection to the first address that answers.

    The next one is tried where one fails, or has not answered in 250 ms. Those that did not answer
    are in the timeline, and the time they took is not the phase's. Raises OSError: what the target
    did before what this host could not do.
    """
    with timeline.during(Phase.CONNECT):
        race = _Race(addresses, timeline)
        try:
            return race.winner()
        finally:
            race.close()


class _Race:
    def __init__(self, addresses: Sequence[Address], timeline: ExchangeTimeline) -> None:
        self._addresses = addresses
        self._timeline = timeline
        self._selector = selectors.DefaultSelector()
        self._began: dict[Address, float] = {}
        self._errors: dict[Address, OSError] = {}

    def winner(self) -> socket.socket:
        with suppress(TimeoutError):
            for address in self._addresses:
                self._begin(address)
                if sock := self._wait(_STAGGER_SECONDS):
                    return sock
            while self._selector.get_map():
                if sock := self._wait(inf):
                    return sock
        for address in self._began:
            self._errors.setdefault(address, TimeoutError())
        self._report(None)
        errors = [self._errors[address] for address in self._addresses if address in self._errors]
        theirs = [error for error in errors if error.errno not in OWN_SIDE_ERRNOS]
        raise (theirs or errors)[0]

    def close(self) -> None:
        """Close what has not won."""
        for key in list(self._selector.get_map().values()):
            _socket(key).close()
        self._selector.close()

    def _begin(self, address: Address) -> None:
        self._began[address] = self._timeline.now()
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            self._errors[address] = error
            return
        sock.setblocking(False)
        code = sock.connect_ex(address.target)
        if code in (0, errno.EINPROGRESS):
            self._selector.register(sock, selectors.EVENT_WRITE, address)
        else:
            sock.close()
            self._errors[address] = OSError(code, os.strerror(code))

    def _wait(self, seconds: float) -> socket.socket | None:
        """Wait for the first of those begun; return it, or None where it failed or none answered.

        Raises TimeoutError at the probe's deadline.
        """
        if not self._selector.get_map():
            return None
        for key, _ in self._selector.select(min(seconds, self._timeline.remaining())):
            sock, address = _socket(key), key.data
            self._selector.unregister(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._report(address)
                return sock
            sock.close()
            self._errors[address] = OSError(code, os.strerror(code))
        return None

    def _report(self, winner: Address | None) -> None:
        """Note who failed, or was begun before the winner and had not answered."""
        used = f"; {winner} was used" if winner else ""
        fault = ", a fault of the path" if winner else ""
        for address, began in self._began.items():
            if address is winner:
                self._timeline.used(address.ip, began - next(iter(self._began.values())))
                return
            error = self._errors.get(address, TimeoutError())
            reason = error.strerror or f"no answer{fault}"
            self._timeline.failed_addresses.append(f"{address}: {reason}{used}")


def _socket(key: selectors.SelectorKey) -> socket.socket:
    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - nothing else is registered
    return key.fileobj
