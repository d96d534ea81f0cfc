"""Binding a key to its algorithm: what it can do, and, for what it cannot, why (RFC 7517 sections 4.2 to 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NoReturn

from ..errors import KeyUseError, UndersignError, UnusableKeyError, WeakKeyError, quoted
from ..jwa.families import Sign, SigningStream, Verify, VerifyingStream
from ..jwa.signature import SignatureAlgorithm
from .material import Material

__all__ = ["Binding", "bind"]

_SIGNATURE_OPS: Final = frozenset({"sign", "verify"})
SECRET: Final = "oct"  # noqa: S105 - a key type


class Binding:
    """What a key does; what it may not do is a function that says why.

    Attributes:
        unusable: Why it can do nothing here; None for a key that works.
    """

    __slots__ = ("sign", "signing_stream", "unusable", "verify", "verifying_stream")

    sign: Sign
    verify: Verify
    signing_stream: Callable[[], SigningStream]
    verifying_stream: Callable[[], VerifyingStream]
    unusable: str | None


def bind(
    material: Material,
    metadata: Mapping[str, Any],
    row: SignatureAlgorithm | None,
    alg: str | None,
    *,
    deterministic: bool,
    short_secret: bool,
) -> Binding:
    """Bind material to the row of its algorithm, as far as material and metadata allow."""
    trouble = _trouble(material, metadata, row, alg)
    binding = Binding()
    binding.unusable = None if trouble is None else trouble.message
    refusal = trouble or _no_signing(material, row, metadata)
    if refusal is not None or row is None:
        binding.sign = binding.signing_stream = _refusing(refusal)
    else:
        binding.sign = row.signer(material.private, deterministic=deterministic)
        binding.signing_stream = partial(row.signing_stream, material.private, deterministic=deterministic)
    weak = short_secret and isinstance(trouble, WeakKeyError)
    refusal = (None if weak else trouble) or _no_verifying(material, row, metadata)
    if refusal is not None or row is None:
        binding.verify = binding.verifying_stream = _refusing(refusal)
    else:
        binding.verify = row.verifier(material.public)
        binding.verifying_stream = partial(row.verifying_stream, material.public)
    return binding


def _trouble(
    material: Material, metadata: Mapping[str, Any], row: SignatureAlgorithm | None, alg: str | None
) -> UndersignError | None:
    """Say why a sound key cannot be used here; None if it can."""
    if row is None and alg is not None:
        return UnusableKeyError(f"{quoted(alg)} is not a signature algorithm here.")
    if row is None and material.crv is not None:
        return UnusableKeyError(f"{material.crv} is for key agreement, not for signatures.")
    if metadata.get("use", "sig") != "sig":
        return KeyUseError(f"The key's use is {quoted(metadata['use'])}, not 'sig'.")
    ops = metadata.get("key_ops")
    if ops is not None and not _SIGNATURE_OPS & set(ops):
        return KeyUseError("The key's key_ops name neither sign nor verify.")
    if row is not None and isinstance(material.public, bytes) and len(material.public) < row.hash_size:
        return WeakKeyError(
            f"An HMAC key of {len(material.public)} octets is too short: "
            f"{row.name} needs {row.hash_size} (RFC 7518 section 3.2)."
        )
    return None


def _no_signing(
    material: Material, row: SignatureAlgorithm | None, metadata: Mapping[str, Any]
) -> UndersignError | None:
    if row is None:
        return UnusableKeyError("This key names no algorithm.")
    if material.private is None:
        return UnusableKeyError("A public key cannot sign.", help="Load the private key.")
    if "sign" not in metadata.get("key_ops", ("sign",)):
        return KeyUseError("The key's key_ops do not name sign.")
    return None


def _no_verifying(
    material: Material, row: SignatureAlgorithm | None, metadata: Mapping[str, Any]
) -> UndersignError | None:
    if row is None:
        return UnusableKeyError("This key names no algorithm.")
    # A private key whose key_ops say "sign" alone still checks its own signatures with its public half.
    has_private_half = material.private is not None and material.kty != SECRET
    if "verify" not in metadata.get("key_ops", ("verify",)) and not has_private_half:
        return KeyUseError("The key's key_ops do not name verify.")
    return None


def _refusing(trouble: UndersignError | None) -> Callable[..., NoReturn]:
    kind, message, advice = type(trouble), trouble.message if trouble else "", trouble.help if trouble else ""

    def refuse(*_: bytes) -> NoReturn:
        raise kind(message, help=advice)  # type: ignore[misc]

    return refuse
