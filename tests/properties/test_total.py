"""Any bytes in give a value or an UndersignError, with generators that get past dots, header and signature."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.properties.strategies import half_of, key_of, members, odd, past_the_dots, values
from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode, b64url_encode, dump_json, parse_json
from undersign.errors import UndersignError
from undersign.jwt.unverified import peek

NOW = 1_800_000_000
CLAIMS = {
    "iss": "i",
    "aud": ["a", "b"],
    "sub": "ana",
    "exp": NOW + 60,
    "iat": NOW,
    "nbf": NOW,
    "roles": [{"at": "home"}],
}
VERIFIERS = {
    alg: jwt.Verifier(
        half_of(alg), issuer="i", audience=["a"], require={"sub": ..., "roles": ...}, max_age=60, clock=lambda: NOW
    )
    for alg in ("HS256", "ES256", "Ed25519")
}
LAX = jwt.Verifier(
    half_of("HS256"), waive=("iss", "aud", "exp", "typ"), quirks=("padding",), understood=("exp",), codec="msgspec"
)


def outcome(do: Any, *arguments: Any, **options: Any) -> Any:
    """The value, or None where an UndersignError came out; anything else fails the test."""
    try:
        return do(*arguments, **options)
    except UndersignError as error:
        event(error.code)
        return None


@settings(max_examples=400)
@given(st.sampled_from(sorted(VERIFIERS)), st.data())
def test_a_signed_token_of_any_structure_is_judged(alg: str, data: st.DataObject) -> None:
    """A header and claims that are nearly right, properly encoded and signed, give evidence or an UndersignError."""
    header = {"alg": alg, "typ": "JWT"}
    token = data.draw(past_the_dots(alg, header, CLAIMS))
    verified = outcome(VERIFIERS[alg].verify, token)
    if verified is not None:
        event("verified")
        assert (verified.claims["iss"], verified.header["alg"]) == ("i", alg)
        assert "a" in verified.claims["aud"]
        assert verified.claims["exp"] > NOW
    outcome(jws.verify, token, half_of(alg))
    seen = outcome(peek, token)
    if seen is not None:
        again = outcome(VERIFIERS[alg].verify, seen)
        assert (again and again.claims) == (verified and verified.claims)
    if alg == "HS256":
        outcome(LAX.verify, token)


@settings(max_examples=300)
@given(st.data())
def test_a_json_serialization_of_any_structure_is_judged(data: st.DataObject) -> None:
    """A flattened or general JWS with members changed, as a dict or as text, gives evidence or an UndersignError."""
    keys = [half_of("HS256"), half_of("ES256")]
    jws_dict: Any = jws.sign(b"{}", [key_of("HS256"), key_of("ES256")], serialization="general")
    if data.draw(st.booleans()):
        jws_dict = {"payload": jws_dict["payload"], **jws_dict["signatures"][0]}
    target = data.draw(st.sampled_from([jws_dict, *jws_dict.get("signatures", [])]))
    changed = data.draw(
        st.dictionaries(
            st.sampled_from(["payload", "protected", "header", "signature", "signatures", "x"]), odd | members
        )
    )
    target.update(changed)
    protected = data.draw(st.none() | members)
    if protected is not None and "protected" in target:
        target["protected"] = b64url_encode(json.dumps({"alg": "HS256", **protected}).encode())
    policy = data.draw(st.sampled_from([None, jws.any_of(), jws.all_of(), jws.at_least(2), jws.required(keys[:1])]))
    content = data.draw(st.sampled_from([None, b"", b"{}"]))
    for token in (jws_dict, json.dumps(jws_dict), json.dumps(jws_dict, ensure_ascii=False).encode("utf-8", "replace")):
        outcome(jws.verify, token, keys, policy=policy, payload=content)
    outcome(jws.add_signature, jws_dict, key_of("Ed25519"), payload=content)


@given(st.binary(max_size=300) | st.text(max_size=300) | st.text(st.sampled_from('eyJ.hbGci{}":,[]=-_'), max_size=80))
def test_any_octets_and_any_text_are_judged(source: bytes | str) -> None:
    """No octets and no text, surrogates included, bring another exception out of any door."""
    for do in (VERIFIERS["HS256"].verify, LAX.verify, peek, jwk.load, jwk.load_public, jwks.KeySet.load, b64url_decode):
        outcome(do, source)
    outcome(jws.verify, source, half_of("HS256"))
    outcome(jws.verify, source, half_of("HS256"), payload=b"x", policy=jws.any_of())
    if isinstance(source, bytes):
        outcome(parse_json, source)
        outcome(jwk.secret, source, alg="HS256")


@settings(max_examples=300)
@given(st.sampled_from(["HS256", "RS256", "ES256", "Ed448", "ML-DSA-44"]), st.booleans(), st.data())
def test_a_jwk_with_members_changed_is_judged(alg: str, private: bool, data: st.DataObject) -> None:
    """A JWK with members replaced, removed or shortened loads or is refused, and what loads can be used or says why."""
    key = key_of(alg)
    found: dict[str, Any] = key.to_jwk(private=private or key.kty == "oct")
    name = data.draw(st.sampled_from([*found, "use", "key_ops", "x5c", "x5t#S256", "oth", "crv"]))
    text = found.get(name)
    short = text[: data.draw(st.integers(0, len(text)))] if isinstance(text, str) else "AQAB"
    found[name] = data.draw(odd | st.just(short))
    for source in (found, json.dumps(found)):
        loaded = outcome(jwk.load, source)
        if loaded is not None:
            event("loaded")
            outcome(loaded.verify, b"message", b"signature")
            outcome(loaded.sign, b"message")
            outcome(loaded.public)
            assert repr(loaded)
    outcome(jwks.KeySet.load, {"keys": [found, key.to_jwk(private=True)]})


@given(
    st.sampled_from(["RS256", "ES256", "Ed25519", "ML-DSA-44"]),
    st.sampled_from(["pem", "der", "private", "encrypted"]),
    st.data(),
)
def test_a_pem_with_octets_changed_is_judged(alg: str, form: str, data: st.DataObject) -> None:
    """PEM and DER with octets changed or cut off load or are refused."""
    key = key_of(alg)
    pem = (
        key.to_pem()
        if form in {"pem", "der"}
        else key.to_pem(private=True, password=b"x" if form == "encrypted" else None)
    )
    octets = bytearray(
        pem.encode()
        if form != "der"
        else b64url_decode("".join(pem.split("\n")[1:-2]).replace("+", "-").replace("/", "_").rstrip("="))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.just(len(octets)) | st.integers(0, len(octets)))])
    outcome(jwk.load, cut)
    outcome(jwk.load_public, cut)
    outcome(jwk.secret, cut, alg="HS256")


@given(values, members)
def test_anything_that_is_minted_verifies(claims: Any, header: dict[str, Any]) -> None:
    """Claims and a header of any content are refused when minting, or make a token that verifies as it was meant."""
    if not isinstance(claims, dict):
        claims = {"a": claims}
    clean = {name: value for name, value in header.items() if name not in {"crit", "jku", "x5u"}}
    token = outcome(jwt.sign, claims, key_of("HS256"), header=clean, lifetime=None)
    if token is not None:
        verified = jwt.verify(token, half_of("HS256"), waive=("iss", "aud", "exp", "typ"), now=claims.get("iat", NOW))
        assert verified.claims == claims
        event("minted")


@given(values)
def test_what_is_dumped_is_parsed(value: Any) -> None:
    """dump_json writes what parse_json reads, or refuses with an UndersignError."""
    octets = outcome(dump_json, value)
    if octets is not None:
        assert parse_json(octets) == value
