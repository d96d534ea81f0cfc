"""The examples printed in the standards: RFC 7515, 7517, 7519, 7520, 7638, 7797, 8037, 8812, 9278, 9864, 9964."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from undersign import jwk, jwks, jws, jwt
from undersign.conformance.cases import examples
from undersign.encoding import b64url_decode, b64url_encode, parse_object
from undersign.errors import (
    AlgorithmNotAllowedError,
    ExpiredTokenError,
    IncorrectClaimError,
    InvalidSignatureError,
    KeyMaterialError,
    MalformedTokenError,
    TokenError,
    UnmetPolicyError,
)
from undersign.jwk import Key

EXAMPLES = examples()
TOKENS: list[dict[str, Any]] = EXAMPLES["tokens"]
JOE = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'


def key_of(example: dict[str, Any]) -> Key:
    """The example's private key or secret, bound to the example's algorithm."""
    return jwk.load(EXAMPLES["keys"][example["key"]]).bound(example["alg"])


def halves(key: Key) -> Key:
    """What verifies: the public half, or the secret itself."""
    return key if key.kty == "oct" else key.public()


def content_of(example: dict[str, Any]) -> bytes:
    """The octets that the example signs."""
    return b64url_decode(example["payload"])


@pytest.fixture(params=TOKENS, ids=lambda example: example["name"])
def example(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One token that an RFC prints."""
    found: dict[str, Any] = request.param
    return found


def test_a_printed_token_verifies(example: dict[str, Any]) -> None:
    """What the RFC signed verifies under the RFC's key and gives the RFC's payload."""
    payload = content_of(example) if example.get("detached") or "payload" not in _members(example) else None
    verified = jws.verify(example["token"], halves(key_of(example)), payload=payload)
    assert verified.payload == content_of(example)


def _members(example: dict[str, Any]) -> Any:
    return example["token"] if isinstance(example["token"], dict) else {"payload": ""}


def test_a_printed_token_with_one_bit_changed_is_refused(example: dict[str, Any]) -> None:
    """The RFC's token with the last bit of its signature's first octet changed is refused."""
    key = halves(key_of(example))
    protected, content, signature, encoded = parts(example)
    message = protected.encode() + b"." + (b64url_encode(content).encode() if encoded else content)
    key.verify(message, signature)
    with pytest.raises(InvalidSignatureError):
        key.verify(message, bytes([signature[0] ^ 1]) + signature[1:])


@pytest.mark.parametrize(
    "example", [each for each in TOKENS if each.get("deterministic")], ids=lambda each: each["name"]
)
def test_a_printed_signature_is_made_again(example: dict[str, Any]) -> None:
    """Signing the RFC's header and payload octets with the RFC's key gives the RFC's signature."""
    protected, content, signature, encoded = parts(example)
    message = protected.encode() + b"." + (b64url_encode(content).encode() if encoded else content)
    assert key_of(example).deterministic().sign(message) == signature


def parts(example: dict[str, Any]) -> tuple[str, bytes, bytes, bool]:
    """Protected segment, payload, signature, and whether the payload is encoded."""
    token = example["token"]
    if isinstance(token, str):
        protected, _, signature = token.split(".")
    else:
        entry = token.get("signatures", [token])[0]
        protected, signature = entry.get("protected", ""), entry["signature"]
    encoded = not protected or parse_object(b64url_decode(protected)).get("b64", True)
    return protected, content_of(example), b64url_decode(signature), encoded


@pytest.mark.parametrize(
    "name, serialization, options",
    [
        ("7520 4.1", "compact", {}),
        ("7520 4.4", "general", {}),
        ("7520 4.5", "flattened", {"detached": True}),
        ("7797 4.1", "compact", {}),
        ("7797 4.2 detached", "compact", {"detached": True, "b64": False}),
        ("7797 4.2 flattened", "flattened", {"b64": False}),
        ("8037 A.4", "compact", {}),
    ],
)
def test_our_writer_writes_what_the_rfc_prints(name: str, serialization: Any, options: dict[str, Any]) -> None:
    """jws.sign writes these examples byte for byte: header, order of members, payload and signature."""
    example = next(each for each in TOKENS if each["name"] == name)
    key = jwk.load({**EXAMPLES["keys"][example["key"]], "alg": example["alg"]})
    assert jws.sign(content_of(example), key, serialization=serialization, **options) == example["token"]


