"""The one door for X.509 certificates: a certificate gives a public key, and only a policy gives it trust.

Parsing is `cryptography`'s; its panics, which are no Exception, are caught here by name (RFC 5280, RFC 7517
section 4.7).
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Any, Final

from ..encoding import b64url_encode
from ..errors import KeyMaterialError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["certificate_of", "chain_of", "public_key_of", "reading", "x5t_s256", "x5t_spellings"]

LONGEST: Final = 32 * 1024
LONGEST_CHAIN: Final = 8


def public_key_of(der: bytes) -> Any:
    """Read a certificate's public key.

    Raises:
        KeyMaterialError: The octets are not one certificate, or its key is of a kind that is not supported.
    """
    certificate = certificate_of(der)
    with reading():
        return certificate.public_key()


def certificate_of(der: bytes) -> Certificate:
    """Read a certificate; its key, names and extensions are read by `cryptography` only when they are asked for.

    Raises:
        KeyMaterialError: The octets are not one certificate.
    """
    from cryptography import x509

    if len(der) > LONGEST:
        raise KeyMaterialError(f"The certificate is longer than {LONGEST} octets.")
    with reading():
        return x509.load_der_x509_certificate(der)


@contextmanager
def reading() -> Iterator[None]:
    """Turn whatever `cryptography` throws at a hostile certificate into one error.

    Raises:
        KeyMaterialError: The certificate cannot be read, or its key is of a kind that is not supported.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

    try:
        yield
    except UnsupportedAlgorithm:
        raise KeyMaterialError("The certificate's key is of a kind that is not supported.") from None
    except (ValueError, TypeError, InvalidVersion, DuplicateExtension, UnsupportedGeneralNameType):
        raise KeyMaterialError("The certificate cannot be read.") from None
    except BaseException as panic:
        if type(panic).__name__ == "PanicException":
            raise KeyMaterialError("The certificate cannot be read.") from None
        raise


def chain_of(x5c: object) -> tuple[bytes, ...]:
    """Read the ``x5c`` member: standard base64 of DER, leaf first.

    Raises:
        KeyMaterialError: It is not an array of such strings, or too long.
    """
    if not isinstance(x5c, list) or not 0 < len(x5c) <= LONGEST_CHAIN:
        raise KeyMaterialError(f"x5c must be an array of 1 to {LONGEST_CHAIN} certificates.")
    return tuple(_der(text) for text in x5c)


def _der(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > 2 * LONGEST:
        raise KeyMaterialError("x5c must hold base64 strings.")
    try:
        octets = text.encode("ascii")
        der = a2b_base64(octets, strict_mode=True)
    except (UnicodeEncodeError, BinasciiError):
        raise KeyMaterialError("x5c must hold standard base64 (RFC 7517 section 4.7).") from None
    if b2a_base64(der, newline=False) != octets:
        raise KeyMaterialError("x5c must hold canonical base64.")
    return der


def x5t_s256(der: bytes) -> str:
    """The SHA-256 thumbprint of a certificate (RFC 7517 section 4.9)."""
    return b64url_encode(sha256(der).digest())


def x5t_spellings(der: bytes) -> tuple[str, ...]:
    """The SHA-1 thumbprint of a certificate (RFC 7517 section 4.8): compared, never relied on.

    Some publishers write it in hex, so that is known too.
    """
    digest = sha1(der, usedforsecurity=False).digest()
    return b64url_encode(digest), digest.hex(), digest.hex().upper()
