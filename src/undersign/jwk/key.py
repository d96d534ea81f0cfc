"""A key: sound material, one algorithm, and what its owner said about it (RFC 7517 section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from ..errors import (
    AlgorithmNotAllowedError,
    KeyMaterialError,
    PolicyError,
    PrivateKeyGivenError,
    UnusableKeyError,
    quoted,
)
from ..jwa.families import Sign, SigningStream, Verify, VerifyingStream
from ..jwa.signature import ALGORITHMS, SignatureAlgorithm, of_curve
from . import akp, ec, oct, okp, rsa
from .binding import bind
from .material import KeyType, Material
from .thumbprint import thumbprint, thumbprint_uri

__all__ = ["KEY_TYPES", "Key", "make"]

KEY_TYPES: Final[Mapping[str, KeyType]] = {module.KTY: module for module in (oct, rsa, ec, okp, akp)}

_METADATA: Final = ("use", "key_ops", "kid", "x5u", "x5c", "x5t", "x5t#S256")


class Key:
    """One key for one algorithm. Made by jwk.generate, jwk.load and jwk.secret; read-only, never pickled.

    Attributes:
        kty: The key type.
        crv: The curve or parameter set, where the type has them.
        alg: The algorithm it is bound to; None for a key that names none and could serve several.
        kid: The key ID, where it has one.
        use: The JWK's ``use``.
        key_ops: The JWK's ``key_ops``.
        x5c: The certificate chain as DER, leaf first.
        x5t_s256: The SHA-256 thumbprint of its certificate, base64url.
        unusable: Why using it raises; None for a key that works.
        is_private: Whether it can sign.
        size: Bits of its modulus, field or secret.
        sign: Message octets in, JOSE signature octets out; raises KeyMaterialError where the key may not sign.
        verify: Message and signature octets in; raises InvalidSignatureError, or KeyMaterialError.
        signing_stream: Begins a signature over a message that comes in pieces.
        verifying_stream: Begins the verification of a message that comes in pieces.
    """

    __slots__ = (
        "_declared",
        "_material",
        "_metadata",
        "alg",
        "crv",
        "is_private",
        "key_ops",
        "kid",
        "kty",
        "sign",
        "signing_stream",
        "size",
        "unusable",
        "use",
        "verify",
        "verifying_stream",
        "x5c",
        "x5t_s256",
    )

    kty: str
    crv: str | None
    alg: str | None
    kid: str | None
    use: str | None
    key_ops: tuple[str, ...] | None
    x5c: tuple[bytes, ...]
    x5t_s256: str | None
    unusable: str | None
    is_private: bool
    size: int
    sign: Sign
    verify: Verify
    signing_stream: Callable[[], SigningStream]
    verifying_stream: Callable[[], VerifyingStream]
    _material: Material
    _metadata: Mapping[str, Any]
    _declared: bool

    def __init__(self, *_: object, **__: object) -> None:
        msg = "Keys are made by jwk.generate, jwk.load and jwk.secret."
        raise TypeError(msg)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A Key is read-only."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __reduce__(self) -> NoReturn:
        msg = "A Key is not pickled; store key.to_jwk(private=True) where secrets belong."
        raise TypeError(msg)

    def __repr__(self) -> str:
        half = "private " if self.is_private and self.kty != oct.KTY else ""
        return f"<{half}Key kty={self.kty} alg={self.alg} kid={quoted(self.kid) if self.kid else None}>"

    @property
    def algorithm(self) -> SignatureAlgorithm | None:
        """The row of the algorithm it is bound to."""
        return ALGORITHMS.get(self.alg or "")

    def public(self) -> Key:
        """The public half, with the same metadata.

        Raises:
            UnusableKeyError: The key is a secret and has no public half.
        """
        if self.kty == oct.KTY:
            raise UnusableKeyError("A secret has no public half.", help="Who verifies an HMAC needs the secret itself.")
        if not self.is_private:
            return self
        ops = self._metadata.get("key_ops")
        metadata = dict(self._metadata)
        if ops:  # the private half's "sign" is the public half's "verify" (RFC 7517 section 4.3)
            metadata["key_ops"] = [
                "verify" if op == "sign" else op for op in ops if op != "verify" or "sign" not in ops
            ]
        return make(self._material.without_private(), metadata, alg=self.alg, declared=self._declared)

    def bound(self, alg: str) -> Key:
        """The same key for ``alg``, if it names no algorithm itself.

        Raises:
            AlgorithmNotAllowedError: It names another, or ``alg`` is not for keys of its kind.
        """
        if alg == self.alg:
            return self
        row = ALGORITHMS.get(alg)
        if self._declared or row is None or not row.fits(self.kty, self.crv):
            raise AlgorithmNotAllowedError(f"{quoted(alg)} is not an algorithm of this key, {self!r}.")
        return make(self._material, self._metadata, alg=alg, declared=True)

    def fits(self, alg: str) -> bool:
        """Tell whether `bound` would give a key for ``alg``."""
        row = ALGORITHMS.get(alg)
        return alg == self.alg or (not self._declared and row is not None and row.fits(self.kty, self.crv))

    def deterministic(self) -> Key:
        """The same private key, whose ECDSA nonces are those of RFC 6979 in place of hedged ones."""
        return make(self._material, self._metadata, alg=self.alg, declared=self._declared, deterministic=True)

    def unexportable(self) -> Key:
        """The same key, whose private half cannot be written out: what WebCrypto calls not extractable."""
        return make(self._material.unexportable(), self._metadata, alg=self.alg, declared=self._declared)

    def with_short_secret(self) -> Key:
        """The same secret, verifying although it is below the hash's length: the ``short-secret`` quirk."""
        if self.kty != oct.KTY or self.unusable is None or self.alg is None:
            return self
        return make(self._material, self._metadata, alg=self.alg, declared=self._declared, short_secret=True)

    def thumbprint(self, hash: str = "sha256", *, secret: bool = False) -> str:
        """The RFC 7638 thumbprint, base64url.

        Args:
            hash: ``sha256``, ``sha384`` or ``sha512``.
            secret: Must be True for a secret, whose thumbprint is a hash of it and so lets guesses be tested.

        Raises:
            PolicyError: The key is a secret and ``secret`` was not said, or the hash is unknown.
        """
        if self.kty == oct.KTY and not secret:
            raise PolicyError(
                "The thumbprint of a secret is a hash of it (RFC 7638 section 7).",
                help="Say thumbprint(secret=True) if it stays as secret as the key.",
            )
        return thumbprint(self._thumbprint_members(), hash)

    def thumbprint_uri(self, hash: str = "sha256", *, secret: bool = False) -> str:
        """The thumbprint as a URI (RFC 9278 section 3)."""
        return thumbprint_uri(self.thumbprint(hash, secret=secret), hash)

    def _thumbprint_members(self) -> dict[str, str]:
        module = KEY_TYPES[self.kty]
        members = self._material.members
        if self.kty == oct.KTY:
            members = members | module.private_members(self._material)
        return {name: members[name] for name in module.THUMBPRINT}

    def is_same_key(self, other: Key) -> bool:
        """Tell whether two keys have the same material, whatever they are called."""
        return self.kty == other.kty and self._thumbprint_members() == other._thumbprint_members()

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """Write it as a JWK, its public half unless ``private`` is said.

        Raises:
            UnusableKeyError: A public half was asked of a secret, or a private one of a public key.
        """
        self._check_writable(private=private)
        if not private and self.kty == oct.KTY:
            raise UnusableKeyError(
                "A secret has no public half.", help="Say to_jwk(private=True) to write the secret itself."
            )
        jwk: dict[str, Any] = dict(self._material.members)
        if private:
            jwk |= KEY_TYPES[self.kty].private_members(self._material)
        source = self if private else self.public()
        jwk |= {name: source._metadata[name] for name in _METADATA if name in source._metadata}
        if self._declared and self.alg is not None:
            jwk["alg"] = self.alg
        return jwk

    def _check_writable(self, *, private: bool) -> None:
        if private and not self.is_private:
            raise UnusableKeyError("This key has no private half to write.")
        if private and not self._material.extractable:
            raise UnusableKeyError("This key's private half cannot be written out.")

    def to_pem(self, *, private: bool = False, password: bytes | None = None) -> str:
        """Write it as PEM: SubjectPublicKeyInfo, or PKCS #8, encrypted if a password is given.

        Raises:
            UnusableKeyError: The key is a secret, or ``private`` was asked of a public key.
        """
        from . import pem

        if self.kty == oct.KTY:
            raise UnusableKeyError("A secret has no PEM form.")
        self._check_writable(private=private)
        if password is not None and not private:
            raise PolicyError("Only a private key is encrypted.", help="Say to_pem(private=True, password=...).")
        return pem.write(
            self._material.private if private else self._material.public, private=private, password=password
        )


