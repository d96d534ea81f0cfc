"""CSRF tokens: one form of one session, once; seed 003's token with the holes that its text leaves open."""

from __future__ import annotations

import pytest

from undersign import jwk, jws, jwt
from undersign.encoding import dump_json
from undersign.errors import (
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidSignatureError,
    MissingClaimError,
    PolicyError,
    ReplayedError,
    TooOldError,
    UndersignError,
)
from undersign.jwt.profiles import csrf
from undersign.replay import MemoryReplayStore

NOW = 1_800_000_000
ORIGIN = "https://app.example"
KEY = jwk.generate("HS256")
ACTION = "POST /clients/42/keys"


class Clock:
    """A clock that can be set."""

    now = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Now."""
    return Clock()


@pytest.fixture
def store(clock) -> MemoryReplayStore:
    """A store of its own for each test."""
    return MemoryReplayStore(clock=clock)


@pytest.fixture
def verifier(store, clock) -> csrf.Verifier:
    """The application's verifier."""
    return csrf.Verifier(KEY, origin=ORIGIN, replay=store, clock=clock)


def minted(clock, *, session="s-1", action=ACTION, key=KEY, **policy) -> str:
    """A token as the application makes it."""
    return csrf.Minter(key, **({"origin": ORIGIN, "clock": clock} | policy)).mint(session=session, action=action)


def token(typ="undersign-csrf+jwt", **claims) -> str:
    """A token of the right secret with other claims."""
    own = {"iss": ORIGIN, "aud": ORIGIN, "sid": csrf._hashed("s-1"), "act": ACTION, "jti": "1", "iat": NOW, "nbf": NOW}
    own |= {"exp": NOW + 60} | claims
    header = {} if typ is None else {"typ": typ}
    return jws.sign(dump_json({n: v for n, v in own.items() if v is not None}), KEY, header=header)


def test_a_token_works_once(verifier, clock) -> None:
    """What was minted for this session and action verifies, says so, and is used up."""
    made = minted(clock)
    found = verifier.verify(made, session="s-1", action=ACTION)
    assert {"sid", "act", "once"} <= {*found.checks}
    assert "s-1" not in str(found.claims["sid"])
    with pytest.raises(ReplayedError):
        verifier.verify(made, session="s-1", action=ACTION)


def test_each_form_has_a_token_of_its_own(verifier, clock) -> None:
    """Two tabs of one form both work."""
    one, two = minted(clock), minted(clock)
    assert one != two
    verifier.verify(two, session="s-1", action=ACTION)
    verifier.verify(one, session="s-1", action=ACTION)


@pytest.mark.parametrize(
    "session,action,error",
    [
        ("the attacker's", ACTION, IncorrectClaimError),
        ("s-1", "POST /clients/43/keys", IncorrectClaimError),
        ("s-1", "DELETE /clients/42/keys", IncorrectClaimError),
    ],
)
def test_a_token_of_another_session_or_form_is_refused(session, action, error, verifier, store, clock) -> None:
    """The attacker's own token, or one of a harmless form, serves for nothing else, fresh, expired or used."""
    made = minted(clock)
    for later in (0, 3600):
        clock.now = NOW + later
        with pytest.raises(error):
            verifier.verify(made, session=session, action=action)
    assert len(store) == 0


def test_the_last_errors_mean_that_all_else_holds(verifier, clock) -> None:
    """An expired or a used token of the right session and action says just that; after a day it says less."""
    made = minted(clock)
    clock.now = NOW + 30 * 60
    with pytest.raises(ExpiredTokenError):
        verifier.verify(made, session="s-1", action=ACTION)
    clock.now += 24 * 3600 + 1
    with pytest.raises(TooOldError):
        verifier.verify(made, session="s-1", action=ACTION)


@pytest.mark.parametrize(
    "made,error",
    [
        (token("JWT"), IncorrectTypeError),
        (token(None), IncorrectTypeError),
        (token("at+jwt"), IncorrectTypeError),
        (token(sid=None), MissingClaimError),
        (token(sid=7), ClaimTypeError),
        (token(act=None), MissingClaimError),
        (token(act=[ACTION]), ClaimTypeError),
        (token(jti=None), MissingClaimError),
        (token(jti=""), ClaimTypeError),
        (token(exp=None), MissingClaimError),
        (token(iat=NOW + 1), IncorrectClaimError),
        (token(nbf=NOW + 1), IncorrectClaimError),
        (token(iss="https://evil.example"), IncorrectClaimError),
        (token(aud="https://evil.example"), IncorrectClaimError),
    ],
    ids=["typ", "no typ", "at", "sid", "sid 7", "act", "act []", "jti", "jti ''", "exp", "iat", "nbf", "iss", "aud"],
)
def test_a_token_of_the_same_secret_that_is_none_is_refused(made, error, verifier) -> None:
    """Another type, origin or moment, or a claim left out, is refused even under the right secret."""
    with pytest.raises(error):
        verifier.verify(made, session="s-1", action=ACTION)


def test_the_tutorials_token_is_refused(verifier) -> None:
    """Seed 003's token, with jti, iat, nbf and exp alone, is bound to nothing and so opens nothing."""
    seed = jwt.Signer(KEY, lifetime="30s", clock=lambda: NOW).sign({"jti": "e678f23347e3410db7e68767823b2d70"})
    with pytest.raises(UndersignError):
        verifier.verify(seed, session="s-1", action=ACTION)


def test_a_rotated_secret_still_opens_its_forms(store, clock) -> None:
    """A verifier with the new and the old secret takes both; without the old one its forms are refused."""
    new = jwk.generate("HS256")
    both = csrf.Verifier([new, KEY], origin=ORIGIN, replay=store, clock=clock)
    for key in (new, KEY):
        both.verify(minted(clock, key=key), session="s-1", action=ACTION)
    with pytest.raises(InvalidSignatureError):
        csrf.Verifier(new, origin=ORIGIN, replay=store, clock=clock).verify(minted(clock), session="s-1", action=ACTION)


@pytest.mark.parametrize("wrong", [{"session": ""}, {"session": None}, {"action": ""}])
def test_a_token_is_never_minted_for_nothing(wrong, clock) -> None:
    """Without a session or an action there is no token, and none is accepted."""
    with pytest.raises(PolicyError):
        minted(clock, **wrong)


def test_a_token_may_be_used_up_later(store, clock) -> None:
    """With replay=None the caller consumes the burn."""
    verifier = csrf.Verifier(KEY, origin=ORIGIN, replay=None, clock=clock)
    found = verifier.verify(minted(clock), session="s-1", action=ACTION)
    assert "once" not in found.checks
    store.consume(verifier.burn(found))
    with pytest.raises(ReplayedError):
        store.consume(verifier.burn(found))
