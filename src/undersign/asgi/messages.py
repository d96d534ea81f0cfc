"""What middleware reads of a request and sends in place of the application's answer (ASGI 3.0)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..errors import PolicyError, quoted

__all__ = [
    "App",
    "Message",
    "Origin",
    "Receive",
    "Refusal",
    "Scope",
    "Send",
    "Wrapped",
    "cookies",
    "fields",
    "is_below",
    "is_plain",
    "paths",
    "with_fields",
]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""
Wrapped: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""One of any framework, each of which has types of its own for the three."""

_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?")
_LOOPBACK: Final = re.compile(r"localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\]")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_ODD_PATH: Final = re.compile(r"//|/\.{1,2}(?:/|\Z)|\\|[\x00-\x1f\x7f]")
_POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1


@dataclass(frozen=True, slots=True)
class Origin:
    """The application's own public origin, as browsers spell it; never taken from a request's Host."""

    text: str

    def __post_init__(self) -> None:
        """Refuse what no browser would send, and http where anybody on the way could read cookies."""
        match = _ORIGIN.fullmatch(self.text)
        if match is None or match[3] == _DEFAULT_PORTS[match[1]]:
            raise PolicyError(
                f"{quoted(self.text)} is not an origin.", help='Write it as browsers do: "https://app.example".'
            )
        if match[1] == "http" and not _LOOPBACK.fullmatch(match[2]):
            raise PolicyError("Cookies and tokens need https, except on loopback.", help="Use https.")

    @property
    def cookie_prefix(self) -> str:
        """What a cookie's name begins with: ``__Host-``, except over plain http (DESIGN safety rule 23)."""
        return "__Host-" if self.text.startswith("https:") else ""

    @property
    def cookie_flags(self) -> str:
        """The attributes of a cookie that goes with requests to this origin."""
        secure = "; Secure" if self.text.startswith("https:") else ""
        return f"; Path=/; HttpOnly; SameSite=Lax{secure}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the application's place."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; to a WebSocket handshake as an HTTP answer where the server can, and else by closing."""
        kind = "http.response"
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            kind = "websocket.http.response"
            if kind not in (scope.get("extensions") or {}):
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return
        named = (
            ("content-type", self.media_type),
            ("content-length", str(len(self.body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            *self.headers,
        )
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in named]
        await send({"type": f"{kind}.start", "status": self.status, "headers": headers})
        body = b"" if scope.get("method") == "HEAD" else self.body
        await send({"type": f"{kind}.body", "body": body})


def fields(scope: Scope, name: str) -> list[str]:
    """The values of a header field, in the order they came."""
    wanted = name.encode("ascii")
    return [value.decode("latin-1").strip(" \t") for found, value in scope["headers"] if found.lower() == wanted]


def cookies(scope: Scope, name: str) -> list[str]:
    """The values of all cookies of a name: a neighbouring host may have added one."""
    pairs = (pair.strip(" \t").partition("=") for field in fields(scope, "cookie") for pair in field.split(";"))
    return [value for found, _, value in pairs if found == name]


def is_plain(path: str) -> bool:
    """Tell whether a path means one thing to every reader: no dot segment, empty segment, backslash or control."""
    return path.startswith("/") and not _ODD_PATH.search(path)


def paths(places: Collection[str], argument: str) -> tuple[str, ...]:
    """Take a caller's collection of paths.

    Raises:
        PolicyError: It is a single string, or holds what is no plain path.
    """
    if isinstance(places, str) or not all(map(is_plain, places)):
        raise PolicyError(f"{argument} is a collection of paths.", help=f'Write {argument}=("/healthz", "/static/").')
    return tuple(places)


def is_below(path: str, places: tuple[str, ...]) -> bool:
    """Tell whether a path is one of the places, or below one that ends in a slash; ``/`` is the front page alone."""
    if path in places:
        return True
    return is_plain(path) and any(len(one) > 1 and one.endswith("/") and path.startswith(one) for one in places)


def with_fields(message: Message, *added: tuple[str, str]) -> Message:
    """The start of an answer with header fields added to it."""
    more = [(name.encode("ascii"), value.encode("latin-1")) for name, value in added]
    return {**message, "headers": [*message.get("headers", ()), *more]}
