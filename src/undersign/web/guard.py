"""What holds for every answer and every request: the Host asked for, and headers that keep a browser strict.

A request whose Host is not the configured one gets 421, so that neither a foreign name that resolves here nor a forged
header reaches a page or an endpoint (RFC 9110 sections 7.4 and 15.5.20).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from .exchange import Field

__all__ = ["POLICY", "allowed_hosts", "fields_of_every_answer"]

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


def allowed_hosts(url: str) -> frozenset[bytes]:
    """What a Host field may say at this address, in lower case."""
    parts = urlsplit(url)
    hosts = {parts.netloc.lower()}
    if parts.port is None:
        hosts.add(f"{parts.netloc.lower()}:{_DEFAULT_PORT[parts.scheme]}")
    return frozenset(host.encode() for host in hosts)


def fields_of_every_answer(url: str) -> tuple[Field, ...]:
    """What every answer of the server at this address carries."""
    return (*_HEADERS, *((_SECURE,) if urlsplit(url).scheme == "https" else ()))
