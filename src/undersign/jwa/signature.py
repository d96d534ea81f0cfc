"""The JWS algorithms: one row says all that is known of one (RFC 7518 section 3, RFC 8037, 8812, 9864, 9964).

Nothing else in undersign names an algorithm. A row turns a native key of `cryptography` into a function that
signs and one that verifies, built once for a key and used many times: padding, hash and curve objects are made here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import AlgorithmNotAllowedError, InvalidSignatureError, quoted

__all__ = ["ALGORITHMS", "Sign", "SignatureAlgorithm", "Verify", "named", "of_curve", "side_by_side"]

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]


class Family(Protocol):
    """Algorithms that differ by their hash or curve only."""

    def sign(self, row: SignatureAlgorithm, private: Any, /, *, deterministic: bool) -> Sign:
        """Bind a private key."""

    def verify(self, row: SignatureAlgorithm, public: Any, /) -> Verify:
        """Bind a public key."""


class SignatureAlgorithm:
    """One row: an ``alg`` name and everything that follows from it.

    Attributes:
        name: The ``alg`` value.
        kty: The key type it takes.
        crv: The only curve or parameter set it takes; None where the key type has none or several fit.
        hash_name: The hash as hashlib names it; None where the algorithm hashes inside.
        hash_size: Octets of that hash, which for an HMAC is also the shortest key; 0 where there is none.
        mechanism: The PKCS#11 mechanism.
        oid: The X.509 signature algorithm, in dots; "" where there is none.
        prehashed: Whether a digest can be signed in place of the message.
    """

    __slots__ = (
        "_family",
        "crv",
        "hash_name",
        "hash_size",
        "kty",
        "mechanism",
        "name",
        "oid",
        "prehashed",
    )

    def __init__(
        self,
        name: str,
        kty: str,
        crv: str | None,
        hash_name: str | None,
        family: Family,
        mechanism: str,
        oid: str = "",
    ) -> None:
        self.name = name
        self.kty = kty
        self.crv = crv
        self.hash_name = hash_name
        self.hash_size = 0 if hash_name is None else _HASHES[hash_name].digest_size
        self.mechanism = mechanism
        self.oid = oid
        self.prehashed = kty in {"RSA", "EC"}
        self._family = family

    def fits(self, kty: str, crv: str | None) -> bool:  # a filter for tables, not a verdict on a token
        """Tell whether a key of this type and curve can serve this algorithm."""
        if self.kty != kty:
            return False
        return self.crv == crv or (self.crv is None and (crv is None or of_curve(kty, crv) is not None))

    def signer(self, private: Any, *, deterministic: bool = False) -> Sign:
        """Bind a private key: message octets in, JOSE signature octets out.

        Args:
            private: The native key of `cryptography`, or the octets of an HMAC key.
            deterministic: For ECDSA, RFC 6979 nonces in place of hedged ones; others take no notice.
        """
        return self._family.sign(self, private, deterministic=deterministic)

    def verifier(self, public: Any) -> Verify:
        """Bind a public key: message and signature octets in, InvalidSignatureError out unless they agree."""
        return self._family.verify(self, public)

    @property
    def hash(self) -> Any:
        """The hash as `cryptography` names it."""
        return _HASHES[self.hash_name or ""]

    def __repr__(self) -> str:
        return f"SignatureAlgorithm({self.name})"


def _refuse() -> InvalidSignatureError:
    return InvalidSignatureError("The signature does not verify.")


# ── HMAC, RFC 7518 section 3.2 ─────────────────────────────────────────────────────────────────────────────────


class _HMAC:
    def sign(self, row: SignatureAlgorithm, secret: bytes, *, deterministic: bool) -> Sign:
        prepared = HMAC(secret, row.hash).copy

        def sign(message: bytes) -> bytes:
            mac = prepared()
            mac.update(message)
            return mac.finalize()

        return sign

    def verify(self, row: SignatureAlgorithm, secret: bytes) -> Verify:
        prepared = HMAC(secret, row.hash).copy

        def verify(message: bytes, signature: bytes) -> None:
            mac = prepared()
            mac.update(message)
            try:
                mac.verify(signature)  # in constant time
            except InvalidSignature:
                raise _refuse() from None

        return verify


# ── RSASSA-PKCS1-v1_5 and RSASSA-PSS, RFC 7518 sections 3.3 and 3.5 ────────────────────────────────────────────


def _pkcs1(_: SignatureAlgorithm) -> Any:
    return padding.PKCS1v15()


def _pss(row: SignatureAlgorithm) -> Any:
    # The salt is as long as the hash and MGF1 uses the same hash, when verifying too: never AUTO.
    return padding.PSS(mgf=padding.MGF1(row.hash), salt_length=row.hash_size)


class _RSA:
    def __init__(self, make_padding: Callable[[SignatureAlgorithm], Any]) -> None:
        self.make_padding = make_padding

    def sign(self, row: SignatureAlgorithm, private: Any, *, deterministic: bool) -> Sign:
        native, pad, digest = private.sign, self.make_padding(row), row.hash

        def sign(message: bytes) -> bytes:
            octets: bytes = native(message, pad, digest)
            return octets

        return sign

    def verify(self, row: SignatureAlgorithm, public: Any) -> Verify:
        native, pad, digest, size = public.verify, self.make_padding(row), row.hash, (public.key_size + 7) // 8

        def verify(message: bytes, signature: bytes) -> None:
            if len(signature) != size:
                raise _refuse()
            try:
                native(signature, message, pad, digest)
            except InvalidSignature:
                raise _refuse() from None

        return verify


# ── ECDSA, RFC 7518 section 3.4: R and S side by side, each as long as the curve's order ───────────────────────


class _ECDSA:
    def sign(self, row: SignatureAlgorithm, private: Any, *, deterministic: bool) -> Sign:
        size = (private.key_size + 7) // 8
        native, scheme = private.sign, ec.ECDSA(row.hash, deterministic_signing=deterministic)

        def sign(message: bytes) -> bytes:
            return side_by_side(native(message, scheme), size)

        return sign

    def verify(self, row: SignatureAlgorithm, public: Any) -> Verify:
        size = (public.key_size + 7) // 8
        native, scheme = public.verify, ec.ECDSA(row.hash)

        def verify(message: bytes, signature: bytes) -> None:
            if len(signature) != 2 * size:
                raise _refuse()
            try:
                native(_der(signature, size), message, scheme)
            except InvalidSignature:
                raise _refuse() from None

        return verify


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


# ── EdDSA, RFC 8037 section 3.1, and ML-DSA, RFC 9964: the message goes in whole ────────────────────────────────


class _Whole:
    def sign(self, _: SignatureAlgorithm, private: Any, *, deterministic: bool) -> Sign:
        sign: Sign = private.sign
        return sign

    def verify(self, _: SignatureAlgorithm, public: Any) -> Verify:
        native = public.verify

        def verify(message: bytes, signature: bytes) -> None:
            try:
                native(signature, message)
            except (InvalidSignature, ValueError):  # ValueError: a length that no signature of this kind has
                raise _refuse() from None

        return verify


_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_HM: Final = _HMAC()
_RS: Final = _RSA(_pkcs1)
_PS: Final = _RSA(_pss)
_ES: Final = _ECDSA()
_WH: Final = _Whole()

_ROWS: Final = (
    SignatureAlgorithm("HS256", "oct", None, "sha256", _HM, "SHA256_HMAC"),
    SignatureAlgorithm("HS384", "oct", None, "sha384", _HM, "SHA384_HMAC"),
    SignatureAlgorithm("HS512", "oct", None, "sha512", _HM, "SHA512_HMAC"),
    SignatureAlgorithm("RS256", "RSA", None, "sha256", _RS, "SHA256_RSA_PKCS", "1.2.840.113549.1.1.11"),
    SignatureAlgorithm("RS384", "RSA", None, "sha384", _RS, "SHA384_RSA_PKCS", "1.2.840.113549.1.1.12"),
    SignatureAlgorithm("RS512", "RSA", None, "sha512", _RS, "SHA512_RSA_PKCS", "1.2.840.113549.1.1.13"),
    SignatureAlgorithm("PS256", "RSA", None, "sha256", _PS, "SHA256_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("PS384", "RSA", None, "sha384", _PS, "SHA384_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("PS512", "RSA", None, "sha512", _PS, "SHA512_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("ES256", "EC", "P-256", "sha256", _ES, "ECDSA", "1.2.840.10045.4.3.2"),
    SignatureAlgorithm("ES384", "EC", "P-384", "sha384", _ES, "ECDSA", "1.2.840.10045.4.3.3"),
    SignatureAlgorithm("ES512", "EC", "P-521", "sha512", _ES, "ECDSA", "1.2.840.10045.4.3.4"),
    SignatureAlgorithm("ES256K", "EC", "secp256k1", "sha256", _ES, "ECDSA", "1.2.840.10045.4.3.2"),
    SignatureAlgorithm("Ed25519", "OKP", "Ed25519", None, _WH, "EDDSA", "1.3.101.112"),
    SignatureAlgorithm("Ed448", "OKP", "Ed448", None, _WH, "EDDSA", "1.3.101.113"),
    # Deprecated by RFC 9864: kept and written only where a JWK or a caller says so.
    SignatureAlgorithm("EdDSA", "OKP", None, None, _WH, "EDDSA"),
    SignatureAlgorithm("ML-DSA-44", "AKP", "ML-DSA-44", None, _WH, "ML_DSA", "2.16.840.1.101.3.4.3.17"),
    SignatureAlgorithm("ML-DSA-65", "AKP", "ML-DSA-65", None, _WH, "ML_DSA", "2.16.840.1.101.3.4.3.18"),
    SignatureAlgorithm("ML-DSA-87", "AKP", "ML-DSA-87", None, _WH, "ML_DSA", "2.16.840.1.101.3.4.3.19"),
)  # fmt: skip

ALGORITHMS: Final = {row.name: row for row in _ROWS}


def named(alg: object) -> SignatureAlgorithm:
    """Find the row of an ``alg`` name, which is compared exactly (RFC 7515 section 4.1.1).

    Raises:
        AlgorithmNotAllowedError: No row has that name; ``none`` has none.
    """
    row = ALGORITHMS.get(alg) if isinstance(alg, str) else None
    if row is None:
        raise AlgorithmNotAllowedError(
            f"{quoted(alg)} is not a signature algorithm here.",
            help="The algorithms are: " + ", ".join(ALGORITHMS) + ".",
        )
    return row


def of_curve(kty: str, crv: str | None) -> SignatureAlgorithm | None:
    """Find the algorithm that a key type and curve stand for by themselves; None where nothing does."""
    return next((row for row in _ROWS if crv is not None and row.kty == kty and row.crv == crv), None)
