"""Finding the one key for a token among several."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.certificates import certificate
from undersign import jwk, jwks, jws, jwt
from undersign.errors import (
    AlgorithmNotAllowedError,
    AmbiguousKeyError,
    InvalidSignatureError,
    KeyMaterialError,
    PolicyError,
    PrivateKeyGivenError,
    UnknownKeyError,
)
from undersign.jwk import Key

OLD, NEW, OTHER = (
    jwk.generate("ES256", kid="2025"),
    jwk.generate("ES256", kid="2026"),
    jwk.generate("Ed25519", kid="ed"),
)
KEYS = jwks.KeySet([each.public() for each in (OLD, NEW, OTHER)])


def test_kid_finds_the_key() -> None:
    """The kid of the header chooses among keys that fit, in the protected header or the unprotected one."""
    for key in (OLD, NEW, OTHER):
        assert jws.verify(jws.sign(b"m", key), KEYS).key.kid == key.kid
        nameless = jwk.load({name: value for name, value in key.to_jwk(private=True).items() if name != "kid"})
        token = jws.sign(b"m", [jws.By(nameless, header={"kid": key.kid})], serialization="general")
        assert jws.verify(token, KEYS).key.kid == key.kid
    assert KEYS.find("2026", None, "ES256").kid == "2026"


def test_a_retired_key_still_verifies_by_its_kid() -> None:
    """A set holds the key of today and those of yesterday, and each verifies what it signed, until it is taken out."""
    verifier = jwt.Verifier(KEYS, issuer="i", audience="a")
    tokens = {key.kid: jwt.sign({}, key, issuer="i", audience="a") for key in (OLD, NEW)}
    assert {kid: verifier.verify(token).key.kid for kid, token in tokens.items()} == {"2025": "2025", "2026": "2026"}
    with pytest.raises(UnknownKeyError):
        jwt.verify(tokens["2025"], jwks.KeySet([NEW.public()]), issuer="i", audience="a")


def test_a_kid_chooses_a_key_and_never_an_algorithm() -> None:
    """A kid that names a key of another algorithm is refused, and so is a key that would fit but has another kid."""
    with pytest.raises(AlgorithmNotAllowedError):
        KEYS.find("ed", None, "ES256")
    with pytest.raises(AlgorithmNotAllowedError):
        KEYS.find(None, None, "HS256")
    with pytest.raises(UnknownKeyError) as caught:
        KEYS.find("2027", None, "ES256")
    assert caught.value.source is KEYS
    with pytest.raises(InvalidSignatureError):
        jws.verify(jws.sign(b"m", jwk.load(OLD.to_jwk(private=True), kid="2026")), KEYS)


def test_without_a_kid_only_one_may_fit() -> None:
    """Of two keys that fit nothing tells which; where the algorithm leaves one, it serves."""
    with pytest.raises(AmbiguousKeyError):
        KEYS.find(None, None, "ES256")
    assert KEYS.find(None, None, "Ed25519").kid == "ed"


def test_a_single_key_serves_under_any_kid() -> None:
    """With one key there is nothing to choose: the algorithm is compared, the kid is not."""
    token = jws.sign(b"m", jwk.load(OLD.to_jwk(private=True), kid="another name"))
    assert jws.verify(token, OLD.public()).payload == b"m"


def test_a_certificate_s_thumbprint_chooses() -> None:
    """x5t#S256 finds the key with that certificate among those without kid, and refuses one that no key has."""
    natives = [key._material.private for key in (OLD, NEW)]
    held = [jwk.load(certificate(native).public_bytes(_pem())) for native in natives]
    keys = jwks.KeySet(held)
    for key in held:
        found = keys.find(None, key.x5t_s256, "ES256")
        assert found.is_same_key(key)
    with pytest.raises(UnknownKeyError):
        keys.find(None, "A" * 43, "ES256")


def _pem() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - only here

    return Encoding.PEM


