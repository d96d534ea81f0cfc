"""Detached content (RFC 7515 appendix F) and unencoded payloads (RFC 7797)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..encoding import b64url_encode
from ..errors import LimitError, MalformedTokenError, PolicyError
from ..header import JOSEHeader
from ..jwk.key import Key

if TYPE_CHECKING:
    from .compact import CompactVerifier

__all__ = ["check_attachable", "open_detached", "signing_input"]


def signing_input(protected: bytes, payload: bytes, *, encoded: bool) -> bytes:
    """Join the protected header and the payload as RFC 7515 section 5.1, or RFC 7797 section 3, says."""
    return protected + b"." + (b64url_encode(payload).encode("ascii") if encoded else payload)


def open_detached(token: str | bytes, verifier: CompactVerifier, payload: bytes) -> tuple[JOSEHeader, bytes, Key]:
    """Verify a compact token whose payload travels elsewhere.

    Raises:
        MalformedTokenError: The token carries a payload as well, so two readers could read two contents.
        UndersignError: Whatever else is wrong with it.
    """
    from .compact import token_octets

    if not isinstance(payload, (bytes, bytearray)):
        raise PolicyError("The detached payload is bytes.")
    octets = token_octets(token)
    if len(octets) > verifier.limits.token or len(payload) > verifier.limits.payload:
        raise LimitError(
            f"The token is longer than {verifier.limits.token} octets, or its payload than {verifier.limits.payload}."
        )
    parts = octets.split(b".", 3)
    if len(parts) != 3:
        raise MalformedTokenError("A compact JWS has three segments with two dots between them.")
    if parts[1]:
        raise MalformedTokenError(
            "The token carries a payload although a detached one was given.", help="Leave payload= out."
        )
    header = verifier.parse_header(parts[0])
    content = bytes(payload)
    key = verifier.check(header, signing_input(parts[0], content, encoded=header.encoded), parts[2])
    return header, content, key


def check_attachable(payload: bytes) -> None:
    """Refuse an unencoded payload that the compact form cannot carry (RFC 7797 section 5.2).

    Raises:
        PolicyError: It holds a dot or something that is not printable ASCII.
    """
    if not all(0x20 <= octet <= 0x7E and octet != 0x2E for octet in payload):
        raise PolicyError(
            "An unencoded payload with dots or unprintable octets cannot stand in a compact JWS.",
            help="Say detached=True.",
        )
