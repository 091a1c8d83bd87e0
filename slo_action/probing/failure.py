"""An exchange that failed, as an outcome and a fact in words."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator

import httpcore
import httpx

from slo_action.core.model import Outcome
from slo_action.core.text.quoting import quoted
from slo_action.probing.timeline import Phase, Timeline
from slo_action.probing.transport import OWN_SIDE_ERRNOS

Failure = tuple[Outcome, str]

_CERTIFICATE_EXPIRED = 10
_NAME_MISMATCHES = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_RESOLVER_FAILED = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_CUT_OFF = ("peer closed connection", "Server disconnected")
"""How h11 and httpcore tell of an answer that ends too early."""
_RESETS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


def read_failure(error: Exception, timeline: Timeline) -> Failure:
    """Return the outcome class of an exception and what happened.

    Only errno texts, OpenSSL's words and the parser's complaint are quoted, never an httpx
    message: those may hold the URL or a header.
    """
    for cause in _chain(error):
        for kinds, read in _READERS:
            if isinstance(cause, kinds):
                return read(cause, timeline)
    return Outcome.UNKNOWN, f"the probe itself failed: {type(error).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the deepest cause first: it says what happened, the others where.

    Only `raise … from` counts: what was being handled meanwhile may be another matter.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    return reversed(chain)


def _certificate(error: BaseException, _timeline: Timeline) -> Failure:
    assert isinstance(error, ssl.SSLCertVerificationError)  # noqa: S101
    code, words = error.verify_code, error.verify_message
    if code == _CERTIFICATE_EXPIRED:
        return Outcome.TLS_EXPIRED, "a certificate of the chain has expired"
    if code in _NAME_MISMATCHES:
        return Outcome.TLS_NAME, f"the certificate is for another name: {words.rstrip('.')}"
    return Outcome.TLS_OTHER, f"the certificate is not trusted: {words}"


def _tls(error: BaseException, timeline: Timeline) -> Failure:
    assert isinstance(error, ssl.SSLError)  # noqa: S101
    if timeline.stage is None:
        return Outcome.UNKNOWN, "this host's list of trusted certificates cannot be read"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Outcome.RESET, f"the connection was closed during {_stage(timeline)}"
    reason = error.reason or type(error).__name__
    hint = "; does this port speak plain HTTP?" if reason in _NOT_TLS else ""
    return Outcome.TLS_OTHER, f"TLS failed: {reason.replace('_', ' ').lower()}{hint}"


def _name(error: BaseException, timeline: Timeline) -> Failure:
    assert isinstance(error, socket.gaierror)  # noqa: S101
    code = error.errno
    if code in _NO_SUCH_NAME:
        return Outcome.DNS_NXDOMAIN, "the host name does not exist or has no address"
    if code in _RESOLVER_FAILED:
        return Outcome.DNS_TIMEOUT, "no name server gave an answer about the host name"
    return _own_side(error, timeline)


def _unusable_text(_error: BaseException, timeline: Timeline) -> Failure:
    if timeline.stage is Phase.RESOLVE:
        return Outcome.DNS_NXDOMAIN, "the host name is not one that a resolver can look up"
    return Outcome.UNKNOWN, "the URL or the authorization holds characters that cannot be sent"


def _timeout(_error: BaseException, timeline: Timeline) -> Failure:
    seconds = f"{timeline.total_seconds:.1f} s"
    detail = f"timed out after {seconds}, {_stage(timeline)}"
    if timeline.stage is Phase.RESOLVE:
        return Outcome.DNS_TIMEOUT, detail
    if timeline.stage in (Phase.CONNECT, Phase.TLS):
        return Outcome.CONNECT_TIMEOUT, detail
    return Outcome.READ_TIMEOUT, detail


def _connect_timeout(_error: BaseException, timeline: Timeline) -> Failure:
    return Outcome.CONNECT_TIMEOUT, f"timed out after {timeline.total_seconds:.1f} s, connecting"


def _refused(_error: BaseException, _timeline: Timeline) -> Failure:
    return Outcome.CONNECT_REFUSED, "the connection was refused: nothing listens there"


def _reset(error: BaseException, timeline: Timeline) -> Failure:
    words = error.strerror if isinstance(error, OSError) and error.strerror else "connection broke"
    return Outcome.RESET, f"{words.lower()}, {_stage(timeline)}"


def _socket(error: BaseException, timeline: Timeline) -> Failure:
    assert isinstance(error, OSError)  # noqa: S101
    if error.errno in OWN_SIDE_ERRNOS:
        return _own_side(error, timeline)
    if error.errno == errno.ENOTCONN:
        return _reset(error, timeline)
    if error.errno in (errno.EHOSTUNREACH, errno.EHOSTDOWN):
        return Outcome.CONNECT_REFUSED, "the network says that the host cannot be reached"
    return Outcome.UNKNOWN, f"the probe itself failed: {error.strerror or type(error).__name__}"


def _own_side(error: BaseException, timeline: Timeline) -> Failure:
    words = error.strerror if isinstance(error, OSError) and error.strerror else "no reason given"
    only_ipv6 = timeline.addresses and all(a.startswith("AAAA") for a in timeline.addresses)
    if only_ipv6:
        return Outcome.UNKNOWN, (
            f"the host has only IPv6 addresses (AAAA) and this runner has no way to them "
            f"({words}): give the service an IPv4 address or run on a host with IPv6"
        )
    return Outcome.UNKNOWN, f"this host could not send the probe: {words}"


def _protocol(error: BaseException, _timeline: Timeline) -> Failure:
    if any(words in str(error) for words in _CUT_OFF):
        return Outcome.RESET, "the connection was closed before the answer was whole"
    return Outcome.PROTOCOL_ERROR, f"the answer is not valid HTTP: {quoted(error)}"


def _stage(timeline: Timeline) -> str:
    return (timeline.stage or Phase.ANSWER).value


_READERS: tuple[tuple[tuple[type[BaseException], ...], Callable[..., Failure]], ...] = (
    ((ssl.SSLCertVerificationError,), _certificate),
    ((ssl.SSLError,), _tls),
    ((socket.gaierror,), _name),
    ((UnicodeError,), _unusable_text),
    ((ConnectionRefusedError,), _refused),
    (_RESETS, _reset),
    ((TimeoutError,), _timeout),
    ((OSError,), _socket),
    ((httpcore.RemoteProtocolError, httpx.RemoteProtocolError), _protocol),
    ((httpx.ConnectTimeout,), _connect_timeout),
    ((httpx.TimeoutException,), _timeout),
    ((httpx.ConnectError,), _refused),
    ((httpx.NetworkError, httpcore.WriteError), _reset),
)
"""From the special to the general: the first that fits reads the error."""
