"""Self-signed certificates for keys in tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519


def certificate(private: Any, subject: str = "test") -> x509.Certificate:
    """Certify a native private key with itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    edwards = isinstance(private, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(private, None if edwards else hashes.SHA256())
    )
