"""PyJWT, joserfc and jwcrypto verify what we sign, and we verify what they sign, for what both sides have."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from tests.properties.strategies import half_of, key_of
from undersign import jwk, jws, jwt
from undersign.jwa.signature import ALGORITHMS

pytestmark = pytest.mark.peer

ADVICE: Final = "pip install --require-hashes -r requirements/peers.txt"


class Peer(NamedTuple):
    """Another implementation: what it has, and how it signs and verifies a compact token."""

    name: str
    has: Callable[[], frozenset[str]]
    sign: Callable[[str, dict[str, Any], bytes], str]
    verify: Callable[[str, dict[str, Any], str], bytes]


def _pyjwt() -> Any:
    return pytest.importorskip("jwt", reason=f"PyJWT is not installed: {ADVICE}")


def _pyjwt_has() -> frozenset[str]:
    return frozenset(_pyjwt().algorithms.get_default_algorithms())


def _pyjwt_key(alg: str, members: dict[str, Any]) -> Any:
    return _pyjwt().PyJWK({**members, "alg": alg}).key


def _pyjwt_sign(alg: str, members: dict[str, Any], payload: bytes) -> str:
    token: str = _pyjwt().api_jws.PyJWS().encode(payload, _pyjwt_key(alg, members), algorithm=alg)
    return token


def _pyjwt_verify(alg: str, members: dict[str, Any], token: str) -> bytes:
    payload: bytes = _pyjwt().api_jws.PyJWS().decode(token, _pyjwt_key(alg, members), algorithms=[alg])
    return payload


def _joserfc() -> Any:
    pytest.importorskip("joserfc", reason=f"joserfc is not installed: {ADVICE}")
    from joserfc import jwk as keys  # noqa: PLC0415 - a peer may be absent
    from joserfc import jws as signatures  # noqa: PLC0415 - a peer may be absent

    return keys, signatures


def _joserfc_has() -> frozenset[str]:
    return frozenset(_joserfc()[1].JWSRegistry.algorithms)


def _joserfc_sign(alg: str, members: dict[str, Any], payload: bytes) -> str:
    keys, signatures = _joserfc()
    token: str = signatures.serialize_compact({"alg": alg}, payload, keys.import_key(members), algorithms=[alg])
    return token


def _joserfc_verify(alg: str, members: dict[str, Any], token: str) -> bytes:
    keys, signatures = _joserfc()
    payload: bytes = signatures.deserialize_compact(token, keys.import_key(members), algorithms=[alg]).payload
    return payload


def _jwcrypto() -> Any:
    pytest.importorskip("jwcrypto", reason=f"jwcrypto is not installed: {ADVICE}")
    from jwcrypto import jwk as keys  # noqa: PLC0415 - a peer may be absent
    from jwcrypto import jws as signatures  # noqa: PLC0415 - a peer may be absent

    return keys, signatures


def _jwcrypto_has() -> frozenset[str]:
    return frozenset(_jwcrypto()[1].default_allowed_algs)


def _jwcrypto_sign(alg: str, members: dict[str, Any], payload: bytes) -> str:
    keys, signatures = _jwcrypto()
    token = signatures.JWS(payload)
    token.add_signature(keys.JWK(**members), alg, json.dumps({"alg": alg}))
    text: str = token.serialize(compact=True)
    return text


def _jwcrypto_verify(alg: str, members: dict[str, Any], token: str) -> bytes:
    keys, signatures = _jwcrypto()
    read = signatures.JWS()
    read.deserialize(token, keys.JWK(**members), alg)
    payload: bytes = read.payload
    return payload


PEERS: Final = (
    Peer("PyJWT", _pyjwt_has, _pyjwt_sign, _pyjwt_verify),
    Peer("joserfc", _joserfc_has, _joserfc_sign, _joserfc_verify),
    Peer("jwcrypto", _jwcrypto_has, _jwcrypto_sign, _jwcrypto_verify),
)
EXPECTED: Final = {
    "PyJWT": set(ALGORITHMS) - {"Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"},
    "joserfc": set(ALGORITHMS) - {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"},
    "jwcrypto": set(ALGORITHMS),
}
"""What both sides have, so that an algorithm that falls out of a peer's table is noticed."""


