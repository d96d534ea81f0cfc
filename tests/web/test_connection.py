"""Callers that take their time: each part of a request has an end, over real connections."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

from tests.web.desk import KEY, RESOURCE, STRANGER, TOML, URL
from undersign.assemble import assemble
from undersign.jwt.profiles.access_token import Minter
from undersign.settings import parse
from undersign.web import connection
from undersign.web.app import create
from undersign.web.connection import Connection

pytestmark = pytest.mark.slow  # each waits for a deadline to pass

HEAD = b"%b HTTP/1.1\r\nHost: " + URL.removeprefix("http://").encode() + b"\r\n%b"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@contextmanager
def running(folder, **limits):
    """The application behind uvicorn, as `undersign serve` configures it, in a thread of its own."""
    (folder / "reports.json").write_text(json.dumps({"keys": [KEY.public().to_jwk()]}))
    (folder / "stranger.json").write_text(json.dumps({"keys": [STRANGER.public().to_jwk()]}))
    house = assemble(parse(TOML.replace("demo = true", 'demo = true\nbody_timeout = "1s"'), folder=folder))
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create(house), http=Connection, log_level="warning", ws="none", **limits)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield bound.getsockname()
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.6)
    with running(tmp_path) as found:
        yield found


def drip(address, first, drop=b"", *, pause=0.1):
    """Send a beginning, then drop after drop until the other side closes; its answer, and how long that took."""
    start = time.monotonic()
    answer = b""
    with socket.create_connection(address, timeout=10) as caller:
        caller.sendall(first)
        caller.settimeout(pause)
        while time.monotonic() - start < 8:
            try:
                got = caller.recv(65536)
                if not got:
                    break
                answer += got
            except TimeoutError:
                if drop:
                    caller.sendall(drop)
            except ConnectionError:
                break
    return answer, time.monotonic() - start


def test_a_dripping_form_is_408(address):
    """A token request that comes octet by octet is answered when its time is over, however alive the caller looks."""
    answer, took = drip(address, HEAD % (b"POST /token", FORM + b"Content-Length: 60000\r\n\r\n"), b"x")
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"] == "invalid_request"
    assert 0.9 < took < 4


def test_a_dripping_document_is_408(address):
    """A document that does not arrive in time is a problem document that says so."""
    token = Minter(STRANGER, issuer="https://stranger.example").mint(
        subject="eve", audience=RESOURCE, client_id="eve", scope="sign"
    )
    fields = f"Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer, took = drip(address, HEAD % (b"POST /v1/workers/drafts/sign", fields), b"1\r\nx\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["type"] == "urn:undersign:problem:request-timeout"
    assert took < 4


@pytest.mark.parametrize(
    "first,drop,answered",
    [
        (b"", b"", b""),
        (b"GET / HT", b"", b"HTTP/1.1 408 "),
        (HEAD % (b"GET /", b""), b"A: b\r\n", b"HTTP/1.1 408 "),
        (HEAD % (b"GET /healthz", b"\r\n") + b"GET", b"", b"HTTP/1.1 200 "),
        (HEAD % (b"GET /healthz", b"Content-Length: 1000000\r\n\r\n"), b"x", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "a line", "fields", "the second request", "a body nobody wanted"],
)
def test_a_head_has_its_time(address, first, drop, answered):
    """A connection that never completes its request is closed, with an answer where a request had begun."""
    answer, took = drip(address, first, drop)

    assert answer.startswith(answered)
    assert took < 4


def test_a_head_has_its_size(address):
    """Header fields without end are refused while they come."""
    answer, took = drip(address, HEAD % (b"GET /", b"A: "), b"x" * 50_000, pause=0.01)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert took < 0.6


def test_patient_callers_keep_their_connection(address):
    """Requests with and without bodies follow one another on one connection, with pauses, in pieces and pipelined."""
    ask = HEAD % (b"GET /healthz", b"\r\n")
    refused = HEAD % (b"POST /token", FORM + b"Content-Length: 3\r\n\r\n")
    with socket.create_connection(address, timeout=5) as caller:
        for piece in (ask[:9], ask[9:], refused, b"a=", b"b", ask + ask):
            caller.sendall(piece)
            time.sleep(0.4)
        answers = caller.recv(65536)

    assert answers.count(b"HTTP/1.1 200 ") == 3
    assert answers.count(b"HTTP/1.1 401 ") == 1


def test_too_many_connections_are_told(tmp_path):
    """Beyond its limit the server answers 503 at once, and serves again when others have left."""
    with running(tmp_path, limit_concurrency=4) as found:
        idle = [socket.create_connection(found) for _ in range(4)]
        time.sleep(0.2)
        assert drip(found, HEAD % (b"GET /healthz", b"Connection: close\r\n\r\n"))[0].startswith(b"HTTP/1.1 503 ")
        for each in idle:
            each.close()
        time.sleep(0.2)
        assert drip(found, HEAD % (b"GET /healthz", b"Connection: close\r\n\r\n"))[0].startswith(b"HTTP/1.1 200 ")
