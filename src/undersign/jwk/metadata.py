"""What a JWK says about its key besides the key: kid, use, key_ops, certificates (RFC 7517 sections 4.2 to 4.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import KeyMaterialError
from .material import Material

__all__ = ["read_metadata"]

_LONGEST_KID: Final = 1024
_USES: Final = {
    "sig": frozenset({"sign", "verify"}),
    "enc": frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"}),
}


def read_metadata(jwk: Mapping[str, Any], material: Material) -> dict[str, Any]:
    """Check the members that describe a key and keep them; unknown members are left out (RFC 7517 section 4).

    Raises:
        KeyMaterialError: One is of the wrong type, or they contradict each other or the key.
    """
    metadata: dict[str, Any] = {}
    for name in ("kid", "use", "x5u", "x5t", "x5t#S256"):
        if name in jwk:
            metadata[name] = _text(jwk, name)
    if "key_ops" in jwk:
        metadata["key_ops"] = _key_ops(jwk["key_ops"], metadata.get("use"))
    if "x5c" in jwk:
        _read_chain(jwk["x5c"], material, metadata)
    return metadata


def _text(jwk: Mapping[str, Any], name: str) -> str:
    value = jwk[name]
    if not isinstance(value, str) or not value:
        raise KeyMaterialError(f"The key's {name!r} is not a string, or is empty.")
    if len(value) > _LONGEST_KID:
        raise KeyMaterialError(f"The key's {name!r} is longer than {_LONGEST_KID} characters.")
    return value


def _key_ops(ops: object, use: str | None) -> list[str]:
    if not isinstance(ops, (list, tuple)) or not all(isinstance(op, str) for op in ops) or not ops:
        raise KeyMaterialError("The key's 'key_ops' is not an array of strings.")
    if len(set(ops)) != len(ops):
        raise KeyMaterialError("The key's 'key_ops' names an operation twice (RFC 7517 section 4.3).")
    if use in _USES and not set(ops) <= _USES[use]:
        raise KeyMaterialError(f"The key's 'key_ops' contradict its use {use!r} (RFC 7517 section 4.3).")
    return list(ops)


def _read_chain(x5c: object, material: Material, metadata: dict[str, Any]) -> None:
    from . import certificate
    from .key import KEY_TYPES

    chain = certificate.chain_of(x5c)
    native = certificate.public_key_of(chain[0])
    leaf = KEY_TYPES[material.kty].wrap(native)
    if leaf is None or leaf.members != material.members:
        raise KeyMaterialError("The certificate in 'x5c' is of another key (RFC 7517 section 4.7).")
    thumbprint = certificate.x5t_s256(chain[0])
    if metadata.setdefault("x5t#S256", thumbprint) != thumbprint:
        raise KeyMaterialError("The key's 'x5t#S256' is of another certificate than its 'x5c'.")
    if "x5t" in metadata and metadata["x5t"] not in certificate.x5t_spellings(chain[0]):
        raise KeyMaterialError("The key's 'x5t' is of another certificate than its 'x5c'.")
    metadata["x5c"] = list(x5c) if isinstance(x5c, list) else []
    metadata["_x5c"] = chain
