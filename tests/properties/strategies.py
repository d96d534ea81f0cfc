"""Keys of every algorithm, and generators of JSON, headers, claims and tokens, good and nearly so."""

from __future__ import annotations

import json
import string
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from undersign import jwk
from undersign.encoding import b64url_encode
from undersign.jwa.signature import ALGORITHMS
from undersign.jwk import Key

ALGS: Final = tuple(ALGORITHMS)
FAMILIES: Final = ("HS256", "RS256", "PS384", "ES256", "ES512", "ES256K", "Ed25519", "Ed448", "EdDSA", "ML-DSA-44")
"""One algorithm of each way to sign."""
HASHLESS: Final = ("Ed25519", "Ed448", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")


@cache
def _rsa() -> dict[str, Any]:
    members = jwk.generate("RS256", size=2048).to_jwk(private=True)
    del members["alg"]
    return members


@cache
def key_of(alg: str) -> Key:
    """The one key of an algorithm in this run; the RSA algorithms share a modulus."""
    if ALGORITHMS[alg].kty == "RSA":
        return jwk.load(_rsa(), alg=alg)
    return jwk.generate(alg)


def half_of(alg: str) -> Key:
    """What a recipient holds."""
    key = key_of(alg)
    return key if key.kty == "oct" else key.public()


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(texts, values, max_size=6)
algorithms = st.sampled_from(ALGS)
payloads = st.binary(max_size=200)
printable = st.text(st.sampled_from(string.ascii_letters + string.digits + " -_~!$"), min_size=1).map(str.encode)

_NAMES: Final = (
    *(
        "alg",
        "typ",
        "kid",
        "crit",
        "b64",
        "jwk",
        "jku",
        "x5c",
        "x5u",
        "x5t",
        "x5t#S256",
        "cty",
        "zip",
        "enc",
        "iss",
        "aud",
    ),
    *("exp", "nbf", "iat", "sub", "jti", "", "a", "payload", "signature", "\u0000", "\u202e"),
)
_ODD: Final = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        0.5,
        1e300,
        10**30,
        "",
        "none",
        "HS256",
        "ES256",
        "JWT",
        "b64",
        "x" * 300,
        [],
        [[]],
        {},
    ),
    *(["b64"], ["exp"], {"kty": "oct"}, 1_800_000_000, -0.0, "\ud7ff", "\U0001f600", {"a": {"b": ["c"]}}),
)
odd = st.sampled_from(_ODD) | values
"""Values that stand where others are expected."""
members: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(_NAMES), odd, max_size=6)


@st.composite
def nearly_json(draw: st.DrawFn, base: dict[str, Any]) -> bytes:
    """Write an object that has some members changed, and now and then break its spelling."""
    text = json.dumps({**base, **draw(members)}, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(st.binary(max_size=60))
    if how == 1:
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.binary(min_size=1, max_size=3)) + text[at + draw(st.integers(0, 2)) :]
    if how == 2:
        return text[:-1] + draw(
            st.sampled_from([b',"alg":"none"}', b',"exp":NaN}', b',"a":1e999}', b',"a":"\\ud800"}', b"}}", b""])
        )
    if how == 3:
        return draw(st.sampled_from([b" ", b"\xef\xbb\xbf", b"[", b"\0"])) + text
    return text


@st.composite
def past_the_dots(draw: st.DrawFn, alg: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Make a token whose header and payload are nearly right, properly encoded and properly signed."""
    first = draw(st.just(json.dumps(header).encode()) | nearly_json(header))
    second = draw(st.just(json.dumps(claims).encode()) | nearly_json(claims))
    signing_input = f"{b64url_encode(first)}.{b64url_encode(second)}".encode()
    return f"{signing_input.decode()}.{b64url_encode(key_of(alg).sign(signing_input))}"
