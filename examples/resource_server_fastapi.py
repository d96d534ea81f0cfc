"""A resource server in FastAPI: the door is middleware, the caller a dependency (RFC 6750, 9068, 9470)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from undersign.asgi.bearer import BearerAuthentication, Evidence, ProtectedResource, StepUp, evidence
from undersign.jwks.keyset import Keys

ISSUER = "https://as.example"
AUDIENCE = "https://books.example"
RULES = {
    "readers": "scope has 'read' and request.method in ['GET', 'HEAD']",
    "writers": "scope has 'write' and acr == 'two-factor'",
}


def caller(request: Request) -> Evidence:
    """The verified token of this request."""
    return evidence(request.scope)


Caller = Annotated[Evidence, Depends(caller)]


def create(keys: Keys | None = None) -> FastAPI:
    """Build the application; without keys, the issuer's are fetched from its metadata."""
    app = FastAPI(openapi_url=None)

    @app.get("/books")
    @app.post("/books")
    def books(caller: Caller) -> dict[str, str]:
        return {"caller": caller.claims["sub"], "scope": caller.claims["scope"]}

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    # An application of its own, behind a stricter door: a fresh login with two factors, or the client is told so.
    vault = FastAPI(openapi_url=None)
    vault.add_middleware(
        BearerAuthentication,
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        step_up=StepUp(acr_values=("two-factor",), max_age=300),
    )

    @vault.get("/rare")
    def rare(caller: Caller) -> dict[str, str]:
        return {"caller": caller.claims["sub"]}

    app.mount("/vault", vault)
    app.add_middleware(
        BearerAuthentication,
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        rules=RULES,
        resource=ProtectedResource(AUDIENCE, authorization_servers=(ISSUER,), scopes=("read", "write")),
        public=("/healthz",),
    )
    return app


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(create(), port=8001)
