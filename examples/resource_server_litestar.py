"""A resource server in Litestar: the door stands around the application (RFC 6750, 9068, 9728)."""

from __future__ import annotations

from litestar import Litestar, Request, get, post

from undersign.asgi.bearer import BearerAuthentication, ProtectedResource, evidence
from undersign.asgi.messages import App
from undersign.jwks.keyset import Keys

ISSUER = "https://as.example"
AUDIENCE = "https://books.example"
RULES = {
    "readers": "scope has 'read' and request.method in ['GET', 'HEAD']",
    "writers": "scope has 'write' and acr == 'two-factor'",
}


def _caller(request: Request) -> dict[str, str]:  # type: ignore[type-arg] # Litestar reads its handlers' types
    claims = evidence(request.scope).claims
    return {"caller": claims["sub"], "scope": claims["scope"]}


@get("/books", sync_to_thread=False)
def books(request: Request) -> dict[str, str]:  # type: ignore[type-arg]
    """Tell who asked; nobody comes here without a good token."""
    return _caller(request)


@post("/books", sync_to_thread=False, status_code=200)
def add(request: Request) -> dict[str, str]:  # type: ignore[type-arg]
    """Tell who writes."""
    return _caller(request)


@get("/healthz", sync_to_thread=False)
def health() -> dict[str, str]:
    """Anybody may ask."""
    return {"status": "ok"}


def create(keys: Keys | None = None) -> App:
    """Build the application; without keys, the issuer's are fetched from its metadata."""
    app = Litestar([books, add, health], openapi_config=None)
    return BearerAuthentication(
        app,
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        rules=RULES,
        resource=ProtectedResource(AUDIENCE, authorization_servers=(ISSUER,), scopes=("read", "write")),
        public=("/healthz",),
    )


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(create(), port=8001)
