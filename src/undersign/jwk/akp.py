"""kty ``AKP``: keys that belong to one algorithm by definition, here ML-DSA (RFC 9964, ML-DSA for JOSE)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa

from ..encoding import b64url_encode
from ..errors import KeyMaterialError, UnusableKeyError, quoted
from ..jwa.signature import ALGORITHMS, SignatureAlgorithm
from .material import Material, octets_of

KTY: Final = "AKP"
THUMBPRINT: Final = ("alg", "kty", "pub")
PRIVATE: Final = frozenset({"priv"})

_SEED: Final = 32
_NATIVE: Final[tuple[tuple[Any, Any, int], ...]] = (
    (mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey, 1312),
    (mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey, 1952),
    (mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey, 2592),
)
_LEVELS: Final = dict(zip((row.name for row in ALGORITHMS.values() if row.kty == KTY), _NATIVE, strict=True))


def parse(members: Mapping[str, Any]) -> Material:
    """Read ``alg``, which an AKP key must name, ``pub`` and ``priv``, the 32-octet seed."""
    alg = members.get("alg")
    if not isinstance(alg, str) or alg not in _LEVELS:
        raise KeyMaterialError(f"An AKP key must name its algorithm; {quoted(alg)} is not one of {', '.join(_LEVELS)}.")
    public_type, private_type, size = _LEVELS[alg]
    pub = octets_of(members, "pub", size)
    seed = octets_of(members, "priv", _SEED) if "priv" in members else None
    try:
        public = public_type.from_public_bytes(pub)
        private = None if seed is None else private_type.from_seed_bytes(seed)
    except ValueError:
        raise KeyMaterialError("The AKP key's 'pub' is not a public key of its algorithm.") from None
    except UnsupportedAlgorithm:
        raise UnusableKeyError(
            f"This build of cryptography does not have {alg}.", help="Install a current wheel of cryptography."
        ) from None
    if private is not None and private.public_key().public_bytes_raw() != pub:
        raise KeyMaterialError("The AKP key's 'priv' belongs to another public key.")
    return _material(alg, public, private)


def wrap(native: Any) -> Material | None:
    """Take a native ML-DSA key."""
    for alg, (public_type, private_type, _) in _LEVELS.items():
        if isinstance(native, private_type):
            return _material(alg, native.public_key(), native)
        if isinstance(native, public_type):
            return _material(alg, native, None)
    return None


def generate(algorithm: SignatureAlgorithm, _: int | None) -> Material:
    """Make a key of the algorithm's level."""
    try:
        private = _LEVELS[algorithm.name][1].generate()
    except UnsupportedAlgorithm:
        raise UnusableKeyError(
            f"This build of cryptography does not have {algorithm.name}.",
            help="Install a current wheel of cryptography.",
        ) from None
    return _material(algorithm.name, private.public_key(), private)


def private_members(material: Material) -> dict[str, str]:
    """Write ``priv``, the seed."""
    return {"priv": b64url_encode(material.private.private_bytes_raw())}


def _material(alg: str, public: Any, private: Any) -> Material:
    pub = public.public_bytes_raw()
    return Material(KTY, alg, public, private, {"kty": KTY, "alg": alg, "pub": b64url_encode(pub)}, 8 * len(pub))
