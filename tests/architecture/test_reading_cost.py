"""The three processes can be read top to bottom: few files, shallow, little back and forth (DESIGN section 3)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.architecture.reading import SOURCE
from tests.web.desk import RESOURCE, URN, Desk, open_desk
from undersign import jwk, jwt


class Cost(NamedTuple):
    """What reading takes: files, calls into the package, depth of calls, changes from one file to another."""

    files: int
    calls: int
    depth: int
    switches: int


VERIFY = Cost(files=8, calls=14, depth=4, switches=9)
TOKEN = Cost(files=26, calls=170, depth=11, switches=80)
SIGN = Cost(files=26, calls=170, depth=11, switches=80)
# With a one-time authorization, which is looked up and used up, and a claim in the log as well.
SIGN_ONCE = Cost(files=30, calls=205, depth=11, switches=90)


class Trace:
    """The calls into the package that one thread makes: the file of each, in order, and how deep it went."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.deepest = 0
        self._depth = 0
        self._seen: set[FrameType] = set()  # a coroutine that is resumed is no second call

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take one event of sys.setprofile."""
        file = frame.f_code.co_filename
        if file.startswith(str(SOURCE)) and event in {"call", "return"}:
            self._depth += 1 if event == "call" else -1
            self.deepest = max(self.deepest, self._depth)
            if event == "call" and frame not in self._seen:
                self._seen.add(frame)
                self.calls.append(file)

    @classmethod
    def of(cls, work: Callable[[], object]) -> Trace:
        """Trace one call."""
        trace = cls()
        sys.setprofile(trace)
        try:
            work()
        finally:
            sys.setprofile(None)
        return trace

    def cost(self) -> Cost:
        """What was found."""
        switches = sum(before != after for before, after in zip(self.calls, self.calls[1:], strict=False))
        return Cost(len(set(self.calls)), len(self.calls), self.deepest, switches)


def check(found: Cost, budget: Cost) -> None:
    """Hold what was found against its budget, member by member."""
    assert found.files > 0
    assert all(have <= may for have, may in zip(found, budget, strict=True)), f"{found}, but {budget}"


def test_verifying_a_token_stays_within_its_reading_budget() -> None:
    """An ES256 token with issuer, audience and expiry verifies within 8 files, 14 calls, depth 4 and 9 switches."""
    key = jwk.generate("ES256")
    expected = {"issuer": "https://as.example", "audience": "https://api.example"}
    token = jwt.Signer(key, **expected).sign({"sub": "ana"})
    verifier = jwt.Verifier(key.public(), **expected)
    verifier.verify(token)  # a header is remembered once its signature was good
    check(Trace.of(lambda: verifier.verify(token)).cost(), VERIFY)


def post(desk: Desk, path: str, body: bytes, fields: list[tuple[bytes, bytes]]) -> tuple[int, Cost]:
    """Send one request to the application itself, and trace what it does in its own thread."""
    trace, statuses = Trace(), []
    headers = [(b"host", b"localhost:8080"), (b"content-length", b"%d" % len(body)), *fields]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 1),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        statuses.append(message.get("status"))

    async def serve() -> None:
        sys.setprofile(trace)
        try:
            await desk.client.app(scope, receive, send)
        finally:
            sys.setprofile(None)

    asyncio.run(serve())
    return statuses[0], trace.cost()


def warm(desk: Desk, path: str, requests: list[tuple[bytes, list[tuple[bytes, bytes]]]]) -> Cost:
    """Serve the first requests so that all is compiled that is compiled once, and give the cost of the last."""
    found = [post(desk, path, *request) for request in requests]
    assert {status for status, _ in found} == {200}
    return found[-1][1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A server."""
    with open_desk(tmp_path) as opened:
        yield opened


def test_a_token_request_stays_within_its_reading_budget(desk: Desk) -> None:
    """A client's assertion becomes an access token, from the application's door to its reply, within the budget."""
    form = {"grant_type": "client_credentials", "scope": "sign", "resource": RESOURCE, "client_assertion_type": URN}
    kind = [(b"content-type", b"application/x-www-form-urlencoded")]
    bodies = [urlencode({**form, "client_assertion": desk.minter.mint()}).encode() for _ in range(3)]
    check(warm(desk, "/token", [(body, kind) for body in bodies]), TOKEN)


def test_a_signing_request_stays_within_its_reading_budget(desk: Desk) -> None:
    """A document becomes a signature with its receipt, from the application's door to its reply, within the budget."""
    bearers = [[(b"authorization", f"Bearer {desk.token()}".encode())] for _ in range(3)]
    requests = [(b"%PDF-1.7 x", [(b"content-type", b"application/pdf"), *bearer]) for bearer in bearers]
    check(warm(desk, "/v1/workers/drafts/sign", requests), SIGN)
    check(warm(desk, "/v1/workers/contracts/sign", requests), SIGN_ONCE)
