"""The hostile tokens of research/library.md section 4b, row S: segments, signatures, serializations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.attacks.attack import GOOD, Attack, by_jws, by_jwt
from tests.attacks.forge import CLAIMS, ED25519, ES256, SECRET, token
from undersign import errors, jwk, jws
from undersign.encoding import b64url_decode, b64url_encode
from undersign.jwk import Key


def segments() -> Iterator[Attack]:
    """Rows S1 to S3, S5 and S6."""
    head, body, mac = GOOD.split(".")
    spare = body[:-1] + chr(ord(body[-1]) + 1)
    for what, text in {
        "padding": f"{head}=.{body}.{mac}",
        "padding of the signature": f"{GOOD}=",
        "plus": f"{head}.{body}.{'+' + mac[1:]}",
        "slash": f"{head}.{body}.{'/' + mac[1:]}",
        "newline": f"{head}.{body[:4]}\n{body[4:]}.{mac}",
        "space": f"{head}.{body} .{mac}",
        "exclamation marks": f"{head}.!!!!{body}.{mac}",
        "spare bits": f"{head}.{body}.{mac[:-1]}{'B' if mac[-1] == 'A' else chr(ord(mac[-1]) ^ 1)}",
        "length 1 mod 4": f"{head}.{body}.{mac}AA",
        "NUL": f"{head}.{body}.{mac}\0",
        "spare bits in the payload": f"{head}.{spare}.{mac}",
        "tab": f"{head}\t.{body}.{mac}",
    }.items():
        yield by_jwt(f"S1 {what}", text, errors.TokenError)
    for text in (f"{head}.{body}.{mac}\u00e9", f"\u0435{GOOD[1:]}", "\ud800" + GOOD):
        yield by_jwt(f"S1 not ASCII {text[-1]!r}", text, errors.MalformedTokenError)
    for text in (
        "",
        ".",
        "..",
        "...",
        head,
        f"{head}.{body}",
        f"{GOOD}.",
        f".{GOOD}",
        f"{GOOD}.{mac}",
        f"{GOOD}.{mac}.{mac}",
        f"{head}..{mac}",
        f".{body}.{mac}",
        "." * 1_000_000,
        "." * 60_000,
    ):
        yield by_jwt(f"S2 {text[:3]!r} with {text.count('.')} dots", text, errors.UndersignError)
    for text in (f" {GOOD}", f"{GOOD} ", f"{GOOD}\n", f"Bearer {GOOD}", f'"{GOOD}"', f"{GOOD}\r\n", f"\ufeff{GOOD}"):
        yield by_jwt(f"S2 around it: {text[:8]!r}", text, errors.MalformedTokenError)
    yield by_jwt("S2 ten megabytes", "A" * 10_000_000, errors.LimitError)
    for what in (None, 5, 1.5, True, [], {}, (), object(), ["a", "b", "c"], memoryview(b"x")):
        yield by_jwt(f"S2 a token that is {type(what).__name__}", what, errors.MalformedTokenError)
    polyglot = json.dumps({"payload": body, "protected": head, "signature": mac})
    yield by_jwt("S3 CVE-2022-39227 JSON handed to a JWT verifier", polyglot, errors.MalformedTokenError)
    yield by_jwt("S3 CVE-2022-39227 a polyglot", f'{{"{head}.{body}.{mac}":1}}', errors.MalformedTokenError)
    yield by_jwt("S3 an object", {"payload": body, "protected": head, "signature": mac}, errors.MalformedTokenError)
    yield from _ecdsa()
    head, body, signature = token({"alg": "Ed25519"}, CLAIMS, ED25519.sign).split(".")
    order = 2**252 + 27742317777372353535851937790883648493
    octets = b64url_decode(signature)
    scalar = int.from_bytes(octets[32:], "little") + order
    larger = octets[:32] + scalar.to_bytes(32, "little")
    yield by_jwt(
        "S6 S plus the order", f"{head}.{body}.{b64url_encode(larger)}", errors.InvalidSignatureError, ED25519.public()
    )
    for cut in (b"", octets[:63], octets + b"\0", octets[:32]):
        yield by_jwt(
            f"S6 {len(cut)} octets",
            f"{head}.{body}.{b64url_encode(cut)}",
            errors.InvalidSignatureError,
            ED25519.public(),
        )


def _ecdsa() -> Iterator[Attack]:
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    head, body, signature = token({"alg": "ES256"}, CLAIMS, ES256.sign).split(".")
    octets = b64url_decode(signature)
    r, s = int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")
    der = encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)
    for what, forged in {
        "CVE-2022-21449 r and s zero": bytes(64),
        "r zero": bytes(32) + octets[32:],
        "s zero": octets[:32] + bytes(32),
        "r the order": n.to_bytes(32, "big") + octets[32:],
        "s the order": octets[:32] + n.to_bytes(32, "big"),
        "all ones": b"\xff" * 64,
        "DER": der,
        "empty": b"",
        "63 octets": octets[:-1],
        "65 octets": octets + b"\0",
        "a leading zero": b"\0" + octets,
        "r and s swapped": octets[32:] + octets[:32],
        "96 octets": octets[:32].rjust(48, b"\0") + octets[32:].rjust(48, b"\0"),
    }.items():
        yield by_jwt(
            f"S5 ES256 {what}", f"{head}.{body}.{b64url_encode(forged)}", errors.InvalidSignatureError, ES256.public()
        )
    p521 = jwk.generate("ES512")
    head, body, signature = token({"alg": "ES512"}, CLAIMS, p521.sign).split(".")
    octets = b64url_decode(signature)
    yield by_jwt(
        "S5 ES512 leading zeros stripped",
        f"{head}.{body}.{b64url_encode(octets[1:66] + octets[67:])}",
        errors.InvalidSignatureError,
        p521.public(),
    )


def several() -> Iterator[Attack]:
    """Row S4: JSON serializations."""
    good = jws.sign(b"{}", [SECRET, ES256], serialization="general")
    first, second = good["signatures"]
    broken = {**second, "signature": "A" * 86}
    keys: Sequence[Key] = (SECRET, ES256.public())
    unmet, malformed = errors.UnmetPolicyError, errors.MalformedTokenError
    for name, entries in {
        "good, bad": [first, broken],
        "bad, good": [broken, first],
        "only one": [first],
        "one twice": [first, first],
    }.items():
        yield by_jws(f"S4 {name} under all_of", {**good, "signatures": entries}, unmet, keys, policy=jws.all_of())
    yield by_jws(
        "S4 the same signer counted twice", {**good, "signatures": [first, first]}, unmet, keys, policy=jws.at_least(2)
    )
    yield by_jws("S4 no policy named", good, unmet, keys)
    yield by_jws("S4 no signatures", {**good, "signatures": []}, malformed, keys, policy=jws.any_of())
    yield by_jws("S4 signature and signatures", {**good, "signature": "AAAA"}, malformed, keys, policy=jws.any_of())
    yield by_jws(
        "S4 protected empty", {**good, "signatures": [{**first, "protected": ""}]}, errors.InvalidHeaderError, keys
    )
    yield by_jws(
        "S4 10 000 signatures", {**good, "signatures": [first] * 10_000}, errors.LimitError, keys, policy=jws.any_of()
    )
    yield by_jws("S4 17 signatures", {**good, "signatures": [first] * 17}, errors.LimitError, keys, policy=jws.any_of())
    for entries in (
        "text",
        {"a": first},
        [1],
        [None],
        [[first]],
        [{**first, "signature": None}],
        [{**first, "protected": 1}],
    ):
        yield by_jws(
            f"S4 signatures {str(entries)[:12]}", {**good, "signatures": entries}, malformed, keys, policy=jws.any_of()
        )
    yield by_jws("S4 payload missing", {"signatures": [first]}, malformed, keys)
    yield by_jws("S4 payload a number", {**good, "payload": 1}, malformed, keys, policy=jws.any_of())
    yield by_jws(
        "S4 half a surrogate pair",
        {"payload": "\ud800", **jws.sign(b"x", SECRET, serialization="flattened", b64=False, detached=True)},
        malformed,
    )


ATTACKS: Final = [*segments(), *several()]
