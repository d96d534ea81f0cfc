"""A signed API request: the token covers method, address and body, lives for a minute and works once."""

from __future__ import annotations

import hashlib
import secrets
import time

from undersign import jwk, jwks, jwt
from undersign.encoding import b64url_encode
from undersign.errors import UndersignError
from undersign.replay import Burn, MemoryReplayStore

SERVICE = "https://api.example"
TYP = "request+jwt"


def digest(body: bytes) -> str:
    """The body as it stands in the token."""
    return b64url_encode(hashlib.sha256(body).digest())


def sign_request(signer: jwt.Signer, method: str, path: str, body: bytes) -> str:
    """The caller's side."""
    return signer.sign({"htm": method, "htu": path, "body": digest(body), "jti": secrets.token_urlsafe(16)})


class Service:
    """The recipient: a verifier for its callers, and a store of what was used."""

    def __init__(self, callers: jwks.KeySet) -> None:
        self.callers = callers
        self.used = MemoryReplayStore()

    def accept(self, token: str, method: str, path: str, body: bytes) -> str:
        """Verify a request as it came; gives the caller's name."""
        verifier = jwt.Verifier(
            self.callers,
            issuer="reports",
            audience=SERVICE,
            typ=TYP,
            require={"htm": method, "htu": path, "body": digest(body), "jti": ...},
            max_age="1m",
        )
        claims = verifier.verify(token).claims
        self.used.consume(Burn("request", claims["iss"], claims["jti"], time.time() + 60))
        return str(claims["iss"])


def main() -> None:
    """Send a request, replay it, and send it with another body."""
    key = jwk.generate("ES256")
    signer = jwt.Signer(key, issuer="reports", audience=SERVICE, lifetime="1m", typ=TYP)
    service = Service(jwks.KeySet([key.public()]))
    body = b'{"amount": 10}'
    token = sign_request(signer, "POST", "/transfers", body)

    print("accepted from", service.accept(token, "POST", "/transfers", body))
    for what, request in (
        ("replayed", (token, "POST", "/transfers", body)),
        ("another body", (sign_request(signer, "POST", "/transfers", body), "POST", "/transfers", b'{"amount": 9999}')),
        ("another address", (sign_request(signer, "POST", "/transfers", body), "POST", "/admin", body)),
    ):
        try:
            service.accept(*request)
        except UndersignError as error:
            print(f"{what}: refused, {error.code}")


if __name__ == "__main__":
    main()
