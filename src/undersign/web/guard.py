"""What holds for every answer and every request: the Host asked for, and headers that keep a browser strict.

A request whose Host is not the configured one gets 421, so that neither a foreign name that resolves here nor a forged
header reaches a page or an endpoint (RFC 9110 sections 7.4 and 15.5.20).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problem import plain

__all__ = ["POLICY", "Guard"]

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, url: str) -> None:
        self._app = app
        parts = urlsplit(url)
        self._hosts = {parts.netloc.lower()}
        if parts.port is None:
            self._hosts.add(f"{parts.netloc.lower()}:{_DEFAULT_PORT[parts.scheme]}")
        self._secure = parts.scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        given = Headers(scope=scope).getlist("host")
        if len(given) != 1 or given[0].lower() not in self._hosts:
            await plain(421, "The Host header names another server than this one.")(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
