"""Detached content (RFC 7515 appendix F) and unencoded payloads (RFC 7797)."""

from __future__ import annotations

from ..encoding import b64url_encode
from ..errors import PolicyError

__all__ = ["check_attachable", "signing_input"]


def signing_input(protected: bytes, payload: bytes, *, encoded: bool) -> bytes:
    """Join the protected header and the payload as RFC 7515 section 5.1, or RFC 7797 section 3, says."""
    return protected + b"." + (b64url_encode(payload).encode("ascii") if encoded else payload)


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
