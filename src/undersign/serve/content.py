"""The content of a request has its size and its time, whatever part of an application reads it."""

from __future__ import annotations

from asyncio import get_running_loop, timeout_at
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

__all__ = ["Bounded"]

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]


class _OverBounds(Exception):  # noqa: N818 - an event, not a failure
    """Ends an application whose caller has been refused."""


class Bounded:
    """An ASGI application around another: content that is too long or comes too slowly is 413 or 408.

    Where the application reads on, an exception ends it; what it may say to that is not sent.

    Args:
        app: The application, of any framework.
        octets: How much content one request may have.
        seconds: How long all of it may take, counted from the request's head.
    """

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]], *, octets: int, seconds: float) -> None:
        self._app = app
        self._octets = octets
        self._seconds = seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        content = _Content(receive, send, self._octets, get_running_loop().time() + self._seconds)
        try:
            await self._app(scope, content.receive, content.send)
        except _OverBounds:
            pass
        finally:
            if content.is_refused:
                await content.refuse()


class _Content:
    """One request's content, and whether it is over its bounds."""

    def __init__(self, receive: _Receive, send: _Send, octets: int, deadline: float) -> None:
        self._receive = receive
        self._send = send
        self._left = octets
        self._deadline = deadline
        self._is_whole = False
        self._is_answered = False
        self._status: HTTPStatus | None = None

    @property
    def is_refused(self) -> bool:
        return self._status is not None and not self._is_answered

    async def receive(self) -> _Message:
        if self._is_whole:
            return await self._receive()
        if self._status is not None:
            raise _OverBounds
        try:
            async with timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._status = HTTPStatus.REQUEST_TIMEOUT
            raise _OverBounds from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            raise _OverBounds
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: _Message) -> None:
        if not self.is_refused:
            self._is_answered = True
            await self._send(message)

    async def refuse(self) -> None:
        status = self._status or HTTPStatus.BAD_REQUEST
        headers = [(b"content-length", b"0"), (b"connection", b"close"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": status.value, "headers": headers})
        await self._send({"type": "http.response.body", "body": b""})
