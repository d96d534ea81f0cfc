"""kty ``oct``: a shared secret (RFC 7518 section 6.4)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from ..encoding import b64url_encode
from ..errors import KeyMaterialError, WeakKeyError
from ..jwa.signature import SignatureAlgorithm
from .material import Material, octets_of

KTY: Final = "oct"
THUMBPRINT: Final = ("k", "kty")
PRIVATE: Final = frozenset({"k"})

_LONGEST: Final = 4096


def parse(members: Mapping[str, Any]) -> Material:
    """Read ``k``; an empty secret is refused, a short one waits for the algorithm that finds it weak."""
    return of_octets(octets_of(members, "k"))


def of_octets(secret: bytes) -> Material:
    """Wrap the octets of a secret."""
    if not secret:
        raise WeakKeyError("The secret is empty.")
    if len(secret) > _LONGEST:
        raise KeyMaterialError(f"The secret is longer than {_LONGEST} octets.")
    return Material(KTY, None, secret, secret, {"kty": KTY}, 8 * len(secret))


def wrap(_: Any) -> None:
    """No native key of `cryptography` is a secret."""


def generate(algorithm: SignatureAlgorithm, size: int | None) -> Material:
    """Draw a secret as long as the hash, or of ``size`` bits where that is more."""
    bits = 8 * algorithm.hash_size if size is None else size
    if type(bits) is not int or bits < 8 * algorithm.hash_size or bits % 8:
        raise WeakKeyError(
            f"A secret for {algorithm.name} has at least {8 * algorithm.hash_size} bits, in whole octets."
        )
    return of_octets(secrets.token_bytes(bits // 8))


def private_members(material: Material) -> dict[str, str]:
    """Write ``k``."""
    return {"k": b64url_encode(material.private)}
