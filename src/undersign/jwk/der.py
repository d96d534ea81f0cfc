"""As much DER (X.690) as it takes to tell key structures apart and to read the cost of a password's derivation."""

from __future__ import annotations

from typing import Final

__all__ = ["kdf_cost", "kind_of", "openssh_cost", "trimmed"]

_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_OCTET_STRING: Final = 0x04
_OID: Final = 0x06
_SEQUENCE: Final = 0x30

_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")
_OPENSSH: Final = b"openssh-key-v1\0"
_LARGE: Final = 1 << 62  # dearer than any limit: what cannot be read is not run

# Structure, the tags of its first elements, and whether these are all.
_KINDS: Final = (
    ("certificate", [_SEQUENCE, _SEQUENCE, _BIT_STRING], False),
    ("spki", [_SEQUENCE, _BIT_STRING], True),
    ("pkcs8-encrypted", [_SEQUENCE, _OCTET_STRING], True),
    ("pkcs1-public", [_INTEGER, _INTEGER], True),
    ("pkcs8", [_INTEGER, _SEQUENCE, _OCTET_STRING], False),
    ("pkcs1-private", [_INTEGER] * 9, False),
    ("sec1", [_INTEGER, _OCTET_STRING], False),
)

Element = tuple[int, bytes]


def _elements(octets: bytes) -> list[Element] | None:
    """Split the contents of a constructed element; None if they are not definite-length DER from end to end."""
    found: list[Element] = []
    at = 0
    while at < len(octets):
        if at + 2 > len(octets):
            return None
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3 or at + count > len(octets):
                return None
            length, at = int.from_bytes(octets[at : at + count], "big"), at + count
        if at + length > len(octets):
            return None
        found.append((tag, octets[at : at + length]))
        at += length
    return found


def _sequence(octets: bytes) -> list[Element]:
    outer = _elements(octets)
    if not outer or len(outer) != 1 or outer[0][0] != _SEQUENCE:
        return []
    return _elements(outer[0][1]) or []


def trimmed(octets: bytes) -> bytes:
    """Cut off the white space around a DER element, whose own last octet may look like some."""
    octets = octets.lstrip()
    size = octets[1:2]
    count = size[0] & 0x7F if size and size[0] & 0x80 else 0
    end = 2 + count + int.from_bytes(octets[2 : 2 + count] if count else size, "big")
    return octets if octets[end:].strip() else octets[:end]


def kind_of(octets: bytes) -> str | None:
    """Name the key structure that the outermost elements make; None if they make none."""
    tags = [tag for tag, _ in _sequence(octets)]
    for kind, pattern, exactly in _KINDS:
        if tags[: len(pattern)] == pattern and (len(tags) == len(pattern) or not exactly):
            return kind
    return None


def kdf_cost(octets: bytes) -> int:
    """Read the rounds of an EncryptedPrivateKeyInfo in PBKDF2's coin (RFC 8018, RFC 7914).

    scrypt counts 15 for each KiB of memory, N * r / 8, and for each of its p passes: so a million is 64 MiB.
    """
    inner = _sequence(octets)
    scheme = _elements(inner[0][1]) if inner else None
    if not scheme or scheme[0] != (_OID, _PBES2) or len(scheme) < 2:
        return _LARGE
    parts = _elements(scheme[1][1])
    kdf = _elements(parts[0][1]) if parts else None
    if not kdf or len(kdf) < 2:
        return _LARGE
    numbers = [int.from_bytes(content, "big") for tag, content in _elements(kdf[1][1]) or [] if tag == _INTEGER]
    if kdf[0] == (_OID, _PBKDF2) and numbers:
        return numbers[0]
    if kdf[0] == (_OID, _SCRYPT) and len(numbers) >= 3:
        return 15 * numbers[0] * numbers[1] * numbers[2] // 8
    return _LARGE


def openssh_cost(octets: bytes) -> int:
    """Read the rounds of an openssh-key-v1 file in PBKDF2's coin, one of bcrypt_pbkdf for 10 000; 0 if unencrypted."""
    parts: list[bytes] = []
    at = len(_OPENSSH)
    while octets.startswith(_OPENSSH) and len(parts) < 3:  # cipher, kdf, its options
        length = int.from_bytes(octets[at : at + 4], "big")
        parts.append(octets[at + 4 : at + 4 + length])
        at += 4 + length
    if len(parts) < 3 or parts[1] == b"none":
        return 0
    return 10_000 * int.from_bytes(parts[2][-4:], "big") if parts[1] == b"bcrypt" else _LARGE
