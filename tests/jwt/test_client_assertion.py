"""The profile of client assertions (RFC 7523 section 3, RFC 10070 on the audience)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from undersign import jwk, jwt
from undersign.errors import (
    ClaimError,
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    MissingClaimError,
)
from undersign.jwt.profiles import client_assertion
from undersign.jwt.unverified import peek

NOW = 1_800_000_000
KEY = jwk.generate("ES256")
AS = "https://as.example"
MINTER = client_assertion.Minter(KEY, client_id="reports", audience=AS, clock=lambda: NOW)


def verifier(**options: Any) -> client_assertion.Verifier:
    """The server's check, at NOW."""
    return client_assertion.Verifier(
        KEY.public(), **{"client_id": "reports", "audience": (AS,), "clock": lambda: NOW, **options}
    )


def sign(claims: dict[str, Any], typ: str | None = None) -> str:
    """Sign claims of one's own."""
    usual = {"iss": "reports", "sub": "reports", "aud": AS, "jti": "1", "iat": NOW, "exp": NOW + 60}
    merged = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.Signer(KEY, typ=typ, lifetime=None, clock=lambda: NOW).sign(merged)


def test_a_minted_assertion_verifies() -> None:
    """Issuer and subject are the client, the audience is the server's issuer, the life a minute, the jti fresh."""
    verified = verifier().verify(MINTER.mint())
    assert verified.header["typ"] == "client-authentication+jwt"
    claims = dict(verified.claims)
    assert len(claims.pop("jti")) >= 16
    assert claims == {"iss": "reports", "sub": "reports", "aud": AS, "iat": NOW, "exp": NOW + 60}
    assert verifier().expires_at(verified) == NOW + 60 + client_assertion.SKEW
    for typ in (None, "JWT", "client-authentication+jwt"):
        assert verifier().verify(sign({}, typ))


@pytest.mark.parametrize(
    "claims, error",
    [
        ({"iss": "other"}, IncorrectClaimError),
        ({"sub": "other"}, IncorrectClaimError),
        ({"aud": "https://as.example/token"}, IncorrectClaimError),
        ({"aud": [AS, "https://other.example"]}, IncorrectClaimError),
        ({"jti": None}, MissingClaimError),
        ({"jti": ""}, ClaimTypeError),
        ({"jti": "x" * 257}, ClaimTypeError),
        ({"exp": None}, MissingClaimError),
        ({"exp": NOW - client_assertion.SKEW}, IncorrectClaimError),
        ({"exp": NOW + 86_401}, IncorrectClaimError),
        ({"iat": NOW - 300 - client_assertion.SKEW}, IncorrectClaimError),
        ({"iat": NOW + 11}, IncorrectClaimError),
        ({"nbf": NOW + 11}, IncorrectClaimError),
        ({"iat": None, "exp": NOW + 400}, MissingClaimError),
    ],
    ids=str,
)
def test_each_rule_of_the_profile_is_checked(claims: dict[str, Any], error: type[ClaimError]) -> None:
    """Another issuer, subject or audience, no jti or a strange one, and times out of bounds are refused."""
    with pytest.raises(error):
        verifier().verify(sign(claims))


def test_an_assertion_without_iat_cannot_outlive_its_forgotten_jti() -> None:
    """What says only when it ends, hours away, is refused: its end would move with whenever it is presented."""
    with pytest.raises(MissingClaimError):
        verifier().verify(sign({"iat": None, "exp": NOW + 7200}))
    accepted = verifier().verify(sign({"iat": None, "exp": NOW + 200}))
    assert verifier().expires_at(accepted) == NOW + 200 + client_assertion.SKEW


def test_other_kinds_of_tokens_are_no_assertions() -> None:
    """An access token or a DPoP proof of the same key does not authenticate the client."""
    for typ in ("at+jwt", "dpop+jwt", "undersign-receipt+jwt"):
        with pytest.raises(IncorrectTypeError):
            verifier().verify(sign({}, typ))


def test_the_audience_may_have_to_be_a_string() -> None:
    """With single=True an array is refused, even of the right issuer alone (FAPI 2.0)."""
    assert verifier().verify(sign({"aud": [AS]}))
    with pytest.raises(IncorrectClaimError):
        verifier(single=True).verify(sign({"aud": [AS]}))
    assert verifier(audience=(AS, AS + "/token")).verify(sign({"aud": AS + "/token"}))


def test_one_verifier_serves_every_thread_at_its_own_time() -> None:
    """A Verifier may be kept as long as the key: any thread uses it, and its clock is read at each call."""
    now = [NOW]
    kept = client_assertion.Verifier(KEY.public(), client_id="reports", audience=(AS,), clock=lambda: now[0])
    tokens = [MINTER.mint() for _ in range(40)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(kept.verify, tokens))
    assert len({verified.claims["jti"] for verified in found}) == len(tokens)
    ends_at = kept.expires_at(found[0])
    now[0] = int(ends_at) - 1
    assert kept.verify(tokens[0])
    now[0] = int(ends_at)
    for again in (tokens[0], peek(tokens[0])):
        with pytest.raises(ExpiredTokenError):
            kept.verify(again)
