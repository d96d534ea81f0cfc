"""ID tokens: what OpenID Connect Core section 3.1.3.7 has a client check, and the attacks behind it."""

from __future__ import annotations

import asyncio

import pytest

from undersign import jwk, jws, jwt
from undersign.encoding import dump_json
from undersign.errors import (
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    TooOldError,
    UnusableKeyError,
)
from undersign.jwt.profiles import id_token

NOW = 1_800_000_000
ISSUER = "https://as.example"
CLIENT = "s6BhdRkqt3"
KEY = jwk.generate("ES256")


def clock() -> float:
    """Now."""
    return NOW


def verifier(key=KEY, **policy) -> id_token.Verifier:
    """This client's verifier."""
    public = key if key.kty == "oct" else key.public()
    return id_token.Verifier(public, issuer=ISSUER, client_id=CLIENT, clock=clock, **policy)


def minter(key=KEY) -> id_token.Minter:
    """The provider's minter."""
    return id_token.Minter(key, issuer=ISSUER, clock=clock)


def token(typ="JWT", **claims) -> str:
    """A token as a provider that follows no rules would make it."""
    own = {"iss": ISSUER, "sub": "ana", "aud": CLIENT, "iat": NOW, "exp": NOW + 300} | claims
    return jwt.Signer(KEY, lifetime=None, typ=typ).sign({n: v for n, v in own.items() if v is not None})


def test_a_minted_token_verifies_with_all_that_it_says() -> None:
    """Subject, nonce, time, class and methods of the login come back, and the evidence names what was checked."""
    made = minter().mint(
        subject="ana",
        client_id=CLIENT,
        nonce="n-0S6_WzA2Mj",
        auth_time=NOW - 30,
        acr="two-factor",
        amr=["pwd", "otp"],
        session="s-1",
        access_token="at-1",
        code="code-1",
        extra={"email": "ana@example.com"},
    )
    found = verifier(max_age="5m", acr_values=["two-factor"]).verify(
        made, nonce="n-0S6_WzA2Mj", access_token="at-1", code="code-1"
    )
    assert found.claims["amr"] == ["pwd", "otp"]
    assert (found.claims["sid"], found.claims["email"], found.header["typ"]) == ("s-1", "ana@example.com", "JWT")
    assert {"nonce", "azp", "at_hash", "c_hash", "auth_time", "acr"} <= {*found.checks}


def test_the_hashes_are_those_of_the_standard() -> None:
    """The examples of OpenID Connect Core appendix A.4 (RS256) give the at_hash and c_hash printed there."""
    key = jwk.generate("RS256", size=2048)
    assert id_token.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", key) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert id_token.half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", key) == (
        "LDktKdoQak3Pk0cnXxCltA"
    )


@pytest.mark.parametrize("alg,octets", [("HS512", 32), ("ES384", 24), ("Ed25519", 32), ("EdDSA", 32), ("Ed448", 57)])
def test_each_algorithm_has_its_own_hash(alg, octets) -> None:
    """The half hash follows the key's algorithm, and a verifier of that key agrees."""
    key = jwk.generate(alg)
    made = minter(key).mint(subject="ana", client_id=CLIENT, access_token="at-1")
    found = verifier(key).verify(made, nonce=None, access_token="at-1")
    assert len(found.claims["at_hash"]) == (octets * 8 + 5) // 6


def test_an_algorithm_without_a_hash_in_the_standard_says_so() -> None:
    """ML-DSA signs ID tokens, but nobody has said what its at_hash is."""
    key = jwk.generate("ML-DSA-44")
    made = minter(key).mint(subject="ana", client_id=CLIENT, nonce="n")
    assert verifier(key).verify(made, nonce="n")
    with pytest.raises(UnusableKeyError):
        minter(key).mint(subject="ana", client_id=CLIENT, access_token="at-1")
    with pytest.raises(UnusableKeyError):
        verifier(key).verify(made, nonce="n", access_token="at-1")


@pytest.mark.parametrize(
    "claims,nonce,error",
    [
        ({"nonce": "another login's"}, "mine", IncorrectClaimError),
        ({}, "mine", MissingClaimError),
        ({"nonce": 7}, "7", ClaimTypeError),
        ({"nonce": "injected"}, None, IncorrectClaimError),
        ({"nonce": ""}, None, IncorrectClaimError),
    ],
)
def test_a_token_of_another_login_is_refused(claims, nonce, error) -> None:
    """A nonce that was sent must come back, and one that was not sent must not."""
    with pytest.raises(error) as caught:
        verifier().verify(token(**claims), nonce=nonce)
    assert caught.value.claim == "nonce"


