"""The JSON serializations (RFC 7515 section 7.2)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from undersign import jwk, jws
from undersign.errors import (
    InvalidHeaderError,
    LimitError,
    MalformedTokenError,
    PolicyError,
    UndersignError,
    UnmetPolicyError,
)

ANA, BEN = jwk.generate("ES256", kid="ana"), jwk.generate("Ed25519", kid="ben")
BOTH = [ANA.public(), BEN.public()]


def test_the_general_form_holds_several_signatures() -> None:
    """One payload, a signature of each party told apart by kid, a report on each."""
    token = jws.sign(b"contract", [ANA, BEN], serialization="general")
    assert set(token) == {"payload", "signatures"}
    verified = jws.verify(token, BOTH, policy=jws.all_of())
    assert verified.payload == b"contract"
    assert [(each.protected["kid"], each.verified, each.code) for each in verified.signatures] == [
        ("ana", True, None),
        ("ben", True, None),
    ]
    assert [each.key and each.key.kid for each in verified.signatures] == ["ana", "ben"]
    assert "all_of" in verified.checks


def test_headers_stay_apart() -> None:
    """Each party has a protected and an unprotected header of its own, and the result keeps them so."""
    parties = [jws.By(ANA, protected={"role": "buyer"}, header={"note": 1}), jws.By(BEN, protected={"role": "seller"})]
    token = jws.sign(b"contract", parties, serialization="general")
    first, second = jws.verify(token, BOTH, policy=jws.all_of()).signatures
    assert (first.protected["role"], first.unprotected) == ("buyer", {"note": 1})
    assert (second.protected["role"], second.unprotected) == ("seller", {})
    verified = jws.verify(token, BOTH, policy=jws.all_of())
    assert (verified.protected.get("note"), verified.unprotected["note"], verified.header["note"]) == (None, 1, 1)


def test_an_unprotected_header_may_change() -> None:
    """Nobody signs the unprotected header: whoever carries the token may change it, and it still verifies."""
    token: Any = jws.sign(b"m", [jws.By(ANA, header={"note": "before"})], serialization="general")
    changed = copy.deepcopy(token)
    changed["signatures"][0]["header"] = {"note": "after"}
    verified = jws.verify(changed, ANA.public())
    assert (verified.unprotected, "note" in verified.protected) == ({"note": "after"}, False)
    changed["signatures"][0]["protected"] = token["signatures"][0]["protected"][:-2] + "fQ"
    with pytest.raises(UndersignError):
        jws.verify({**changed, "payload": "bg"}, ANA.public())


def test_the_flattened_form_round_trips() -> None:
    """One signer, no array; as a dict, as text and as octets; an unprotected header may be added."""
    token = jws.sign(b"m", ANA, serialization="flattened")
    assert set(token) == {"payload", "protected", "signature"}
    for spelling in (token, json.dumps(token), json.dumps(token, indent=2).encode(), " \n" + json.dumps(token)):
        assert jws.verify(spelling, ANA.public()).payload == b"m"
    assert jws.verify({**token, "header": {"x": 1}}, ANA.public()).unprotected == {"x": 1}


def test_another_party_adds_a_signature() -> None:
    """A party signs the same content later and elsewhere, in all three forms; what was there stays as it was."""
    for options in ({}, {"detached": True}, {"b64": False}, {"b64": False, "detached": True}):
        first: Any = jws.sign(b"contract", ANA, serialization="flattened", **options)  # type: ignore[call-overload]
        before = copy.deepcopy(first)
        content = b"contract" if options.get("detached") else None
        both = jws.add_signature(first, jws.By(BEN, header={"note": 1}), payload=content)
        assert first == before
        assert both["signatures"][0] == {name: first[name] for name in ("protected", "signature")}
        verified = jws.verify(both, BOTH, policy=jws.all_of(), payload=content)
        assert verified.payload == b"contract"
        third = jws.add_signature(json.loads(json.dumps(both)), jwk.generate("HS256"), payload=content)
        assert len(third["signatures"]) == 3


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        None,
        5,
        {},
        {"payload": ""},
        {"payload": "bQ", "signatures": []},
        {"payload": 5, "signature": "AA", "protected": "eyJhbGciOiJFUzI1NiJ9"},
    ],
    ids=range(7),
)
def test_a_signature_is_added_to_a_jws_only(token: Any) -> None:
    """What is no JWS in JSON, or has no signature yet, is refused."""
    with pytest.raises(UndersignError):
        jws.add_signature(token, ANA)


def test_a_full_jws_takes_no_further_signature() -> None:
    """There is room for sixteen signatures; and the payload is given where it is detached, and only there."""
    token = jws.sign(b"m", [ANA] * 16, serialization="general")
    with pytest.raises(LimitError):
        jws.add_signature(token, BEN)
    for detached, content in ((True, None), (False, b"m")):
        one = jws.sign(b"m", ANA, serialization="flattened", detached=detached)
        with pytest.raises(PolicyError):
            jws.add_signature(one, BEN, payload=content)


def test_several_signers_make_the_general_form() -> None:
    """A list of signers with another form, with a common header, or empty, is refused."""
    for options in ({}, {"serialization": "flattened"}, {"serialization": "general", "header": {"a": 1}}):
        with pytest.raises(PolicyError):
            jws.sign(b"m", [ANA, BEN], **options)  # type: ignore[call-overload]
    with pytest.raises(PolicyError):
        jws.sign(b"m", [], serialization="general")
    with pytest.raises(PolicyError):
        jws.sign(b"m", ANA, serialization="json")  # type: ignore[call-overload]


def test_what_a_verifier_would_refuse_is_not_signed() -> None:
    """A name in both headers, crit or b64 unprotected, or an unprotected kid that is no string is not signed."""
    for protected, header in (
        ({"x": 1}, {"x": 2}),
        ({}, {"crit": ["x"]}),
        ({}, {"b64": True}),
        ({}, {"alg": "ES256"}),
        ({}, {"kid": 5}),
    ):
        with pytest.raises(InvalidHeaderError):
            jws.sign(b"m", [jws.By(ANA, protected=protected, header=header)], serialization="general")
    for wrong in (5, ["a"], "text"):
        with pytest.raises(PolicyError):
            jws.By(ANA, header=wrong)  # type: ignore[arg-type]


def test_a_detached_payload_is_given_once() -> None:
    """The payload stands in the JWS or is given, never both and never neither."""
    attached = jws.sign(b"m", ANA, serialization="flattened")
    detached = jws.sign(b"m", ANA, serialization="flattened", detached=True)
    assert "payload" not in detached
    assert jws.verify(detached, ANA.public(), payload=b"m").payload == b"m"
    for token, payload in ((attached, b"m"), (detached, None)):
        with pytest.raises(MalformedTokenError):
            jws.verify(token, ANA.public(), payload=payload)


def test_each_verdict_is_told_when_a_policy_is_not_met() -> None:
    """The error of an unmet policy lists every signature with its verdict."""
    token = jws.sign(b"m", [ANA, jwk.generate("ES512", kid="eve")], serialization="general")
    with pytest.raises(UnmetPolicyError) as caught:
        jws.verify(token, BOTH, policy=jws.all_of())
    reports: Any = caught.value.signatures
    assert [(each.verified, each.code, each.key is None) for each in reports] == [
        (True, None, False),
        (False, reports[1].code, True),
    ]
    assert reports[1].code in {"unknown_key", "algorithm_not_allowed"}
