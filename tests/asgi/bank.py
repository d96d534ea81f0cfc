"""A small application with a form, behind the middleware under test, and a browser's view of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.testclient import TestClient

from undersign import jwk
from undersign.asgi.csrf import CSRFProtection, Forms, forms
from undersign.replay import MemoryReplayStore

NOW = 1_800_000_000
ORIGIN = "https://bank.example"
KEY = jwk.generate("HS256")
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
FORM = {"amount": "100", "to": "Béa & <Co>"}
_FIELD = re.compile(r'name="_csrf" value="([^"]+)"')


class Clock:
    """A clock that can be set."""

    now: float = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


class Bank:
    """An ASGI application in its own words: GET shows the form, everything else changes something."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, bytes]] = []
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope, receive, send) -> None:
        """Serve."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await send({"type": "websocket.close", "code": 1000})
            return
        self.scopes.append(scope)
        body = b"done"
        if scope["method"] in {"GET", "HEAD"}:
            body = b"<form>" if scope["path"] == "/plain" else _form(forms(scope), scope["path"]).encode()
        elif scope["path"] == "/login":
            forms(scope).renew()
        else:
            self.done.append((scope["method"], scope["path"], await _whole(receive)))
        headers = [(b"content-type", b"text/html"), (b"cache-control", b"public")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _form(of: Forms, path: str) -> str:
    return "<form>" + (of.field("/put", "PUT") if path == "/put" else of.field("/transfer"))


async def _whole(receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


class House:
    """The bank behind its middleware."""

    def __init__(self, *, origin: str = ORIGIN, **policy: Any) -> None:
        self.clock = Clock()
        self.bank = Bank()
        self.origin = origin
        self.store = policy.pop("replay", None) or MemoryReplayStore(clock=self.clock)
        self.app = CSRFProtection(self.bank, key=KEY, origin=origin, replay=self.store, clock=self.clock, **policy)

    def browser(self) -> TestClient:
        """A browser of its own, which keeps cookies."""
        return TestClient(self.app, base_url=self.origin)


def token_of(page: str) -> str:
    """The token in a page."""
    match = _FIELD.search(page)
    assert match is not None, page
    return match[1]


def opened(browser: TestClient) -> str:
    """Open the form; its token."""
    return token_of(browser.get("/").text)


def cookie_headers(house: House) -> tuple[str, list[tuple[str, str]]]:
    """A token, and the header fields of a request from our own page that can use it."""
    browser = house.browser()
    token = opened(browser)
    (cookie,) = browser.cookies.jar
    return token, [("sec-fetch-site", "same-origin"), ("cookie", f"{cookie.name}={cookie.value}")]


def call(app, messages, *, method="POST", path="/transfer", headers=(), **more) -> list[dict[str, Any]]:
    """Call an application with exactly these messages; what it sent."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", **more}
    scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in headers]
    asyncio.run(app(scope, receive, send))
    return sent
