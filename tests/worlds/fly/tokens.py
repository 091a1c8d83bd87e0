"""Tokens: whose they are, and what they allow."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

_SCHEMES = ("bearer", "flyv1", "basic")
_PERMISSION = "https://api.fly.io/v1"
_DISCHARGE = "https://api.fly.io/aaa/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyToken:
    """A token. `app` None is any app of the organisation; `told_by` is what the ledger says."""

    value: str
    owner: str
    app: str | None = None
    may_write: bool = True
    may_read_releases: bool = True
    may_read_logs: bool = True


def macaroon(name: str, location: str = _PERMISSION) -> str:
    """Return a macaroon that decodes, though nobody signed it: flyctl drops what does not.

    It is MessagePack: nonce, location, no caveats, signature.
    """
    nonce = b"\x93" + _binary(name.encode()) + _binary(bytes(16)) + b"\xc2"
    where = bytes([0xD9, len(location)]) + location.encode()
    signature = _binary(sha256(name.encode()).digest())
    packed = b"\x94" + nonce + where + b"\x90" + signature
    return f"fm2_{b64encode(packed).decode()}"


def _binary(value: bytes) -> bytes:
    return bytes([0xC4, len(value)]) + value


DEPLOY_TOKEN = f"FlyV1 {macaroon('deploy')},{macaroon('discharge', _DISCHARGE)}"
READ_TOKEN = f"FlyV1 {macaroon('readonly')}"
FOREIGN_TOKEN = f"FlyV1 {macaroon('foreign')}"
PERSON_TOKEN = "fo1_person"


def usual_tokens(app: str) -> list[FlyToken]:
    """Return a deploy token of the app, a read-only one, one of another app, and a person's."""
    return [
        FlyToken(value=DEPLOY_TOKEN, owner="deployer", app=app, may_read_logs=False),
        FlyToken(value=READ_TOKEN, owner="reader", may_write=False),
        FlyToken(value=FOREIGN_TOKEN, owner="stranger", app=f"not-{app}"),
        FlyToken(value=PERSON_TOKEN, owner="person"),
    ]


def permission(value: str) -> str:
    """Return a token's first part, which is what it allows, without schemes.

    A header may carry several schemes. A discharge that no caveat asks for may be left out.
    """
    rest = value.strip()
    while rest.partition(" ")[0].lower() in _SCHEMES:
        rest = rest.partition(" ")[2].strip()
    return rest.partition(",")[0]
