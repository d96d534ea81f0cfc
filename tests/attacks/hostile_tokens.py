"""The hostile tokens of research/library.md section 4b, rows A and H, each with the error that must come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from tests.attacks.attack import GOOD, HEAD, Attack, by_jws, by_jwt
from tests.attacks.forge import CLAIMS, ED25519, ES256, SECRET, segment, token, unsigned
from undersign import errors, jwk, jwks, jws
from undersign.encoding import b64url_encode


def algorithms() -> Iterator[Attack]:
    """Rows A1 to A4, A6, A10 and A11."""
    refused = errors.AlgorithmNotAllowedError
    for alg in ("none", "None", "nOnE", "NONE", "none ", "\u212aone", "hs256", "HS256 ", "RS256", "HS1"):
        for signature in ("", "AAAA", GOOD.rpartition(".")[2]):
            yield by_jwt(
                f"A1 CVE-2015-9235 alg {alg!r} signature {signature[:4]!r}",
                unsigned({"alg": alg}, signature=signature),
                refused,
            )
    for alg in (["HS256"], 1, None, {}, True):
        yield by_jwt(f"A2 alg {alg!r}", token({"alg": alg}, CLAIMS), errors.InvalidHeaderError)
    yield by_jwt("A2 alg missing", token({"typ": "JWT"}, CLAIMS), errors.InvalidHeaderError)
    yield by_jwt(
        "A3 the key is for another alg",
        token({"alg": "HS512"}, CLAIMS, jwk.secret(bytes(64), alg="HS512").sign),
        refused,
        jwk.secret(bytes(64), alg="HS256"),
    )
    yield by_jwt("A3 nor may the caller's list change it", token(HEAD, CLAIMS), refused, SECRET, algorithms=["HS512"])
    p384 = jwk.generate("ES384")
    yield by_jwt(
        "A4 CVE-2022-29217 ES256 under a P-384 key", token({"alg": "ES256"}, CLAIMS, p384.sign), refused, p384.public()
    )
    yield by_jwt("A4 ES512 under a P-256 key", token({"alg": "ES512"}, CLAIMS, ES256.sign), refused, ES256.public())
    yield by_jwt("A4 EdDSA unsaid", token({"alg": "EdDSA"}, CLAIMS, ED25519.sign), refused, ED25519.public())
    yield by_jwt(
        "A4 Ed448 under an Ed25519 key", token({"alg": "Ed448"}, CLAIMS, ED25519.sign), refused, ED25519.public()
    )
    yield by_jwt(
        "A6 verification with a private key",
        token({"alg": "ES256"}, CLAIMS, ES256.sign),
        errors.PrivateKeyGivenError,
        ES256,
    )
    twins = jwks.KeySet([jwk.generate("ES256", kid="k").public(), jwk.generate("ES256", kid="k").public()])
    yield by_jwt(
        "A10 two keys of one kid",
        token({"alg": "ES256", "kid": "k"}, CLAIMS, ES256.sign),
        errors.AmbiguousKeyError,
        twins,
    )
    for kid in (1, None, [], {"a": 1}):
        yield by_jwt(f"A10 kid {kid!r}", token({**HEAD, "kid": kid}, CLAIMS), errors.InvalidHeaderError, [SECRET])
    for kid in ("../../etc/passwd", "' OR 1=1 --", "http://169.254.169.254/", "\u0000", "x" * 9999):
        yield by_jwt(
            f"A10 CVE-2018-0114 kid {kid[:20]!r}", token({**HEAD, "kid": kid}, CLAIMS), errors.UnknownKeyError, [SECRET]
        )
    yield by_jwt("A10 a kid of a megabyte", token({**HEAD, "kid": "x" * 2**20}, CLAIMS), errors.LimitError, [SECRET])
    two = jwks.KeySet([ES256.public(), jwk.generate("ES256").public()])
    yield by_jwt(
        "A11 no kid and two keys that fit", token({"alg": "ES256"}, CLAIMS, ES256.sign), errors.AmbiguousKeyError, two
    )


def headers() -> Iterator[Attack]:
    """Rows H1 to H4."""
    invalid, b64 = errors.InvalidHeaderError, {**HEAD, "b64": False, "crit": ["b64"]}
    for name in ("exp", "http://example.com/UNDEFINED", "B64", ""):
        error = errors.UnsupportedCriticalError if name else invalid
        yield by_jwt(f"H1 CVE-2025-59420 crit {name!r}", token({**HEAD, "crit": [name], name: 1}, CLAIMS), error)
    for crit in (
        [],
        None,
        "b64",
        [1],
        ["b64", "b64"],
        ["absent"],
        ["alg"],
        ["kid"],
        ["enc"],
        {"b64": 1},
        True,
        [["b64"]],
    ):
        yield by_jwt(f"H2 crit {crit!r}", token({**HEAD, "b64": True, "kid": "secret", "crit": crit}, CLAIMS), invalid)
    entry = jws.sign(b"{}", SECRET, serialization="flattened")
    yield by_jws("H3 crit unprotected", {**entry, "header": {"crit": ["x"], "x": 1}}, invalid)
    yield by_jws("H3 b64 unprotected", {**entry, "header": {"b64": False}}, invalid)
    yield by_jws("H4 b64 false without crit", token({**HEAD, "b64": False}, b"x"), invalid)
    for value in (0, "false", None, []):
        yield by_jws(f"H4 b64 {value!r}", token({**b64, "b64": value}, b"x"), invalid)
    raw = f"{segment(b64)}." + json.dumps(CLAIMS)
    unencoded = f"{segment(b64)}." + json.dumps({**CLAIMS, "iss": "x", "aud": "y"})
    yield by_jwt(
        "H4 b64 false in a JWT",
        f"{unencoded}.{b64url_encode(SECRET.sign(unencoded.encode()))}",
        invalid,
        issuer="x",
        audience="y",
    )
    yield by_jws(
        "H4 b64 false with a dot in the payload",
        f"{raw}.{b64url_encode(SECRET.sign(raw.encode()))}",
        errors.MalformedTokenError,
    )
    mixed = jws.sign(b"x", [SECRET], serialization="general")
    mixed["signatures"] += jws.sign(b"x", [SECRET], serialization="general", b64=False)["signatures"]
    yield by_jws("H4 b64 differs between signatures", mixed, invalid, policy=jws.any_of())


def texts() -> Iterator[Attack]:
    """Rows H5 to H7: what the JSON spells."""
    entry = jws.sign(b"{}", SECRET, serialization="flattened")
    doubled = '{"alg":"none","alg":"HS256"}'
    yield by_jwt("H5 CVE-2024-54150 alg twice", token(doubled, CLAIMS), errors.DuplicateNameError)
    yield by_jwt("H5 sub twice", token(HEAD, json.dumps(CLAIMS)[:-1] + ',"sub":"eve"}'), errors.DuplicateNameError)
    yield by_jwt(
        "H5 a name twice, deep",
        token(HEAD, json.dumps(CLAIMS)[:-1] + ',"a":[{"b":1,"b":2}]}'),
        errors.DuplicateNameError,
    )
    yield by_jwt(
        "H5 a name twice, once escaped",
        token(HEAD, json.dumps(CLAIMS)[:-1] + ',"\\u0073ub":"eve"}'),
        errors.DuplicateNameError,
    )
    yield by_jws("H5 signature twice", json.dumps(entry)[:-1] + ',"signature":"AAAA"}', errors.DuplicateNameError)
    text = json.dumps(CLAIMS)
    for what, octets in {
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "UTF-16LE": text.encode("utf-16-le"),
        "BOM": b"\xef\xbb\xbf" + text.encode(),
        "invalid UTF-8": text.encode()[:-2] + b'\xff"}',
        "Latin-1": b'{"a":"\xe9"}',
        "overlong": b'{"a":"\xc0\xaf"}',
        "CESU": b'{"a":"\xed\xa0\x80"}',
        "lone surrogate": b'{"a":"\\ud800"}',
        "lone low surrogate": b'{"a":"\\udc00x"}',
        "surrogate name": b'{"\\ud800":1}',
        "NaN": b'{"a":NaN}',
        "Infinity": b'{"a":Infinity}',
        "-Infinity": b'{"a":[-Infinity]}',
        "5000 digits": b'{"a":' + b"9" * 5000 + b"}",
        "1e400": b'{"a":1e400}',
        "-1e999": b'{"a":[-1e999]}',
        "trailing": b"{} {}",
        "comment": b"{/**/}",
        "empty": b"",
        "single quotes": b"{'a':1}",
        "trailing comma": b'{"a":1,}',
        "NUL": b"{}\0",
        "control character": b'{"a":"\n"}',
    }.items():
        yield by_jwt(f"H6 claims in {what}", token(HEAD, octets), errors.InvalidJSONError)
        yield by_jwt(f"H6 header in {what}", token(octets, CLAIMS), errors.InvalidJSONError)
    for depth in (33, 999, 6000):
        nested = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        yield by_jwt(f"H6 claims {depth} deep", token(HEAD, nested), errors.LimitError)
        yield by_jwt(f"H6 header {depth} deep", token(nested, CLAIMS), errors.LimitError)
    yield by_jws("H6 CVE-2024-25710 100 000 deep", '{"payload":' + "[" * 100_000, errors.LimitError)
    yield by_jwt("H6 too many members", token(HEAD, b"[" + b"0," * 9000 + b"0]"), errors.LimitError)
    for value in ("[]", '"text"', "1", "null", "true", '[["sub","ana"]]'):
        yield by_jwt(f"H7 header {value}", token(value, CLAIMS), errors.InvalidJSONError)
        yield by_jwt(f"H7 claims {value}", token(HEAD, value), errors.InvalidJSONError)


def keys_in_headers() -> Iterator[Attack]:
    """Rows H8 and H9."""
    invalid = errors.InvalidHeaderError
    entry = jws.sign(b"{}", SECRET, serialization="flattened")
    evil = jwk.generate("ES256", kid="evil")
    for name, value in {
        "jwk": evil.public().to_jwk(),
        "jku": "https://evil.example/jwks.json",
        "x5u": "file:///etc/passwd",
        "x5c": ["AAAA"],
    }.items():
        forged = token({"alg": "ES256", name: value}, CLAIMS, evil.sign)
        yield by_jwt(
            f"H8 CVE-2018-0114 CVE-2026-27962 a key in {name}", forged, errors.InvalidSignatureError, ES256.public()
        )
    for name, value in {
        "jwk": "text",
        "jku": 1,
        "x5c": "text",
        "x5t": [],
        "x5t#S256": 1,
        "typ": 1,
        "cty": {},
        "x5u": None,
    }.items():
        yield by_jwt(f"H8 {name} of the wrong type", token({**HEAD, name: value}, CLAIMS), invalid)
    yield by_jws("H9 a name in both headers", {**entry, "header": {"alg": "HS256"}}, invalid)
    yield by_jws("H9 kid in both headers", {**entry, "header": {"kid": "other"}}, invalid)
    bare_entry = {**entry, "header": {"alg": "none"}}
    del bare_entry["protected"]
    yield by_jws("H9 alg none, unprotected", bare_entry, errors.AlgorithmNotAllowedError)
    yield by_jws("H9 header empty", {**entry, "header": {}}, invalid)
    yield by_jws("H9 header not an object", {**entry, "header": ["alg"]}, errors.MalformedTokenError)


ATTACKS: Final = [*algorithms(), *headers(), *texts(), *keys_in_headers()]
