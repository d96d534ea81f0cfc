"""The chain: each line is named by a hash over its chain, and names the line before it; epochs sign its heads.

1. hash = SHA-256 over "undersign-audit-v1", NUL, the chain's id, NUL, the line's bytes; line 1 has 64 zeros as prev.
2. Line 1 names the chain's root key. The root signs certificates of epoch keys, and nothing else.
3. An epoch key lives in memory for an hour at most, signs heads, and is gone; its certificate is a line of the chain,
   written before the first head. Who takes the server over later cannot sign for an hour that has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

__all__ = ["GENESIS", "Head", "Line", "link"]

GENESIS: Final = "0" * 64
_DOMAIN: Final = b"undersign-audit-v1\0"


@dataclass(frozen=True, slots=True)
class Line:
    """One committed line: its exact bytes and their hash."""

    seq: int
    body: bytes
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain reaches: the last line's number, hash and time."""

    chain: str
    seq: int
    hash: str
    time: int


def link(chain: str, body: bytes) -> str:
    """Compute the hash, in hex, that names this line in this chain."""
    return sha256(_DOMAIN + chain.encode("ascii", "strict") + b"\0" + body).hexdigest()
