"""What the families of JWS algorithms do with a key: bind it once, then sign and verify, whole or as a stream.

Each function takes the hash, where its family has one, and a native key of `cryptography`; padding, hash and curve
objects are made here and not for each signature (RFC 7518 section 3, RFC 8037, RFC 9964).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import InvalidSignatureError, NotStreamableError

__all__ = ["HASHES", "Family", "Sign", "SigningStream", "Verify", "VerifyingStream", "side_by_side"]

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]

HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


class SigningStream(Protocol):
    """A signature in the making."""

    def update(self, octets: bytes, /) -> None:
        """Take more of the message."""

    def sign(self) -> bytes:
        """Sign what was taken."""


class VerifyingStream(Protocol):
    """A verification in the making."""

    def update(self, octets: bytes, /) -> None:
        """Take more of the message."""

    def verify(self, signature: bytes, /) -> None:
        """Raise InvalidSignatureError unless the signature is one of what was taken."""


class Family(Protocol):
    """Algorithms that differ by their hash or curve only."""

    def sign(self, digest: Any, private: Any, /, *, deterministic: bool) -> Sign:
        """Bind a private key."""

    def verify(self, digest: Any, public: Any, /) -> Verify:
        """Bind a public key."""

    def signing_stream(self, digest: Any, private: Any, /, *, deterministic: bool) -> SigningStream:
        """Begin a signature over a message that comes in pieces."""

    def verifying_stream(self, digest: Any, public: Any, /) -> VerifyingStream:
        """Begin the verification of a message that comes in pieces."""


def _refuse() -> InvalidSignatureError:
    return InvalidSignatureError("The signature does not verify.")


class _Stream:
    """Takes pieces into a hash and hands its value on; one object serves one signature or one verification."""

    __slots__ = ("_finish", "_hash", "update")

    def __init__(self, context: Any, finish: Callable[..., Any]) -> None:
        self._hash = context
        self._finish = finish
        self.update = context.update

    def sign(self) -> bytes:
        octets: bytes = self._finish(self._hash.finalize())
        return octets

    def verify(self, signature: bytes) -> None:
        self._finish(self._hash.finalize(), signature)


# ── HMAC, RFC 7518 section 3.2 ─────────────────────────────────────────────────────────────────────────────────


class _HMAC:
    def sign(self, digest: Any, secret: bytes, *, deterministic: bool) -> Sign:
        prepared = HMAC(secret, digest).copy

        def sign(message: bytes) -> bytes:
            mac = prepared()
            mac.update(message)
            return mac.finalize()

        return sign

    def verify(self, digest: Any, secret: bytes) -> Verify:
        prepared = HMAC(secret, digest).copy

        def verify(message: bytes, signature: bytes) -> None:
            mac = prepared()
            mac.update(message)
            try:
                mac.verify(signature)  # in constant time
            except InvalidSignature:
                raise _refuse() from None

        return verify

    def signing_stream(self, digest: Any, secret: bytes, *, deterministic: bool) -> SigningStream:
        return _Stream(HMAC(secret, digest), bytes)

    def verifying_stream(self, digest: Any, secret: bytes) -> VerifyingStream:
        return _MACStream(HMAC(secret, digest))


class _MACStream:
    __slots__ = ("_mac", "update")

    def __init__(self, mac: HMAC) -> None:
        self._mac = mac
        self.update = mac.update

    def verify(self, signature: bytes) -> None:
        try:
            self._mac.verify(signature)  # in constant time
        except InvalidSignature:
            raise _refuse() from None


# ── RSASSA-PKCS1-v1_5 and RSASSA-PSS, RFC 7518 sections 3.3 and 3.5 ────────────────────────────────────────────


def _pkcs1(_: Any) -> Any:
    return padding.PKCS1v15()


def _pss(digest: Any) -> Any:
    # The salt is as long as the hash and MGF1 uses the same hash, when verifying too: never AUTO.
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


class _RSA:
    def __init__(self, make_padding: Callable[[Any], Any]) -> None:
        self._padding = make_padding

    def sign(self, digest: Any, private: Any, *, deterministic: bool) -> Sign:
        native, pad = private.sign, self._padding(getattr(digest, "_algorithm", digest))

        def sign(message: bytes) -> bytes:
            octets: bytes = native(message, pad, digest)
            return octets

        return sign

    def verify(self, digest: Any, public: Any) -> Verify:
        native, pad, size = (
            public.verify,
            self._padding(getattr(digest, "_algorithm", digest)),
            (public.key_size + 7) // 8,
        )

        def verify(message: bytes, signature: bytes) -> None:
            if len(signature) != size:
                raise _refuse()
            try:
                native(signature, message, pad, digest)
            except InvalidSignature:
                raise _refuse() from None

        return verify

    def signing_stream(self, digest: Any, private: Any, *, deterministic: bool) -> SigningStream:
        return _Stream(hashes.Hash(digest), self.sign(Prehashed(digest), private, deterministic=deterministic))

    def verifying_stream(self, digest: Any, public: Any) -> VerifyingStream:
        return _Stream(hashes.Hash(digest), self.verify(Prehashed(digest), public))


# ── ECDSA, RFC 7518 section 3.4: R and S side by side, each as long as the curve's order ───────────────────────


class _ECDSA:
    def sign(self, digest: Any, private: Any, *, deterministic: bool) -> Sign:
        size = (private.key_size + 7) // 8
        native, scheme = private.sign, ec.ECDSA(digest, deterministic_signing=deterministic)

        def sign(message: bytes) -> bytes:
            return side_by_side(native(message, scheme), size)

        return sign

    def verify(self, digest: Any, public: Any) -> Verify:
        size = (public.key_size + 7) // 8
        native, scheme = public.verify, ec.ECDSA(digest)

        def verify(message: bytes, signature: bytes) -> None:
            if len(signature) != 2 * size:
                raise _refuse()
            try:
                native(_der(signature, size), message, scheme)
            except InvalidSignature:
                raise _refuse() from None

        return verify

    def signing_stream(self, digest: Any, private: Any, *, deterministic: bool) -> SigningStream:
        return _Stream(hashes.Hash(digest), self.sign(Prehashed(digest), private, deterministic=deterministic))

    def verifying_stream(self, digest: Any, public: Any) -> VerifyingStream:
        return _Stream(hashes.Hash(digest), self.verify(Prehashed(digest), public))


def side_by_side(der: bytes, size: int) -> bytes:
    """Turn the DER that X.509 and OpenSSL write into JOSE's R || S of twice ``size`` octets."""
    at = 4 if der[1] < 0x80 else 5  # a P-521 signature has a length of two octets
    r_end = at + der[at - 1]
    return der[at:r_end].lstrip(b"\0").rjust(size, b"\0") + der[r_end + 2 :].lstrip(b"\0").rjust(size, b"\0")


