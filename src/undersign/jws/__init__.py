"""JSON Web Signature (RFC 7515): sign octets and verify them.

>>> from undersign import jwk, jws
>>> key = jwk.generate("Ed25519")
>>> token = jws.sign(b"the document", key)
>>> jws.verify(token, key.public()).payload
b'the document'
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import PolicyError
from ..jwk.key import Key
from ..jwks.keyset import Keys, KeySet
from ..limits import DEFAULT, Limits
from . import compact, json
from .compact import CompactVerifier
from .policy import SignaturePolicy, all_of, any_of, at_least, required
from .sign import CompactSigner, Prepared, add_signature, prepare, sign
from .signer import By, Signer
from .verified import SignatureReport, VerifiedJWS

if TYPE_CHECKING:
    from .streaming import sign_file, verify_file

__all__ = [
    "By",
    "CompactSigner",
    "Prepared",
    "SignaturePolicy",
    "SignatureReport",
    "Signer",
    "VerifiedJWS",
    "add_signature",
    "all_of",
    "any_of",
    "at_least",
    "prepare",
    "required",
    "sign",
    "sign_file",
    "verify",
    "verify_file",
]


def __getattr__(name: str) -> Any:
    # Files need more of the standard library than tokens do, so that room is opened when first asked for.
    if name in {"sign_file", "verify_file"}:
        from . import streaming

        return getattr(streaming, name)
    raise AttributeError(name)


def verify(
    token: str | bytes | Mapping[str, Any],
    keys: Keys,
    *,
    algorithms: Iterable[str] | None = None,
    payload: bytes | None = None,
    policy: SignaturePolicy | None = None,
    understood: Collection[str] = (),
    quirks: Collection[str] = (),
    limits: Limits = DEFAULT,
) -> VerifiedJWS:
    """Verify a JWS in any serialization.

    Args:
        token: A compact token, or a JWS in JSON as a dict or as text; text is the better choice, since only there can
            a name that stands twice be seen.
        keys: A public Key or a secret, a list of them, a KeySet or another KeySource.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        payload: The content, where it is detached.
        policy: What is enough where there is more than one signature.
        understood: Critical header extensions that your code processes.
        quirks: Leniency by name: ``padding``, ``short-secret``.
        limits: Caps.

    Raises:
        TokenError: The token is refused.
        KeyMaterialError: No key can be chosen, or the one chosen cannot serve.
        PolicyError: The call does not make sense.
    """
    if policy is not None and not isinstance(policy, SignaturePolicy):
        raise PolicyError("The policy is one of jws.all_of(), any_of(), at_least(k) and required([keys]).")
    verifier = CompactVerifier(keys, algorithms=algorithms, understood=understood, quirks=quirks, limits=limits)
    if not isinstance(token, Mapping) and not _is_json(token):
        verified = compact.verify(token, verifier, payload)
        if policy is not None:
            policy.check(verified.signatures, _keys_of(keys))
        return verified
    return json.verify(token, verifier, _keys_of(keys), policy, payload, limits, frozenset(understood))


def _is_json(token: object) -> bool:
    # No compact token begins with a brace, so the two cannot be taken for each other.
    if isinstance(token, str):
        return token[:64].lstrip(" \t\r\n")[:1] == "{"
    return isinstance(token, (bytes, bytearray)) and bytes(token[:64]).lstrip(b" \t\r\n")[:1] == b"{"


def _keys_of(keys: Keys) -> tuple[Key, ...]:
    if isinstance(keys, Key):
        return (keys,)
    return tuple(keys) if isinstance(keys, (KeySet, list, tuple)) else ()
