"""Keys that are elsewhere: anything with alg, kid, public and sign."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from undersign import jwk, jws, jwt
from undersign.errors import AlgorithmNotAllowedError, InvalidSignatureError, PolicyError, UnusableKeyError
from undersign.jwa.families import side_by_side
from undersign.jwk import Key


class Remote:
    """A key in a box that gives signatures and nothing else."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self.alg = key.alg
        self.kid = "in the box"
        self.public = None if key.kty == "oct" else key.public()
        self.signed: list[bytes] = []

    def sign(self, signing_input: bytes, /) -> bytes:
        """Sign what is passed."""
        self.signed.append(signing_input)
        return self._key.sign(signing_input)


@pytest.mark.parametrize("alg", ["HS256", "ES256", "Ed25519", "ML-DSA-44"])
def test_a_signature_from_elsewhere_completes_the_token(alg: str) -> None:
    """prepare gives the signing input, attach completes it after verifying, and the public key verifies the token."""
    key = jwk.generate(alg)
    half = key if alg == "HS256" else key.public()
    for serialization in ("compact", "flattened", "general"):
        prepared = jws.prepare(b"m", half, serialization=serialization)
        assert (prepared.alg, prepared.digest is None) == (alg, alg != "ES256")
        token: Any = prepared.attach(key.sign(prepared.signing_input))
        assert jws.verify(token, half).payload == b"m"
        with pytest.raises(InvalidSignatureError):
            prepared.attach(jwk.generate(alg).sign(prepared.signing_input))
        for wrong in (b"", None, "text", bytearray(64), 5):
            with pytest.raises(UnusableKeyError):
                prepared.attach(wrong)  # type: ignore[arg-type]


def test_a_digest_can_be_signed_in_the_place_of_the_message() -> None:
    """For ECDSA the digest is there for devices that take one, and their DER becomes R and S side by side."""
    native = ec.generate_private_key(ec.SECP256R1())
    public = jwk.load(native.public_key().public_bytes(*_spki()), kid="hsm")
    prepared = jws.prepare(b"document", public)
    assert prepared.digest == hashlib.sha256(prepared.signing_input).digest()
    der = native.sign(prepared.digest, ec.ECDSA(utils.Prehashed(SHA256())))
    token = prepared.attach(side_by_side(der, 32))
    assert isinstance(token, str)
    assert jws.verify(token, public).header["kid"] == "hsm"
    with pytest.raises(InvalidSignatureError):
        prepared.attach(der)


def _spki() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - only here

    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


@pytest.mark.parametrize("alg", ["HS256", "ES256", "Ed25519"])
def test_a_signer_outside_signs_everything(alg: str) -> None:
    """An object with alg, kid, public and sign signs JWS in every form and mints JWTs from the signing input."""
    key = jwk.generate(alg)
    half = key if alg == "HS256" else key.public()
    remote = Remote(key)
    token = jws.sign(b"m", remote)
    assert jws.verify(token, half).header["kid"] == "in the box"
    assert remote.signed == [token.rpartition(".")[0].encode()]
    general = jws.sign(b"m", [remote, jws.By(remote, protected={"n": 2})], serialization="general")
    assert len(jws.verify(general, half, policy=jws.all_of()).signatures) == 2
    minted = jwt.Signer(remote, issuer="i", audience="a").sign({"sub": "ana"})
    assert jwt.verify(minted, half, issuer="i", audience="a").claims["sub"] == "ana"


@pytest.mark.parametrize("answer", [None, b"", "text", 5, bytearray(64), memoryview(b"x")])
def test_a_signer_that_gives_no_octets_is_refused(answer: Any) -> None:
    """Nothing is released unless the signer gave octets."""
    remote = Remote(jwk.generate("ES256"))
    remote.sign = lambda _: answer  # type: ignore[method-assign, assignment]
    for attempt in (lambda: jws.sign(b"m", remote), lambda: jwt.Signer(remote, issuer="i").sign({})):
        with pytest.raises(UnusableKeyError):
            attempt()


@pytest.mark.parametrize("key", ["text", b"octets", None, 5, object(), {"kty": "oct"}, 1.5], ids=range(7))
def test_what_is_no_signer_is_refused(key: Any) -> None:
    """Text, octets and anything without alg, kid and sign is refused before anything is signed."""
    for attempt in (lambda: jws.sign(b"m", key), lambda: jwt.sign({}, key), lambda: jws.prepare(b"m", key)):
        with pytest.raises(PolicyError):
            attempt()


@pytest.mark.parametrize("alg", ["none", "XY1", 5])
def test_a_signer_of_an_unknown_algorithm_is_refused(alg: Any) -> None:
    """A signer's alg is one of the table, and never none."""
    remote = Remote(jwk.generate("ES256"))
    remote.alg = alg
    with pytest.raises(AlgorithmNotAllowedError):
        jws.sign(b"m", remote)
