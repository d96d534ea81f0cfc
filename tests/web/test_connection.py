"""Callers that take their time over content: it has an end, over real connections to the real application."""

import json
import socket
import time

import pytest

from tests.serve.serving import drip, serving
from tests.web.desk import KEY, RESOURCE, STRANGER, TOML, URL
from undersign.assemble import assemble
from undersign.jwt.profiles.access_token import Minter
from undersign.settings import parse
from undersign.web.app import create

pytestmark = pytest.mark.slow  # each waits for a deadline to pass

HEAD = b"%b HTTP/1.1\r\nHost: " + URL.removeprefix("http://").encode() + b"\r\n%b"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def address(tmp_path):
    (tmp_path / "reports.json").write_text(json.dumps({"keys": [KEY.public().to_jwk()]}))
    (tmp_path / "stranger.json").write_text(json.dumps({"keys": [STRANGER.public().to_jwk()]}))
    house = assemble(parse(TOML.replace("demo = true", 'demo = true\nbody_timeout = "1s"'), folder=tmp_path))
    with serving(create(house), head_seconds=0.6) as found:
        yield found


def test_a_dripping_form_is_408(address):
    """A token request that comes octet by octet is answered when its time is over, however alive the caller looks."""
    answer, took = drip(address, HEAD % (b"POST /token", FORM + b"Content-Length: 60000\r\n\r\n"), b"x")
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"] == "invalid_request"
    assert 0.9 < took < 8


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
