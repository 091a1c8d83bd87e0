"""An exchange that failed, as an outcome and a sentence."""

import errno
import re
import socket
import ssl
from collections.abc import Callable, Iterator

from slo_action.core.model import Outcome
from slo_action.probing.connect import OWN_SIDE_ERRNOS
from slo_action.probing.exchange import ExchangeTimeline, Phase
from slo_action.probing.http1 import CutAnswerError, MalformedAnswerError
from slo_action.probing.proxy import ProxyError
from slo_action.probing.sender import UnsendableHeaderError

Failure = tuple[Outcome, str]

_CERTIFICATE_EXPIRED = 10
_NAME_MISMATCHES = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_NO_ISSUER = frozenset({18, 19, 20, 21})
"""X509_V_ERR_*: self-signed, or its issuer is not known here."""
_UNKNOWN_ISSUER = "does the server send its whole chain? a CA of your own goes into `ca-bundle`"
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_RESOLVER_FAILED = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})
_OPENSSL_TEXT = re.compile(r"\] ([a-z0-9 ]+) \(_ssl")
"""Where OpenSSL's newer reasons have no name in Python."""
_PLAIN_HTTP = "does this port speak plain HTTP?"
_CLIENT_CERTIFICATE = "the server wants a client certificate: set `client-cert` and `client-key`"
_MAYBE_CLIENT_CERTIFICATE = (
    "does the server want a client certificate (`client-cert`), or old ciphers?"
)
_HTTP_2_ONLY = (
    "the server speaks HTTP/2 only: let it offer http/1.1 in ALPN, or probe an address that does"
)
_TLS_HINTS = {
    "wrong version number": _PLAIN_HTTP,
    "record layer failure": _PLAIN_HTTP,
    "http request": _PLAIN_HTTP,
    "tlsv13 alert certificate required": _CLIENT_CERTIFICATE,
    "sslv3 alert bad certificate": _CLIENT_CERTIFICATE,
    "sslv3 alert handshake failure": _MAYBE_CLIENT_CERTIFICATE,
    "tlsv1 alert protocol version": "does the server speak only an old version of TLS?",
    "unsupported protocol": "does the server speak only an old version of TLS?",
    "tlsv1 alert unknown ca": "the server does not trust the client certificate: see `client-cert`",
    "tlsv1 unrecognized name": "the server has no certificate for this host name",
    "tlsv1 alert no application protocol": _HTTP_2_ONLY,
}
"""What an alert means to who knows what probes send."""
_CONNECTED = frozenset({Phase.TLS, Phase.ANSWER, Phase.BODY})
_RESETS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


