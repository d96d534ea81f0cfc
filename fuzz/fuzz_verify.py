"""Fuzz every door that takes octets from outside; only a value or an UndersignError may come out.

The mutator's octets become structures first, and those are encoded and signed properly, so that most get past the dots,
the header and the signature to what is checked after them. See fuzz/README.md.
"""

# ruff: noqa: INP001, PLR0911, PLR2004 - a script by itself, whose numbers are weights

from __future__ import annotations

import json
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["undersign"]):
    from undersign import jwk, jwks, jws, jwt
    from undersign.encoding import b64url_encode, dump_json, parse_json
    from undersign.errors import UndersignError
    from undersign.jwt.unverified import peek

NOW = 1_800_000_000
KEYS = [jwk.generate("HS256", kid="h"), jwk.generate("ES256", kid="e"), jwk.generate("Ed25519", kid="d")]
HALVES = [key if key.kty == "oct" else key.public() for key in KEYS]
RSA = jwk.generate("RS256", size=2048)
CLAIMS = {"iss": "i", "aud": "a", "sub": "ana", "exp": NOW + 60, "iat": NOW}
STRICT = jwt.Verifier(HALVES, issuer="i", audience="a", require={"sub": ...}, max_age=60, clock=lambda: NOW)
LAX = jwt.Verifier(
    HALVES, waive=("iss", "aud", "exp", "typ"), quirks=("padding",), understood=("exp",), clock=lambda: NOW
)
NAMES = ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "x5t", "x5t#S256", "cty", "zip", "iss", "aud", "sub"]
NAMES += ["exp", "nbf", "iat", "jti", "kty", "crv", "x", "y", "d", "n", "e", "k", "use", "key_ops", "p", "pub", "priv"]
NAMES += ["payload", "protected", "header", "signature", "signatures", "keys"]
WORDS = [
    "",
    "none",
    "HS256",
    "ES256",
    "EdDSA",
    "JWT",
    "at+jwt",
    "b64",
    "exp",
    "oct",
    "EC",
    "P-256",
    "AQAB",
    "\u202e",
    "\x00",
]


def value(data: atheris.FuzzedDataProvider, depth: int = 0) -> Any:
    """Draw a JSON value, small numbers of everything."""
    kind = data.ConsumeIntInRange(0, 9 if depth < 4 else 6)
    if kind == 0:
        return data.PickValueInList([None, True, False])
    if kind == 1:
        return data.ConsumeInt(9)
    if kind == 2:
        return data.PickValueInList([0, -1, NOW, NOW + 61, 0.5, 1e300, 10**400, -0.0])
    if kind in {3, 4}:
        return data.PickValueInList(WORDS)
    if kind in {5, 6}:
        return data.ConsumeUnicodeNoSurrogates(12)
    if kind == 7:
        return [value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    return members(data, depth + 1)


def members(data: atheris.FuzzedDataProvider, depth: int = 0) -> dict[str, Any]:
    """Draw members whose names are known ones, mostly."""
    return {
        data.PickValueInList(NAMES) if data.ConsumeBool() else data.ConsumeUnicodeNoSurrogates(4): value(data, depth)
        for _ in range(data.ConsumeIntInRange(0, 4))
    }


def text(data: atheris.FuzzedDataProvider, base: dict[str, Any]) -> bytes:
    """Write an object with members changed, and now and then octets of the mutator's own in it."""
    octets = json.dumps({**base, **members(data)}, ensure_ascii=data.ConsumeBool()).encode("utf-8", "replace")
    if data.ConsumeIntInRange(0, 3) == 0:
        at = data.ConsumeIntInRange(0, len(octets))
        octets = octets[:at] + data.ConsumeBytes(4) + octets[at + data.ConsumeIntInRange(0, 4) :]
    return octets


def attempt(do: Any, *arguments: Any, **options: Any) -> Any:
    """Give the value, or None for an UndersignError; any other exception is a finding."""
    try:
        return do(*arguments, **options)
    except UndersignError as error:
        str(error)
        return None


def compact(data: atheris.FuzzedDataProvider) -> None:
    """Compact tokens, properly encoded and signed."""
    key = KEYS[data.ConsumeIntInRange(0, 2)]
    header = {"alg": key.alg, "kid": key.kid}
    signing_input = f"{b64url_encode(text(data, header))}.{b64url_encode(text(data, CLAIMS))}"
    token = f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"
    for verify in (STRICT.verify, LAX.verify, peek):
        attempt(verify, token)
    attempt(jws.verify, token, HALVES, policy=jws.any_of())


def serialized(data: atheris.FuzzedDataProvider) -> None:
    """JSON serializations, as a dict and as text."""
    token: Any = jws.sign(b"{}", KEYS[: data.ConsumeIntInRange(1, 3)], serialization="general")
    target = data.PickValueInList([token, *token["signatures"]])
    target.update(members(data))
    if "protected" in target and data.ConsumeBool():
        target["protected"] = b64url_encode(text(data, {"alg": "HS256"}))
    policy = data.PickValueInList([None, jws.any_of(), jws.all_of(), jws.at_least(2), jws.required(HALVES[:1])])
    for given in (token, text(data, token)):
        attempt(jws.verify, given, HALVES, policy=policy, payload=data.PickValueInList([None, b"{}"]))
    attempt(jws.add_signature, token, KEYS[0])


def keys(data: atheris.FuzzedDataProvider) -> None:
    """JWK and JWK Sets with members changed."""
    key = data.PickValueInList([*KEYS, RSA])
    found: dict[str, Any] = {**key.to_jwk(private=key.kty == "oct" or data.ConsumeBool()), **members(data)}
    loaded = attempt(jwk.load, found)
    if loaded is not None:
        attempt(loaded.sign, b"m")
        attempt(loaded.verify, b"m", b"s")
        repr(loaded)
    attempt(jwk.load_public, text(data, found))
    attempt(jwks.KeySet.load, {"keys": [found]})


def forms(data: atheris.FuzzedDataProvider) -> None:
    """PEM and DER with octets changed."""
    key = data.PickValueInList([KEYS[1], KEYS[2], RSA])
    octets = bytearray((key.to_pem(private=True) if data.ConsumeBool() else key.to_pem()).encode())
    for _ in range(data.ConsumeIntInRange(0, 4)):
        octets[data.ConsumeIntInRange(0, len(octets) - 1)] = data.ConsumeIntInRange(0, 255)
    attempt(jwk.load, bytes(octets))
    attempt(jwk.load_public, bytes(octets))


def raw(data: atheris.FuzzedDataProvider) -> None:
    """The mutator's own octets at every door."""
    octets = data.ConsumeBytes(data.remaining_bytes())
    for do in (STRICT.verify, LAX.verify, peek, jwk.load, jwk.load_public, jwks.KeySet.load):
        attempt(do, octets)
    attempt(jws.verify, octets, HALVES)
    attempt(jwk.secret, octets, alg="HS256")
    parsed = attempt(parse_json, octets)
    if parsed is not None and parse_json(dump_json(parsed)) != parsed:
        msg = "what was written is not what was read"
        raise AssertionError(msg)


DOORS = (compact, compact, serialized, keys, forms, raw)


def one(octets: bytes) -> None:
    """Try one input."""
    data = atheris.FuzzedDataProvider(octets)
    DOORS[data.ConsumeIntInRange(0, len(DOORS) - 1)](data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
