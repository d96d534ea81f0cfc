"""Seed 002, the life of a JWS: npm jose's calls as ours, its two attacks, its checklist, and where it is wrong."""

import hmac
import json

import pytest

from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode, b64url_encode, dump_json
from undersign.errors import (
    AlgorithmNotAllowedError,
    ExpiredTokenError,
    IncorrectClaimError,
    InvalidBase64Error,
    InvalidHeaderError,
    InvalidSignatureError,
    KeyMaterialError,
    KeySelectionError,
    MissingClaimError,
    PolicyError,
    UndersignError,
    UnknownKeyError,
    UnmetPolicyError,
    UnsupportedCriticalError,
    UnusableKeyError,
    WeakKeyError,
)

ISSUER, AUDIENCE = "https://api.example.com", "https://app.example.com"
ORDER = b'{"orderId":"ord_42","amount":100}'

PRINTED = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiJ1c2VyXzEyMyIsImlhdCI6MTcxNjEyMzQ1NiwiZXhwIjoxNzE2MTI3MDU2fQ=="
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
UNSECURED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzQ1NiIsInJvbGUiOiJhZG1pbiJ9."

RSA = jwk.generate("RS256", kid="rsa-key-2026-01", size=2048)
FINANCE = jwk.generate("ES256", kid="key-1")
LEGAL = jwk.load(RSA.to_pem(private=True), alg="RS256", kid="key-2")


def by_hand(header: dict[str, object], payload: bytes, sign) -> str:
    """What anybody can put together without a library."""
    signing_input = f"{b64url_encode(dump_json(header))}.{b64url_encode(payload)}"
    return f"{signing_input}.{b64url_encode(sign(signing_input.encode()))}"


# ── signing and verifying ─────────────────────────────────────────────────────────────────────────────────────────


