"""A stored one-time value: a random secret that somebody carries, and what is kept beside it until it is used.

Authorization codes, refresh tokens, pushed requests, enrolment codes and WebAuthn challenges are all of this kind.

1. The secret has 256 random bits and is stored as a hash only; whoever reads the database can use none.
2. What is bound to it is sealed under the master key to that hash, so whoever writes to the database can add none.
3. It is found by its secret before the request is decided, and used up in the very commit of what it buys: of any
   number of uses at once, one wins (safety rule 8).

A new kind is a purpose of its own: a name that says what the value is for, so that no kind passes for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, NamedTuple

from undersign.encoding import dump_json

__all__ = ["Keep", "Kept", "UseUp", "mint", "reference"]


class Keep(NamedTuple):
    """A change: keep a value until it is used or ends.

    Attributes:
        purpose: What the value is for.
        reference: The hash of its secret; see ``reference``.
        bound: What is kept beside it, an object that JSON can hold.
        expires_at: NumericDate from which it is refused.
    """

    purpose: str
    reference: str
    bound: Mapping[str, Any]
    expires_at: int


class Kept(NamedTuple):
    """A value as it was found: there, and neither used nor ended when it was looked up.

    Attributes:
        seq: The number of the line that recorded it; two values never share a reference and a line.
    """

    purpose: str
    reference: str
    bound: Mapping[str, Any]
    expires_at: int
    seq: int

    def use_up(self) -> UseUp:
        """The change that uses up this very value."""
        return UseUp(self.purpose, self.reference, self.seq)


class UseUp(NamedTuple):
    """A change: use up the value that was found; refused where it was used, replaced or ended since."""

    purpose: str
    reference: str
    seq: int


def mint(purpose: str, bound: Mapping[str, Any], *, expires_at: int) -> tuple[str, Keep]:
    """Make a secret of 256 bits, in base64url, and the change that keeps what is bound to it."""
    secret = token_urlsafe(32)
    return secret, Keep(purpose, reference(purpose, secret), bound, expires_at)


def reference(purpose: str, secret: str) -> str:
    """Name the value of a secret: SHA-256, in hex, of a JSON list, so that no two purposes share one."""
    return sha256(dump_json(["undersign-one-time-v1", purpose, secret])).hexdigest()
