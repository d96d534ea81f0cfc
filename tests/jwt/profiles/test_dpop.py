"""DPoP proofs: the twelve checks of RFC 9449 section 4.3, and the attacks behind them."""

from __future__ import annotations

import pytest

from undersign import jwk, jwt
from undersign.errors import (
    AlgorithmNotAllowedError,
    ClaimTypeError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidHeaderError,
    InvalidSignatureError,
    KeyMaterialError,
    LimitError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    PrivateKeyGivenError,
    ReplayedError,
    ReplayStoreError,
    TooOldError,
    UnsupportedCriticalError,
)
from undersign.jwt.profiles import dpop
from undersign.replay import MemoryReplayStore

NOW = 1_800_000_000
URL = "https://api.example/orders"
KEY = jwk.generate("ES256")
OTHER = jwk.generate("Ed25519")
TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"


def clock() -> float:
    """Now."""
    return NOW


@pytest.fixture
def store() -> MemoryReplayStore:
    """A store of its own for each test."""
    return MemoryReplayStore(clock=clock)


@pytest.fixture
def verifier(store) -> dpop.Verifier:
    """A verifier that uses proofs up."""
    return dpop.Verifier(replay=store, clock=clock)


def proof(key=KEY, header=None, **claims) -> str:
    """A proof as a client that follows no rules would make it."""
    own = {"jti": "1", "htm": "GET", "htu": URL, "iat": NOW} | claims
    own = {name: value for name, value in own.items() if value is not None}
    members = {"typ": "dpop+jwt", "jwk": dict(key.public().to_jwk())} | (header or {})
    members = {name: value for name, value in members.items() if value is not None}
    return jwt.Signer(key, lifetime=None, typ=None, header=members).sign(own)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "EdDSA", "ML-DSA-44"])
def test_a_minted_proof_verifies(alg, verifier) -> None:
    """What a Minter makes with a key of any asymmetric kind verifies for that request and names the key."""
    key = jwk.generate(alg)
    minter = dpop.Minter(key, clock=clock)
    made = minter.mint("POST", URL + "?page=2#top", access_token=TOKEN, nonce="n-1")
    verified = verifier.verify(
        made, method="POST", url=URL + "?page=3", access_token=TOKEN, jkt=minter.thumbprint, nonce="n-1"
    )
    assert verified.key.thumbprint() == key.thumbprint() == minter.thumbprint
    assert verified.claims["htu"] == URL
    assert {"htm", "htu", "iat", "jti", "nonce", "ath", "jkt", "once", "typ"} <= {*verified.checks}


def test_an_rsa_proof_names_the_algorithm_that_its_key_does_not(verifier) -> None:
    """An RSA key in a proof names no algorithm, so the header's serves if it is an accepted one of its kind."""
    key = jwk.generate("PS256", size=2048)
    made = dpop.Minter(key, clock=clock).mint("GET", URL)
    assert "alg" not in verifier.verify(made, method="GET", url=URL).header["jwk"]
    with pytest.raises(AlgorithmNotAllowedError):
        dpop.Verifier(replay=None, algorithms=["RS256"], clock=clock).verify(proof(key), method="GET", url=URL)


def test_the_embedded_key_is_public_and_bare() -> None:
    """The header of a minted proof holds the members that make the key and no other."""
    made = dpop.Minter(KEY, clock=clock).mint("GET", URL)
    verified = dpop.Verifier(replay=None, clock=clock).verify(made, method="GET", url=URL)
    assert set(verified.header["jwk"]) == {"kty", "crv", "x", "y"}


@pytest.mark.parametrize(
    "header,error",
    [
        ({"jwk": KEY.to_jwk(private=True)}, PrivateKeyGivenError),
        ({"jwk": jwk.generate("HS256").to_jwk(private=True)}, PrivateKeyGivenError),
        ({"jwk": OTHER.public().to_jwk()}, AlgorithmNotAllowedError),
        ({"jwk": jwk.generate("ES256").public().to_jwk()}, InvalidSignatureError),
        ({"jwk": None}, InvalidHeaderError),
        ({"jwk": {}}, KeyMaterialError),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, KeyMaterialError),
        ({"jwk": {"keys": [KEY.public().to_jwk()]}}, KeyMaterialError),
        ({"typ": "JWT"}, IncorrectTypeError),
        ({"typ": "at+jwt"}, IncorrectTypeError),
        ({"typ": None}, IncorrectTypeError),
        ({"crit": ["x"], "x": 1}, UnsupportedCriticalError),
    ],
    ids=[
        *("private", "secret", "other kind", "other key", "absent", "empty", "off the curve", "a set"),
        *("typ JWT", "typ at+jwt", "typ absent", "crit"),
    ],
)
def test_a_header_that_no_proof_has_is_refused(header, error, verifier, store) -> None:
    """A private, symmetric, foreign or broken key, another type or an unknown critical extension is refused unused."""
    with pytest.raises(error):
        verifier.verify(proof(header=header), method="GET", url=URL)
    assert len(store) == 0


