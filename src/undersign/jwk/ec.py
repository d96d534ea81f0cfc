"""kty ``EC``: keys on the NIST curves and secp256k1 (RFC 7518 section 6.2, RFC 8812 section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from ..encoding import b64url_encode
from ..errors import KeyMaterialError, quoted
from ..jwa.signature import SignatureAlgorithm
from .material import Material, octets_of

KTY: Final = "EC"
THUMBPRINT: Final = ("crv", "kty", "x", "y")
PRIVATE: Final = frozenset({"d"})

CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}


def parse(members: Mapping[str, Any]) -> Material:
    """Read ``crv``, ``x``, ``y`` and ``d``; coordinates have the curve's full length, and the point lies on it."""
    crv = members.get("crv")
    curve = CURVES.get(crv) if isinstance(crv, str) else None
    if curve is None:
        raise KeyMaterialError(f"The EC curve {quoted(crv)} is not one of {', '.join(CURVES)}.")
    size = (curve.key_size + 7) // 8
    x, y = octets_of(members, "x", size), octets_of(members, "y", size)
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\4" + x + y)
    except ValueError:
        raise KeyMaterialError("The EC point does not lie on its curve.") from None
    if "d" not in members:
        return _material(public, None)
    try:
        private = ec.derive_private_key(int.from_bytes(octets_of(members, "d", size), "big"), curve)
    except ValueError:
        raise KeyMaterialError("The EC key's 'd' is out of range.") from None
    if private.public_key() != public:
        raise KeyMaterialError("The EC key's 'd' belongs to another public key.")
    return _material(public, private)


def wrap(native: Any) -> Material | None:
    """Take a native EC key."""
    if isinstance(native, ec.EllipticCurvePublicKey):
        return _material(native, None)
    if isinstance(native, ec.EllipticCurvePrivateKey):
        return _material(native.public_key(), native)
    return None


def generate(algorithm: SignatureAlgorithm, _: int | None) -> Material:
    """Make a key on the algorithm's curve."""
    private = ec.generate_private_key(CURVES[algorithm.crv or ""])
    return _material(private.public_key(), private)


def private_members(material: Material) -> dict[str, str]:
    """Write ``d``, as long as the curve's order."""
    size = (material.size + 7) // 8
    return {"d": b64url_encode(material.private.private_numbers().private_value.to_bytes(size, "big"))}


def _material(public: ec.EllipticCurvePublicKey, private: ec.EllipticCurvePrivateKey | None) -> Material:
    crv = next((name for name, curve in CURVES.items() if curve.name == public.curve.name), None)
    if crv is None:
        raise KeyMaterialError(f"The EC curve {quoted(public.curve.name)} is not one of {', '.join(CURVES)}.")
    size = (public.curve.key_size + 7) // 8
    numbers = public.public_numbers()
    x, y = (b64url_encode(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return Material(KTY, crv, public, private, {"kty": KTY, "crv": crv, "x": x, "y": y}, public.curve.key_size)
