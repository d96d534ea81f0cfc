"""Claims that a recipient requires, and errors that say what was expected and what was there."""

from __future__ import annotations

from typing import Any

import pytest

from undersign import jwk, jwt
from undersign.errors import ClaimError, IncorrectClaimError, MissingClaimError, PolicyError

KEY = jwk.generate("HS256")
NAMES: dict[str, Any] = {"issuer": "i", "audience": "a"}


def check(claims: dict[str, Any], require: Any, **options: Any) -> jwt.VerifiedJWT:
    """Mint and verify with these requirements."""
    return jwt.verify(jwt.sign(claims, KEY, **NAMES), KEY, require=require, **{**NAMES, **options})


@pytest.mark.parametrize(
    "value", [True, False, None, 0, 1, -1, 1.5, "", "text", [], [1, "a"], {}, {"a": [True, None]}], ids=repr
)
def test_a_required_value_must_be_equal(value: Any) -> None:
    """A required claim equals the value given as JSON values are equal; one of another value or type is refused."""
    if value is not None:
        assert "x" in check({"x": value}, {"x": value}).checks
    for other in (True, False, 0, 1, "", "text", "1", [], [1, "b"], {}, {"a": [1, None]}):
        if type(other) is not type(value) or other != value:
            with pytest.raises(ClaimError):
                check({"x": other}, {"x": value})


def test_presence_can_be_required_alone() -> None:
    """... requires presence, and a list of names requires the presence of each."""
    for require in ({"sub": ...}, ["sub"], ("sub",), {"sub"}):
        assert check({"sub": "ana"}, require)
        with pytest.raises(MissingClaimError):
            check({}, require)


def test_checks_add_up() -> None:
    """Asking for one more never switches another off: issuer, audience and exp hold beside any requirement."""
    assert check({"x": 1}, {"x": 1, "iss": "i", "aud": "a"})
    for require, options in (
        ({"x": 1}, {"issuer": "other"}),
        ({"x": 1}, {"audience": "other"}),
        ({"iss": "other"}, {}),
        ({"x": 1}, {"now": 9e9}),
    ):
        with pytest.raises(IncorrectClaimError):
            check({"x": 1}, require, **options)


def test_a_missing_claim_says_what_was_expected() -> None:
    """MissingClaimError names the claim and the value expected."""
    with pytest.raises(MissingClaimError) as caught:
        check({}, {"hasMotorcycle": True})
    assert (caught.value.claim, caught.value.reason, caught.value.code) == ("hasMotorcycle", "missing", "missing_claim")
    assert "hasMotorcycle" in str(caught.value)
    assert "true" in str(caught.value)


def test_an_incorrect_claim_says_what_was_there() -> None:
    """IncorrectClaimError names the claim, the value expected and the value found."""
    with pytest.raises(IncorrectClaimError) as caught:
        check({"hasMotorcycle": False}, {"hasMotorcycle": True})
    assert (caught.value.claim, caught.value.reason) == ("hasMotorcycle", "incorrect")
    assert "true" in str(caught.value)
    assert "false" in str(caught.value)
    with pytest.raises(IncorrectClaimError, match=r"'other'.*'i'"):
        check({}, {}, issuer="other")


@pytest.mark.parametrize("require", ["sub", 5, {1: 2}, [1], [["sub"]], None, b"sub"], ids=repr)
def test_requirements_are_a_mapping_or_names(require: Any) -> None:
    """A single text, numbers and nested lists are refused when the Verifier is built."""
    with pytest.raises(PolicyError):
        jwt.Verifier(KEY, **NAMES, require=require)