def test_a_proof_signed_with_a_secret_is_refused(verifier) -> None:
    """HMAC over a public key taken for a secret, or under an embedded secret, is no proof."""
    secret = jwk.generate("HS256")
    forged = jwt.Signer(secret, lifetime=None, typ=None, header={"typ": "dpop+jwt", "jwk": KEY.public().to_jwk()})
    with pytest.raises(AlgorithmNotAllowedError):
        verifier.verify(forged.sign({"jti": "1", "htm": "GET", "htu": URL, "iat": NOW}), method="GET", url=URL)
    for names in (["HS256"], ["none"], [], ["ES256", "HS512"]):
        with pytest.raises((PolicyError, AlgorithmNotAllowedError)):
            dpop.Verifier(replay=None, algorithms=names)
    with pytest.raises(PolicyError):
        dpop.Minter(secret)


@pytest.mark.parametrize(
    "claims,error",
    [
        ({"htm": "POST"}, IncorrectClaimError),
        ({"htm": "get"}, IncorrectClaimError),
        ({"htm": 1}, ClaimTypeError),
        ({"htu": URL + "/1"}, IncorrectClaimError),
        ({"htu": "http://api.example/orders"}, IncorrectClaimError),
        ({"htu": "https://api.example:8443/orders"}, IncorrectClaimError),
        ({"htu": "https://api.example.evil.test/orders"}, IncorrectClaimError),
        ({"htu": "https://evil.test@api.example/orders"}, IncorrectClaimError),
        ({"htu": "https://api.example\n/orders"}, IncorrectClaimError),
        ({"htu": "/orders"}, IncorrectClaimError),
        ({"htu": ""}, IncorrectClaimError),
        ({"htu": "https://api.example/" + "a" * 5000}, IncorrectClaimError),
        ({"htu": [URL]}, ClaimTypeError),
        ({"iat": NOW - 71}, TooOldError),
        ({"iat": NOW + 11}, NotYetValidError),
        ({"iat": str(NOW)}, ClaimTypeError),
        ({"iat": None}, MissingClaimError),
        ({"jti": None}, MissingClaimError),
        ({"jti": ""}, ClaimTypeError),
        ({"jti": "x" * 257}, ClaimTypeError),
        ({"htm": None}, MissingClaimError),
        ({"htu": None}, MissingClaimError),
        ({"exp": NOW - 60}, IncorrectClaimError),
    ],
    ids=repr,
)
def test_a_claim_that_does_not_fit_the_request_is_refused(claims, error, verifier, store) -> None:
    """Another method, address or moment, or a claim that is missing or of another type, is refused unused."""
    with pytest.raises(error):
        verifier.verify(proof(**claims), method="GET", url=URL)
    assert len(store) == 0


@pytest.mark.parametrize(
    "claimed",
    [
        "HTTPS://API.EXAMPLE/orders",
        "https://api.example:443/orders",
        "https://api.example:/orders",
        "https://api.example/x/../orders",
        "https://api.example/./orders",
        "https://api.example/%6Frders",
        "https://api.example/orders?page=2",
        "https://api.example/orders#top",
    ],
)
def test_spellings_of_one_address_are_one_address(claimed, verifier) -> None:
    """Case, default port, dot segments, needless escapes, query and fragment do not tell addresses apart."""
    verifier.verify(proof(htu=claimed), method="GET", url=URL)


