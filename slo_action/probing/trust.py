"""The certificates a probe trusts, read once and only when something speaks TLS."""

import re
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi

from slo_action.core.request_options import RequestOptions

_DAY_SECONDS = 86_400
_HASHED = re.compile(r"[0-9a-f]{8}\.\d")


class OnceContext:
    """Builds the shared TLS context at its first use, whichever thread that is in."""

    def __init__(self, build: Callable[[], ssl.SSLContext]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """Return the context; raises what reading the certificates raised."""
        with self._lock:
            if self._context is None:
                self._context = self._build()
            return self._context


def system_trust(places: ssl.DefaultVerifyPaths | None = None) -> ssl.SSLContext:
    """Trust what the system trusts, SSL_CERT_FILE included; certifi's list where it has none.

    `places` are where the system keeps them, None to ask OpenSSL.
    A hashed directory of certificates is preferred: OpenSSL reads from it only the roots it
    meets, where parsing a whole bundle takes 20 to 45 ms.
    """
    paths = places or ssl.get_default_verify_paths()
    overridden = paths.cafile not in (None, paths.openssl_cafile)
    names = [entry.name for entry in Path(paths.capath).iterdir()] if paths.capath else []
    if not overridden and any(map(_HASHED.fullmatch, names)):
        context = ssl.create_default_context(capath=paths.capath)
    elif paths.cafile or paths.capath:
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cafile=certifi.where())
    return as_users_do(context)


class CertificateError(Exception):
    """A certificate or a key of the user's cannot be used; `option` names it, the text says why."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(why)
        self.option = option


def has_certificates(options: RequestOptions) -> bool:
    """Return whether a TLS context of their own is needed."""
    return bool(options.client_cert or options.ca_bundle)


def context_of(options: RequestOptions) -> ssl.SSLContext:
    """Return the context that also trusts the CA bundle and shows the client certificate.

    Raises CertificateError.
    """
    return _context(options.client_cert, options.client_key, options.ca_bundle)


@lru_cache(16)
def _context(cert: str, key: str, ca_bundle: str) -> ssl.SSLContext:
    context = system_trust()
    try:
        if ca_bundle:
            context.load_verify_locations(cadata=ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError("ca-bundle", _why(error)) from None
    if cert:
        with TemporaryDirectory() as private:  # OpenSSL reads certificates of ours from files alone
            file = Path(private) / "client.pem"
            file.write_text(f"{cert}\n{key}\n", encoding="utf-8")
            try:
                context.load_cert_chain(file, password=lambda: b"")
            except (ssl.SSLError, ValueError, OSError) as error:
                raise CertificateError("client-cert", _why(error)) from None
    return context


def _why(error: Exception) -> str:
    reason = (getattr(error, "reason", None) or "no PEM").replace("_", " ").lower()
    return f"OpenSSL cannot read it: {reason}"


def as_users_do(context: ssl.SSLContext) -> ssl.SSLContext:
    """Ask for HTTP/1.1, and drop Python 3.13's strictness about a CA's form, as curl does."""
    context.set_alpn_protocols(["http/1.1"])
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def expires_at(secured: ssl.SSLSocket) -> datetime | None:
    """Return the end of the peer's own certificate; None where it has none."""
    with suppress(ValueError, OverflowError, OSError):  # it is for the record
        ends = (secured.getpeercert() or {}).get("notAfter")
        if isinstance(ends, str):
            return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
    return None


def days_left(expires: datetime, now: datetime) -> float:
    """Return for how many days more a certificate is valid; below zero where it is not."""
    return (expires - now).total_seconds() / _DAY_SECONDS
