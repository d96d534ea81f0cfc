"""Minting a JWT: what a Signer writes, and what it refuses to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from undersign import jwk, jwt
from undersign.encoding import b64url_decode, parse_object
from undersign.errors import (
    ClaimTypeError,
    InvalidHeaderError,
    PolicyError,
    UndersignError,
    UnusableKeyError,
    WeakKeyError,
)

NOW = 1_800_000_000
KEY = jwk.generate("Ed25519")


def minted(claims: Any = None, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mint at NOW; header and claims as they stand in the token."""
    head, payload, _ = jwt.Signer(KEY, **{"clock": lambda: NOW, **options}).sign(claims).split(".")
    return parse_object(b64url_decode(head)), parse_object(b64url_decode(payload))


def test_a_signer_writes_typ_and_kid() -> None:
    """The header has alg, kid and typ JWT; typ may be another or none, and further members come after."""
    assert list(minted()[0].items()) == [("alg", "Ed25519"), ("kid", KEY.kid), ("typ", "JWT")]
    assert minted(typ="at+jwt")[0]["typ"] == "at+jwt"
    assert "typ" not in minted(typ=None)[0]
    assert minted(header={"x": 1})[0]["x"] == 1


def test_a_token_lives_fifteen_minutes_unless_told() -> None:
    """iat and exp are written, 900 seconds apart; an exp in the claims wins; None must be written out for no end."""
    assert minted()[1] == {"iat": NOW, "exp": NOW + 900}
    assert minted({"exp": NOW + 5})[1] == {"iat": NOW, "exp": NOW + 5}
    assert minted({"iat": NOW - 100})[1] == {"iat": NOW - 100, "exp": NOW + 800}
    assert minted(lifetime=None)[1] == {}


@pytest.mark.parametrize(
    "lifetime, seconds",
    [
        ("30s", 30),
        ("15m", 900),
        ("12h", 43200),
        ("7d", 604800),
        ("2w", 1209600),
        (60, 60),
        (1.5, 1),
        (timedelta(minutes=2), 120),
    ],
    ids=str,
)
def test_a_lifetime_is_text_or_timedelta(lifetime: Any, seconds: int) -> None:
    """Lifetimes are text with a unit, timedeltas or seconds."""
    assert minted(lifetime=lifetime)[1]["exp"] == NOW + seconds


@pytest.mark.parametrize(
    "lifetime",
    [
        "",
        "15",
        "m",
        "15 m",
        "15M",
        "1.5h",
        "-1s",
        "0s",
        "1y",
        -1,
        True,
        [],
        float("nan"),
        timedelta(seconds=-1),
        "9" * 20 + "s",
    ],
    ids=repr,
)
def test_a_lifetime_that_means_nothing_is_refused(lifetime: Any) -> None:
    """Anything else is refused when the Signer is built."""
    with pytest.raises(PolicyError):
        jwt.Signer(KEY, lifetime=lifetime)


def test_claims_are_a_mapping() -> None:
    """Claims come from a mapping, in its order after the signer's own; None means none of one's own."""
    assert list(minted({"b": 1, "a": 2}, issuer="i", audience=["x", "y"])[1]) == ["iss", "aud", "iat", "exp", "b", "a"]
    assert minted(None)[1] == minted({})[1]
    for wrong in (5, "text", ["a"], [("a", 1)], b"x", {"a"}):
        with pytest.raises(PolicyError):
            minted(wrong)
    for wrong in ({1: 2}, {"a": float("nan")}, {"a": b"x"}, {"a": "\ud800"}, {"a": {None: 1}}, {"a": {1, 2}}):
        with pytest.raises(PolicyError):
            minted(wrong)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": 5},
        {"sub": None},
        {"jti": 1},
        {"aud": []},
        {"aud": [1]},
        {"aud": None},
        {"exp": "1"},
        {"exp": None},
        {"nbf": True},
        {"iat": []},
        {"iat": -1},
        {"exp": 253402300800},
        {"exp": True},
    ],
    ids=str,
)
def test_a_registered_claim_of_the_wrong_type_is_refused(claims: dict[str, Any]) -> None:
    """What a recipient would refuse is not minted, and the error names the claim."""
    with pytest.raises((ClaimTypeError, PolicyError)) as caught:
        minted(claims)
    name = next(iter(claims))
    assert name in str(caught.value) or "date" in str(caught.value)


def test_what_the_signer_writes_the_claims_may_not() -> None:
    """iss and aud of the Signer are not overwritten by a token's claims."""
    for claims in ({"iss": "other"}, {"aud": "other"}):
        with pytest.raises(PolicyError):
            minted(claims, issuer="i", audience="a")
    assert minted({"iss": "i", "aud": "a"})[1]["iss"] == "i"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"b64": False},
        {"b64": True},
        {"crit": ["b64"]},
        {"crit": 5},
        {"crit": []},
        {"kid": 5},
        {"typ": 5},
        5,
        ["a"],
        {"x": b"y"},
        {1: 2},
    ],
    ids=repr,
)
def test_a_header_that_no_jwt_has_is_refused(header: Any) -> None:
    """A header that contradicts the key, the standard or JSON is refused when the Signer is built."""
    with pytest.raises((InvalidHeaderError, PolicyError)):
        jwt.Signer(KEY, header=header)


def test_a_key_that_cannot_sign_is_refused() -> None:
    """A public key, a short secret and a key without an algorithm do not mint."""
    with pytest.raises(UnusableKeyError):
        jwt.sign({}, KEY.public())
    with pytest.raises(WeakKeyError):
        jwt.sign({}, jwk.secret(b"short", alg="HS256"))
    bare = {name: value for name, value in jwk.generate("HS256").to_jwk(private=True).items() if name != "alg"}
    with pytest.raises(UnusableKeyError):
        jwt.sign({}, jwk.load(bare))


def test_deterministic_ecdsa_repeats_a_token() -> None:
    """A Signer told so uses RFC 6979 nonces, so that one token comes out twice; by default it does not."""
    key = jwk.generate("ES256")
    for deterministic in (True, False):
        signer = jwt.Signer(key, clock=lambda: NOW, deterministic=deterministic)
        assert (signer.sign({"a": 1}) == signer.sign({"a": 1})) is deterministic


def test_what_is_minted_by_a_strange_clock_is_refused() -> None:
    """A clock that gives no time mints no token that verifies."""
    with pytest.raises((UndersignError, ValueError, OverflowError)):
        minted(clock=lambda: float("nan"))
