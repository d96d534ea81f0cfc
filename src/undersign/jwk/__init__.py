"""JSON Web Keys (RFC 7517): read them from any form, make them, bind each to one algorithm.

>>> from undersign import jwk
>>> key = jwk.generate("Ed25519")
>>> key.public().is_private
False
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any

from ..encoding import b64url_decode, b64url_encode, parse_json
from ..errors import (
    InvalidBase64Error,
    KeyMaterialError,
    LimitError,
    PolicyError,
    PrivateKeyGivenError,
    TokenError,
    quoted,
)
from ..jwa.signature import named
from ..limits import DEFAULT, Limits
from . import oct
from .key import KEY_TYPES, Key, make, refuse_private
from .metadata import read_metadata

__all__ = ["KEY_TYPES", "Key", "generate", "load", "load_public", "refuse_private", "secret"]


def generate(alg: str, *, kid: str | None = None, size: int | None = None) -> Key:
    """Make a new private key, or secret, for one algorithm.

    Args:
        alg: The algorithm it will serve.
        kid: Its key ID; the RFC 7638 thumbprint unless given, and 128 random bits for a secret.
        size: Bits, for RSA (3072 unless given) and secrets (the hash's length unless given).

    Raises:
        AlgorithmNotAllowedError: The algorithm is unknown.
        PolicyError, WeakKeyError: The size is not one that the algorithm may have.
    """
    row = named(alg)
    material = KEY_TYPES[row.kty].generate(row, size)
    key = make(material, {}, alg=alg, declared=True)
    if kid is None:
        kid = _random_kid() if row.kty == oct.KTY else key.thumbprint()
    return make(material, read_metadata({"kid": kid}, material), alg=alg, declared=True)


def _random_kid() -> str:
    import secrets

    return b64url_encode(secrets.token_bytes(16))


def secret(
    octets: bytes | None = None,
    *,
    alg: str,
    kid: str | None = None,
    base64: str | None = None,
    base64url: str | None = None,
    hex: str | None = None,
) -> Key:
    """Wrap a shared secret for an HMAC algorithm, in exactly one of its spellings.

    A secret shorter than the hash gives a key whose ``unusable`` says so and whose use raises WeakKeyError.

    Raises:
        KeyMaterialError: The octets are a public or private key in some form, which is never a secret.
        PolicyError: None or several spellings were given, or one that does not decode.
    """
    given = [value for value in (octets, base64, base64url, hex) if value is not None]
    if len(given) != 1:
        raise PolicyError(
            "A secret is given in exactly one way.",
            help='Use jwk.secret(b"...", alg=...), or base64=, base64url= or hex= by name.',
        )
    if octets is None:
        octets = _spelt(base64, base64url, hex)
    if not isinstance(octets, (bytes, bytearray)):
        raise PolicyError(
            "A secret is octets, not text.", help="If the text is an encoding, name it: base64=, base64url= or hex=."
        )
    octets = bytes(octets)
    refuse_key_as_secret(octets)
    row = named(alg)
    if row.kty != oct.KTY:
        raise PolicyError(f"{row.name} does not use a secret.")
    material = oct.of_octets(octets)
    return make(material, read_metadata({} if kid is None else {"kid": kid}, material), alg=alg, declared=True)


def _spelt(base64: str | None, base64url: str | None, hex: str | None) -> bytes:
    try:
        if base64 is not None:
            return a2b_base64(base64.encode("ascii"), strict_mode=True)
        if base64url is not None:
            return b64url_decode(base64url)
        return bytes.fromhex(hex or "")
    except (BinasciiError, UnicodeEncodeError, ValueError, TypeError, AttributeError, InvalidBase64Error):
        raise PolicyError("The secret is not spelt in the encoding that was named.") from None


def refuse_key_as_secret(octets: bytes) -> None:
    """Refuse octets that are an asymmetric key in any form: every one of them has been somebody's HMAC secret.

    Raises:
        KeyMaterialError: They are.
    """
    from . import der, pem

    try:
        bare = a2b_base64(b"".join(octets.split()))  # some servers show their public key so, without the PEM around it
    except BinasciiError:
        bare = b""
    looks = b"-----BEGIN" in octets or b'"kty"' in octets
    try:
        looks = looks or any(
            pem.recognise(each) is not None for each in (octets, octets.strip(), der.trimmed(octets), bare)
        )
    except KeyMaterialError:
        looks = True
    if looks:
        raise KeyMaterialError(
            "These octets are a key in PEM, DER, OpenSSH or JSON form, not a secret.", help="Load it with jwk.load()."
        )


def load(
    source: Mapping[str, Any] | str | bytes,
    *,
    alg: str | None = None,
    kid: str | None = None,
    password: bytes | None = None,
    limits: Limits = DEFAULT,
) -> Key:
    """Read a key from a JWK (dict or JSON), PEM (PKCS #8, PKCS #1, SEC 1, SPKI, X.509, OpenSSH) or DER.

    Args:
        source: The key.
        alg: The algorithm it is for; needed for RSA keys and secrets whose JWK names none before they can be used.
        kid: Its key ID, in place of the JWK's.
        password: Of an encrypted private key.
        limits: Caps.

    Raises:
        KeyMaterialError: The key is not sound; the message says why.
        LimitError: It is longer, or costlier to decrypt, than the limits allow.
    """
    return _load(source, alg, kid, password, limits)


def load_public(
    source: Mapping[str, Any] | str | bytes, *, alg: str | None = None, kid: str | None = None, limits: Limits = DEFAULT
) -> Key:
    """Read a key from somebody else: private ones and secrets are refused by their structure, before any parser runs.

    Raises:
        PrivateKeyGivenError: The source holds a private key or a secret; nothing of it was parsed or kept.
        KeyMaterialError, LimitError: As `load`.
    """
    return _load(source, alg, kid, None, limits, public_only=True)


def _load(
    source: object,
    alg: str | None,
    kid: str | None,
    password: bytes | None,
    limits: Limits,
    *,
    public_only: bool = False,
) -> Key:
    if isinstance(source, Mapping):
        return from_jwk(source, alg=alg, kid=kid, public_only=public_only)
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    if not isinstance(source, (bytes, bytearray)):
        raise KeyMaterialError("A key is a JWK, or PEM, DER or JSON in a string or bytes.")
    octets = bytes(source)
    if len(octets) > limits.key:
        raise LimitError(f"The key is longer than {limits.key} octets.")
    if octets.lstrip()[:1] in {b"{", b"["} and not octets.startswith(b"-----"):
        return from_jwk(_json_object(octets, limits), alg=alg, kid=kid, public_only=public_only)
    return _from_document(octets, alg, kid, password, limits, public_only=public_only)


def _json_object(octets: bytes, limits: Limits) -> Mapping[str, Any]:
    try:
        value = parse_json(octets, limits)
    except TokenError as error:
        raise KeyMaterialError(f"The key is not a JWK. {error.message}") from None
    if not isinstance(value, dict):
        raise KeyMaterialError("A JWK is a JSON object.")
    return value


def from_jwk(
    jwk: Mapping[str, Any], *, alg: str | None = None, kid: str | None = None, public_only: bool = False
) -> Key:
    """Read a parsed JWK, as `load` does."""
    kty = jwk.get("kty")
    module = KEY_TYPES.get(kty) if isinstance(kty, str) else None
    if module is None:
        raise KeyMaterialError(
            "The JWK holds several keys."
            if "keys" in jwk and kty is None
            else f"The key type {quoted(kty)} is not one of {', '.join(KEY_TYPES)}.",
            help="Load a key set with jwks.KeySet.load()." if "keys" in jwk else None,
        )
    if public_only and module.PRIVATE & jwk.keys():
        raise PrivateKeyGivenError("A private key or secret was given where a public key belongs.")
    material = module.parse(jwk)
    if module.KTY == oct.KTY:
        refuse_key_as_secret(material.private)
    metadata = read_metadata(jwk if kid is None else {**jwk, "kid": kid}, material)
    own = jwk.get("alg")
    if own is not None and not isinstance(own, str):
        raise KeyMaterialError("The key's 'alg' is not a string.")
    if own is not None and alg is not None and own != alg:
        raise KeyMaterialError(f"The JWK names the algorithm {quoted(own)}, not {quoted(alg)}.")
    chosen = own or alg
    if alg is not None:
        named(alg)
    return make(material, metadata, alg=chosen, declared=chosen is not None)


def _from_document(
    octets: bytes, alg: str | None, kid: str | None, password: bytes | None, limits: Limits, *, public_only: bool
) -> Key:
    from . import pem

    document = pem.recognise(octets)
    if document is None:
        raise KeyMaterialError(
            "The octets are not a key in any form that is known here.",
            help="PEM, DER, OpenSSH and JWK are; a secret goes into jwk.secret().",
        )
    if public_only and document.is_private:
        raise PrivateKeyGivenError("A private key was given where a public key belongs.")
    native = pem.read(document, password, limits)
    material = next((found for module in KEY_TYPES.values() if (found := module.wrap(native)) is not None), None)
    if material is None:
        raise KeyMaterialError("The key is of a kind that has no use in JOSE.")
    if alg is not None:
        named(alg)
    metadata = read_metadata({} if kid is None else {"kid": kid}, material)
    if document.kind == "certificate":
        metadata = metadata | read_metadata({"x5c": [_base64(document.octets)]}, material)
    return make(material, metadata, alg=alg, declared=alg is not None)


def _base64(octets: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(octets, newline=False).decode("ascii")