@pytest.mark.parametrize(
    "claims,error",
    [
        ({"aud": "another client"}, IncorrectClaimError),
        ({"aud": [CLIENT, "evil"], "azp": CLIENT}, IncorrectClaimError),
        ({"aud": [CLIENT, "friend"]}, MissingClaimError),
        ({"aud": [CLIENT, "friend"], "azp": "friend"}, IncorrectClaimError),
        ({"azp": "friend"}, IncorrectClaimError),
        ({"azp": [CLIENT]}, ClaimTypeError),
    ],
)
def test_a_token_for_another_party_is_refused(claims, error) -> None:
    """Every audience is this client or one it trusts, and the authorized party is this client."""
    with pytest.raises(error):
        verifier(trusted=["friend"]).verify(token(**claims), nonce=None)


@pytest.mark.parametrize("claims", [{}, {"azp": CLIENT}, {"aud": [CLIENT]}, {"aud": [CLIENT, "friend"], "azp": CLIENT}])
def test_the_audiences_that_are_right(claims) -> None:
    """One audience needs no azp; with a trusted one beside it, azp says who asked."""
    assert verifier(trusted=["friend"]).verify(token(**claims), nonce=None)


@pytest.mark.parametrize("name,argument", [("at_hash", "access_token"), ("c_hash", "code")])
def test_a_swapped_access_token_or_code_is_refused(name, argument) -> None:
    """What came with the token is held against its hash; a token that has none does not pass."""
    right = id_token.half_hash("mine", KEY)
    assert verifier().verify(token(**{name: right}), nonce=None, **{argument: "mine"})
    for claims, error in (({name: right}, IncorrectClaimError), ({}, MissingClaimError), ({name: 1}, ClaimTypeError)):
        with pytest.raises(error) as caught:
            verifier().verify(token(**claims), nonce=None, **{argument: "the attacker's"})
        assert caught.value.claim == name


@pytest.mark.parametrize(
    "auth_time,error",
    [
        (NOW - 301, TooOldError),
        (NOW + 1, NotYetValidError),
        (None, MissingClaimError),
        (True, ClaimTypeError),
        ("1", ClaimTypeError),
    ],
)
def test_an_old_login_is_refused_where_a_fresh_one_was_asked_for(auth_time, error) -> None:
    """With max_age the time of authentication must be there, past, and recent."""
    claims = {"iss": ISSUER, "sub": "ana", "aud": CLIENT, "iat": NOW, "exp": NOW + 300}
    made = jws.sign(dump_json(claims if auth_time is None else claims | {"auth_time": auth_time}), KEY)
    with pytest.raises(error):
        verifier(max_age="5m").verify(made, nonce=None)


@pytest.mark.parametrize("acr,error", [("one-factor", IncorrectClaimError), (None, MissingClaimError)])
def test_a_weaker_login_is_refused(acr, error) -> None:
    """With acr_values the class must be there and be one of them."""
    with pytest.raises(error):
        verifier(acr_values=["two-factor"]).verify(token(acr=acr), nonce=None)


@pytest.mark.parametrize(
    "made,error",
    [
        (token("at+jwt"), IncorrectTypeError),
        (token("logout+jwt"), IncorrectTypeError),
        (token("undersign-csrf+jwt"), IncorrectTypeError),
        (token(exp=NOW), ExpiredTokenError),
        (token(exp=None), MissingClaimError),
        (token(iat=None), MissingClaimError),
        (token(sub=None), MissingClaimError),
        (token(sub=""), ClaimTypeError),
        (token(sub="x" * 256), ClaimTypeError),
        (token(iss="https://evil.example"), IncorrectClaimError),
    ],
    ids=["at", "logout", "csrf", "expired", "endless", "no iat", "no sub", "empty sub", "long sub", "issuer"],
)
def test_what_is_no_id_token_is_refused(made, error) -> None:
    """A token of another kind, of another issuer, expired, or without what an ID token has, is refused."""
    with pytest.raises(error):
        verifier().verify(made, nonce=None)


def test_a_token_without_typ_is_taken_as_openid_has_it() -> None:
    """Providers write typ JWT or none."""
    assert asyncio.run(verifier().averify(token(None), nonce=None)).claims["sub"] == "ana"


@pytest.mark.parametrize("wrong", [{"subject": ""}, {"subject": "é"}, {"extra": {"nonce": "x"}}, {"extra": {"exp": 1}}])
def test_a_provider_cannot_mint_what_clients_must_refuse(wrong) -> None:
    """An empty or non-ASCII subject, or a further claim that is the profile's own, is refused when minting."""
    with pytest.raises((PolicyError, ClaimTypeError)):
        minter().mint(**({"subject": "ana", "client_id": CLIENT} | wrong))
