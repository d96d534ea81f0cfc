"""kty ``OKP``: Edwards keys for signing, Montgomery keys for agreement (RFC 8037 section 2).

Verification is RFC 8032 without cofactor. OpenSSL accepts public points of small order, under which a signature
verifies any message, and spellings of a point that RFC 8032 section 5.1.3 refuses; so they are refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, x448, x25519

from ..encoding import b64url_encode
from ..errors import KeyMaterialError, quoted
from ..jwa.signature import SignatureAlgorithm
from .material import Material, octets_of

KTY: Final = "OKP"
THUMBPRINT: Final = ("crv", "kty", "x")
PRIVATE: Final = frozenset({"d"})

CURVES: Final[Mapping[str, tuple[Any, Any, int]]] = {
    "Ed25519": (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey, 32),
    "Ed448": (ed448.Ed448PublicKey, ed448.Ed448PrivateKey, 57),
    "X25519": (x25519.X25519PublicKey, x25519.X25519PrivateKey, 32),
    "X448": (x448.X448PublicKey, x448.X448PrivateKey, 56),
}


def parse(members: Mapping[str, Any]) -> Material:
    """Read ``crv``, ``x`` and ``d``."""
    crv = members.get("crv")
    if not isinstance(crv, str) or crv not in CURVES:
        raise KeyMaterialError(f"The OKP curve {quoted(crv)} is not one of {', '.join(CURVES)}.")
    public_type, private_type, size = CURVES[crv]
    x = octets_of(members, "x", size)
    check_point(crv, x)
    public = public_type.from_public_bytes(x)
    if "d" not in members:
        return _material(crv, public, None)
    private = private_type.from_private_bytes(octets_of(members, "d", size))
    if _raw(private.public_key()) != x:
        raise KeyMaterialError("The OKP key's 'd' belongs to another public key.")
    return _material(crv, public, private)


def wrap(native: Any) -> Material | None:
    """Take a native OKP key and check its point as `parse` does."""
    for crv, (public_type, private_type, _) in CURVES.items():
        if isinstance(native, private_type):
            return _material(crv, native.public_key(), native)
        if isinstance(native, public_type):
            check_point(crv, _raw(native))
            return _material(crv, native, None)
    return None


def generate(algorithm: SignatureAlgorithm, _: int | None) -> Material:
    """Make a key on the algorithm's curve, Ed25519 where the algorithm leaves it open."""
    crv = algorithm.crv or next(iter(CURVES))
    private = CURVES[crv][1].generate()
    return _material(crv, private.public_key(), private)


def private_members(material: Material) -> dict[str, str]:
    """Write ``d``, the seed."""
    return {"d": b64url_encode(material.private.private_bytes_raw())}


def _raw(public: Any) -> bytes:
    octets: bytes = public.public_bytes_raw()
    return octets


def _material(crv: str, public: Any, private: Any) -> Material:
    x = _raw(public)
    return Material(KTY, crv, public, private, {"kty": KTY, "crv": crv, "x": b64url_encode(x)}, 8 * len(x))


# ── points ─────────────────────────────────────────────────────────────────────────────────────────────────────

_P25519: Final = 2**255 - 19
_D25519: Final = -121665 * pow(121666, -1, _P25519) % _P25519
_P448: Final = 2**448 - 2**224 - 1
_D448: Final = -39081 % _P448
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
_SMALL_25519: Final = frozenset({0, 1, _P25519 - 1, _ORDER_8, _P25519 - _ORDER_8})
_SMALL_448: Final = frozenset({0, 1, _P448 - 1})


def check_point(crv: str, encoded: bytes) -> None:
    """Refuse a public point that is not on its curve, not canonically spelt, or of small order.

    Raises:
        KeyMaterialError: It is one of these.
    """
    if crv == "Ed25519":
        y = int.from_bytes(encoded, "little") & (2**255 - 1)
        _check_edwards(y, _P25519, _SMALL_25519)
        # -x^2 + y^2 = 1 + d x^2 y^2
        _check_square((y * y - 1) * pow(_D25519 * y * y + 1, -1, _P25519), _P25519)
    elif crv == "Ed448":
        if encoded[-1] & 0x7F:
            raise KeyMaterialError("The Edwards point is not spelt canonically (RFC 8032 section 5.2.3).")
        y = int.from_bytes(encoded[:-1], "little")
        _check_edwards(y, _P448, _SMALL_448)
        # x^2 + y^2 = 1 + d x^2 y^2
        _check_square((y * y - 1) * pow(_D448 * y * y - 1, -1, _P448), _P448)
    elif not any(encoded):
        raise KeyMaterialError("The Montgomery point has small order.")


def _check_edwards(y: int, p: int, small: frozenset[int]) -> None:
    if y >= p:
        raise KeyMaterialError("The Edwards point is not spelt canonically (RFC 8032 section 5.1.3).")
    if y in small:
        raise KeyMaterialError("The Edwards point has small order, so it would verify anything.")


def _check_square(x_squared: int, p: int) -> None:
    if pow(x_squared % p, (p - 1) // 2, p) != 1:
        raise KeyMaterialError("The Edwards point does not lie on its curve.")