def test_hs256_signs_and_verifies():
    """The first pair of calls: a token of an hour for one audience, verified against algorithm, issuer and audience."""
    key = jwk.generate("HS256")
    claims = {"sub": "user_123", "role": "admin"}
    token = jwt.sign(claims, key, issuer=ISSUER, audience=AUDIENCE, lifetime="1h")

    verified = jwt.verify(token, key, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
    assert verified.claims["sub"] == "user_123"
    assert verified.claims["exp"] - verified.claims["iat"] == 3600
    assert len(b64url_decode(token.rpartition(".")[2])) == 32


def test_rs256_signs_and_verifies():
    """The second pair: a PKCS #8 key signs under its kid, the SPKI half verifies and cannot sign."""
    private = jwk.load(RSA.to_pem(private=True), alg="RS256", kid="rsa-key-2026-01")
    public = jwk.load(RSA.to_pem(), alg="RS256")
    token = jwt.sign({"sub": "user_123"}, private, lifetime="15m")

    verified = jwt.verify(token, public, algorithms=["RS256"], waive=("iss", "aud"))
    assert verified.header == {"alg": "RS256", "kid": "rsa-key-2026-01", "typ": "JWT"}
    assert len(b64url_decode(token.rpartition(".")[2])) == 256
    with pytest.raises(UnusableKeyError):
        jwt.sign({"sub": "user_123"}, public)


def test_eddsa_signs_and_verifies():
    """The third pair: a generated Ed25519 key pair that says EdDSA signs 64 octets and writes that name."""
    private = jwk.generate("EdDSA", kid="ed25519-key-1")
    token = jwt.sign({"sub": "user_123", "scope": "read write"}, private, lifetime="1h")

    verified = jwt.verify(token, private.public(), algorithms=["EdDSA"], waive=("iss", "aud"))
    assert verified.header == {"alg": "EdDSA", "kid": "ed25519-key-1", "typ": "JWT"}
    assert private.crv == "Ed25519"
    assert len(b64url_decode(token.rpartition(".")[2])) == 64


@pytest.mark.parametrize(
    "payload",
    [b'{"event":"order.created","id":"ord_42"}', b"<order id='ord_42'/>", b"", bytes(range(256))],
    ids=["json", "xml", "empty", "binary"],
)
def test_content_that_is_no_jwt_is_signed(payload):
    """Any octets are signed as they are and come back as they were, without a typ and without claims."""
    key = jwk.generate("EdDSA")
    token = jws.sign(payload, key)

    verified = jws.verify(token, key.public(), algorithms=["EdDSA"])
    assert verified.payload == payload
    assert verified.header == {"alg": "EdDSA", "kid": key.kid}


@pytest.mark.parametrize(
    "alg,octets,key",
    [
        ("HS256", 32, jwk.generate("HS256")),
        ("RS256", 256, RSA),
        ("ES256", 64, FINANCE),
        ("EdDSA", 64, jwk.generate("EdDSA")),
    ],
)
def test_the_table_of_algorithms(alg, octets, key):
    """The four algorithms of the table sign with as many octets as it says."""
    assert key.alg == alg
    assert len(key.sign(b"x")) == octets


def test_the_table_of_key_requirements():
    """HS256 needs 256 bits and RS256 needs 2048."""
    with pytest.raises(WeakKeyError):
        jwk.secret(b"x" * 31, alg="HS256").sign(b"x")
    assert jwk.secret(b"x" * 32, alg="HS256").unusable is None
    with pytest.raises(UndersignError):
        jwk.generate("RS256", size=1024)
    assert RSA.size == 2048


# ── the JSON serializations ───────────────────────────────────────────────────────────────────────────────────────


def two_signers() -> dict[str, object]:
    """The seed's GeneralSign: finance by ES256 and legal by RS256 on one order."""
    return jws.sign(
        ORDER,
        [jws.By(FINANCE, header={"department": "finance"}), jws.By(LEGAL, header={"department": "legal"})],
        serialization="general",
    )


def test_the_general_form_is_the_printed_one():
    """The payload and both protected headers come out as printed, and each signer has a department of its own."""
    token = two_signers()
    assert token["payload"] == "eyJvcmRlcklkIjoib3JkXzQyIiwiYW1vdW50IjoxMDB9"
    assert [entry["protected"] for entry in token["signatures"]] == [
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtleS0xIn0",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0yIn0",
    ]
    assert [entry["header"] for entry in token["signatures"]] == [{"department": "finance"}, {"department": "legal"}]


@pytest.mark.parametrize(
    "policy,keys",
    [
        (jws.all_of(), [FINANCE.public(), LEGAL.public()]),
        (jws.at_least(2), [FINANCE.public(), LEGAL.public()]),
        (jws.required([LEGAL.public()]), [FINANCE.public(), LEGAL.public()]),
        (jws.any_of(), FINANCE.public()),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_policy_says_which_signatures_must_hold(policy, keys):
    """Text and code of the seed differ on what generalVerify asks for; here the caller names it, and it is met."""
    verified = jws.verify(two_signers(), keys, policy=policy)
    assert verified.payload == ORDER
    assert verified.protected == {"alg": "ES256", "kid": "key-1"}
    assert verified.unprotected == {"department": "finance"}
    assert len(verified.signatures) == 2


@pytest.mark.parametrize(
    "policy,keys",
    [
        (jws.all_of(), FINANCE.public()),
        (jws.at_least(2), FINANCE.public()),
        (jws.required([LEGAL.public()]), FINANCE.public()),
        (jws.any_of(), jwk.generate("ES256").public()),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_policy_that_is_not_met_refuses(policy, keys):
    """Where keys are missing, each policy but any_of refuses, and the error has a verdict on each signature."""
    with pytest.raises(UnmetPolicyError) as caught:
        jws.verify(two_signers(), keys, policy=policy)
    assert len(caught.value.signatures) == 2


def test_several_signatures_need_a_policy():
    """Two signatures without a word on which must hold are refused, even where both do."""
    with pytest.raises(UnmetPolicyError, match="no policy"):
        jws.verify(two_signers(), [FINANCE.public(), LEGAL.public()])


def test_parties_sign_the_same_content_independently():
    """A second party adds its signature to what the first signed, elsewhere and later, and both hold."""
    first = jws.sign(ORDER, FINANCE, serialization="flattened")
    both = jws.add_signature(json.loads(json.dumps(first)), jws.By(LEGAL, header={"department": "legal"}))
    assert jws.verify(both, [FINANCE.public(), LEGAL.public()], policy=jws.all_of()).payload == ORDER


def test_the_flattened_form_has_an_unprotected_header():
    """One signer, the protected header as printed, and a parameter beside it that nobody signed."""
    key = jwk.generate("EdDSA", kid="ed25519-key-1")
    general = jws.sign(b'{"sub":"user_123"}', [jws.By(key, header={"custom-claim": "value"})], serialization="general")
    token = {"payload": general["payload"], **general["signatures"][0]}

    assert token["payload"] == "eyJzdWIiOiJ1c2VyXzEyMyJ9"
    assert token["protected"] == "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkMjU1MTkta2V5LTEifQ"
    verified = jws.verify(token, key.public())
    assert verified.unprotected == {"custom-claim": "value"}


# ── the two attacks ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithms", [None, ["RS256"]])
def test_the_printed_unsecured_token_is_refused(algorithms):
    """The attacker's token of the alg none attack verifies under no key, allow-list or not."""
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(UNSECURED, RSA.public(), algorithms=algorithms)
    with pytest.raises(UndersignError):
        jwt.verify(UNSECURED, RSA.public(), waive=("iss", "aud", "exp"), algorithms=algorithms)


def test_none_cannot_be_named():
    """Not even the caller can allow alg none."""
    for call in (
        lambda: jws.verify(UNSECURED, RSA.public(), algorithms=["none"]),
        lambda: jws.verify(UNSECURED, RSA.public(), algorithms=["RS256", "none"]),
        lambda: jwk.generate("none"),
    ):
        with pytest.raises(AlgorithmNotAllowedError):
            call()


@pytest.mark.parametrize("algorithms", [None, ["RS256"], ["RS256", "HS256"]])
def test_key_confusion_is_refused(algorithms):
    """An HS256 token made with the RSA public key's PEM as secret is refused, whatever the caller allows."""
    pem = RSA.to_pem().encode()
    forged = by_hand({"alg": "HS256"}, b'{"role":"admin"}', lambda text: hmac.digest(pem, text, "sha256"))
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(forged, jwk.load(pem, alg="RS256"), algorithms=algorithms)
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(forged, jwks.KeySet([RSA.public()]), algorithms=algorithms)


def test_a_public_key_is_never_a_secret():
    """The vulnerable half of the attack cannot be written: octets of a public key are refused as an HMAC secret."""
    with pytest.raises(KeyMaterialError):
        jwk.secret(RSA.to_pem().encode(), alg="HS256")
    with pytest.raises(PolicyError):
        jws.verify(UNSECURED, RSA.to_pem(), algorithms=["RS256"])


# ── a key set with a retired key ──────────────────────────────────────────────────────────────────────────────────


def test_a_retired_key_is_selected_by_kid():
    """Of two Ed25519 keys in a local set, the kid chooses, and what the retired one signed still verifies."""
    current, retired = jwk.generate("EdDSA", kid="key-2026"), jwk.generate("EdDSA", kid="key-2025")
    printed = [{n: v for n, v in key.public().to_jwk().items() if n != "alg"} for key in (current, retired)]
    assert [key.keys() for key in printed] == [{"kty", "crv", "kid", "x"}] * 2
    keys = jwks.KeySet.load({"keys": printed})

    for key in (current, retired):
        verified = jwt.verify(jwt.sign({}, key), keys, algorithms=["EdDSA"], waive=("iss", "aud"))
        assert verified.key.kid == key.kid


def test_a_key_that_left_the_set_verifies_nothing():
    """Once the retired key is gone, its kid is unknown, and its signature under the other's kid does not hold."""
    current, retired = jwk.generate("EdDSA", kid="key-2026"), jwk.generate("EdDSA", kid="key-2025")
    keys = jwks.KeySet([current.public()])
    with pytest.raises(UnknownKeyError):
        jwt.verify(jwt.sign({}, retired), keys, waive=("iss", "aud"))
    with pytest.raises(InvalidSignatureError):
        jwt.verify(jwt.sign({}, retired, header={"kid": "key-2026"}), keys, waive=("iss", "aud"))
    unnamed = jws.sign(b"{}", jwk.load({n: v for n, v in retired.to_jwk(private=True).items() if n != "kid"}))
    with pytest.raises(KeySelectionError):
        jws.verify(unnamed, jwks.KeySet([current.public(), retired.public()]))


# ── the checklist ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_header_never_dictates_the_algorithm():
    """A key without an algorithm needs an allow-list, and what is not on it is refused."""
    plain = jwk.load(RSA.to_pem())
    token = jws.sign(b"x", RSA)
    with pytest.raises(PolicyError):
        jws.verify(token, plain)
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(token, plain, algorithms=["PS256"])
    assert jws.verify(token, plain, algorithms=["RS256"]).payload == b"x"


def test_claims_are_checked_and_only_after_the_signature():
    """Expiry, start, issuer and audience are each checked, and a broken signature is what counts before any of them."""
    key = jwk.generate("HS256")
    expected = {"issuer": ISSUER, "audience": AUDIENCE, "now": 1000}
    good = {"iss": ISSUER, "aud": AUDIENCE, "iat": 900, "nbf": 900, "exp": 1100}
    assert jwt.verify(jwt.sign(good, key), key, **expected).claims["iss"] == ISSUER

    wrong = {"exp": 1000, "nbf": 1001, "iss": "https://other.example", "aud": "https://other.example"}
    for claim, value in wrong.items():
        token = jwt.sign({**good, claim: value}, key)
        with pytest.raises(IncorrectClaimError) as caught:
            jwt.verify(token, key, **expected)
        assert caught.value.claim == claim
        with pytest.raises(InvalidSignatureError):
            jwt.verify(token, jwk.generate("HS256"), **expected)


def test_issuer_and_audience_cannot_be_forgotten():
    """The seed leaves them out of two examples; here that is an error until they are waived by name."""
    key = jwk.generate("HS256")
    with pytest.raises(PolicyError, match="issuer"):
        jwt.Verifier(key, audience=AUDIENCE)
    with pytest.raises(PolicyError, match="audience"):
        jwt.Verifier(key, issuer=ISSUER)


def test_an_expiry_is_expected_though_the_standard_makes_it_optional():
    """RFC 7519 requires none of the claims the seed calls required; exp is expected here until it is waived."""
    key = jwk.generate("HS256")
    endless = jwt.sign({}, key, lifetime=None)
    with pytest.raises(MissingClaimError):
        jwt.verify(endless, key, waive=("iss", "aud"))
    assert "nbf" not in jwt.verify(endless, key, waive=("iss", "aud", "exp")).claims


@pytest.mark.parametrize("name", ["jwk", "jku"])
def test_a_key_in_the_header_is_never_used(name):
    """An attacker's key, embedded or at an address, signs its own token, which is refused all the same."""
    attacker = jwk.generate("EdDSA")
    value = attacker.public().to_jwk() if name == "jwk" else "https://attacker.example/keys"
    token = jws.sign(b"{}", attacker, header={name: value})
    with pytest.raises(UnknownKeyError):
        jws.verify(token, jwks.KeySet([jwk.generate("EdDSA", kid="key-2026").public()]))
    with pytest.raises(InvalidSignatureError):
        jws.verify(token, jwk.generate("EdDSA").public())


def test_tokens_are_short_lived_unless_told():
    """Fifteen minutes, the seed's advice for access tokens, is what a token lives without a word."""
    key = jwk.generate("HS256")
    claims = jwt.verify(jwt.sign({}, key), key, waive=("iss", "aud")).claims
    assert claims["exp"] - claims["iat"] == 900


# ── where the seed is wrong ───────────────────────────────────────────────────────────────────────────────────────


def test_the_printed_token_with_padding_is_refused():
    """The concrete example ends its payload in two equals signs, which no signature excuses; a quirk reads them."""
    key = jwk.generate("HS256")
    signing_input = PRINTED.rpartition(".")[0]
    assert signing_input.endswith("==")
    signed = f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"

    with pytest.raises(InvalidBase64Error):
        jws.verify(signed, key)
    verified = jws.verify(signed, key, quirks=("padding",))
    assert json.loads(verified.payload) == {"sub": "user_123", "iat": 1716123456, "exp": 1716127056}
    assert "padding" in verified.checks


def test_the_printed_token_does_not_verify_without_its_padding_either():
    """Its signature is another token's: no quirk and no secret it could be from makes it hold."""
    for secret in (b"your-256-bit-secret", b"secret", b"your-secret"):
        key = jwk.secret(secret, alg="HS256")
        for token in (PRINTED, PRINTED.replace("==", "")):
            with pytest.raises(InvalidSignatureError):
                jws.verify(token, key, quirks=("padding", "short-secret"))


def test_crit_exp_is_refused():
    """The printed header makes exp critical without having it, which RFC 7515 section 4.1.11 forbids."""
    key = jwk.generate("EdDSA", kid="ed25519-key-1")
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "ed25519-key-1", "crit": ["exp"]}
    token = by_hand(header, b'{"exp":4102444800}', key.sign)
    for understood in ((), ("exp",)):
        with pytest.raises(InvalidHeaderError):
            jws.verify(token, key.public(), understood=understood)
        with pytest.raises(InvalidHeaderError):
            jwt.verify(token, key.public(), waive=("iss", "aud"), understood=understood)
    with pytest.raises(InvalidHeaderError):
        jwt.sign({}, key, header={"crit": ["exp"]})


def test_crit_exp_with_exp_in_the_header_must_be_understood():
    """Even where the header has exp, only a caller that says it processes it takes the token, and exp still counts."""
    key = jwk.generate("EdDSA")
    token = by_hand({"alg": "EdDSA", "crit": ["exp"], "exp": 100}, b'{"exp":100}', key.sign)
    with pytest.raises(UnsupportedCriticalError):
        jwt.verify(token, key.public(), waive=("iss", "aud"), now=50)
    assert jwt.verify(token, key.public(), waive=("iss", "aud"), now=50, understood=("exp",)).claims["exp"] == 100
    with pytest.raises(ExpiredTokenError):
        jwt.verify(token, key.public(), waive=("iss", "aud"), now=100, understood=("exp",))
