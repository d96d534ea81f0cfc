"""A resource server in Starlette: access tokens at the door, the caller in each request (RFC 6750, 9068, 9728)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from undersign.asgi.bearer import BearerAuthentication, ProtectedResource, evidence
from undersign.jwks.keyset import Keys

ISSUER = "https://as.example"
AUDIENCE = "https://books.example"
RULES = {
    "readers": "scope has 'read' and request.method in ['GET', 'HEAD']",
    "writers": "scope has 'write' and acr == 'two-factor'",
}


async def books(request: Request) -> JSONResponse:
    """Tell who asked; nobody comes here without a good token."""
    claims = evidence(request.scope).claims
    return JSONResponse({"caller": claims["sub"], "scope": claims["scope"]})


async def health(_: Request) -> JSONResponse:
    """Anybody may ask."""
    return JSONResponse({"status": "ok"})


def create(keys: Keys | None = None) -> Starlette:
    """Build the application; without keys, the issuer's are fetched from its metadata."""
    door = Middleware(
        BearerAuthentication,
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        rules=RULES,
        resource=ProtectedResource(AUDIENCE, authorization_servers=(ISSUER,), scopes=("read", "write")),
        public=("/healthz",),
    )
    routes = [Route("/books", books, methods=["GET", "POST"]), Route("/healthz", health)]
    return Starlette(routes=routes, middleware=[door])


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(create(), port=8001)
