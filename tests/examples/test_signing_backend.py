"""The backend's door: a page of another site cannot have it sign, and neither can a name that was bent to it."""

import json

import pytest
from starlette.testclient import TestClient

from examples.signing_backend.app import create
from examples.signing_backend.signing import Signed
from tests.serve.serving import exchange, serving, told

HOST = "localhost:8080"


class Signing:
    """Stands in for the signing server, and counts."""

    def __init__(self):
        self.signed = []

    def token(self, scope):
        return scope

    def verify(self, document, result, receipt, *, detached):
        return Signed(result, receipt, detached, {}, {"seq": len(document)})

    def sign(self, document, media_type, token):  # noqa: ARG002 - the signing server's arguments
        self.signed.append(document)
        return Signed("a.b.c", "d.e.f", False, {}, {"seq": 1})


@pytest.fixture
def signing():
    return Signing()


@pytest.fixture
def client(signing):
    return TestClient(create(signing, signing, print, port=8080), base_url=f"http://{HOST}")


@pytest.mark.parametrize("path", ["/", "/log", "/documents"])
@pytest.mark.parametrize("host", ["rebind.evil.example", "rebind.evil.example:8080", "localhost", "localhost:8081", ""])
def test_a_rebound_name_reads_nothing(client, signing, path, host):
    """A request with another Host is refused, whatever it asks for."""
    answer = client.request("POST" if path == "/documents" else "GET", path, content=b"I owe", headers={"Host": host})

    assert answer.status_code == 421
    assert signing.signed == []


@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:9999", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_has_nothing_signed(client, signing, fields):
    """A post that needs no preflight is refused by what the browser says of where it comes from."""
    answer = client.post("/documents", content=b"I owe", headers={"Content-Type": "text/plain", **fields})

    assert answer.status_code == 403
    assert signing.signed == []


@pytest.mark.parametrize("fields", [{}, {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}])
def test_a_program_and_the_own_page_may_post(client, signing, fields):
    """The person's own curl, and a page of this very origin, have a document signed."""
    answer = client.post("/documents", content=b"I owe", headers=fields)

    assert (answer.status_code, answer.json()["result"]) == (200, "a.b.c")
    assert signing.signed == [b"I owe"]


def test_a_document_without_end_is_not_kept(signing):
    """A document of more than 16 MiB is refused while it comes, not when it is whole."""
    with serving(create(signing, signing, print, port=8080)) as address:
        head = f"POST /documents HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        answer, _ = exchange(address, head, b"%x\r\n" % (40 << 20) + b"x" * (16 << 20) + b"x")

    assert told(answer)[0] == [413]
    assert signing.signed == []


WHOLE = {"document": b"I owe".hex(), "result": "a.b.c", "receipt": "d.e.f", "detached": False}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"I owe",
        b"\xff",
        b"[]",
        b"{}",
        json.dumps(WHOLE | {"document": "I owe"}).encode(),
        json.dumps(WHOLE | {"document": None}).encode(),
        json.dumps(WHOLE | {"result": 1}).encode(),
        json.dumps(WHOLE | {"receipt": ["d.e.f"]}).encode(),
        json.dumps(WHOLE | {"detached": "no"}).encode(),
        json.dumps({name: value for name, value in WHOLE.items() if name != "document"}).encode(),
    ],
)
def test_what_cannot_be_checked_is_told_what_is_expected(client, body):
    """A body of another form is answered with 400 and the form that is expected, never with 500."""
    answer = client.post("/documents/check", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"
    assert all(f"'{name}'" in answer.json()["detail"] for name in WHOLE)


def test_the_page_says_what_is_checked(client):
    """The form of a check stands on the page, and a body of that form is checked."""
    page = client.get("/").text

    assert all(f"<code>{name}</code>" in page for name in WHOLE)
    assert client.post("/documents/check", json=WHOLE).json() == {"verified": True, "line": 5}


def test_the_largest_document_can_be_checked(client):
    """What is as large as a document may be is checked too, in hexadecimal."""
    whole = WHOLE | {"document": bytes(16 << 20).hex()}

    assert client.post("/documents/check", json=whole).json()["line"] == 16 << 20
