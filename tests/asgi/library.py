"""A resource server behind the middleware under test, and an authorization server's tokens for it."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient

from undersign import jwk
from undersign.asgi.bearer import BearerAuthentication
from undersign.jwt.profiles.access_token import Minter

NOW = 1_800_000_000
ISSUER = "https://as.example"
API = "https://api.example"
KEY = jwk.generate("ES256")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Clock:
    """A clock that can be set."""

    now: float = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


class Library:
    """An ASGI application that tells who asks."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope, receive, send) -> None:
        """Serve."""
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = scope["undersign"]
        name = "nobody" if found is None else found.claims["sub"]
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": name})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})


class Shelf:
    """The library behind its middleware."""

    def __init__(self, **policy: Any) -> None:
        self.clock = Clock()
        self.library = Library()
        named = {"issuer": ISSUER, "audience": API, "keys": KEY.public()}
        if "verifier" in policy:
            named = {}
        self.app = BearerAuthentication(self.library, clock=self.clock, **(named | policy))
        self.client = TestClient(self.app, base_url=API)

    def get(self, token: str | None = None, path: str = "/books", **options: Any):
        """Ask with a token in the header."""
        headers = options.pop("headers", {})
        if token is not None:
            headers = headers | {"Authorization": f"Bearer {token}"}
        return self.client.request(options.pop("method", "GET"), path, headers=headers, **options)


def token(*, key=KEY, issuer=ISSUER, audience=API, lifetime="5m", scope="read", at=NOW, **extra: Any) -> str:
    """An access token of the authorization server."""
    minter = Minter(key, issuer=issuer, lifetime=lifetime, clock=lambda: at)
    return minter.mint(subject="ana", audience=audience, client_id="app", scope=scope, extra=extra)


def challenge(answer, scheme: str = "Bearer") -> dict[str, str]:
    """The parameters of the answer's challenge of that scheme."""
    for field in answer.headers.get_list("www-authenticate"):
        name, _, rest = field.partition(" ")
        if name == scheme:
            return dict(_PARAMETER.findall(rest))
    raise AssertionError(answer.headers)