def make(
    material: Material,
    metadata: Mapping[str, Any],
    *,
    alg: str | None,
    declared: bool,
    deterministic: bool = False,
    short_secret: bool = False,
) -> Key:
    """Bind material to its algorithm and metadata.

    Args:
        material: The sound key.
        metadata: JWK members about the key, checked.
        alg: The algorithm it is for; None for the one its curve stands for, if any.
        declared: Whether the JWK or the caller named the algorithm.
        deterministic: Whether ECDSA signs with RFC 6979 nonces.
        short_secret: Whether an HMAC key below the hash's length may verify.

    Raises:
        KeyMaterialError: The algorithm is one that this kind of key cannot serve.
    """
    row = of_curve(material.kty, material.crv) if alg is None else ALGORITHMS.get(alg)
    if row is not None and not row.fits(material.kty, material.crv):
        raise KeyMaterialError(
            f"{row.name} is not an algorithm for {material.kty} keys{f' on {material.crv}' if material.crv else ''}."
        )
    ops = metadata.get("key_ops")
    binding = bind(material, metadata, row, alg, deterministic=deterministic, short_secret=short_secret)
    values = {
        "kty": material.kty,
        "crv": material.crv,
        "alg": alg if row is None else row.name,
        "kid": metadata.get("kid"),
        "use": metadata.get("use"),
        "key_ops": None if ops is None else tuple(ops),
        "x5c": metadata.get("_x5c", ()),
        "x5t_s256": metadata.get("x5t#S256"),
        "unusable": binding.unusable,
        "is_private": material.private is not None,
        "size": material.size,
        "sign": binding.sign,
        "verify": binding.verify,
        "signing_stream": binding.signing_stream,
        "verifying_stream": binding.verifying_stream,
        "_material": material,
        "_metadata": metadata,
        "_declared": declared,
    }
    key = object.__new__(Key)
    for name, value in values.items():
        object.__setattr__(key, name, value)
    return key


def refuse_private(keys: Iterable[Key]) -> None:
    """Refuse keys that can sign where only verification is meant; a secret is the same for both.

    Raises:
        PrivateKeyGivenError: One of them is private.
    """
    for key in keys:
        if key.is_private and key.kty != oct.KTY:
            raise PrivateKeyGivenError(f"A private key was given to verify with: {key!r}.")
