"""PEM, DER and OpenSSH, in and out."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa, x25519

from undersign import jwk
from undersign.errors import KeyMaterialError, KeyPasswordError

PEM, DER = form.Encoding.PEM, form.Encoding.DER
PKCS8, OLD, SSH = form.PrivateFormat.PKCS8, form.PrivateFormat.TraditionalOpenSSL, form.PrivateFormat.OpenSSH
PLAIN = form.NoEncryption()
SECRET = form.BestAvailableEncryption(b"password")

NATIVE: dict[str, Any] = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "X25519": x25519.X25519PrivateKey.generate(),
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate(),
}
PRIVATE = [
    *((name, encoding, PKCS8, PLAIN) for name in NATIVE for encoding in (PEM, DER)),
    *((name, PEM, PKCS8, SECRET) for name in NATIVE),
    *(
        (name, encoding, OLD, PLAIN)
        for name in ("RSA", "P-256", "P-384", "P-521", "secp256k1")
        for encoding in (PEM, DER)
    ),
    *((name, PEM, OLD, SECRET) for name in ("RSA", "P-256")),
    *((name, PEM, SSH, PLAIN) for name in ("RSA", "P-256", "P-384", "P-521", "Ed25519")),
]


@pytest.mark.parametrize("name, encoding, shape, encryption", PRIVATE, ids=range(len(PRIVATE)))
def test_each_private_form_is_read(name: str, encoding: Any, shape: Any, encryption: Any) -> None:
    """PKCS #8 plain and encrypted, PKCS #1, SEC 1 and OpenSSH give the private key that was written."""
    octets = NATIVE[name].private_bytes(encoding, shape, encryption)
    key = jwk.load(
        octets, alg="RS256" if name == "RSA" else None, password=None if encryption is PLAIN else b"password"
    )
    assert key.is_private
    assert key.to_pem() == _spki(NATIVE[name].public_key())
    if name != "X25519":
        key.public().verify(b"m", key.sign(b"m"))


def _spki(public: Any) -> str:
    text: str = public.public_bytes(PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    return text


@pytest.mark.parametrize("name", NATIVE)
def test_each_public_form_is_read(name: str) -> None:
    """SPKI in PEM and DER, PKCS #1 and OpenSSH public keys are read as the same key, by load and load_public."""
    public = NATIVE[name].public_key()
    forms = [public.public_bytes(encoding, form.PublicFormat.SubjectPublicKeyInfo) for encoding in (PEM, DER)]
    if name == "RSA":
        forms += [public.public_bytes(encoding, form.PublicFormat.PKCS1) for encoding in (PEM, DER)]
    if name in {"RSA", "P-256", "P-384", "P-521", "Ed25519"}:
        forms.append(public.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH))
        forms.append(forms[-1] + b" ana@example\n")
    for octets in forms:
        for key in (jwk.load(octets), jwk.load_public(octets)):
            assert not key.is_private
            assert key.to_pem() == _spki(public)


def test_text_around_a_block_and_line_ends_do_not_matter() -> None:
    """What openssl prints before a block, CRLF and text are read; so is an EC PARAMETERS block before the key."""
    pem = jwk.generate("ES256").to_pem()
    spellings = ["Bag Attributes\n    friendlyName: x\n" + pem, pem.replace("\n", "\r\n"), "\n\n" + pem]
    assert {jwk.load(text).thumbprint() for text in spellings} == {jwk.load(pem.encode()).thumbprint()}
    sec1 = NATIVE["P-256"].private_bytes(PEM, OLD, PLAIN)
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert jwk.load(parameters + sec1).is_private


@pytest.mark.parametrize(
    "given, encrypted", [(None, True), (b"wrong", True), ("password", True), (b"", True), (b"password", False)]
)
def test_a_password_must_fit(given: Any, encrypted: bool) -> None:
    """A missing, wrong, superfluous or mistyped password has an error of its own."""
    key = jwk.generate("ES256")
    pem = key.to_pem(private=True, password=b"password" if encrypted else None)
    with pytest.raises(KeyPasswordError):
        jwk.load(pem, password=given)
    with pytest.raises(KeyPasswordError):
        jwk.load(key.to_pem(), password=b"password")


@pytest.mark.parametrize("password", [b"", "text", 5])
def test_a_key_is_not_encrypted_with_nothing(password: Any) -> None:
    """An empty password, or one that is no octets, is refused when writing."""
    with pytest.raises(KeyPasswordError):
        jwk.generate("ES256").to_pem(private=True, password=password)


def test_a_label_must_tell_the_truth() -> None:
    """A private key under the label of a public one, two keys in one text and an unknown label are refused."""
    private = jwk.generate("ES256").to_pem(private=True)
    lying = private.replace("PRIVATE KEY", "PUBLIC KEY")
    unknown = private.replace("PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    for text in (lying, unknown, private + private, private[:-30], private.replace("M", "!", 1)):
        with pytest.raises(KeyMaterialError):
            jwk.load(text)
