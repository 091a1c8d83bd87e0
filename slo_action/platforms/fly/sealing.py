"""A restore copy that only the holder of the token can read.

It may hold credentials and travels in an artifact, which everybody may read who may read the
repository. So it is compressed and encrypted (Fernet: AES-128-CBC and HMAC-SHA256) by a key that
HKDF-SHA256 (RFC 5869) makes of the token, with a salt for each copy.
"""

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from slo_action.config.fly import authorization
from slo_action.core.secrets import Secret
from slo_action.errors import PlatformError

SALT_BYTES = 16
_KEY_BYTES = 32
_LABEL = b"slo-verify fly restore copy v1"
_FORM = "slo1"
"""What a sealed text begins with: another form will begin otherwise."""
_MOST_SEALED_CHARACTERS = 16 * 1024 * 1024
_MOST_PLAIN_BYTES = 64 * 1024 * 1024


def seal(token: Secret, plain: Mapping[str, object], *, salt: bytes) -> str:
    """Return `plain` as JSON, compressed and encrypted: one line of printable ASCII.

    `salt` are SALT_BYTES random bytes, fresh for each copy. Raises PlatformError without a token.
    """
    if not _bare(token):
        raise PlatformError(
            "a restore copy cannot be sealed without a token.",
            hint="set fly-api-token: only its holder can read the copy",
        )
    packed = zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), level=9)
    sealed = Fernet(_key(token, salt)).encrypt(packed).decode()
    return ".".join((_FORM, urlsafe_b64encode(salt).decode(), sealed))


def unsealed(token: Secret, text: str) -> Mapping[str, object] | None:
    """Return what was sealed; None where another token sealed it, or it was changed.

    The token's scheme does not matter. Never raises.
    """
    form, _, rest = text.strip().partition(".")
    told_salt, _, sealed = rest.partition(".")
    if form != _FORM or len(text) > _MOST_SEALED_CHARACTERS or not _bare(token):
        return None
    try:
        salt = urlsafe_b64decode(told_salt)
        packed = Fernet(_key(token, salt)).decrypt(sealed.encode())
        plain = json.loads(_unpacked(packed))
    except (InvalidToken, zlib.error, ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _unpacked(packed: bytes) -> bytes:
    """A little may unpack to anything: stop at the limit. Raises ValueError or zlib.error."""
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(packed, _MOST_PLAIN_BYTES)
    if not unpacker.eof:
        raise ValueError("too large, or cut off")
    return plain


def _bare(token: Secret) -> str:
    """Return the token without its scheme, which one job may write and another not."""
    return authorization(token).reveal().partition(" ")[2]


def _key(token: Secret, salt: bytes) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=_LABEL)
    return urlsafe_b64encode(derived.derive(_bare(token).encode()))