def _der(signature: bytes, size: int) -> bytes:
    # OpenSSL checks that R and S lie between 1 and the order.
    r = signature[:size].lstrip(b"\0") or b"\0"
    s = signature[size:].lstrip(b"\0") or b"\0"
    if r[0] & 0x80:
        r = b"\0" + r
    if s[0] & 0x80:
        s = b"\0" + s
    body = b"\2%c%b\2%c%b" % (len(r), r, len(s), s)
    return b"\x30%c%b" % (len(body), body) if len(body) < 0x80 else b"\x30\x81%c%b" % (len(body), body)


# ── EdDSA, RFC 8037 section 3.1: the message goes in whole, twice ──────────────────────────────────────────────


class _EdDSA:
    def sign(self, _: Any, private: Any, *, deterministic: bool) -> Sign:
        sign: Sign = private.sign
        return sign

    def verify(self, _: Any, public: Any) -> Verify:
        native = public.verify

        def verify(message: bytes, signature: bytes) -> None:
            try:
                native(signature, message)
            except (InvalidSignature, ValueError):  # ValueError: a length that no signature of this kind has
                raise _refuse() from None

        return verify

    def signing_stream(self, *_: Any, **__: Any) -> NoReturn:
        raise NotStreamableError("EdDSA takes the message whole (RFC 8032 section 5.1.6).")

    def verifying_stream(self, *_: Any) -> NoReturn:
        raise NotStreamableError("EdDSA takes the message whole (RFC 8032 section 5.1.7).")


# ── ML-DSA, RFC 9964: what streams is mu, the message's representative ─────────────────────────────────────────


class _MLDSA(_EdDSA):
    def signing_stream(self, _: Any, private: Any, *, deterministic: bool) -> SigningStream:  # type: ignore[override]
        return _Stream(mldsa.MLDSAMuHasher(private.public_key()), private.sign_mu)

    def verifying_stream(self, _: Any, public: Any) -> VerifyingStream:  # type: ignore[override]
        def verify(mu: bytes, signature: bytes) -> None:
            try:
                public.verify_mu(signature, mu)
            except (InvalidSignature, ValueError):
                raise _refuse() from None

        return _Stream(mldsa.MLDSAMuHasher(public), verify)


HMAC_SHA2: Final[Family] = _HMAC()
RSASSA_PKCS1: Final[Family] = _RSA(_pkcs1)
RSASSA_PSS: Final[Family] = _RSA(_pss)
ECDSA: Final[Family] = _ECDSA()
EDDSA: Final[Family] = _EdDSA()
ML_DSA: Final[Family] = _MLDSA()
