"""What a JWK says about its key is honoured."""

from __future__ import annotations

from typing import Any

import pytest

from undersign import jwk
from undersign.errors import KeyUseError

KEY = jwk.generate("ES256", kid="k")


@pytest.mark.parametrize(
    "members, signs, verifies",
    [
        ({}, True, True),
        ({"use": "sig"}, True, True),
        ({"use": "enc"}, False, False),
        ({"key_ops": ["sign"]}, True, True),
        ({"key_ops": ["verify"]}, False, True),
        ({"key_ops": ["sign", "verify"]}, True, True),
        ({"key_ops": ["deriveKey"]}, False, False),
        ({"use": "sig", "key_ops": ["verify"]}, False, True),
    ],
    ids=range(8),
)
def test_use_and_key_ops_are_honoured(members: dict[str, Any], signs: bool, verifies: bool) -> None:
    """A key does what its use and key_ops allow and raises KeyUseError at anything else (RFC 7517 section 4)."""
    key = jwk.load({**KEY.to_jwk(private=True), **members})
    signature = KEY.sign(b"m")
    if signs:
        key.public().verify(b"m", key.sign(b"m"))
    else:
        with pytest.raises(KeyUseError):
            key.sign(b"m")
    if verifies:
        key.verify(b"m", signature)
    else:
        with pytest.raises(KeyUseError):
            key.verify(b"m", signature)
    assert jwk.load(key.to_jwk(private=True)).use == members.get("use")


def test_the_public_half_of_sign_is_verify() -> None:
    """A private key whose key_ops say sign has a public half whose key_ops say verify."""
    key = jwk.load({**KEY.to_jwk(private=True), "key_ops": ["sign"]})
    assert key.public().key_ops == ("verify",)
    assert key.to_jwk()["key_ops"] == ["verify"]
    assert key.to_jwk(private=True)["key_ops"] == ["sign"]
    both = jwk.load({**KEY.to_jwk(private=True), "key_ops": ["sign", "verify"]})
    assert both.public().key_ops == ("verify",)


def test_unknown_members_are_left_alone() -> None:
    """Members that nobody knows neither hurt nor come back (RFC 7517 section 4)."""
    key = jwk.load({**KEY.to_jwk(), "x-note": {"a": 1}, "nbf": 5})
    assert key.to_jwk() == KEY.to_jwk()
