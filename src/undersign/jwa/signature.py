"""The JWS algorithms: one row says all that is known of one (RFC 7518 section 3, RFC 8037, 8812, 9864, 9964).

Nothing else in undersign names an algorithm. What a row does with a key is its family's, next door.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import AlgorithmNotAllowedError, quoted
from .families import (
    ECDSA,
    EDDSA,
    HASHES,
    HMAC_SHA2,
    ML_DSA,
    RSASSA_PKCS1,
    RSASSA_PSS,
    Family,
    Sign,
    SigningStream,
    Verify,
    VerifyingStream,
)

__all__ = ["ALGORITHMS", "SignatureAlgorithm", "named", "of_curve"]


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
        self.hash_size = 0 if hash_name is None else HASHES[hash_name].digest_size
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
        return self._family.sign(self.hash, private, deterministic=deterministic)

    def verifier(self, public: Any) -> Verify:
        """Bind a public key: message and signature octets in, InvalidSignatureError out unless they agree."""
        return self._family.verify(self.hash, public)

    def signing_stream(self, private: Any, *, deterministic: bool = False) -> SigningStream:
        """Begin a signature over a message that comes in pieces; raises NotStreamableError where that is impossible."""
        return self._family.signing_stream(self.hash, private, deterministic=deterministic)

    def verifying_stream(self, public: Any) -> VerifyingStream:
        """Begin the verification of a message that comes in pieces; raises as `signing_stream`."""
        return self._family.verifying_stream(self.hash, public)

    @property
    def hash(self) -> Any:
        """The hash as `cryptography` has it; None where the algorithm hashes inside."""
        return None if self.hash_name is None else HASHES[self.hash_name]

    def __repr__(self) -> str:
        return f"SignatureAlgorithm({self.name})"


_ROWS: Final = (
    SignatureAlgorithm("HS256", "oct", None, "sha256", HMAC_SHA2, "SHA256_HMAC"),
    SignatureAlgorithm("HS384", "oct", None, "sha384", HMAC_SHA2, "SHA384_HMAC"),
    SignatureAlgorithm("HS512", "oct", None, "sha512", HMAC_SHA2, "SHA512_HMAC"),
    SignatureAlgorithm("RS256", "RSA", None, "sha256", RSASSA_PKCS1, "SHA256_RSA_PKCS", "1.2.840.113549.1.1.11"),
    SignatureAlgorithm("RS384", "RSA", None, "sha384", RSASSA_PKCS1, "SHA384_RSA_PKCS", "1.2.840.113549.1.1.12"),
    SignatureAlgorithm("RS512", "RSA", None, "sha512", RSASSA_PKCS1, "SHA512_RSA_PKCS", "1.2.840.113549.1.1.13"),
    SignatureAlgorithm("PS256", "RSA", None, "sha256", RSASSA_PSS, "SHA256_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("PS384", "RSA", None, "sha384", RSASSA_PSS, "SHA384_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("PS512", "RSA", None, "sha512", RSASSA_PSS, "SHA512_RSA_PKCS_PSS", "1.2.840.113549.1.1.10"),
    SignatureAlgorithm("ES256", "EC", "P-256", "sha256", ECDSA, "ECDSA", "1.2.840.10045.4.3.2"),
    SignatureAlgorithm("ES384", "EC", "P-384", "sha384", ECDSA, "ECDSA", "1.2.840.10045.4.3.3"),
    SignatureAlgorithm("ES512", "EC", "P-521", "sha512", ECDSA, "ECDSA", "1.2.840.10045.4.3.4"),
    SignatureAlgorithm("ES256K", "EC", "secp256k1", "sha256", ECDSA, "ECDSA", "1.2.840.10045.4.3.2"),
    SignatureAlgorithm("Ed25519", "OKP", "Ed25519", None, EDDSA, "EDDSA", "1.3.101.112"),
    SignatureAlgorithm("Ed448", "OKP", "Ed448", None, EDDSA, "EDDSA", "1.3.101.113"),
    # Deprecated by RFC 9864: kept and written only where a JWK or a caller says so.
    SignatureAlgorithm("EdDSA", "OKP", None, None, EDDSA, "EDDSA"),
    SignatureAlgorithm("ML-DSA-44", "AKP", "ML-DSA-44", None, ML_DSA, "ML_DSA", "2.16.840.1.101.3.4.3.17"),
    SignatureAlgorithm("ML-DSA-65", "AKP", "ML-DSA-65", None, ML_DSA, "ML_DSA", "2.16.840.1.101.3.4.3.18"),
    SignatureAlgorithm("ML-DSA-87", "AKP", "ML-DSA-87", None, ML_DSA, "ML_DSA", "2.16.840.1.101.3.4.3.19"),
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
