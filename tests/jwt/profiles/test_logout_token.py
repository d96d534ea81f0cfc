"""Logout tokens: what Back-Channel Logout 1.0 section 2.6 has a client check, and the attacks behind it."""

from __future__ import annotations

import asyncio

import pytest

from undersign import jwk, jwt
from undersign.errors import (
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    MissingClaimError,
    PolicyError,
    ReplayedError,
)
from undersign.jwt.profiles import id_token, logout_token
from undersign.replay import MemoryReplayStore

NOW = 1_800_000_000
ISSUER = "https://as.example"
CLIENT = "s6BhdRkqt3"
KEY = jwk.generate("ES256")


def clock() -> float:
    """Now."""
    return NOW


def verifier(replay=None, **policy) -> logout_token.Verifier:
    """This client's verifier."""
    return logout_token.Verifier(KEY.public(), issuer=ISSUER, client_id=CLIENT, replay=replay, clock=clock, **policy)


def minted(**names) -> str:
    """A token as the provider makes it."""
    return logout_token.Minter(KEY, issuer=ISSUER, clock=clock).mint(client_id=CLIENT, **names)


def token(typ="logout+jwt", **claims) -> str:
    """A token as a provider that follows no rules would make it."""
    own = {"iss": ISSUER, "sub": "ana", "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": "1"}
    own |= {"events": {logout_token.EVENT: {}}} | claims
    return jwt.Signer(KEY, lifetime=None, typ=typ).sign({n: v for n, v in own.items() if v is not None})


@pytest.mark.parametrize("names", [{"subject": "ana"}, {"session": "s-1"}, {"subject": "ana", "session": "s-1"}])
def test_a_minted_token_verifies_once(names) -> None:
    """A token names a subject, a session or both, and works once."""
    store = MemoryReplayStore(clock=clock)
    made = minted(**names)
    found = verifier(store).verify(made)
    assert (found.claims.get("sub"), found.claims.get("sid")) == (names.get("subject"), names.get("session"))
    assert {"events", "once"} <= {*found.checks}
    with pytest.raises(ReplayedError):
        asyncio.run(verifier(store).averify(made))


@pytest.mark.parametrize(
    "claims,error",
    [
        ({"nonce": "n"}, IncorrectClaimError),
        ({"events": {}}, IncorrectClaimError),
        ({"events": {logout_token.EVENT: True}}, IncorrectClaimError),
        ({"events": [logout_token.EVENT]}, IncorrectClaimError),
        ({"events": {"https://other.example/event": {}}}, IncorrectClaimError),
        ({"events": None}, MissingClaimError),
        ({"sub": None}, MissingClaimError),
        ({"sub": None, "sid": ""}, ClaimTypeError),
        ({"sub": "", "sid": "s"}, ClaimTypeError),
        ({"sid": 7}, ClaimTypeError),
        ({"jti": None}, MissingClaimError),
        ({"jti": ""}, ClaimTypeError),
        ({"iat": None}, MissingClaimError),
        ({"exp": None}, MissingClaimError),
        ({"exp": NOW - 1}, ExpiredTokenError),
        ({"aud": "another client"}, IncorrectClaimError),
        ({"aud": [CLIENT, "evil"]}, IncorrectClaimError),
        ({"iss": "https://evil.example"}, IncorrectClaimError),
    ],
    ids=repr,
)
def test_what_would_log_people_out_by_force_is_refused(claims, error) -> None:
    """A token of another event, party or moment, or one that could be an ID token, ends no session."""
    store = MemoryReplayStore(clock=clock)
    with pytest.raises(error):
        verifier(store).verify(token(**claims))
    assert len(store) == 0


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "secevent+jwt"])
def test_a_token_of_another_kind_is_refused(typ) -> None:
    """An ID token, or anything else that the provider signs, ends no session."""
    with pytest.raises(IncorrectTypeError):
        verifier().verify(token(typ))


def test_a_logout_token_is_no_login() -> None:
    """The ID token's verifier refuses it by its type."""
    logins = id_token.Verifier(KEY.public(), issuer=ISSUER, client_id=CLIENT, clock=clock)
    with pytest.raises(IncorrectTypeError):
        logins.verify(minted(subject="ana"), nonce=None)


def test_a_trusted_audience_may_stand_beside_the_client() -> None:
    """Several audiences are accepted where each is trusted."""
    assert verifier(trusted=["friend"]).verify(token(aud=[CLIENT, "friend"]))


@pytest.mark.parametrize(
    "wrong", [{}, {"subject": "ana", "extra": {"nonce": "x"}}, {"session": "s", "extra": {"aud": 1}}]
)
def test_a_provider_cannot_mint_what_clients_must_refuse(wrong) -> None:
    """A token that names nobody, or carries a nonce, is not minted."""
    with pytest.raises(PolicyError):
        minted(**wrong)
