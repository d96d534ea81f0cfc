"""One-time things: the name under which one is stored, which rows of older releases have too."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersign.errors import PolicyError
from undersign.replay import Burn

TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, TEXT, TEXT)
def test_a_key_is_the_hash_of_a_json_list(purpose: str, issuer: str, name: str) -> None:
    """Whatever the strings hold, the key is SHA-256 over the compact JSON array of the three, in UTF-8."""
    text = json.dumps([purpose, issuer, name], ensure_ascii=False, separators=(",", ":"))
    burn = Burn(purpose, issuer, name, 1.0)
    assert burn.key == burn.key == sha256(text.encode()).hexdigest()


def test_keys_are_those_of_the_rows_that_are_stored() -> None:
    """Keys that an earlier release computed, byte for byte."""
    stored = [
        (
            "client-auth",
            "https://as.example",
            "0123",
            "224bbf912ff5e5937dcb523081e7ba2e2cff7fc1e211bdcd41da3cdab7bbf7b2",
        ),
        (
            "dpop",
            "",
            '"quoted\\ \xe9\u2028\U0001f600',
            "0b3c2939d730163bff15964e5c5ea196d91ab136630b2e9028668a6679a1e08e",
        ),
        ("a", "b", "c\n\t\x00\x7f/", "a65032c8b1a0ae76f0f73d774b94995922fe580b38d7c4b8847cf6c31689d706"),
        ("", "", "", "799c55d702efedb7750db18b36386fc3a3f4be7dddcfb649adeb41a3ed0da228"),
    ]
    assert [Burn(purpose, issuer, name, 1.0).key for purpose, issuer, name, _ in stored] == [key for *_, key in stored]


def test_things_are_equal_by_what_they_are() -> None:
    """Two of one purpose, issuer and id are one thing; where they are joined tells them apart; neither is changed."""
    one = Burn("client-auth", "a", "bc", 1.0)
    assert one == Burn("client-auth", "a", "bc", 2.0)
    assert hash(one) == hash(Burn("client-auth", "a", "bc", 2.0))
    assert one != Burn("client-auth", "ab", "c", 1.0)
    assert one != Burn("dpop", "a", "bc", 1.0)
    for name in ("purpose", "issuer", "id", "expires_at", "_key"):
        with pytest.raises(AttributeError):
            setattr(one, name, "x")
    mistyped: Any = 5
    assert Burn("a", "b", mistyped, 1.0).key != Burn("a", "b", "5", 1.0).key
    with pytest.raises(PolicyError):
        _ = Burn("a", "b", "\ud800", 1.0).key
