"""Making keys."""

from __future__ import annotations

from typing import Any

import pytest

from undersign import jwk
from undersign.errors import AlgorithmNotAllowedError, KeyMaterialError, PolicyError
from undersign.jwa.signature import ALGORITHMS


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_has_a_generator(alg: str) -> None:
    """A generated key signs and verifies, is bound to its algorithm and has the strength that this asks for."""
    key = jwk.generate(alg, size=2048) if ALGORITHMS[alg].kty == "RSA" else jwk.generate(alg)
    assert (key.alg, key.is_private, key.unusable) == (alg, True, None)
    half = key if key.kty == "oct" else key.public()
    half.verify(b"message", key.sign(b"message"))
    assert key.size >= 8 * ALGORITHMS[alg].hash_size or key.kty != "oct"
    assert jwk.load(key.to_jwk(private=True)).is_same_key(key)


def test_a_kid_is_the_thumbprint_and_random_for_a_secret() -> None:
    """A key pair is called by its thumbprint; a secret, whose thumbprint would tell, by random bits (threat 12)."""
    key, secret = jwk.generate("Ed25519"), jwk.generate("HS256")
    assert key.kid == key.thumbprint()
    assert secret.kid not in {None, secret.thumbprint(secret=True), jwk.generate("HS256").kid}
    assert jwk.generate("ES256", kid="mine").kid == "mine"


def test_rsa_has_3072_bits_unless_told() -> None:
    """The default modulus has 3072 bits and the exponent is 65537."""
    key = jwk.generate("PS256")
    assert key.size == 3072
    assert key.to_jwk()["e"] == "AQAB"


@pytest.mark.parametrize("size", [1024, 2047, 0, -1, 16384, 2048.0, "2048", True])
def test_a_size_that_makes_no_sense_is_refused(size: Any) -> None:
    """RSA has 2048 to 8192 bits in whole octets; a secret at least the hash's."""
    with pytest.raises(PolicyError):
        jwk.generate("RS256", size=size)
    if size not in {1024, 16384}:
        with pytest.raises((KeyMaterialError, PolicyError)):
            jwk.generate("HS256", size=size)


@pytest.mark.parametrize("alg", ["none", "es256", "RS1", "A128KW", "", None, 5, ["ES256"]])
def test_an_unknown_algorithm_is_refused(alg: Any) -> None:
    """Names are exact, and none has no generator."""
    with pytest.raises(AlgorithmNotAllowedError):
        jwk.generate(alg)
