"""A restore copy that only the holder of the token can read.

It may hold credentials and travels in an artifact, which can be read by everyone who can read the
repository. So it is compressed and encrypted (libsodium's secretbox: XSalsa20 and Poly1305) by a
key that BLAKE2b makes of the token, with a salt for each copy.
"""

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from slo_action.config.settings.fly import authorization
from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError

SALT_BYTES = 16
_PURPOSE = b"slo-verify copy1"
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
    sealed = urlsafe_b64encode(SecretBox(_key(token, salt)).encrypt(packed)).decode()
    return ".".join((_FORM, urlsafe_b64encode(salt).decode(), sealed))


def unsealed(token: Secret, text: str) -> Mapping[str, object] | None:
    """Return what was sealed; None where another token sealed it, or it was changed.

    The token's scheme does not matter. Never raises.
    """
    form, _, rest = text.strip().partition(".")
    salt_text, _, sealed = rest.partition(".")
    if form != _FORM or len(text) > _MOST_SEALED_CHARACTERS or not _bare(token):
        return None
    try:
        salt = urlsafe_b64decode(salt_text)
        packed = SecretBox(_key(token, salt)).decrypt(urlsafe_b64decode(sealed))
        unpacker = zlib.decompressobj()  # a little may unpack to anything: it stops at the limit
        plain = json.loads(unpacker.decompress(packed, _MOST_PLAIN_BYTES))
    except (CryptoError, zlib.error, ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) and unpacker.eof else None


def _bare(token: Secret) -> str:
    """Return the token without its scheme, which one job may write and another not."""
    return authorization(token).reveal().partition(" ")[2]


def _key(token: Secret, salt: bytes) -> bytes:
    """A token is long and random, so no slow derivation is needed. Raises ValueError."""
    bare = _bare(token).encode()
    return blake2b(bare, digest_size=SecretBox.KEY_SIZE, salt=salt, person=_PURPOSE).digest()
