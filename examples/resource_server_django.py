"""A resource server in Django, served over ASGI: the door stands around the application (RFC 6750, 9068, 9728)."""

from __future__ import annotations

import secrets
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from undersign.asgi.bearer import BearerAuthentication, ProtectedResource, evidence
from undersign.asgi.messages import App
from undersign.jwks.keyset import Keys

ISSUER = "https://as.example"
AUDIENCE = "https://books.example"
RULES = {
    "readers": "scope has 'read' and request.method in ['GET', 'HEAD']",
    "writers": "scope has 'write' and acr == 'two-factor'",
}


@csrf_exempt  # type: ignore[untyped-decorator] # the token comes in the Authorization header, which no other site's page can add
def books(request: HttpRequest) -> JsonResponse:
    """Tell who asked; nobody comes here without a good token."""
    scope: Any = request.scope
    claims = evidence(scope).claims
    return JsonResponse({"caller": claims["sub"], "scope": claims["scope"]})


def health(_: HttpRequest) -> JsonResponse:
    """Anybody may ask."""
    return JsonResponse({"status": "ok"})


urlpatterns = [path("books", books), path("healthz", health)]


def create(keys: Keys | None = None) -> App:
    """Build the application; without keys, the issuer's are fetched from its metadata."""
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=__name__, ALLOWED_HOSTS=["books.example"], SECRET_KEY=secrets.token_urlsafe(), MIDDLEWARE=[]
        )
        django.setup(set_prefix=False)
    return BearerAuthentication(
        get_asgi_application(),
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
