"""What holds for every request and answer: the Host asked for, and headers that keep a browser strict.

A request whose Host is none of the site's gets 421, so that no foreign name that resolves here reaches an endpoint
(RFC 9110 sections 7.4 and 15.5.20).
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..asgi.messages import Origin
from ..asgi.provenance import check_provenance
from ..errors import AccessError
from .site import Site

__all__ = ["POLICY", "Guard", "check_same_site"]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would have a page's own form send "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
}


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, site: Site) -> None:
        self._app = app
        self._hosts = site.origin_by_host
        self._secure = site.is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY  # also where what is served has one of its own
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        given = Headers(scope=scope).getlist("host")
        if len(given) != 1 or given[0].lower() not in self._hosts:
            refused = PlainTextResponse("The Host header names another server than this one.\n", 421)
            await refused(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def check_same_site(request: Request, site: Site) -> None:
    """Refuse what another site has a browser ask for; a program that is no browser may ask.

    Raises:
        AccessError: Another site asks, or a browser that does not say who, by a GET that carries the cookie.
    """
    said = {"sec-fetch-site", "origin"} & set(request.headers)
    if said:
        check_provenance(request.scope, Origin(site.origin_by_host[request.headers["host"].lower()]))
    elif request.method == "GET" and site.cookie in request.cookies:
        raise AccessError("A GET with a cookie does not say which site asks for it.", help="Ask by POST.")
