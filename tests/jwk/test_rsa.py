"""RSA keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from undersign import jwk
from undersign.encoding import int_to_b64url
from undersign.errors import KeyMaterialError, WeakKeyError


def test_a_small_modulus_is_weak() -> None:
    """2047 bits are too few and 2048 are enough (RFC 7518 section 3.3)."""
    with pytest.raises(WeakKeyError):
        jwk.load({"kty": "RSA", "n": int_to_b64url(1 << 2046 | 1), "e": "AQAB"})
    assert jwk.load({"kty": "RSA", "n": int_to_b64url(1 << 2047 | 1), "e": "AQAB"}).size == 2048


def test_larger_sizes_work() -> None:
    """4096 bits generate, sign and verify; 8192 load; one more octet does not."""
    key = jwk.generate("RS256", size=4096)
    key.public().verify(b"m", key.sign(b"m"))
    assert jwk.load({"kty": "RSA", "n": int_to_b64url(1 << 8191 | 1), "e": "AQAB"}).size == 8192
    with pytest.raises(KeyMaterialError):
        jwk.load({"kty": "RSA", "n": int_to_b64url(1 << 8199 | 1), "e": "AQAB"})


@pytest.mark.parametrize("carmichael", [False, True])
def test_d_alone_is_enough(carmichael: bool) -> None:
    """A private key with d and no primes, made from either order of the group, is completed and signs."""
    private = rsa.generate_private_key(65537, 2048).private_numbers()
    order = (private.p - 1) * (private.q - 1)
    d = private.d if carmichael else pow(65537, -1, order)
    n = private.public_numbers.n
    key = jwk.load({"kty": "RSA", "alg": "PS256", "n": int_to_b64url(n), "e": "AQAB", "d": int_to_b64url(d)})
    key.public().verify(b"m", key.sign(b"m"))
    written = key.to_jwk(private=True)
    assert {written["p"], written["q"]} == {int_to_b64url(private.p), int_to_b64url(private.q)}
    with pytest.raises(KeyMaterialError):
        jwk.load({"kty": "RSA", "n": int_to_b64url(n), "e": "AQAB", "d": int_to_b64url(d + 2)})


def test_the_salt_of_pss_is_as_long_as_the_hash() -> None:
    """A PSS signature with another salt length is refused, though OpenSSL could find it out (threat 14)."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - only here

    native = rsa.generate_private_key(65537, 2048)
    numbers = native.public_key().public_numbers()
    public = jwk.load({"kty": "RSA", "alg": "PS256", "n": int_to_b64url(numbers.n), "e": "AQAB"})

    def sign(salt: int, mask: hashes.HashAlgorithm) -> bytes:
        return native.sign(b"m", padding.PSS(padding.MGF1(mask), salt), hashes.SHA256())

    public.verify(b"m", sign(32, hashes.SHA256()))
    for salt, mask in ((0, hashes.SHA256()), (31, hashes.SHA256()), (222, hashes.SHA256()), (32, hashes.SHA1())):  # noqa: S303 - refused
        with pytest.raises(Exception, match="does not verify"):
            public.verify(b"m", sign(salt, mask))
