"""The runtime token a runner gets: a JSON Web Token whose `scp` names run and job."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256

_SCOPE = "Actions.Results"


class TokenOffice:
    """Issues tokens (HS256) and reads them back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, run: str, job: str, now: datetime, valid: timedelta) -> str:
        claims = {
            "scp": f"Actions.ExampleScope {_SCOPE}:{run}:{job}",
            "exp": int((now + valid).timestamp()),
        }
        head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, authorization: str, now: datetime) -> tuple[str, str] | None:
        """Return (run, job) of a bearer token; None if it is forged, expired or no token."""
        signed, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        if not (authorization.startswith("Bearer ") and signature == self._signature(signed)):
            return None
        payload = signed.partition(".")[2]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if claims["exp"] < now.timestamp():
            return None
        scope = next(part for part in claims["scp"].split(" ") if part.startswith(_SCOPE))
        _, run, job = scope.split(":")
        return run, job

    def _signature(self, signed: str) -> str:
        return _encoded(hmac.new(self._key, signed.encode(), sha256).digest())


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
