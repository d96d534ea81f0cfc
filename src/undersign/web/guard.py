"""What holds for every answer and every request: the Host asked for, and headers that keep a browser strict.

A request whose Host is not the configured one gets 421, so that neither a foreign name that resolves here nor a forged
header reaches a page or an endpoint (RFC 9110 sections 7.4 and 15.5.20).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from .exchange import Field, Reply, Scope
from .problem import plain

__all__ = ["POLICY", "Guard"]

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_SECURE: Final = (b"strict-transport-security", b"max-age=31536000")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


class Guard:
    """The guard of one server.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        hosts = {parts.netloc.lower()}
        if parts.port is None:
            hosts.add(f"{parts.netloc.lower()}:{_DEFAULT_PORT[parts.scheme]}")
        self._hosts = frozenset(host.encode() for host in hosts)
        self._headers: tuple[Field, ...] = (*_HEADERS, *((_SECURE,) if parts.scheme == "https" else ()))

    def refusal(self, scope: Scope) -> Reply | None:
        """The reply to a request that is meant for another server; None where it is meant for this one."""
        given = [value for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or given[0].lower() not in self._hosts:
            return plain(421, "The Host header names another server than this one.")
        return None

    def headers(self, reply: Reply) -> list[Field]:
        """All fields of an answer."""
        length = str(len(reply.body)).encode()
        return [
            (b"content-type", reply.media_type),
            (b"content-length", length),
            *reply.headers,
            *self._headers,
        ]
