"""Who may come in: callers that name this application as their Host, and no page of another site."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from undersign.asgi.messages import Origin
from undersign.asgi.provenance import check_provenance, is_browser
from undersign.errors import AccessError

__all__ = ["Door"]


class Door:
    """Middleware around the whole application.

    Two things must not happen to an application that signs for whoever can reach it. A foreign name that resolves to
    this machine must not open it, or a page of that name reads every answer. And a page of another site must not have
    a person's browser post a document here, for which browsers ask no permission of ours (a "simple" request).
    """

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        hosts = (f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))
        self._origins = {host: Origin(f"http://{host}") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        answer: Any = self._app
        if scope["type"] == "http":
            origin = self._origins.get(Headers(scope=scope).get("host", "").lower())
            if origin is None:
                answer = JSONResponse({"error": "another server is meant"}, 421)
            elif scope["method"] not in {"GET", "HEAD"} and is_browser(scope):  # a program that is none may ask
                try:
                    check_provenance(scope, origin)
                except AccessError as error:
                    answer = JSONResponse({"error": error.code, "detail": error.message}, 403)
        await answer(scope, receive, send)
