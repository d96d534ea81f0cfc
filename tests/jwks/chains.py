"""Certificate chains made to order, for tests of x5c."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from undersign import jwk
from undersign.jwk import Key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CODE_SIGNING = x509.ExtendedKeyUsageOID.CODE_SIGNING


class Party(NamedTuple):
    """A certificate with its private key."""

    certificate: x509.Certificate
    private: Any

    @property
    def der(self) -> bytes:
        """The certificate's octets."""
        return self.certificate.public_bytes(Encoding.DER)

    def key(self, alg: str | None = None) -> Key:
        """The private key, to sign with."""
        return jwk.load(self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), alg=alg)


def x5c(*parties: Party) -> list[str]:
    """The header parameter, first certificate first."""
    return [b64encode(party.der).decode() for party in parties]


def certify(
    name: str,
    issuer: Party | None = None,
    *,
    private: Any = None,
    authority: bool = False,
    usages: tuple[x509.ObjectIdentifier, ...] | None = (CODE_SIGNING,),
    signs: bool = True,
    years: tuple[int, int] = (2026, 2027),
    path_length: int | None = None,
) -> Party:
    """Issue a certificate; by itself where there is no issuer."""
    private = private or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by = private if issuer is None else issuer.private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(years[0], 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(years[1], 1, 1, tzinfo=UTC) - timedelta(seconds=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(_key_usage(authority=authority, signs=signs), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Party(builder.sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256()), private)


def _key_usage(*, authority: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not authority,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
