"""Certificates as a form of public key: read, never trusted."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.certificates import certificate
from undersign import jwk, jwt
from undersign.encoding import b64url_encode
from undersign.errors import KeyMaterialError
from undersign.jwk.certificate import x5t_s256

NATIVE = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = certificate(NATIVE)
DER = CERTIFICATE.public_bytes(serialization.Encoding.DER)


def test_a_certificate_gives_its_public_key() -> None:
    """A certificate in PEM or DER is read as its public key with chain and thumbprint, and verifies tokens."""
    private = jwk.load(
        NATIVE.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for source in (CERTIFICATE.public_bytes(serialization.Encoding.PEM), DER):
        key = jwk.load(source)
        assert (key.is_private, key.x5c, key.x5t_s256) == (False, (DER,), x5t_s256(DER))
        token = jwt.sign({"sub": "ana"}, private, issuer="i", audience="a")
        assert jwt.verify(token, key, issuer="i", audience="a").claims["sub"] == "ana"


def test_a_jwk_carries_its_chain() -> None:
    """x5c comes in and goes out; its thumbprint is known though the JWK does not say it."""
    members = {**jwk.load(DER).to_jwk(), "x5c": [base64.b64encode(DER).decode()]}
    members.pop("x5t#S256", None)
    key = jwk.load(members)
    assert key.x5t_s256 == x5t_s256(DER)
    assert key.to_jwk()["x5c"] == members["x5c"]


@pytest.mark.parametrize(
    "mangled",
    [DER[:-1], DER + b"\0", DER[:40] + b"\xff" * 20 + DER[60:], b"\x30\x03\x02\x01\x00", b"\x30\x82\xff\xff" + DER],
)
def test_a_broken_certificate_is_refused(mangled: bytes) -> None:
    """Cut, lengthened and mangled certificates are refused as keys and in x5c."""
    with pytest.raises(KeyMaterialError):
        jwk.load(mangled)
    with pytest.raises(KeyMaterialError):
        jwk.load({**jwk.load(DER).to_jwk(), "x5c": [base64.b64encode(mangled).decode()]})


def test_base64_of_a_chain_is_the_standard_one() -> None:
    """x5c holds standard base64 with padding, not base64url, without line ends (RFC 7517 section 4.7)."""
    members = jwk.load(DER).to_jwk()
    text = base64.b64encode(DER).decode()
    for wrong in (b64url_encode(DER) + "_", text.rstrip("=") + "\n", text[:64] + "\n" + text[64:], " " + text):
        with pytest.raises(KeyMaterialError):
            jwk.load({**members, "x5c": [wrong]})