def test_rfc7520_4_6_protecting_specific_header_fields() -> None:
    """A party's kid in the unprotected header is written there only, as RFC 7520 section 4.6 prints it."""
    example = next(each for each in TOKENS if each["name"] == "7520 4.6")
    key = key_of(example)
    made = jws.sign(content_of(example), [jws.By(key, header={"kid": key.kid})], serialization="general")
    assert made == {
        "payload": example["token"]["payload"],
        "signatures": [{name: example["token"][name] for name in ("protected", "header", "signature")}],
    }


def test_rfc7515_a_5_unsecured_is_refused() -> None:
    """The unsecured JWS of RFC 7515 appendix A.5 is refused under every key, and cannot be asked for."""
    for name in ("7515 A.1", "7515 A.3"):
        key = halves(jwk.load(EXAMPLES["keys"][name]))
        with pytest.raises(TokenError):
            jws.verify(EXAMPLES["more"]["7515 A.5"], key, algorithms=["HS256" if key.kty == "oct" else "ES256"])
        with pytest.raises(AlgorithmNotAllowedError):
            jws.verify(EXAMPLES["more"]["7515 A.5"], key, algorithms=["none"])


def test_rfc7515_e_unknown_critical_extension_is_refused() -> None:
    """The negative test case of RFC 7515 appendix E is refused."""
    with pytest.raises(TokenError):
        jws.verify(EXAMPLES["more"]["7515 E"], jwk.load(EXAMPLES["keys"]["7515 A.1"]), algorithms=["HS256"])


def test_rfc7515_a_6_two_signatures() -> None:
    """The general serialization of RFC 7515 appendix A.6 verifies under both keys, or one, as the policy says."""
    token = EXAMPLES["more"]["7515 A.6"]
    rsa = jwk.load(EXAMPLES["keys"]["7515 A.2"], alg="RS256", kid="2010-12-29").public()
    ec = jwk.load(EXAMPLES["keys"]["7515 A.3"], kid="e9bc097a-ce51-4036-9562-d2ade882db0d").public()
    verified = jws.verify(token, [rsa, ec], policy=jws.all_of())
    assert verified.payload == JOE
    assert [report.key and report.key.kty for report in verified.signatures] == ["RSA", "EC"]
    for one in (rsa, ec):
        assert jws.verify(token, one, policy=jws.any_of()).payload == JOE
        with pytest.raises(UnmetPolicyError):
            jws.verify(token, one, policy=jws.all_of())
    with pytest.raises(UnmetPolicyError):
        jws.verify(token, [rsa, ec])


def test_rfc7515_f_detached_content_must_be_given_once() -> None:
    """A detached payload that is not given, or given beside an attached one, is refused."""
    key = jwk.load(EXAMPLES["keys"]["7515 A.1"], alg="HS256")
    attached = next(each["token"] for each in TOKENS if each["name"] == "7515 A.1")
    detached = next(each["token"] for each in TOKENS if each["name"] == "7515 F")
    with pytest.raises(TokenError):
        jws.verify(detached, key)
    with pytest.raises(MalformedTokenError):
        jws.verify(attached, key, payload=JOE)


def test_rfc7520_4_8_three_signatures() -> None:
    """The three signatures of RFC 7520 section 4.8, of three key types, all hold."""
    keys = [
        jwk.load(EXAMPLES["keys"]["7520 3.3"], alg="RS256"),
        jwk.load(EXAMPLES["keys"]["7520 3.1"]),
        jwk.load(EXAMPLES["keys"]["7520 3.5"]),
    ]
    verified = jws.verify(EXAMPLES["more"]["7520 4.8"], keys, policy=jws.all_of())
    assert [report.verified for report in verified.signatures] == [True, True, True]


def test_rfc7519_3_1_is_judged_by_the_clock() -> None:
    """The JWT of RFC 7519 section 3.1 is good until the second before its exp, and for its issuer only."""
    token, key = EXAMPLES["more"]["7519 3.1"], jwk.load(EXAMPLES["keys"]["7515 A.1"], alg="HS256")
    verified = jwt.verify(token, key, issuer="joe", waive=("aud",), now=1300819379)
    assert verified.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    with pytest.raises(ExpiredTokenError):
        jwt.verify(token, key, issuer="joe", waive=("aud",), now=1300819380)
    with pytest.raises(IncorrectClaimError):
        jwt.verify(token, key, issuer="jim", waive=("aud",), now=1300819379)


