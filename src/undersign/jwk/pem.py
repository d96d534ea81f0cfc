"""PEM and DER, in and out: SPKI, PKCS #1, SEC 1, PKCS #8, OpenSSH, X.509 (RFC 7468, RFC 5958, RFC 8017, RFC 5915).

A key is recognised by its structure first, without a parser for private keys: what arrives where a public key belongs
is refused before it costs anything, and so is an encrypted key whose rounds would.
"""

from __future__ import annotations

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ..errors import KeyMaterialError, KeyPasswordError, LimitError, quoted
from ..limits import Limits
from . import certificate, der

__all__ = ["Document", "read", "recognise", "write"]

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL)
_SSH_PUBLIC: Final = re.compile(
    rb"\A\s*(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+( [^\r\n]*)?\s*\Z"
)
_OPENSSH: Final = "OPENSSH PRIVATE KEY"
_LABELS: Final = {
    "PUBLIC KEY": {"spki"},
    "RSA PUBLIC KEY": {"pkcs1-public"},
    "CERTIFICATE": {"certificate"},
    "PRIVATE KEY": {"pkcs8"},
    "ENCRYPTED PRIVATE KEY": {"pkcs8-encrypted"},
    "RSA PRIVATE KEY": {"pkcs1-private"},
    "EC PRIVATE KEY": {"sec1"},
}
PRIVATE_KINDS: Final = frozenset({"pkcs8", "pkcs8-encrypted", "pkcs1-private", "sec1", "openssh", "pem-encrypted"})


class Document:
    """Key octets and the kind of structure they are.

    Attributes:
        kind: Such as ``spki`` or ``pkcs8``.
        octets: DER, or the text itself for OpenSSH and the old encrypted PEM.
    """

    __slots__ = ("kind", "octets")

    def __init__(self, kind: str, octets: bytes) -> None:
        self.kind = kind
        self.octets = octets

    @property
    def is_private(self) -> bool:
        """Whether the structure holds a private key."""
        return self.kind in PRIVATE_KINDS


def recognise(octets: bytes) -> Document | None:
    """Tell what key structure the octets are, from labels and the outermost DER elements; None if they are none.

    Raises:
        KeyMaterialError: They are PEM, but broken, of an unknown label, or more than one key.
    """
    if b"-----BEGIN " in octets:
        return _recognise_pem(octets)
    if _SSH_PUBLIC.match(octets):
        return Document("ssh", octets.strip())
    kind = der.kind_of(octets)
    return None if kind is None else Document(kind, octets)


def _recognise_pem(octets: bytes) -> Document:
    blocks = [(match[1].decode(), match[2], match[0]) for match in _PEM.finditer(octets)]
    blocks = [block for block in blocks if block[0] != "EC PARAMETERS"]  # OpenSSL writes these before a SEC 1 key
    if not blocks:
        raise KeyMaterialError("The PEM text has no complete block.")
    label, body, whole = blocks[0]
    if len(blocks) > 1 and {block[0] for block in blocks} != {"CERTIFICATE"}:
        raise KeyMaterialError("The PEM text holds more than one key.", help="Split it into one file for each key.")
    if label == _OPENSSH:
        return Document("openssh", whole)
    if label not in _LABELS:
        raise KeyMaterialError(f"PEM blocks of the label {quoted(label)} are not keys that can be read here.")
    if b"Proc-Type:" in body:
        return Document("pem-encrypted", whole)
    try:
        content = a2b_base64(b"".join(body.split()), strict_mode=True)
    except BinasciiError:
        raise KeyMaterialError("The PEM block is not base64.") from None
    kind = der.kind_of(content)
    if kind not in _LABELS[label]:
        raise KeyMaterialError(f"The PEM block labelled {label} holds something else.")
    return Document(kind, content)


def read(document: Document, password: bytes | None, limits: Limits) -> Any:
    """Parse a recognised document into a native key.

    Raises:
        KeyMaterialError: It is broken or of a kind that is not supported.
        KeyPasswordError: The password is missing, superfluous or wrong.
        LimitError: Its password-based encryption asks for more work than the limits allow.
    """
    if password is not None and not document.is_private:
        raise KeyPasswordError("A password was given for a key that is not encrypted.")
    try:
        return _read(document, password, limits)
    except UnsupportedAlgorithm:
        raise KeyMaterialError("The key is of a kind that this build of cryptography does not support.") from None
    except TypeError:  # cryptography: encrypted without password, or the other way round
        raise KeyPasswordError("The password is missing, or the key is not encrypted.") from None
    except ValueError:
        if password is not None:
            raise KeyPasswordError("The password is wrong, or the key is broken.") from None
        raise KeyMaterialError("The key cannot be read.") from None


def _read(document: Document, password: bytes | None, limits: Limits) -> Any:
    kind, octets = document.kind, document.octets
    if kind == "certificate":
        return certificate.public_key_of(octets)
    if kind == "ssh":
        return serialization.load_ssh_public_key(octets)
    if kind in {"spki", "pkcs1-public"}:
        return serialization.load_der_public_key(octets)
    if kind == "openssh":
        return _read_openssh(octets, password, limits)
    if kind == "pem-encrypted":
        return serialization.load_pem_private_key(octets, password, unsafe_skip_rsa_key_validation=True)
    if kind == "pkcs8-encrypted" and der.kdf_cost(octets) > limits.kdf_iterations:
        raise _too_costly()
    # The RSA relations are checked by jwk.rsa, far faster and without holding the interpreter's lock.
    return serialization.load_der_private_key(octets, password, unsafe_skip_rsa_key_validation=True)


def _read_openssh(octets: bytes, password: bytes | None, limits: Limits) -> Any:
    body = octets.partition(b"KEY-----")[2].rpartition(b"-----END")[0]
    try:
        cost = der.openssh_cost(a2b_base64(b"".join(body.split()), strict_mode=True))
    except BinasciiError:
        raise KeyMaterialError("The PEM block is not base64.") from None
    if cost > limits.kdf_iterations:
        raise _too_costly()
    return serialization.load_ssh_private_key(octets, password, unsafe_skip_rsa_key_validation=True)


def _too_costly() -> LimitError:
    return LimitError("The encrypted key asks for more key-derivation work than allowed (kdf_iterations).")


def write(native: Any, *, private: bool, password: bytes | None) -> str:
    """Write a native key as PEM: SPKI, or PKCS #8, encrypted with the library's best where there is a password."""
    pem = serialization.Encoding.PEM
    if not private:
        return str(native.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode())
    return str(native.private_bytes(pem, serialization.PrivateFormat.PKCS8, _encryption(password)).decode())


def _encryption(password: object) -> serialization.KeySerializationEncryption:
    if password is None:
        return serialization.NoEncryption()
    if not isinstance(password, bytes) or not password:
        raise KeyPasswordError("A password is bytes, and not empty.", help="Encode text yourself: password.encode().")
    return serialization.BestAvailableEncryption(password)
