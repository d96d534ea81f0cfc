"""Every hostile token is refused with the error it deserves, quickly, and tells nothing (rows A, H, S, C and L1)."""

from __future__ import annotations

import time

import pytest

from tests.attacks import hostile_claims, hostile_shapes, hostile_tokens
from tests.attacks.attack import GOOD, Attack
from tests.attacks.forge import AUDIENCE, CLAIMS, ISSUER, NOW, SECRET, halves, token
from undersign import jwk, jwt
from undersign.errors import UndersignError

ATTACKS = [*hostile_tokens.ATTACKS, *hostile_shapes.ATTACKS, *hostile_claims.ATTACKS]
PEEKED = [each for each in ATTACKS if each.peeked]


@pytest.mark.parametrize("attack", ATTACKS, ids=[f"{index} {each.name!a}" for index, each in enumerate(ATTACKS)])
def test_a_hostile_token_is_refused(attack: Attack) -> None:
    """The input is refused with its own class of error, within a quarter of a second."""
    started = time.thread_time()
    with pytest.raises(attack.error):
        attack.do()
    assert time.thread_time() - started < 0.25


@pytest.mark.parametrize("attack", PEEKED, ids=[f"{index} {each.name!a}" for index, each in enumerate(PEEKED)])
def test_a_hostile_token_that_was_peeked_at_is_refused_alike(attack: Attack) -> None:
    """Who peeks first is refused by peek, or by the verifier with the same class of error as for the text."""
    assert attack.peeked is not None
    with pytest.raises(UndersignError) as caught:
        attack.peeked()
    if not any(frame.name == "peek" for frame in caught.traceback):
        assert isinstance(caught.value, attack.error)


def test_the_controls_are_accepted() -> None:
    """The tokens that the attacks start from are good, so that refusing everything does not pass."""
    assert jwt.verify(GOOD, SECRET, issuer=ISSUER, audience=AUDIENCE, now=NOW).claims == CLAIMS
    for alg in ("ES256", "Ed25519", "Ed448", "ES512"):
        key = jwk.generate(alg)
        text = token({"alg": alg}, CLAIMS, key.sign)
        assert jwt.verify(text, halves(key), issuer=ISSUER, audience=AUDIENCE, now=NOW).claims == CLAIMS
    many = token({"alg": "HS256"}, {**CLAIMS, "aud": ["https://other.example", AUDIENCE], "nbf": NOW, "iat": NOW})
    assert jwt.verify(many, SECRET, issuer=ISSUER, audience=AUDIENCE, now=NOW)


def test_typ_is_compared_without_case_and_without_application() -> None:
    """The types at+jwt, AT+JWT and application/at+jwt are one type (RFC 7515 section 4.1.9)."""
    for typ in ("at+jwt", "AT+JWT", "application/at+jwt", "APPLICATION/At+Jwt"):
        text = token({"alg": "HS256", "typ": typ}, CLAIMS)
        assert jwt.verify(text, SECRET, issuer=ISSUER, audience=AUDIENCE, now=NOW, typ="at+jwt")
