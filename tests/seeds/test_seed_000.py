"""Seed 000, the resource server's side: the issuer is known by its public key or its certificate."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from undersign import jwk, jwks, jwt
from undersign.errors import InvalidSignatureError, KeyMaterialError, UnknownKeyError

ISSUER, AUDIENCE = "https://as.example", "https://sign.example"


def certify(private):
    """A self-signed certificate, as an operator would be handed one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "as.example")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )


def pem_of(private) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_an_issuers_certificate_verifies_its_tokens(encoding):
    """The claims an authorization server signed verify with its certificate, in PEM or DER, and no other's."""
    private, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    token = jwt.sign({"sub": "ana"}, jwk.load(pem_of(private)), issuer=ISSUER, audience=AUDIENCE)

    key = jwk.load(certify(private).public_bytes(encoding))
    assert (key.alg, key.is_private, len(key.x5c)) == ("ES256", False, 1)
    assert jwt.verify(token, key, issuer=ISSUER, audience=AUDIENCE).claims["sub"] == "ana"
    with pytest.raises(InvalidSignatureError):
        jwt.verify(token, jwk.load(certify(other).public_bytes(encoding)), issuer=ISSUER, audience=AUDIENCE)


def test_a_certificate_of_an_rsa_key_needs_an_algorithm():
    """A certificate says nothing of the algorithm, so for an RSA key the operator does."""
    private = rsa.generate_private_key(65537, 2048)
    document = certify(private).public_bytes(serialization.Encoding.PEM)
    token = jwt.sign({}, jwk.load(pem_of(private), alg="PS256"), issuer=ISSUER, audience=AUDIENCE)

    assert jwk.load(document).alg is None
    key = jwk.load_public(document, alg="PS256")
    assert jwt.verify(token, key, issuer=ISSUER, audience=AUDIENCE).key.alg == "PS256"


def test_a_certificate_in_the_tokens_header_is_never_trusted():
    """An attacker's own chain in x5c changes nothing: keys come from configuration."""
    private = ec.generate_private_key(ec.SECP256R1())
    chain = [b64encode(certify(private).public_bytes(serialization.Encoding.DER)).decode()]
    token = jwt.sign({}, jwk.load(pem_of(private)), issuer=ISSUER, audience=AUDIENCE, header={"x5c": chain, "kid": "x"})

    known = jwk.generate("ES256", kid="known").public()
    with pytest.raises(InvalidSignatureError):
        jwt.verify(token, known, issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(UnknownKeyError):
        jwt.verify(token, jwks.KeySet([known]), issuer=ISSUER, audience=AUDIENCE)


def test_a_jwk_whose_certificate_is_another_keys_is_refused():
    """A published key and the certificate beside it are held against each other."""
    mine, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    published = jwk.load(pem_of(mine)).public().to_jwk()
    chain = [b64encode(certify(other).public_bytes(serialization.Encoding.DER)).decode()]
    with pytest.raises(KeyMaterialError):
        jwk.load({**published, "x5c": chain})