def members(alg: str, *, private: bool) -> dict[str, Any]:
    """The key as a JWK."""
    key = key_of(alg)
    return key.to_jwk(private=private or key.kty == "oct")


@pytest.fixture(params=PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> Peer:
    """One other implementation."""
    found: Peer = request.param
    return found


def test_both_sides_have_what_we_think(peer: Peer) -> None:
    """The algorithms that both sides have are the ones named here."""
    assert peer.has() & set(ALGORITHMS) == EXPECTED[peer.name]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_it_verifies_ours_and_we_verify_its(peer: Peer, alg: str) -> None:
    """A compact token goes both ways, with keys exchanged as JWK."""
    peer.has()
    if alg not in EXPECTED[peer.name]:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers warn of EdDSA and of each other's defaults
        assert peer.verify(alg, members(alg, private=False), jws.sign(b"content \xff", key_of(alg))) == b"content \xff"
        theirs = peer.sign(alg, members(alg, private=True), b"content \xff")
    assert jws.verify(theirs, half_of(alg)).payload == b"content \xff"


@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256", "EdDSA"])
def test_pyjwt_reads_our_claims_and_we_read_its(alg: str) -> None:
    """A JWT with issuer, audience and times goes both ways with PyJWT."""
    other = _pyjwt()
    ours = jwt.sign({"sub": "ana"}, key_of(alg), issuer="i", audience="a")
    key = _pyjwt_key(alg, members(alg, private=False))
    claims = other.decode(ours, key, algorithms=[alg], issuer="i", audience="a")
    assert claims["sub"] == "ana"
    minted = other.encode({**claims, "sub": "ben"}, _pyjwt_key(alg, members(alg, private=True)), algorithm=alg)
    assert jwt.verify(minted, half_of(alg), issuer="i", audience="a").claims["sub"] == "ben"


@pytest.mark.parametrize("alg", sorted(EXPECTED["jwcrypto"]))
def test_jwcrypto_reads_our_json_and_we_read_its(alg: str) -> None:
    """General and flattened serializations, detached content and b64=false go both ways with jwcrypto."""
    keys, signatures = _jwcrypto()
    public = keys.JWK(**members(alg, private=False))
    for token in (
        jws.sign(b"content", key_of(alg), serialization="flattened"),
        jws.sign(b"content", key_of(alg), serialization="general"),
        jws.sign(b"content", key_of(alg), serialization="flattened", b64=False),
    ):
        read = signatures.JWS()
        read.deserialize(json.dumps(token), public, alg)
        assert read.payload in {b"content", "content"}
    detached = signatures.JWS()
    detached.deserialize(json.dumps(jws.sign(b"content", key_of(alg), serialization="general", detached=True)))
    detached.verify(public, alg, detached_payload=b"content")
    theirs = signatures.JWS(b"content")
    theirs.add_signature(keys.JWK(**members(alg, private=True)), alg, json.dumps({"alg": alg}), json.dumps({"note": 1}))
    assert jws.verify(theirs.serialize(), half_of(alg)).unprotected == {"note": 1}


def test_a_general_jws_of_several_parties_goes_both_ways() -> None:
    """jwcrypto adds its signature to ours, and we verify both."""
    keys, signatures = _jwcrypto()
    token = signatures.JWS(b"contract")
    for alg in ("ES256", "RS256"):
        token.add_signature(keys.JWK(**members(alg, private=True)), alg, json.dumps({"alg": alg}))
    third = jws.add_signature(json.loads(token.serialize()), key_of("Ed448"))
    verified = jws.verify(third, [half_of(alg) for alg in ("ES256", "RS256", "Ed448")], policy=jws.all_of())
    assert [report.verified for report in verified.signatures] == [True, True, True]


@pytest.mark.parametrize("alg", [alg for alg in EXPECTED["joserfc"] if not alg.startswith("HS")])
def test_keys_go_both_ways_as_pem(alg: str) -> None:
    """joserfc reads our PEM, plain and encrypted, and we read its."""
    keys, _ = _joserfc()
    kty = ALGORITHMS[alg].kty
    theirs = keys.import_key(key_of(alg).to_pem(private=True), kty)
    again = jwk.load(theirs.as_pem(private=True), alg=alg)
    assert again.is_same_key(key_of(alg))
    assert theirs.thumbprint() == key_of(alg).thumbprint()
