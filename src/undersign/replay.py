"""One-time things and the store that uses them up (RFC 7523 section 3 item 7, RFC 9449 section 11.1)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NoReturn, Protocol

from .encoding import dump_json

__all__ = ["Burn", "ReplayStore"]


class Burn:
    """A one-time thing to use up: what it is for, who issued it, what it is called, until when it could be replayed.

    Args:
        purpose: The kind of thing, such as ``"client-auth"``; equal ids of two kinds never meet.
        issuer: Who made the id; equal ids of two issuers never meet.
        id: The id, such as a ``jti``.
        expires_at: NumericDate after which the thing is refused anyway, so that its row may be forgotten.
    """

    __slots__ = ("expires_at", "id", "issuer", "purpose")

    purpose: str
    issuer: str
    id: str
    expires_at: float

    def __init__(self, purpose: str, issuer: str, id: str, expires_at: float) -> None:
        for name, value in (("purpose", purpose), ("issuer", issuer), ("id", id), ("expires_at", expires_at)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A Burn is read-only."
        raise AttributeError(msg)

    @property
    def key(self) -> str:
        """The name under which it is stored: SHA-256, in hex, of a JSON list, so that no two spellings collide."""
        return sha256(dump_json([self.purpose, self.issuer, self.id])).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Burn) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Burn({self.purpose!r}, key={self.key[:12]}...)"


class ReplayStore(Protocol):
    """What remembers one-time things, across processes and restarts where the product asks for that."""

    def consume(self, burn: Burn, /) -> None:
        """Use the thing up, atomically.

        Raises:
            ReplayedError: It was used before.
            ReplayStoreError: The store is full or out of reach; nothing was used up, and the caller must refuse.
        """
