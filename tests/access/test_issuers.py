"""Trusted issuers: whose token it is decides whose keys are asked, and no other's (threats, items 3 and 32)."""

import copy
import json
import pickle

import pytest

from undersign import jwk, jwt
from undersign.access.issuers import Issuer, Issuers, VerifiedCaller
from undersign.access.rules import Facts, Rule
from undersign.access.standing import Enabled
from undersign.audit.record import Caller
from undersign.encoding import b64url_decode, b64url_encode
from undersign.errors import (
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidSignatureError,
    KeySelectionError,
    MissingClaimError,
    PolicyError,
    RuleDeniedError,
    TokenError,
    UnauthenticatedError,
    UndersignError,
)
from undersign.jwks import KeySet

NOW = 1_800_000_000
A, B = jwk.generate("ES256"), jwk.generate("ES256")
AUDIENCE = "https://sign.example/sign"


def issuer(name, key, **more):
    facts = {"keys": KeySet([key.public()]), "audience": AUDIENCE, "algorithms": ("ES256",)}
    return Issuer(name, f"https://{name}.example", **(facts | more))


ISSUERS = Issuers([issuer("a", A), issuer("b", B)], clock=lambda: NOW)


def token(key=A, *, iss="https://a.example", audience=AUDIENCE, typ="at+jwt", lifetime="5m", header=None, **claims):
    members = {"sub": "ana", "client_id": "c1", "jti": "j1"} | claims
    signer = jwt.Signer(
        key, issuer=iss, audience=audience, lifetime=lifetime, typ=typ, header=header, clock=lambda: NOW
    )
    return signer.sign({name: value for name, value in members.items() if value is not None})


def test_a_good_token_gives_its_caller():
    """The evidence names the issuer by its configured name, and the caller by iss and sub."""
    caller = ISSUERS.verify(token())

    assert (caller.issuer, caller.claims["sub"]) == ("a", "ana")
    assert caller.expires_at == NOW + 300
    assert caller.key.is_same_key(A.public())
    assert caller.caller == Caller("https://a.example", "ana", "c1", "j1")


def test_the_scope_decides_what_may_be_signed():
    """The claims of the verified token, and nothing else of the caller's, are what the rule is held against."""
    rule = Rule.parse("may-sign", "scope has 'sign:contracts'")

    rule.check(Facts(ISSUERS.verify(token(scope="openid sign:contracts")).claims, {}, NOW))
    for scope in ("openid", "sign:contracts2", "design:contracts", None):
        with pytest.raises(RuleDeniedError):
            rule.check(Facts(ISSUERS.verify(token(scope=scope)).claims, {}, NOW))


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "Ed25519", "ML-DSA-44"])
def test_an_issuer_is_known_by_its_key_set(alg):
    """All that is needed of an authorization server is its iss and its published JWK Set, RSA without alg included."""
    key = jwk.generate(alg, **({"size": 2048} if alg[1] == "S" and alg[0] in "RP" else {}))
    published = key.public().to_jwk()
    if key.kty == "RSA":
        del published["alg"]
    keys = KeySet.load(json.dumps({"keys": [published]}))
    issuers = Issuers([issuer("a", A, keys=keys, algorithms=(alg,))], clock=lambda: NOW)

    assert issuers.verify(token(key)).caller.sub == "ana"


def test_keys_are_sought_in_the_tokens_own_issuer_only():
    """Issuer B cannot speak for issuer A, whatever kid it writes."""
    with pytest.raises(KeySelectionError):
        ISSUERS.verify(token(B))
    forged = jwk.load(B.to_jwk(private=True) | {"kid": A.kid})
    with pytest.raises(InvalidSignatureError):
        ISSUERS.verify(token(forged))


def test_a_set_that_publishes_anothers_kid_changes_nothing():
    """When B's set has a key under A's kid, A's tokens and B's still go to their own."""
    mimic = jwk.load(B.public().to_jwk() | {"kid": A.kid})
    issuers = Issuers([issuer("a", A), issuer("b", mimic)], clock=lambda: NOW)
    forged = jwk.load(B.to_jwk(private=True) | {"kid": A.kid})

    assert issuers.verify(token()).issuer == "a"
    assert issuers.verify(token(forged, iss="https://b.example")).issuer == "b"
    with pytest.raises(InvalidSignatureError):
        issuers.verify(token(forged))


@pytest.mark.parametrize("iss", ["https://c.example", "https://a.example/", "HTTPS://a.example", "a", ""])
def test_an_unknown_issuer_is_refused(iss):
    """The iss is compared character by character."""
    with pytest.raises(UnauthenticatedError):
        ISSUERS.verify(token(iss=iss))


@pytest.mark.parametrize("iss", [None, 1, ["https://a.example"], {"https://a.example": 1}])
def test_an_iss_that_is_no_text_is_refused(iss):
    """A list or object in place of the iss finds no issuer, and breaks nothing."""
    signer = jwt.Signer(A, issuer="x", audience=AUDIENCE, clock=lambda: NOW)
    head, payload, signature = signer.sign({}).split(".")
    claims = json.loads(b64url_decode(payload)) | {"iss": iss}
    with pytest.raises(UnauthenticatedError):
        ISSUERS.verify(f"{head}.{b64url_encode(json.dumps(claims).encode())}.{signature}")


