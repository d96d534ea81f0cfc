"""Publish public keys as a JWK Set, so that others can cache it (RFC 7517 section 8.5, RFC 9110, RFC 9111)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

from ..encoding import b64url_encode, dump_json
from ..errors import PolicyError
from ..jwks import KeySet

__all__ = ["App", "jwks"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""

_MEDIA_TYPE: Final = b"application/jwk-set+json"
_ENTITY_TAGS: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class _Document(NamedTuple):
    keys: KeySet
    body: bytes
    etag: str


def jwks(keys: KeySet | Callable[[], KeySet], *, max_age: int = 300) -> App:
    """Make an ASGI application that answers every path it is mounted at with the public halves of a key set.

    Args:
        keys: The keys, or a function that gives those of this moment, where they rotate; it must not block.
        max_age: For how many seconds others may keep the answer. Publish a new key for longer than that before you
            sign with it.

    Raises:
        PolicyError: There is no public key to publish, or max_age is no number of seconds.
    """
    if type(max_age) is not int or max_age < 0:
        raise PolicyError("max_age is a whole number of seconds.")
    if isinstance(keys, KeySet):
        fixed = _document(keys)
        return _serving(lambda: fixed, max_age)
    if not callable(keys):
        raise PolicyError("asgi.jwks publishes a KeySet, or what a function gives.", help="jwks.KeySet([key, ...])")
    return _serving(_following(keys), max_age)


def _document(keys: KeySet) -> _Document:
    published = keys.to_jwks()
    if not published["keys"]:
        raise PolicyError("There is no public key to publish.", help="A secret has no public half.")
    body = dump_json(published)
    return _Document(keys, body, f'"{b64url_encode(sha256(body).digest()[:16])}"')


def _following(keys: Callable[[], KeySet]) -> Callable[[], _Document]:
    known: list[_Document] = []

    def current() -> _Document:
        found = keys()
        if not known or known[0].keys is not found:
            known[:] = [_document(found)]
        return known[0]

    return current


def _serving(current: Callable[[], _Document], max_age: int) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for message in _answer(scope, current(), max_age):
                await send(message)
        elif scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    return app


def _answer(scope: Scope, document: _Document, max_age: int) -> Iterable[Message]:
    if scope["method"] not in {"GET", "HEAD"}:
        return _messages(405, [(b"allow", b"GET, HEAD"), (b"content-length", b"0")], b"")
    caching = [
        (b"cache-control", b"public, max-age=%d" % max_age),
        (b"etag", document.etag.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
    ]
    if _is_known(scope["headers"], document.etag):
        return _messages(304, caching, b"")
    about = [(b"content-type", _MEDIA_TYPE), (b"content-length", b"%d" % len(document.body))]
    return _messages(200, [*about, *caching], b"" if scope["method"] == "HEAD" else document.body)


def _is_known(headers: Iterable[tuple[bytes, bytes]], etag: str) -> bool:
    """Compare If-None-Match, weakly (RFC 9110 section 13.1.2)."""
    stated = ", ".join(value.decode("latin-1") for name, value in headers if name.lower() == b"if-none-match")
    return stated.strip() == "*" or etag in _ENTITY_TAGS.findall(stated)


def _messages(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Iterable[Message]:
    yield {"type": "http.response.start", "status": status, "headers": headers}
    yield {"type": "http.response.body", "body": body}