def read_failure(error: Exception, timeline: ExchangeTimeline) -> Failure:
    """Return the outcome class of an exception and what happened.

    Only texts of errno, OpenSSL and the parser are quoted: other messages may hold the URL or a
    header.
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


def _certificate(error: ssl.SSLCertVerificationError, _timeline: ExchangeTimeline) -> Failure:
    code, reason = error.verify_code, error.verify_message
    if code == _CERTIFICATE_EXPIRED:
        return Outcome.TLS_EXPIRED, "a certificate of the chain has expired"
    if code in _NAME_MISMATCHES:
        return Outcome.TLS_NAME, f"the certificate is for another name: {reason.rstrip('.')}"
    hint = f"; {_UNKNOWN_ISSUER}" if code in _NO_ISSUER else ""
    return Outcome.TLS_OTHER, f"the certificate is not trusted: {reason}{hint}"


def _tls(error: ssl.SSLError, timeline: ExchangeTimeline) -> Failure:
    if timeline.phase is None:
        return Outcome.UNKNOWN, "this host's list of trusted certificates cannot be read"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Outcome.RESET, f"the connection was closed during {_phase(timeline)}"
    text = _OPENSSL_TEXT.search(str(error))
    reason = (error.reason or (text[1] if text else type(error).__name__)).replace("_", " ").lower()
    hint = f"; {_TLS_HINTS[reason]}" if reason in _TLS_HINTS else ""
    return Outcome.TLS_OTHER, f"TLS failed: {reason}{hint}"


def _name(error: socket.gaierror, timeline: ExchangeTimeline) -> Failure:
    if error.errno in _NO_SUCH_NAME:
        return Outcome.DNS_NXDOMAIN, "the host name does not exist or has no address"
    if error.errno in _RESOLVER_FAILED:
        return Outcome.DNS_TIMEOUT, "no name server answered for the host name"
    return _own_side(error, timeline)


def _unusable_text(_error: BaseException, timeline: ExchangeTimeline) -> Failure:
    if timeline.phase is Phase.RESOLVE:
        return Outcome.DNS_NXDOMAIN, "the host name is not one that a resolver can look up"
    return Outcome.UNKNOWN, "the URL or the authorization has characters that cannot be sent"


def _proxy(error: ProxyError, _timeline: ExchangeTimeline) -> Failure:
    if error.of_target:
        return Outcome.CONNECT_REFUSED, f"the proxy cannot reach the service: {error}"
    return Outcome.UNKNOWN, f"the proxy gives no connection: {error}; check the input `proxy`"


def _unsendable(error: UnsendableHeaderError, _timeline: ExchangeTimeline) -> Failure:
    return Outcome.UNKNOWN, str(error)


def _timeout(_error: BaseException, timeline: ExchangeTimeline) -> Failure:
    phase = timeline.phase or Phase.ANSWER
    outcome = {
        Phase.RESOLVE: Outcome.DNS_TIMEOUT,
        Phase.CONNECT: Outcome.CONNECT_TIMEOUT,
        Phase.TLS: Outcome.CONNECT_TIMEOUT,
    }.get(phase, Outcome.READ_TIMEOUT)
    return outcome, f"timed out after {timeline.total_seconds:.1f} s, {phase}"


def _refused(_error: BaseException, _timeline: ExchangeTimeline) -> Failure:
    return Outcome.CONNECT_REFUSED, "the connection was refused: nothing listens there"


def _reset(error: BaseException, timeline: ExchangeTimeline) -> Failure:
    return Outcome.RESET, f"{_reason(error, 'connection broke').lower()}, {_phase(timeline)}"


def _socket(error: OSError, timeline: ExchangeTimeline) -> Failure:
    if timeline.phase in _CONNECTED or error.errno == errno.ENOTCONN:
        return _reset(error, timeline)
    if error.errno in OWN_SIDE_ERRNOS:
        return _own_side(error, timeline)
    if error.errno in (errno.EHOSTUNREACH, errno.EHOSTDOWN):
        return Outcome.CONNECT_REFUSED, "the host cannot be reached"
    reason = _reason(error, type(error).__name__)
    return Outcome.UNKNOWN, f"the probe itself failed: {reason}"


def _own_side(error: BaseException, timeline: ExchangeTimeline) -> Failure:
    reason = _reason(error, "no reason given")
    only_ipv6 = timeline.addresses and all(a.startswith("AAAA") for a in timeline.addresses)
    if only_ipv6:
        return Outcome.UNKNOWN, (
            f"the host has only IPv6 addresses (AAAA) and this runner has no route to them "
            f"({reason}): give the service an IPv4 address or run on a host with IPv6"
        )
    return Outcome.UNKNOWN, f"this host could not send the probe: {reason}"


def _cut(_error: BaseException, _timeline: ExchangeTimeline) -> Failure:
    return Outcome.RESET, "the connection was closed before the answer was whole"


def _malformed(error: BaseException, _timeline: ExchangeTimeline) -> Failure:
    return Outcome.PROTOCOL_ERROR, f"the answer is not valid HTTP: {error}"


def _reason(error: BaseException, otherwise: str) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or otherwise


def _phase(timeline: ExchangeTimeline) -> str:
    return (timeline.phase or Phase.ANSWER).value


_READERS: tuple[tuple[tuple[type[BaseException], ...], Callable[..., Failure]], ...] = (
    ((ProxyError,), _proxy),
    ((ssl.SSLCertVerificationError,), _certificate),
    ((ssl.SSLError,), _tls),
    ((socket.gaierror,), _name),
    ((UnsendableHeaderError,), _unsendable),
    ((UnicodeError,), _unusable_text),
    ((ConnectionRefusedError,), _refused),
    (_RESETS, _reset),
    ((TimeoutError,), _timeout),
    ((OSError,), _socket),
    ((CutAnswerError,), _cut),
    ((MalformedAnswerError,), _malformed),
)
"""From the special to the general: the first that fits reads the error."""
