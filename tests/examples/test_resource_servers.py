"""The resource servers of examples/, one for each framework, all behave as one."""

from __future__ import annotations

import importlib
import time

import pytest
from starlette.testclient import TestClient

from undersign import jwk
from undersign.jwt.profiles.access_token import Minter

FRAMEWORKS = ("starlette", "fastapi", "litestar", "django")
ISSUER = "https://as.example"
BOOKS = "https://books.example"
KEY = jwk.generate("ES256")


@pytest.fixture(params=FRAMEWORKS)
def client(request) -> TestClient:
    """A client of one of them."""
    example = importlib.import_module(f"examples.resource_server_{request.param}")
    return TestClient(example.create(KEY.public()), base_url=BOOKS)


def bearer(scope: str, *, audience: str = BOOKS, **extra) -> dict[str, str]:
    """The header with a token of the issuer."""
    token = Minter(KEY, issuer=ISSUER).mint(subject="ana", audience=audience, client_id="app", scope=scope, extra=extra)
    return {"Authorization": f"Bearer {token}"}


def test_a_reader_reads(client) -> None:
    """The handler finds who asked."""
    answer = client.get("/books", headers=bearer("read"))
    assert (answer.status_code, answer.json()) == (200, {"caller": "ana", "scope": "read"})


def test_a_writer_needs_two_factors(client) -> None:
    """POST is for the scope write behind a strong login."""
    assert client.post("/books", headers=bearer("write", acr="two-factor")).status_code == 200
    for headers in (bearer("read"), bearer("write"), bearer("write", acr="one-factor")):
        answer = client.post("/books", headers=headers)
        assert (answer.status_code, 'error="insufficient_scope"' in answer.headers["www-authenticate"]) == (403, True)


def test_nobody_comes_in_without_a_good_token(client) -> None:
    """No token, or one for another resource, gets the challenge that leads to the metadata."""
    for headers in ({}, bearer("read", audience="https://other.example")):
        answer = client.get("/books", headers=headers)
        assert answer.status_code == 401
        url = f"{BOOKS}/.well-known/oauth-protected-resource"
        assert f'resource_metadata="{url}"' in answer.headers["www-authenticate"]
        assert client.get(url).json()["authorization_servers"] == [ISSUER]


def test_health_is_public(client) -> None:
    """One path needs no token."""
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_stricter_door_stands_inside() -> None:
    """FastAPI's vault asks for a fresh login with two factors, by RFC 9470's challenge."""
    example = importlib.import_module("examples.resource_server_fastapi")
    client = TestClient(example.create(KEY.public()), base_url=BOOKS)
    now = int(time.time())
    fresh = bearer("read", acr="two-factor", auth_time=now)
    assert client.get("/vault/rare", headers=fresh).json() == {"caller": "ana"}
    answer = client.get("/vault/rare", headers=bearer("read", acr="two-factor", auth_time=now - 301))
    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
    assert 'max_age="300"' in answer.headers["www-authenticate"]
