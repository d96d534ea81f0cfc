"""A request as the routes see it, and the reply they give: what ASGI hands over, read once and strictly.

A field that may stand there once and stands there twice is refused, since whoever sits in front of us may have read the
other one (RFC 9110 section 5.3).
"""

from __future__ import annotations

import re
from asyncio import timeout
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from types import coroutine
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from ..errors import RequestError, RequestTimeoutError, RequestTooLargeError, UnauthenticatedError

__all__ = ["Field", "Message", "Receive", "Reply", "Request", "Scope", "Send", "json_answer"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Field: TypeAlias = tuple[bytes, bytes]

_NO_PARAMETERS: Final[Mapping[str, str]] = {}
_MAX_TOKEN: Final = 16 * 1024
_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)", re.ASCII)


class Reply(NamedTuple):
    """An answer.

    Attributes:
        headers: Its own fields, names in lower case; length, type and what every answer carries are added.
    """

    status: int
    body: bytes
    media_type: bytes = b"application/json"
    headers: tuple[Field, ...] = ()


_NOT_STORED: Final = ((b"cache-control", b"no-store"),)
_encode: Final = msgspec.json.Encoder().encode


def json_answer(value: Any, *, status: int = 200, headers: tuple[Field, ...] = _NOT_STORED) -> Reply:
    """Answer with a dataclass as JSON; not to be stored by caches, unless other fields are given."""
    return Reply(status, _encode(value), b"application/json", headers)


class Request:
    """A request.

    Attributes:
        path: The path, percent-decoded.
        query: The query as it came, without the question mark.
        parameters: What stood in the places of the path's parameters.
        address: The caller's address; headers that claim another one are not read.
        request_id: Its name, in the logs and in its answer.
    """

    __slots__ = ("_fields", "_receive", "address", "parameters", "path", "query", "request_id")

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.request_id = request_id
        self._receive = receive
        self._fields: list[Field] = scope["headers"]
        self.path: str = scope["path"]
        self.query = str(scope["query_string"], "latin-1")
        self.parameters: Mapping[str, str] = scope.get("path_params", _NO_PARAMETERS)
        client = scope.get("client")
        self.address: str = client[0] if client else ""

    def field(self, name: bytes, default: str | None = None) -> str | None:
        """The value of a field that stands there once at most; its name in lower case.

        Raises:
            RequestError: It stands there more than once.
        """
        found = [value for known, value in self._fields if known == name]
        if len(found) > 1:
            raise RequestError(f"The header field {name.decode('ascii')} stands there more than once.")
        return str(found[0], "latin-1") if found else default

    def joined(self, name: bytes) -> str | None:
        """The value of a field whose lines are one list (RFC 9110 section 5.3); None where there is none."""
        found = [value for known, value in self._fields if known == name]
        return str(b", ".join(found), "latin-1") if found else None

    def bearer(self) -> str | None:
        """The bearer token of the Authorization header (RFC 6750 section 2.1); None where there is no such header.

        Raises:
            UnauthenticatedError: The header is there twice, or holds something else.
        """
        found = [value for known, value in self._fields if known == b"authorization"]
        if not found:
            return None
        match = _BEARER.fullmatch(str(found[0], "latin-1")) if len(found[0]) <= _MAX_TOKEN else None
        if len(found) > 1 or match is None:
            raise UnauthenticatedError("The Authorization header is not one bearer token.") from RequestError(
                "No bearer token."
            )
        return match[1]

    async def body(self, limit: int, *, seconds: float) -> bytes:
        """Read the body, and stop as soon as it is longer than the limit, or took longer than these seconds in all.

        Raises:
            RequestTooLargeError: It is longer.
            RequestTimeoutError: It took longer.
            RequestError: The caller went away, or sent a length that is no number.
        """
        announced = self.field(b"content-length", "0") or ""
        if not (announced.isascii() and announced.isdecimal()):
            raise RequestError("Content-Length is not a number.")
        if len(announced) > 15 or int(announced) > limit:  # noqa: PLR2004
            raise RequestTooLargeError(f"The body is longer than {limit} octets.")
        try:
            message, waiting = _begin(self._receive)
            if message is not None and not message.get("more_body", False):
                return _taken(message, limit)  # it came with the head: nothing is waited for
            async with timeout(seconds):
                return await self._rest(message or await waiting, limit)
        except TimeoutError:
            raise RequestTimeoutError(f"The body did not arrive within {seconds:g} seconds.") from None

    async def _rest(self, message: Message, limit: int) -> bytes:
        parts = [_taken(message, limit)]
        size = len(parts[0])
        while message.get("more_body", False):
            message = await self._receive()
            parts.append(_taken(message, limit - size))
            size += len(parts[-1])
        return b"".join(parts)


def _taken(message: Message, limit: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise RequestError("The caller went away.")
    part: bytes = message.get("body", b"")
    if len(part) > limit:
        raise RequestTooLargeError("The body is longer than this address takes.")
    return part


def _begin(receive: Receive) -> tuple[Message | None, Awaitable[Message]]:
    """Ask for a message: it, if it is there, else what is to be awaited, so that only who waits sets a deadline."""
    waiting = receive()
    if not isinstance(waiting, Coroutine):
        raise TypeError("ASGI's receive is a coroutine function.")
    try:
        return None, _resumed(waiting, waiting.send(None))
    except StopIteration as done:
        found: Message = done.value
        return found, waiting


@coroutine
def _resumed(waiting: Coroutine[Any, Any, Message], step: Any) -> Generator[Any, Any, Message]:
    """Go on with a coroutine that was begun and waits for something."""
    try:
        yield step
    except BaseException as thrown:
        waiting.throw(thrown)
        raise
    found: Message = yield from waiting
    return found
