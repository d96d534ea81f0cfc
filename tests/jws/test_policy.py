"""Policies for several signatures."""

from __future__ import annotations

import pytest

from undersign import jwk, jws
from undersign.errors import UnmetPolicyError

ANA, BEN, CAL = jwk.generate("ES256", kid="a"), jwk.generate("Ed25519", kid="b"), jwk.generate("HS256", kid="c")
KEYS = [ANA.public(), BEN.public(), CAL]


def test_a_policy_is_named() -> None:
    """all_of, any_of, at_least and required say by name which signatures must hold, and it shows in the checks."""
    two = jws.sign(b"m", [ANA, BEN], serialization="general")
    for policy, met in (
        (jws.all_of(), False),
        (jws.any_of(), True),
        (jws.at_least(1), True),
        (jws.at_least(2), True),
        (jws.at_least(3), False),
        (jws.required([ANA.public()]), True),
        (jws.required([ANA.public(), CAL]), False),
    ):
        if met:
            assert policy.name in jws.verify(two, KEYS, policy=policy).checks
        else:
            with pytest.raises(UnmetPolicyError):
                jws.verify(two, KEYS, policy=policy)
    assert jws.verify(jws.add_signature(two, CAL), KEYS, policy=jws.all_of())


def test_a_policy_holds_for_a_compact_token_too() -> None:
    """A single compact signature satisfies any_of and fails at_least(2)."""
    token = jws.sign(b"m", ANA)
    assert jws.verify(token, KEYS, policy=jws.any_of())
    with pytest.raises(UnmetPolicyError):
        jws.verify(token, KEYS, policy=jws.at_least(2))
