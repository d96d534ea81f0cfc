"""The profile of access tokens (RFC 9068)."""

from __future__ import annotations

from typing import Any

import pytest

from undersign import jwk, jwt
from undersign.errors import ClaimTypeError, IncorrectClaimError, IncorrectTypeError, MissingClaimError, PolicyError
from undersign.jwt.profiles import access_token

NOW = 1_800_000_000
KEY = jwk.generate("ES256")
AS, API = "https://as.example", "https://api.example"
MINTER = access_token.Minter(KEY, issuer=AS, clock=lambda: NOW)
VERIFIER = access_token.Verifier(KEY.public(), issuer=AS, audience=API, clock=lambda: NOW)


def mint(**options: Any) -> str:
    """Mint a token of Ana's."""
    return MINTER.mint(**{"subject": "ana", "audience": API, "client_id": "app", "scope": "sign read", **options})


def test_a_minted_access_token_verifies() -> None:
    """It has every claim of RFC 9068 section 2.2, typ at+jwt and a jti of its own."""
    verified = VERIFIER.verify(mint(extra={"tenant": 7}))
    assert verified.header["typ"] == "at+jwt"
    claims = dict(verified.claims)
    assert len(claims.pop("jti")) >= 16
    assert claims == {
        "iss": AS,
        "sub": "ana",
        "aud": API,
        "client_id": "app",
        "scope": "sign read",
        "iat": NOW,
        "exp": NOW + 300,
        "tenant": 7,
    }
    assert VERIFIER.verify(mint()).claims["jti"] != VERIFIER.verify(mint()).claims["jti"]
    assert "scope" not in VERIFIER.verify(mint(scope="")).claims


def test_another_kind_of_token_is_no_access_token() -> None:
    """A plain JWT or an ID token of the same issuer, for the same audience, does not pass."""
    claims = {"sub": "ana", "client_id": "app", "jti": "1"}
    for typ in (None, "JWT", "dpop+jwt"):
        with pytest.raises(IncorrectTypeError):
            VERIFIER.verify(jwt.Signer(KEY, issuer=AS, audience=API, typ=typ, clock=lambda: NOW).sign(claims))


@pytest.mark.parametrize("missing", ["sub", "client_id", "jti", "iat", "exp"])
def test_each_claim_of_the_profile_is_required(missing: str) -> None:
    """Without one of the claims that RFC 9068 requires, the token is refused."""
    claims = {"sub": "ana", "client_id": "app", "jti": "1", "iat": NOW, "exp": NOW + 9}
    del claims[missing]
    token = jwt.Signer(KEY, issuer=AS, audience=API, typ="at+jwt", lifetime=None, clock=lambda: NOW).sign(claims)
    with pytest.raises(MissingClaimError):
        VERIFIER.verify(token)


def test_types_of_the_profile_s_own_claims_are_checked() -> None:
    """client_id and scope are strings."""
    for changed in ({"client_id": 5}, {"scope": ["sign"]}):
        claims = {"sub": "ana", "client_id": "app", "jti": "1", **changed}
        with pytest.raises(ClaimTypeError):
            VERIFIER.verify(jwt.Signer(KEY, issuer=AS, audience=API, typ="at+jwt", clock=lambda: NOW).sign(claims))


def test_extra_claims_do_not_overwrite() -> None:
    """What the profile writes cannot be set beside it, and another audience is refused."""
    for name in ("iss", "sub", "aud", "exp", "client_id", "scope", "jti"):
        with pytest.raises(PolicyError):
            mint(extra={name: "eve"})
    with pytest.raises(IncorrectClaimError):
        VERIFIER.verify(mint(audience="https://other.example"))