@pytest.mark.parametrize("name", ["7517 A.1", "7517 A.2", "7517 A.3"])
def test_rfc7517_key_sets_load_whole(name: str) -> None:
    """Every key of the sets in RFC 7517 appendix A loads; those for encryption say that they cannot sign."""
    keys = jwks.KeySet.load(EXAMPLES["keys"][name])
    assert len(keys) == 2
    assert keys.skipped == ()
    for key, member in zip(keys, EXAMPLES["keys"][name]["keys"], strict=True):
        assert key.kid == member.get("kid")
        private = {"d", "k", "p", "q", "dp", "dq", "qi"} & member.keys()
        assert key.is_private is bool(private)
        if member.get("use") == "enc" or member.get("alg") == "A128KW":
            assert key.unusable


def test_rfc7517_b_certificate_belongs_to_the_key() -> None:
    """The RSA key of RFC 7517 appendix B loads with its certificate, and not with another modulus beside it."""
    key = jwk.load(EXAMPLES["keys"]["7517 B"])
    assert len(key.x5c) == 1
    assert key.x5t_s256
    other = EXAMPLES["keys"]["7517 A.1"]["keys"][1]["n"]
    with pytest.raises(KeyMaterialError):
        jwk.load({**EXAMPLES["keys"]["7517 B"], "n": other})


def test_rfc7638_3_1_and_rfc8037_a_3_thumbprints() -> None:
    """The printed thumbprints come out, whatever other members the key has."""
    assert EXAMPLES["thumbprints"]
    for name, index, expected in EXAMPLES["thumbprints"].values():
        members = EXAMPLES["keys"][name] if index is None else EXAMPLES["keys"][name]["keys"][index]
        assert jwk.load(members).thumbprint() == expected


def test_rfc9278_thumbprint_uri() -> None:
    """The thumbprint URI of RFC 9278 section 3 names the hash and holds the thumbprint."""
    members = EXAMPLES["keys"]["7517 A.1"]["keys"][1]
    expected = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert jwk.load(members).thumbprint_uri() == expected


def test_rfc8037_a_4_names_eddsa_and_rfc9864_names_the_curve() -> None:
    """A key serves EdDSA only where the JWK or the caller says so; unsaid, it is Ed25519 (RFC 9864 section 2.2)."""
    example = next(each for each in TOKENS if each["name"] == "8037 A.4")
    public = jwk.load(EXAMPLES["keys"]["8037 A.2"])
    assert public.alg == "Ed25519"
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(example["token"], public)
    assert jws.verify(example["token"], public, algorithms=["EdDSA"]).payload == b"Example of Ed25519 signing"
    assert jws.verify(example["token"], jwk.load({**EXAMPLES["keys"]["8037 A.2"], "alg": "EdDSA"}))


def test_rfc8037_a_6_agreement_keys_are_read_and_cannot_sign() -> None:
    """An X25519 key is sound, and says that it is for key agreement."""
    key = jwk.load(EXAMPLES["keys"]["8037 A.6"])
    assert "key agreement" in (key.unusable or "")


def test_rfc8812_secp256k1_is_its_own_algorithm() -> None:
    """A key on secp256k1 serves ES256K and no other (RFC 8812 section 3.2)."""
    key = jwk.generate("ES256K")
    assert (key.kty, key.crv) == ("EC", "secp256k1")
    key.public().verify(b"message", key.sign(b"message"))
    with pytest.raises(AlgorithmNotAllowedError):
        key.bound("ES256")


@pytest.mark.parametrize(
    "alg, expected, size",
    [
        ("ML-DSA-44", "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o", 2420),
        ("ML-DSA-65", "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM", 3309),
        ("ML-DSA-87", "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU", 4627),
    ],
)
def test_rfc9964_keys_of_the_zero_seed(alg: str, expected: str, size: int) -> None:
    """The ML-DSA keys whose seed is 32 zero octets have the printed thumbprints, and their signatures verify."""
    native = getattr(mldsa, f"MLDSA{alg[-2:]}PrivateKey").from_seed_bytes(bytes(32))
    members = {"kty": "AKP", "alg": alg, "pub": b64url_encode(native.public_key().public_bytes_raw())}
    assert jwk.load(members).thumbprint() == expected
    key = jwk.load({**members, "priv": b64url_encode(bytes(32))})
    signature = key.sign(b"message")
    assert len(signature) == size
    key.public().verify(b"message", signature)