@pytest.mark.parametrize(
    "one,two",
    [
        ("https://a.example", "https://a.example/"),
        ("https://a.example/%2f", "https://a.example/%2F"),
        ("https://a.example/a/..", "https://a.example/"),
        ("https://a.example/..", "https://a.example/"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_addresses_that_are_equal(one, two) -> None:
    """RFC 3986 sections 6.2.2 and 6.2.3 make these one."""
    assert dpop.normalized(one) == dpop.normalized(two)


@pytest.mark.parametrize(
    "one,two",
    [
        ("https://a.example/%2F", "https://a.example//"),
        ("https://a.example/a", "https://a.example/A"),
        ("https://a.example/a", "https://a.example/a/"),
        ("https://a.example/a//b", "https://a.example/a/b"),
        ("http://a.example:443/", "https://a.example/"),
    ],
)
def test_addresses_that_are_not_equal(one, two) -> None:
    """An escaped slash, case in a path and empty segments tell addresses apart."""
    assert dpop.normalized(one) != dpop.normalized(two)


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://", "https:///x", "https://a b/", "https://a.example/%zz", "https://é.example/"]
)
def test_what_is_no_address_is_nothing(url, verifier) -> None:
    """What RFC 3986 does not allow, or is not http, has no normal form, and is a mistake of the caller's as a URL."""
    assert dpop.normalized(url) is None
    with pytest.raises(PolicyError):
        verifier.verify(proof(), method="GET", url=url)
    with pytest.raises(PolicyError):
        dpop.Minter(KEY).mint("GET", url)


def test_a_replayed_proof_is_refused(verifier) -> None:
    """One proof serves one request; the same jti under another key is another proof."""
    verifier.verify(proof(), method="GET", url=URL)
    with pytest.raises(ReplayedError):
        verifier.verify(proof(), method="GET", url=URL)
    verifier.verify(proof(OTHER), method="GET", url=URL)


def test_a_refused_proof_takes_no_room_in_the_store(store) -> None:
    """A full store refuses; a proof that fails a check never reaches it."""
    small = MemoryReplayStore(capacity=1, clock=clock)
    verifier = dpop.Verifier(replay=small, clock=clock)
    for number in range(5):
        with pytest.raises(IncorrectClaimError):
            verifier.verify(proof(jti=str(number)), method="POST", url=URL)
    verifier.verify(proof(), method="GET", url=URL)
    with pytest.raises(ReplayStoreError):
        verifier.verify(proof(jti="2"), method="GET", url=URL)


def test_a_server_may_use_the_proof_up_later(store) -> None:
    """With replay=None the caller consumes the burn, once the client has authenticated."""
    verifier = dpop.Verifier(replay=None, clock=clock)
    verified = verifier.verify(proof(), method="GET", url=URL)
    assert "once" not in verified.checks
    store.consume(verifier.burn(verified))
    with pytest.raises(ReplayedError):
        store.consume(verifier.burn(verifier.verify(proof(), method="GET", url=URL)))
    assert verifier.burn(verified).expires_at == NOW + 70


def test_a_stolen_access_token_with_the_thiefs_own_proof_is_refused(verifier) -> None:
    """The proof's key must be the one that the token is bound to."""
    theirs = dpop.Minter(OTHER, clock=clock).mint("GET", URL, access_token=TOKEN)
    with pytest.raises(IncorrectClaimError, match="another key"):
        verifier.verify(theirs, method="GET", url=URL, access_token=TOKEN, jkt=KEY.thumbprint())


def test_a_proof_for_another_access_token_is_refused(verifier) -> None:
    """The proof names the hash of the token that it comes with, and one without it goes with none."""
    minter = dpop.Minter(KEY, clock=clock)
    for made, error in (
        (minter.mint("GET", URL, access_token="other"), IncorrectClaimError),
        (minter.mint("GET", URL), MissingClaimError),
    ):
        with pytest.raises(error):
            verifier.verify(made, method="GET", url=URL, access_token=TOKEN, jkt=minter.thumbprint)


def test_the_binding_of_an_access_token_cannot_be_forgotten(verifier) -> None:
    """A call with an access token and without the key it is bound to is refused as a mistake."""
    with pytest.raises(PolicyError, match="bound to"):
        verifier.verify(proof(), method="GET", url=URL, access_token=TOKEN)


@pytest.mark.parametrize("cnf", [None, {}, "x", {"jkt": 1}, {"jkt": ""}, {"x5t#S256": "x"}])
def test_a_token_that_is_bound_to_no_key_has_no_confirmation(cnf) -> None:
    """Only a cnf with a jkt names a key for DPoP."""
    with pytest.raises(MissingClaimError):
        dpop.confirmation({} if cnf is None else {"cnf": cnf})
    assert dpop.confirmation({"cnf": {"jkt": "abc"}}) == "abc"


@pytest.mark.parametrize(
    "sent,demanded,error",
    [
        ("n-1", ["n-0", "n-1"], None),
        ("n-1", "n-1", None),
        ("n-2", ["n-0", "n-1"], IncorrectClaimError),
        ("n-2", "n-1", IncorrectClaimError),
        ("n-1", (), IncorrectClaimError),
        (None, "n-1", MissingClaimError),
        (7, "7", ClaimTypeError),
    ],
)
def test_a_demanded_nonce_must_come_back(sent, demanded, error, verifier) -> None:
    """A server that demands a nonce takes its present values and nothing else."""
    made = proof(nonce=sent)
    if error is None:
        assert "nonce" in verifier.verify(made, method="GET", url=URL, nonce=demanded).checks
        return
    with pytest.raises(error) as caught:
        verifier.verify(made, method="GET", url=URL, nonce=demanded)
    assert caught.value.claim == "nonce"


@pytest.mark.parametrize("fields", [[], ["a", "a"], ["a.b.c, a.b.c"], ["é"], [""], ["a" * 70_000 + ".b.c"], ["eyJ9"]])
def test_anything_but_one_well_formed_proof_is_refused(fields, verifier) -> None:
    """No header field, two of them, two proofs in one, or what is no JWT, is refused."""
    with pytest.raises((MalformedTokenError, LimitError)):
        verifier.verify(fields, method="GET", url=URL)


def test_a_private_key_in_a_proof_is_not_repeated(verifier) -> None:
    """The error about a private key in a header holds nothing of the key."""
    private = KEY.to_jwk(private=True)
    with pytest.raises(PrivateKeyGivenError) as caught:
        verifier.verify(proof(header={"jwk": private}), method="GET", url=URL)
    assert private["d"] not in str(caught.value)
