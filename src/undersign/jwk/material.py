"""The cryptographic part of a key: what its ``kty`` module parsed, checked and found sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..encoding import b64url_decode
from ..errors import InvalidBase64Error, KeyMaterialError
from ..jwa.signature import SignatureAlgorithm

__all__ = ["KeyType", "Material", "octets_of"]


class Material:
    """A sound key without its metadata.

    Attributes:
        kty: The key type.
        crv: The curve or parameter set; None where the type has none.
        public: The native public key, or the octets of a secret.
        private: The native private key, the octets of a secret, or None.
        members: The public JWK members, in the order of the standard; for a secret only ``kty``.
        size: Bits of strength-bearing length: modulus, field or secret.
        extractable: Whether the private half may be written out.
    """

    __slots__ = ("crv", "extractable", "kty", "members", "private", "public", "size")

    def __init__(
        self,
        kty: str,
        crv: str | None,
        public: Any,
        private: Any,
        members: dict[str, str],
        size: int,
        *,
        extractable: bool = True,
    ) -> None:
        self.kty = kty
        self.crv = crv
        self.public = public
        self.private = private
        self.members = members
        self.size = size
        self.extractable = extractable

    def without_private(self) -> Material:
        """The public half."""
        return Material(self.kty, self.crv, self.public, None, self.members, self.size)

    def unexportable(self) -> Material:
        """The same, whose private half is not written out."""
        return Material(self.kty, self.crv, self.public, self.private, self.members, self.size, extractable=False)


class KeyType(Protocol):
    """What a module that knows one ``kty`` provides."""

    KTY: str
    THUMBPRINT: tuple[str, ...]
    """The members that RFC 7638 section 3.2 hashes, sorted."""
    PRIVATE: frozenset[str]
    """The members that make a JWK of this type private."""

    def parse(self, members: Mapping[str, Any], /) -> Material:
        """Read and check a JWK's key members; KeyMaterialError says what is unsound."""

    def wrap(self, native: Any, /) -> Material | None:
        """Take a native key of `cryptography`; None if it is of another type."""

    def generate(self, algorithm: SignatureAlgorithm, size: int | None, /) -> Material:
        """Make a new key for the algorithm."""

    def private_members(self, material: Material, /) -> dict[str, str]:
        """Write the private JWK members."""


def octets_of(members: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    """Read a base64url member of a JWK, of exactly ``size`` octets where one is given.

    Raises:
        KeyMaterialError: The member is missing, not canonical base64url, or of another length.
    """
    text = members.get(name)
    if not isinstance(text, str):
        raise KeyMaterialError(f"The key's {name!r} is missing or not a string.")
    try:
        octets = b64url_decode(text)
    except InvalidBase64Error:
        raise KeyMaterialError(f"The key's {name!r} is not canonical base64url.") from None
    if size is not None and len(octets) != size:
        raise KeyMaterialError(f"The key's {name!r} has {len(octets)} octets where this kind of key has {size}.")
    return octets