def test_keys_without_an_algorithm_serve_what_the_caller_names() -> None:
    """An RSA key that names no algorithm serves only where algorithms= does; then the header picks one that fits."""
    key = jwk.generate("RS256", size=2048)
    public = {name: value for name, value in key.to_jwk().items() if name != "alg"}
    keys = jwks.KeySet.load({"keys": [public, OTHER.to_jwk()]})
    token = jws.sign(b"m", key)
    with pytest.raises((AlgorithmNotAllowedError, UnknownKeyError)):
        jws.verify(token, keys)
    with pytest.raises(PolicyError):
        jws.verify(token, jwk.load(public))
    assert jws.verify(token, keys, algorithms=["RS256", "PS256"]).key.alg == "RS256"
    assert jws.verify(token, jwk.load(public), algorithms=["PS256", "RS256"]).key.alg == "RS256"
    with pytest.raises((AlgorithmNotAllowedError, UnknownKeyError)):
        jws.verify(token, keys, algorithms=["PS256"])
    with pytest.raises((AlgorithmNotAllowedError, UnknownKeyError)):
        jws.verify(jws.sign(b"m", OTHER), keys, algorithms=["RS256"])


@pytest.mark.parametrize(
    "source", [None, 5, [], "[]", "{}", '{"keys":{}}', {"keys": ()}, "", b"\xff", "{", {"kty": "oct"}], ids=range(11)
)
def test_what_is_no_set_is_refused(source: Any) -> None:
    """A set is an object with an array of keys (RFC 7517 section 5)."""
    with pytest.raises((KeyMaterialError, Exception)) as caught:
        jwks.KeySet.load(source)
    assert hasattr(caught.value, "code")


def test_only_public_halves_are_published() -> None:
    """to_jwks writes no private member and leaves secrets out."""
    published = jwks.KeySet([OLD, jwk.generate("HS256"), OTHER]).to_jwks()
    assert [member["kid"] for member in published["keys"]] == ["2025", "ed"]
    assert not {"d", "k", "p", "q"} & {name for member in published["keys"] for name in member}
    assert len(jwks.KeySet.load(json.dumps(published))) == 2


@pytest.mark.parametrize(
    "keys",
    [
        "secret",
        b"secret",
        bytearray(b"x"),
        "-----BEGIN PUBLIC KEY-----",
        None,
        5,
        [],
        (),
        {},
        {"keys": []},
        [b"x"],
        ["x"],
        object(),
        {OLD},
        [OLD.public(), "x"],
    ],
    ids=range(15),
)
def test_text_and_octets_are_never_keys(keys: Any) -> None:
    """Whatever is no Key, no list of them and no source is refused when a verifier is built, strings above all."""
    for attempt in (lambda: jwt.Verifier(keys, issuer="i", audience="a"), lambda: jws.verify("a.b.c", keys)):
        with pytest.raises(PolicyError):
            attempt()


def test_private_keys_do_not_verify() -> None:
    """A private key in the place of a public one is refused, alone, in a list and in a set; a secret is both."""
    for keys in (OLD, [OTHER.public(), OLD], jwks.KeySet([OLD])):
        with pytest.raises(PrivateKeyGivenError):
            jwt.Verifier(keys, issuer="i", audience="a")
    jwt.Verifier(jwk.generate("HS256"), issuer="i", audience="a")


def test_a_set_is_read_only() -> None:
    """Nothing of a set can be set, deleted or replaced; it counts and lists its keys."""
    for name in ("keys", "skipped", "_by_alg"):
        with pytest.raises(AttributeError):
            setattr(KEYS, name, ())
        with pytest.raises(AttributeError):
            delattr(KEYS, name)
    assert (len(KEYS), [key.kid for key in KEYS]) == (3, ["2025", "2026", "ed"])
    with pytest.raises(PolicyError):
        jwks.KeySet(["x"])  # type: ignore[list-item]


def test_a_source_of_one_s_own_is_asked_by_value() -> None:
    """A source is asked with kid, thumbprint and alg, and a key it gives that is for another algorithm is refused."""
    asked = []

    class Source:
        def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
            asked.append((kid, x5t_s256, alg))
            return OTHER.public()

    assert jws.verify(jws.sign(b"m", OTHER), Source()).payload == b"m"
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(jws.sign(b"m", OLD), Source())
    assert asked == [("ed", None, "Ed25519"), ("2025", None, "ES256")]
