"""A key: bound to one algorithm, read-only, and telling why it cannot be used."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from undersign import jwk, jws
from undersign.errors import (
    AlgorithmNotAllowedError,
    InvalidSignatureError,
    KeyMaterialError,
    KeyUseError,
    PolicyError,
    UnusableKeyError,
)

RSA = jwk.generate("RS256", size=2048)


def test_a_public_key_cannot_sign() -> None:
    """The public half verifies and refuses to sign."""
    key = jwk.generate("Ed25519")
    public = key.public()
    public.verify(b"m", key.sign(b"m"))
    with pytest.raises(UnusableKeyError):
        public.sign(b"m")
    assert public.public() is public
    with pytest.raises(UnusableKeyError):
        public.to_jwk(private=True)
    with pytest.raises(UnusableKeyError):
        public.to_pem(private=True)


def test_a_key_serves_one_algorithm() -> None:
    """A key that names its algorithm refuses every other; one that names none serves what the caller binds it to."""
    with pytest.raises(AlgorithmNotAllowedError):
        RSA.bound("PS256")
    open_key = jwk.load({name: value for name, value in RSA.to_jwk(private=True).items() if name != "alg"})
    assert open_key.alg is None
    with pytest.raises(UnusableKeyError):
        open_key.sign(b"m")
    for alg in ("RS256", "PS512"):
        bound = open_key.bound(alg)
        bound.public().verify(b"m", bound.sign(b"m"))
    with pytest.raises(AlgorithmNotAllowedError):
        open_key.bound("ES256")


def test_rs_and_ps_are_not_each_other() -> None:
    """A PS256 signature does not verify as RS256 under the same modulus, nor as PS384."""
    members = {name: value for name, value in RSA.to_jwk(private=True).items() if name != "alg"}
    keys = [jwk.load(members, alg=alg) for alg in ("RS256", "PS256", "PS384", "RS512")]
    for one in keys:
        for other in keys:
            if one.alg != other.alg:
                with pytest.raises(InvalidSignatureError):
                    other.verify(b"m", one.sign(b"m"))


def test_curves_name_their_algorithm_and_rsa_and_secrets_do_not() -> None:
    """EC, OKP and AKP keys get their own algorithm; RSA and oct keys have none unless told."""
    for alg, expected in {
        "ES384": "ES384",
        "Ed448": "Ed448",
        "EdDSA": "Ed25519",
        "ML-DSA-65": "ML-DSA-65",
        "RS256": None,
        "HS256": None,
    }.items():
        members = (RSA if alg == "RS256" else jwk.generate(alg)).to_jwk(private=True)
        if alg != "ML-DSA-65":
            members.pop("alg", None)
        assert jwk.load(members).alg == expected


def test_eddsa_is_kept_where_the_jwk_says_so() -> None:
    """A JWK of EdDSA stays EdDSA, in the token and when written again; any other is written under its RFC 9864 name."""
    old = jwk.load({**jwk.generate("Ed25519").to_jwk(private=True), "alg": "EdDSA"})
    assert jws.verify(jws.sign(b"m", old), old.public()).header["alg"] == "EdDSA"
    assert old.to_jwk()["alg"] == "EdDSA"
    assert jwk.load(jwk.generate("Ed25519").to_pem()).alg == "Ed25519"


@pytest.mark.parametrize(
    "members, error",
    [
        ({"use": "enc"}, KeyUseError),
        ({"key_ops": ["encrypt"]}, KeyUseError),
        ({"alg": "RSA-OAEP"}, UnusableKeyError),
        ({"alg": "NEW256"}, UnusableKeyError),
    ],
    ids=["use", "key_ops", "alg of encryption", "alg unknown"],
)
def test_a_sound_key_that_cannot_be_used_says_why(members: dict[str, Any], error: type[Exception]) -> None:
    """It loads, `unusable` says why, and using it raises the same reason."""
    base = {name: value for name, value in RSA.to_jwk().items() if name != "alg"}
    key = jwk.load({**base, **members})
    assert key.unusable
    with pytest.raises(error, match=key.unusable.replace("'", ".")[:30]):
        key.verify(b"m", bytes(256))


def test_an_agreement_key_says_what_it_is_for() -> None:
    """An X25519 key is read, for later, and does not sign."""
    key = jwk.load({"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"})
    assert "agreement" in (key.unusable or "")


def test_a_key_is_read_only() -> None:
    """No attribute can be set or deleted; no key is built by hand, pickled or copied."""
    key = jwk.generate("ES256")
    for name in ("alg", "kid", "verify", "_material", "new"):
        with pytest.raises(AttributeError):
            setattr(key, name, None)
        with pytest.raises(AttributeError):
            delattr(key, name)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, lambda _: jwk.Key(), lambda _: jwk.Key(key._material)):
        with pytest.raises(TypeError):
            attempt(key)


def test_a_secret_has_no_public_half() -> None:
    """Neither a public JWK, a PEM nor a thumbprint of a secret comes out unless asked for by name."""
    secret = jwk.generate("HS256")
    for attempt in (secret.public, secret.to_jwk, secret.to_pem):
        with pytest.raises(UnusableKeyError):
            attempt()
    with pytest.raises(PolicyError):
        secret.thumbprint()
    assert len(secret.thumbprint(secret=True)) == 43


def test_thumbprints_have_three_hashes() -> None:
    """sha256, sha384 and sha512 are there, and the URI names the hash (RFC 9278)."""
    key = jwk.generate("ES256")
    assert [len(key.thumbprint(name)) for name in ("sha256", "sha384", "sha512")] == [43, 64, 86]
    assert key.thumbprint_uri("sha512").startswith("urn:ietf:params:oauth:jwk-thumbprint:sha-512:")
    with pytest.raises(PolicyError):
        key.thumbprint("md5")


def test_deterministic_ecdsa_repeats_and_hedged_does_not() -> None:
    """RFC 6979 nonces give one signature for one message; by default each signature differs (threat 15)."""
    key = jwk.generate("ES256")
    assert key.deterministic().sign(b"m") == key.deterministic().sign(b"m")
    assert key.sign(b"m") != key.sign(b"m")
    key.public().verify(b"m", key.deterministic().sign(b"m"))


def test_the_caller_s_kid_and_alg_count_where_the_jwk_is_silent() -> None:
    """kid= replaces the JWK's; alg= fills in where it has none and is refused where it names another."""
    members = jwk.generate("ES256", kid="old").public().to_jwk()
    assert jwk.load(members, kid="new").kid == "new"
    with pytest.raises(KeyMaterialError):
        jwk.load(members, alg="ES384")
    with pytest.raises(AlgorithmNotAllowedError):
        jwk.load(members | {"alg": "ES256"}, alg="ES256").bound("none")
