"""The key set as an ASGI application: what is published, how it is cached, and what else it answers."""

import asyncio
import json
import threading
import time

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from undersign import asgi, jwk, jwks, jws
from undersign.errors import PolicyError
from undersign.fetch import Fetcher

ONE, TWO, SECRET = jwk.generate("ES256"), jwk.generate("Ed25519"), jwk.generate("HS256")


def client(keys=None, **more):
    return TestClient(asgi.jwks(jwks.KeySet([ONE, SECRET, TWO]) if keys is None else keys, **more))


def test_public_halves_are_published():
    """Of private keys their public halves, and of secrets nothing, under the media type of RFC 7517 section 8.5.1."""
    answer = client().get("/jwks.json")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwk-set+json")
    assert answer.json() == {"keys": [ONE.public().to_jwk(), TWO.public().to_jwk()]}
    assert not {"d", "k", "priv"} & {name for key in answer.json()["keys"] for name in key}
    assert answer.headers["content-length"] == str(len(answer.content))


def test_the_answer_can_be_cached():
    """Cache-Control says for how long, and an ETag names the version."""
    answer = client(max_age=60).get("/")
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["etag"] == client().get("/any/path").headers["etag"]
    assert answer.headers["etag"] != client(jwks.KeySet([ONE])).get("/").headers["etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b",W/{} ', "*"])
def test_who_has_this_version_gets_304(form):
    """If-None-Match is compared weakly, in lists too, and the answer has no body (RFC 9110 section 13.1.2)."""
    etag = client().get("/").headers["etag"]
    answer = client().get("/", headers={"If-None-Match": form.format(etag)})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("form", ['"other"', "", "{0}x", "x{0}x", '"{1}x"'])
def test_who_has_another_version_gets_the_set(form):
    """A tag that only resembles this one is another."""
    etag = client().get("/").headers["etag"]
    stated = form.format(etag.strip('"'), etag.strip('"'))
    assert client().get("/", headers={"If-None-Match": stated}).status_code == 200


def test_head_has_the_headers_and_no_body():
    """HEAD answers as GET would, without the set."""
    get, head = client().get("/"), client().head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    assert client().head("/", headers={"If-None-Match": get.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(method):
    """A key set is only read."""
    answer = client().request(method, "/")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "GET, HEAD", b"")


def test_keys_that_rotate_are_followed():
    """A function is asked at each request, so that a new key is published at once, under a new ETag."""
    current = [jwks.KeySet([ONE])]
    rotating = client(lambda: current[0])
    first = rotating.get("/")
    current[0] = jwks.KeySet([TWO, ONE])
    second = rotating.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert [key["kid"] for key in second.json()["keys"]] == [TWO.kid, ONE.kid]


@pytest.mark.parametrize("keys", [jwks.KeySet([]), jwks.KeySet([SECRET]), ONE, [ONE], "keys", None])
def test_nothing_else_is_published(keys):
    """A set without a public key, a bare key and text are refused when the application is made."""
    with pytest.raises(PolicyError):
        asgi.jwks(keys)


@pytest.mark.parametrize("max_age", [-1, 1.5, "60", True, None])
def test_max_age_is_a_number_of_seconds(max_age):
    """What would make a malformed header is refused."""
    with pytest.raises(PolicyError):
        asgi.jwks(jwks.KeySet([ONE]), max_age=max_age)


def test_it_mounts_in_another_application():
    """It is a route of any ASGI application."""
    app = Starlette(routes=[Mount("/.well-known/jwks.json", asgi.jwks(jwks.KeySet([ONE])))])
    assert TestClient(app).get("/.well-known/jwks.json").json()["keys"][0]["kid"] == ONE.kid


def test_it_starts_and_stops_alone():
    """It takes part in the lifespan protocol, so that servers which demand it can run it alone."""
    with client() as started:
        assert started.get("/").status_code == 200


def test_a_websocket_is_closed():
    """Nothing is spoken over a socket."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError

    asyncio.run(asgi.jwks(jwks.KeySet([ONE]))({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


def test_a_remote_key_set_reads_what_is_published():
    """Over HTTP by uvicorn: fetched, believed for its max-age, renewed by 304, and a rotated key found."""
    current, told, now = [jwks.KeySet([ONE])], [], [0.0]
    server = uvicorn.Server(
        uvicorn.Config(asgi.jwks(lambda: current[0], max_age=60), port=0, log_level="critical", lifespan="on")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        keys = jwks.RemoteKeySet(
            url, fetch=Fetcher(plain_loopback=True), clock=lambda: now[0], on_refresh=told.append, ahead=0
        )
        assert jws.verify(jws.sign(b"x", ONE), keys).payload == b"x"
        now[0] = 61
        jws.verify(jws.sign(b"x", ONE), keys)
        current[0] = jwks.KeySet([ONE, TWO])
        now[0] = 92
        jws.verify(jws.sign(b"x", TWO), keys)
        assert json.loads(httpx2.get(url).content) == current[0].to_jwks()
    finally:
        server.should_exit = True
        thread.join()

    assert [each.changed for each in told] == [True, False, True]
