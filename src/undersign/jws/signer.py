"""Who can sign: a key in memory or anything with alg, kid, public and sign (RFC 7515 section 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

from ..encoding import b64url_encode, dump_json
from ..errors import InvalidHeaderError, PolicyError, UnusableKeyError
from ..header import check as check_header
from ..header import check_disjoint
from ..jwa.signature import SignatureAlgorithm, named
from ..jwk.key import Key

__all__ = ["By", "Signer", "header_segment"]


@runtime_checkable
class Signer(Protocol):
    """A key that may be anywhere: in memory, in an HSM, behind an API.

    ``sign`` takes the JWS signing input and gives JOSE signature octets: for ECDSA R and S side by side, not DER.
    ``public`` is the public Key, or None where nothing can check the result before it is released.
    """

    @property
    def alg(self) -> str | None:
        """The algorithm it signs with."""

    @property
    def kid(self) -> str | None:
        """The key ID to write."""

    def sign(self, signing_input: bytes, /) -> bytes:
        """Sign."""


class By:
    """One party to a JWS of several: its key and its headers.

    Args:
        key: The Key or Signer.
        protected: Members for the protected header, besides ``alg`` and ``kid``.
        header: The unprotected header, which nobody signs.
    """

    __slots__ = ("header", "key", "protected")

    def __init__(
        self, key: Key | Signer, *, protected: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None
    ) -> None:
        self.key = key
        self.protected = _members(protected)
        self.header = _members(header)


def _members(header: Mapping[str, Any] | None) -> dict[str, Any]:
    if header is not None and not isinstance(header, Mapping):
        raise PolicyError("A header is a mapping of names to values.")
    return dict(header or {})


_OURS: Final = ("alg", "b64")


def algorithm_of(signer: object) -> SignatureAlgorithm:
    """Find the row of a signer's algorithm.

    Raises:
        PolicyError: It is no signer.
        UnusableKeyError: It names no algorithm.
    """
    # The members themselves are asked: isinstance on a Protocol would take longer than an ECDSA signature.
    if not isinstance(signer, Key) and not (hasattr(signer, "kid") and callable(getattr(signer, "sign", None))):
        raise PolicyError(
            "A signer is a Key, or an object with alg, kid and sign(signing_input).",
            help="Text and octets are never taken as keys: use jwk.load(...) or jwk.secret(..., alg=...).",
        )
    alg = getattr(signer, "alg", None)
    if alg is None:
        raise UnusableKeyError(f"The key {signer!r} names no algorithm.")
    return named(alg)


def header_segment(
    signer: Key | Signer, extra: Mapping[str, Any] | None, unprotected: Mapping[str, Any] = {}, *, encoded: bool = True
) -> bytes:
    """Write the protected header: ``alg``, ``kid``, then the caller's members in their order.

    Raises:
        InvalidHeaderError: A member is one that this library writes, or the whole is not a header of RFC 7515.
    """
    members: dict[str, Any] = {"alg": algorithm_of(signer).name}
    extra = _members(extra)
    for name in _OURS:
        if name in extra and extra[name] != members.get(name):
            raise InvalidHeaderError(f"The header's {name!r} is the key's and the call's to say, not the header's.")
    if signer.kid is not None and "kid" not in extra and "kid" not in unprotected:
        members["kid"] = signer.kid
    members |= extra
    if not encoded:
        members["b64"] = False
        crit = members.get("crit", [])
        members["crit"] = [*crit, "b64"] if isinstance(crit, list) else crit
    check_disjoint(members, unprotected)
    check_header(members, understood=None)
    return b64url_encode(dump_json(members)).encode("ascii")


def produce(signer: Key | Signer, signing_input: bytes) -> bytes:
    """Have the signer sign, and hold what comes from elsewhere to the shape of a signature.

    Raises:
        UnusableKeyError: A signer outside gave something that is not the octets of a signature.
    """
    return octets_of(signer.sign(signing_input))


def octets_of(signature: object) -> bytes:
    """Hold what a signer outside gave to the shape of a signature; raises UnusableKeyError."""
    if not isinstance(signature, bytes) or not signature:
        raise UnusableKeyError("The signer gave no octets.")
    return signature
