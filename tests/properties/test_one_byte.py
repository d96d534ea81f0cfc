"""Any change of one byte of a token is refused, for every way to sign, in every serialization."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.strategies import ALGS, FAMILIES, half_of, key_of
from undersign import jws, jwt
from undersign.encoding import b64url_decode, b64url_encode
from undersign.errors import UndersignError

CONTENT = b'{"iss":"https://as.example","sub":"ana"}'


@cache
def token_of(alg: str) -> str:
    """One token of each algorithm."""
    return jws.sign(CONTENT, key_of(alg))


def refused(token: Any, alg: str) -> None:
    """Hold that the library refuses, with an error of its own."""
    with pytest.raises(UndersignError):
        jws.verify(token, half_of(alg))


@given(st.sampled_from(FAMILIES), st.data())
def test_a_flipped_bit_is_refused(alg: str, data: st.DataObject) -> None:
    """Any bit of any byte of a compact token, changed, refuses it."""
    octets = bytearray(token_of(alg).encode())
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    refused(bytes(octets), alg)


@given(st.sampled_from(FAMILIES), st.data())
def test_an_inserted_byte_is_refused(alg: str, data: st.DataObject) -> None:
    """Any byte, put in at any place, refuses the token."""
    octets = token_of(alg).encode()
    at = data.draw(st.integers(0, len(octets)))
    refused(octets[:at] + bytes([data.draw(st.integers(0, 255))]) + octets[at:], alg)


@given(st.sampled_from(FAMILIES), st.data())
def test_a_deleted_byte_is_refused(alg: str, data: st.DataObject) -> None:
    """Any byte, taken out, refuses the token."""
    octets = token_of(alg).encode()
    at = data.draw(st.integers(0, len(octets) - 1))
    refused(octets[:at] + octets[at + 1 :], alg)


@pytest.mark.parametrize("alg", ["HS256", "ES256", "Ed25519"])
def test_no_other_character_anywhere_verifies(alg: str) -> None:
    """Each character of the token is replaced by its neighbours and by what is not base64url: all are refused."""
    token = token_of(alg)
    for at, character in enumerate(token):
        for other in {
            chr(ord(character) ^ 1),
            chr(ord(character) ^ 2),
            chr(ord(character) ^ 32),
            "=",
            ".",
            "A",
            "_",
            "\n",
        } - {character}:
            refused(token[:at] + other + token[at + 1 :], alg)


@given(st.sampled_from(ALGS), st.sampled_from([0, 1, 2]), st.data())
def test_a_changed_octet_of_a_segment_is_refused(alg: str, segment: int, data: st.DataObject) -> None:
    """A change of one octet that leaves the base64url canonical, which gets past the dots, is refused as well."""
    parts = token_of(alg).split(".")
    octets = bytearray(b64url_decode(parts[segment]))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    parts[segment] = b64url_encode(octets)
    refused(".".join(parts), alg)


@given(st.sampled_from(FAMILIES), st.booleans(), st.booleans(), st.data())
def test_a_changed_detached_payload_is_refused(alg: str, b64: bool, cut: bool, data: st.DataObject) -> None:
    """A detached payload with one octet changed, added or missing is refused, encoded or not."""
    token = jws.sign(CONTENT, key_of(alg), detached=True, b64=b64)
    at = data.draw(st.integers(0, len(CONTENT) - 1))
    changed = CONTENT[:at] + (b"" if cut else bytes([CONTENT[at] ^ data.draw(st.integers(1, 255))])) + CONTENT[at + 1 :]
    with pytest.raises(UndersignError):
        jws.verify(token, half_of(alg), payload=changed)


@given(st.sampled_from(FAMILIES), st.sampled_from(["flattened", "general"]), st.data())
def test_a_changed_character_of_the_json_is_refused(alg: str, serialization: Any, data: st.DataObject) -> None:
    """One character of a JSON serialization's text replaced refuses it, unless it is white space for white space."""
    text = json.dumps(jws.sign(CONTENT, key_of(alg), serialization=serialization), separators=(",", ":"))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from('AZaz09-_={}[]":,.\\ \n'))
    if other != text[at]:
        refused(text[:at] + other + text[at + 1 :], alg)


def test_the_twin_of_an_ecdsa_signature_verifies_and_is_no_change_of_one_byte() -> None:
    """ECDSA's (r, n - s) holds too, as it does everywhere, so no octets of a token are an identity (threat 13)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    head, _, signature = token_of("ES256").rpartition(".")
    octets = b64url_decode(signature)
    twin = octets[:32] + (order - int.from_bytes(octets[32:], "big")).to_bytes(32, "big")
    assert sum(one != other for one, other in zip(octets, twin, strict=True)) > 8
    assert jws.verify(f"{head}.{b64url_encode(twin)}", half_of("ES256")).payload == CONTENT


def test_a_jwt_verifier_refuses_the_same_changes() -> None:
    """Signature and claims are one call: no character of a JWT can be replaced."""
    token = jwt.sign({"sub": "ana"}, key_of("ES256"), issuer="i", audience="a")
    verifier = jwt.Verifier(half_of("ES256"), issuer="i", audience="a")
    assert verifier.verify(token).claims["sub"] == "ana"
    for at, character in enumerate(token):
        with pytest.raises(UndersignError):
            verifier.verify(token[:at] + chr(ord(character) ^ 1) + token[at + 1 :])
