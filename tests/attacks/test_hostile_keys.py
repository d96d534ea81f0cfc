"""Every hostile key is refused with the error it deserves, quickly (rows A5, A7 to A9, S6, S7, K4; threats 5 to 7)."""

from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.attacks.attack import Attack
from tests.attacks.hostile_keys import ATTACKS, small_order_points
from undersign import jwk, jwks
from undersign.encoding import b64url_encode
from undersign.errors import KeyMaterialError, LimitError, PrivateKeyGivenError
from undersign.jwk import der


@pytest.mark.parametrize("attack", ATTACKS, ids=[f"{index} {each.name!a}" for index, each in enumerate(ATTACKS)])
def test_a_hostile_key_is_refused(attack: Attack) -> None:
    """The key is refused with its own class of error, within a second."""
    started = time.thread_time()
    with pytest.raises(attack.error):
        attack.do()
    assert time.thread_time() - started < 1


def test_openssl_would_accept_a_small_order_key() -> None:
    """Under the identity as key a signature of zeros verifies any message in OpenSSL, so the refusal is ours alone."""
    identity = ed25519.Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    identity.verify((1).to_bytes(32, "little") + bytes(32), b"any message whatever")
    assert len(set(small_order_points())) == 14
    with pytest.raises(KeyMaterialError):
        jwk.load({"kty": "OKP", "crv": "Ed25519", "x": b64url_encode((1).to_bytes(32, "little"))})


def test_a_private_rsa_8192_key_is_refused_before_it_is_parsed() -> None:
    """PKCS #8 of 8192 bits, in DER, PEM and JWK, is refused in milliseconds: parsing it would take seconds."""
    # The structure of a private key, with numbers that no parser would survive quickly: nothing may look at them.
    body = b"".join(_integer(2**bits - 1) for bits in (8192, 17, 8192, 4096, 4096, 4096, 4096, 4096))
    pkcs1 = _der(0x30, _integer(0) + body)
    pkcs8 = _der(0x30, _integer(0) + _der(0x30, bytes.fromhex("06092a864886f70d0101010500")) + _der(4, pkcs1))
    for octets in (pkcs1, pkcs8):
        started = time.thread_time()
        with pytest.raises(PrivateKeyGivenError):
            jwk.load_public(octets)
        assert time.thread_time() - started < 0.05


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _integer(number: int) -> bytes:
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _encrypted(kdf: bytes) -> bytes:
    scheme = _der(6, bytes.fromhex("2a864886f70d01050d")) + _der(0x30, kdf + _der(0x30, b""))
    return _der(0x30, _der(0x30, scheme) + _der(4, bytes(64)))


def _pbkdf2(rounds: int) -> bytes:
    return _encrypted(
        _der(0x30, _der(6, bytes.fromhex("2a864886f70d01050c")) + _der(0x30, _der(4, bytes(16)) + _integer(rounds)))
    )


def _scrypt(n: int, r: int, p: int) -> bytes:
    numbers = _der(4, bytes(16)) + _integer(n) + _integer(r) + _integer(p)
    return _encrypted(_der(0x30, _der(6, bytes.fromhex("2b06010401da47040b")) + _der(0x30, numbers)))


@pytest.mark.parametrize(
    "octets",
    [
        _pbkdf2(20_000_000),
        _pbkdf2(1_000_001),
        _pbkdf2(2**31),
        _scrypt(2**20, 8, 1),
        _scrypt(2**14, 8, 64),
        _scrypt(2, 2**30, 1),
        _encrypted(b""),
    ],
    ids=["20 M rounds", "one over", "2^31", "scrypt 1 GiB", "scrypt 64 passes", "scrypt wide", "no kdf"],
)
def test_an_encrypted_key_that_costs_too_much_is_refused(octets: bytes) -> None:
    """The rounds of a password's derivation are read before they are run, with a password and without."""
    started = time.thread_time()
    with pytest.raises(LimitError):
        jwk.load(octets, password=b"password")
    with pytest.raises(PrivateKeyGivenError):
        jwk.load_public(octets)
    assert time.thread_time() - started < 0.05


def test_usual_costs_are_below_the_limit() -> None:
    """What OpenSSL and OpenSSH write by default is within Limits.kdf_iterations, and 64 MiB of scrypt is its edge."""
    assert der.kdf_cost(_pbkdf2(600_000)) == 600_000
    assert der.kdf_cost(_scrypt(2**14, 8, 1)) < der.kdf_cost(_scrypt(2**16, 8, 1)) <= 1_000_000
    assert der.openssh_cost(_openssh(24)) == 240_000


def _openssh(rounds: int) -> bytes:
    def text(octets: bytes) -> bytes:
        return len(octets).to_bytes(4, "big") + octets

    options = text(text(bytes(16)) + rounds.to_bytes(4, "big"))
    return b"openssh-key-v1\0" + text(b"aes256-ctr") + text(b"bcrypt") + options + bytes(64)


def test_an_openssh_key_of_many_rounds_is_refused() -> None:
    """The rounds of bcrypt_pbkdf are read before they are run."""
    body = base64.b64encode(_openssh(2**31)).decode()
    text = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
    with pytest.raises(LimitError):
        jwk.load(text, password=b"password")


def test_a_bad_key_among_good_ones_is_skipped_and_reported() -> None:
    """One unsound member of a set is left out and listed with its index, kid and reason; the others serve (K1)."""
    good = jwk.generate("ES256", kid="good").public().to_jwk()
    members = {"keys": [good, {**good, "kid": "bad", "x": good["y"]}, 5, {"kty": "new", "kid": 7}]}
    found = jwks.KeySet.load(members)
    assert [key.kid for key in found] == ["good"]
    assert [(each.index, each.kid, each.error.code) for each in found.skipped] == [
        (1, "bad", "invalid_key"),
        (2, None, "invalid_key"),
        (3, None, "invalid_key"),
    ]
    assert "bad" in repr(found.skipped[0])


def test_a_key_set_of_too_many_keys_is_refused() -> None:
    """More than Limits.keys members are refused before any is parsed (K1)."""
    good = jwk.generate("ES256").public().to_jwk()
    with pytest.raises(LimitError):
        jwks.KeySet.load({"keys": [good] * 1025})


def test_a_weak_rsa_key_of_openssl_is_what_openssl_accepts() -> None:
    """OpenSSL loads 1024 bits without a word, so the floor of 2048 is ours alone."""
    weak = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - that is the attack
    pem = weak.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    serialization.load_pem_public_key(pem)
    with pytest.raises(KeyMaterialError):
        jwk.load(pem)