@pytest.mark.parametrize(
    "change,error",
    [
        ({"audience": "https://sign.example"}, IncorrectClaimError),
        ({"audience": "https://sign.example/admin"}, IncorrectClaimError),
        ({"typ": "JWT"}, IncorrectTypeError),
        ({"typ": "dpop+jwt"}, IncorrectTypeError),
        ({"exp": NOW - 1}, ExpiredTokenError),
        ({"lifetime": None}, MissingClaimError),
        ({"jti": None}, MissingClaimError),
        ({"sub": None}, MissingClaimError),
    ],
)
def test_each_expectation_is_checked(change, error):
    """Audience, type, time and required claims are all verified, by the issuer's own policy."""
    with pytest.raises(error):
        ISSUERS.verify(token(**change))


def test_an_algorithm_that_the_issuer_does_not_use_is_refused():
    """The configured algorithms hold, though the key set has a key of another."""
    other = jwk.generate("ES384")
    issuers = Issuers([issuer("a", A, keys=KeySet([A.public(), other.public()]))], clock=lambda: NOW)

    with pytest.raises(UndersignError):
        issuers.verify(token(other))


def test_a_lifetime_cap_holds():
    """A token that lives longer than the server accepts is refused, however the issuer made it."""
    issuers = Issuers([issuer("a", A, max_lifetime=300)], clock=lambda: NOW)

    assert issuers.verify(token()).issuer == "a"
    with pytest.raises(IncorrectClaimError):
        issuers.verify(token(lifetime="6m"))


@pytest.mark.parametrize("junk", ["", "a.b", "a.b.c", "....", "x" * 70_000, b"\xff.\xff.\xff", None, 1, {}])
def test_junk_is_refused_with_an_error_of_ours(junk):
    """Whatever is sent in place of a token, the answer is an UndersignError."""
    with pytest.raises(UndersignError):
        ISSUERS.verify(junk)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_tampered_token_is_refused(part):
    """A change in any of the three segments is refused."""
    segments = token().split(".")
    segments[part] = ("A" if segments[part][0] != "A" else "B") + segments[part][1:]

    with pytest.raises((TokenError, UnauthenticatedError)):
        ISSUERS.verify(".".join(segments))


@pytest.mark.parametrize("more", [{"leeway": 61}, {"leeway": -1}, {"algorithms": ()}, {"types": ()}, {"audience": ""}])
def test_a_policy_that_accepts_too_much_is_refused(more):
    """An issuer without audience, type or algorithm, or with too much leeway, is not compiled."""
    with pytest.raises(PolicyError):
        Issuers([issuer("a", A, **more)])


def test_one_iss_has_one_entry():
    """Two entries for one issuer, or of one name, are refused."""
    with pytest.raises(PolicyError):
        Issuers([issuer("a", A), issuer("a", B)])


def test_the_caller_is_evidence():
    """It cannot be built, changed, copied, subclassed or unpickled elsewhere."""
    caller = ISSUERS.verify(token())
    with pytest.raises(TypeError):
        VerifiedCaller("a", caller.token)
    with pytest.raises(AttributeError):
        caller.issuer = "b"
    with pytest.raises(TypeError):
        copy.copy(caller)
    with pytest.raises(TypeError):
        pickle.dumps(caller)
    with pytest.raises(TypeError):
        type("Fake", (VerifiedCaller,), {})
    with pytest.raises(TypeError):
        caller.claims["sub"] = "bob"


@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", ["x" * 5000, "x" * 4097, "\U0001f600" * 4097])
def test_a_name_that_cannot_be_recorded_whole_is_refused(name, value):
    """A token whose subject, client or id is longer than a line's text may be is refused, and the claim is named."""
    with pytest.raises(IncorrectClaimError) as caught:
        ISSUERS.verify(token(**{name: value}))

    assert caught.value.claim == name


@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
def test_a_name_as_long_as_a_line_takes_is_recorded_whole(name):
    """A name of exactly the cap is taken, and stands in the caller as it is."""
    assert getattr(ISSUERS.verify(token(**{name: "x" * 4096})).caller, name) == "x" * 4096


def test_what_must_still_hold_is_named_by_the_evidence():
    """The evidence says that its issuer must not be disabled when it is made use of."""
    assert ISSUERS.verify(token()).requires == (Enabled("issuer", "a"),)


@pytest.mark.parametrize("bad", [token()[:-4] + "AAAA", "", "x", None])
def test_admitting_tells_one_sentence_for_every_reason(bad):
    """A token that is not accepted is refused with one sentence; the reason is its cause, where there was a token."""
    with pytest.raises(UnauthenticatedError) as caught:
        ISSUERS.admit(bad)

    assert caught.value.message == ("There is no token." if bad is None else "The token was refused.")
    assert isinstance(caught.value.__cause__, UndersignError) is (bad is not None)
