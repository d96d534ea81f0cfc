"""More than one signature: what an attacker can strip, add, repeat or rename (threat 4)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from undersign import jwk, jws
from undersign.errors import InvalidHeaderError, PolicyError, UnmetPolicyError, UnsupportedCriticalError
from undersign.jwk import Key

ANA, BEN, EVE = (jwk.generate(alg, kid=kid) for alg, kid in (("ES256", "ana"), ("Ed25519", "ben"), ("ES256", "ana")))
BOTH = [ANA.public(), BEN.public()]


@pytest.fixture
def signed() -> dict[str, Any]:
    """A contract that Ana and Ben signed."""
    return jws.sign(b"contract", [ANA, BEN], serialization="general")


def test_a_stripped_signature_is_missed(signed: dict[str, Any]) -> None:
    """all_of wants every key that was passed, so taking a signature away does not leave a whole document."""
    for index in (0, 1):
        stripped = {**signed, "signatures": [signed["signatures"][index]]}
        with pytest.raises(UnmetPolicyError):
            jws.verify(stripped, BOTH, policy=jws.all_of())
        flat = {"payload": signed["payload"], **signed["signatures"][index]}
        with pytest.raises(UnmetPolicyError):
            jws.verify(flat, BOTH, policy=jws.all_of())
        compact = ".".join((flat["protected"], flat["payload"], flat["signature"]))
        with pytest.raises(UnmetPolicyError):
            jws.verify(compact, BOTH, policy=jws.all_of())


def test_all_of_needs_to_know_all(signed: dict[str, Any]) -> None:
    """A source that only finds keys cannot tell which are missing, so all_of refuses it rather than check less."""

    class Source:
        def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:  # noqa: ARG002 - KeySource's shape
            return next(key for key in BOTH if key.kid == kid)

    stripped = {**signed, "signatures": signed["signatures"][:1]}
    for token in (signed, stripped):
        with pytest.raises(PolicyError):
            jws.verify(token, Source(), policy=jws.all_of())
    assert jws.verify(stripped, Source(), policy=jws.required([ANA.public()]))
    with pytest.raises(UnmetPolicyError):
        jws.verify(stripped, Source(), policy=jws.required(BOTH))


def test_an_added_signature_breaks_all_of_and_leaves_the_others(signed: dict[str, Any]) -> None:
    """A stranger's signature breaks all_of; any_of, at_least and required go by the keys that were passed."""
    with_eve = jws.add_signature(signed, jwk.generate("ES512"))
    with pytest.raises(UnmetPolicyError):
        jws.verify(with_eve, BOTH, policy=jws.all_of())
    for policy in (jws.any_of(), jws.at_least(2), jws.required(BOTH)):
        verdicts = jws.verify(with_eve, BOTH, policy=policy).signatures
        assert [report.verified for report in verdicts] == [True, True, False]


def test_one_key_counts_once_under_any_name(signed: dict[str, Any]) -> None:
    """Repeating a signature, or passing one key under two kids, does not make two signers."""
    twice = {**signed, "signatures": [signed["signatures"][0]] * 2}
    with pytest.raises(UnmetPolicyError):
        jws.verify(twice, BOTH, policy=jws.at_least(2))
    again = jws.add_signature(signed, jws.By(ANA, protected={"n": 2}))
    del again["signatures"][1]
    renamed = [ANA.public(), jwk.load(ANA.public().to_jwk(), kid="somebody else")]
    with pytest.raises(UnmetPolicyError):
        jws.verify(again, renamed, policy=jws.at_least(2))


def test_a_kid_is_no_identity() -> None:
    """A key that calls itself by Ana's kid does not sign for Ana, in the protected header or the unprotected one."""
    forged = jws.sign(b"contract", [EVE, BEN], serialization="general")
    for policy in (jws.all_of(), jws.at_least(2), jws.required([ANA.public()])):
        with pytest.raises(UnmetPolicyError):
            jws.verify(forged, BOTH, policy=policy)
    nameless = jwk.load({name: value for name, value in EVE.to_jwk(private=True).items() if name != "kid"})
    unprotected = jws.sign(b"contract", [jws.By(nameless, header={"kid": "ana"}), BEN], serialization="general")
    with pytest.raises(UnmetPolicyError):
        jws.verify(unprotected, BOTH, policy=jws.required([ANA.public()]))


def test_several_signatures_without_a_policy_are_refused(signed: dict[str, Any]) -> None:
    """The caller says what is enough: without a policy two signatures are refused, though both hold."""
    with pytest.raises(UnmetPolicyError):
        jws.verify(signed, BOTH)


def test_a_signature_that_must_be_understood_is_not_ignored(signed: dict[str, Any]) -> None:
    """One signature with an unknown critical extension refuses the JWS whole, whatever the policy."""
    extended = jws.add_signature(signed, jws.By(EVE, protected={"crit": ["exp"], "exp": 1}))
    with pytest.raises(UnsupportedCriticalError):
        jws.verify(extended, BOTH, policy=jws.any_of())
    assert jws.verify(extended, BOTH, policy=jws.any_of(), understood=("exp",))


def test_the_result_keeps_what_nobody_signed_apart(signed: dict[str, Any]) -> None:
    """Protected and unprotected headers stay apart, and what an attacker writes into the latter is seen as such."""
    touched = copy.deepcopy(signed)
    touched["signatures"][0]["header"] = {"role": "admin"}
    verified = jws.verify(touched, BOTH, policy=jws.all_of())
    assert "role" not in verified.protected
    assert verified.unprotected == {"role": "admin"}
    assert verified.signatures[0].unprotected == {"role": "admin"}
    for name in ("crit", "b64"):
        touched["signatures"][0]["header"] = {name: ["x"]}
        with pytest.raises(InvalidHeaderError):
            jws.verify(touched, BOTH, policy=jws.any_of())


def test_a_policy_that_lets_everything_pass_makes_no_evidence(signed: dict[str, Any]) -> None:
    """Even under a policy of the caller's own, a JWS of which no signature holds gives no evidence."""

    class Lenient:
        name = "lenient"

        def check(self, reports: object, keys: object) -> None:
            """Let everything pass."""

    strangers: list[Key] = [jwk.generate("ES384").public()]
    with pytest.raises(UnmetPolicyError):
        jws.verify(signed, strangers, policy=Lenient())


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "2", None])
def test_at_least_takes_a_positive_integer(count: Any) -> None:
    """A threshold that means nothing is refused when it is built."""
    with pytest.raises(PolicyError):
        jws.at_least(count)


@pytest.mark.parametrize("keys", [[], ["ana"], None, 5])
def test_required_takes_keys(keys: Any) -> None:
    """Names are no keys: required refuses them when it is built."""
    with pytest.raises(PolicyError):
        jws.required(keys)


@pytest.mark.parametrize("policy", ["all_of", 5, jws.all_of], ids=["name", "number", "function"])
def test_a_policy_is_an_object(policy: Any, signed: dict[str, Any]) -> None:
    """A name or a function in the policy's place is refused."""
    with pytest.raises(PolicyError):
        jws.verify(signed, BOTH, policy=policy)
