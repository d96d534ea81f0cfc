"""The playground bounds what a stranger sends, for it may be public."""

import time

import pytest

from tests.playground.running import playing
from tests.playground.serving import serving
from tests.serve.serving import drip, exchange, flood, told
from undersign.playground import app
from undersign.serve.connection import Connection

pytestmark = pytest.mark.slow


def start(host, path="/parser-enforce"):
    """The head of a post whose content never ends."""
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n".encode()


@pytest.mark.parametrize("path", ["/set-secrets", "/jwt-csrf-form"])
@pytest.mark.parametrize("type_", [b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data"])
def test_content_in_drops_is_ended(monkeypatch, path, type_):
    """Whatever reads the content, and whether anything does, the caller does not hold the connection for ever."""
    monkeypatch.setattr(app, "_SECONDS", 0.5)
    monkeypatch.setattr(Connection, "head_seconds", 0.5)  # for what is left of content that was refused unread
    with serving(time.time) as url:
        host = url.removeprefix("http://")
        address = ("127.0.0.1", int(host.rpartition(":")[2]))
        head = start(host, path) + b"Content-Type: " + type_ + b"\r\n\r\n"
        answer, took = drip(address, head, b"1\r\nx\r\n")

    assert told(answer)[0] in ([408], [403], [415], [400])
    assert took < 6


def test_a_post_that_nobody_hurries_is_408(monkeypatch):
    """What is read, and comes too slowly, is refused with the status that says so."""
    monkeypatch.setattr(app, "_SECONDS", 0.5)
    with serving(time.time) as url:
        host = url.removeprefix("http://")
        address = ("127.0.0.1", int(host.rpartition(":")[2]))
        head = start(host, "/set-secrets") + b"Content-Type: application/json\r\n\r\n"
        answer, _ = drip(address, head, b"1\r\n{\r\n")

    assert told(answer)[0] == [408]


def test_the_command_has_the_limits_of_every_server(tmp_path):
    """`undersign playground` ends fields and trailers without end, and reads no Host behind the content."""
    with playing(tmp_path) as port:
        address, host = ("127.0.0.1", port), f"localhost:{port}"
        fields, trailers = start(host), start(host) + b"\r\n1\r\na\r\n0\r\n"
        for first in (fields, trailers):
            assert flood(address, first, b"x: y\r\n" * 20_000)[1]
        answer, _ = exchange(address, b"GET http://evil.example/ HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
        assert told(answer)[0] == [421]
        for size, status in ((65_000, 400), (66_000, 414)):
            asked = b"GET /parser?jwt=" + b"A" * size + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n"
            answer, _ = exchange(address, asked + b"Cookie: " + b"a" * 10_000 + b"\r\n\r\n")
            assert told(answer)[0] == [status]
