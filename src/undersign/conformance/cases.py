"""The cases of the conformance kit: what the RFCs print must be accepted, what attackers send must be refused.

Each case is one compact token with one key in JWK form, so that any library can be asked. The hostile ones are those
of the advisories and of BCP 225 (RFC 8725); each is properly signed as far as its point allows, so that a refusal is
for the reason that the case is about.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from ..encoding import b64url_decode, b64url_encode
from ..jwk import Key, generate, secret

__all__ = ["Case", "cases", "examples"]

ISSUER: Final = "https://as.example"
AUDIENCE: Final = "https://api.example"


@dataclass(frozen=True, slots=True)
class Case:
    """One question to a library.

    Attributes:
        name: What it is about; unique.
        group: ``rfc``, or the kind of attack.
        token: A compact JWS.
        key: The key to verify with, as a JWK.
        alg: The one algorithm that the caller allows.
        accept: Whether the token must be accepted, or refused.
        payload: What must come back; None for a JWT, of which issuer, audience and times are checked as well.
    """

    name: str
    group: str
    token: str
    key: Mapping[str, Any]
    alg: str
    accept: bool
    payload: bytes | None = None


def examples() -> dict[str, Any]:
    """Read what the RFCs print: keys, tokens and thumbprints."""
    text = files(__package__).joinpath("examples.json").read_text(encoding="ascii")
    found: dict[str, Any] = json.loads(text)
    return found


def cases() -> tuple[Case, ...]:
    """Build every case, with fresh keys and times."""
    return tuple(_printed()) + tuple(_Forge().cases())


def _printed() -> Iterator[Case]:
    found = examples()
    for example in found["tokens"]:
        if isinstance(example["token"], str) and not example.get("detached"):
            key = {name: value for name, value in found["keys"][example["key"]].items() if name in _PUBLIC}
            yield Case(
                f"RFC {example['name']}",
                "rfc",
                example["token"],
                key,
                example["alg"],
                accept=True,
                payload=b64url_decode(example["payload"]),
            )


_PUBLIC: Final = frozenset({"kty", "kid", "n", "e", "crv", "x", "y", "k", "pub"})


class _Forge:
    """Makes tokens that are right but for one thing."""

    def __init__(self) -> None:
        self.now = int(time.time())
        self.secret = secret(bytes(range(64)), alg="HS256")
        self.ec = generate("ES256")
        self.ed = generate("EdDSA")
        self.rsa = generate("RS256", size=2048)
        self.claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ana", "iat": self.now, "exp": self.now + 3600}

    def cases(self) -> Iterator[Case]:
        yield from self._controls()
        yield from self._algorithms()
        yield from self._confusion()
        yield from self._headers()
        yield from self._spellings()
        yield from self._signatures()
        yield from self._claim_cases()

    def jwk(self, key: Key) -> dict[str, Any]:
        jwk = key.to_jwk(private=True) if key.kty == "oct" else key.to_jwk()
        return {name: value for name, value in jwk.items() if name in _PUBLIC - {"kid"}}

    def text(self, header: bytes, payload: bytes, key: Key) -> str:
        signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}"
        return f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"

    def token(self, header: Mapping[str, Any], claims: object, key: Key | None = None) -> str:
        return self.text(json.dumps(header).encode(), json.dumps(claims).encode(), key or self.secret)

    def refused(self, group: str, name: str, token: str, key: Key | None = None, alg: str = "HS256") -> Case:
        return Case(f"{group}: {name}", group, token, self.jwk(key or self.secret), alg, accept=False)

    def _controls(self) -> Iterator[Case]:
        for alg, key in (("HS256", self.secret), ("RS256", self.rsa), ("ES256", self.ec), ("EdDSA", self.ed)):
            token = self.token({"alg": alg, "typ": "JWT"}, self.claims, key)
            yield Case(f"control: {alg}", "control", token, self.jwk(key), alg, accept=True)
        spaced = self.text(
            b'{ "typ" : "JWT", "alg" : "HS256" }', json.dumps(self.claims, indent=1).encode(), self.secret
        )
        yield Case("control: white space in the JSON", "control", spaced, self.jwk(self.secret), "HS256", accept=True)
        extra = self.token({"alg": "HS256", "x-unknown": 1, "cty": "x"}, {**self.claims, "more": {"deep": [1, 2]}})
        yield Case(
            "control: unknown members are ignored", "control", extra, self.jwk(self.secret), "HS256", accept=True
        )
        several = self.token({"alg": "HS256"}, {**self.claims, "aud": ["https://other.example", AUDIENCE]})
        yield Case("control: one audience of several", "control", several, self.jwk(self.secret), "HS256", accept=True)

    def _algorithms(self) -> Iterator[Case]:
        for alg in ("none", "None", "nOnE", "NONE"):
            bare = self.token({"alg": alg}, self.claims).rpartition(".")[0] + "."
            yield self.refused("algorithm", f"alg {alg} without a signature", bare)
            yield self.refused("algorithm", f"alg {alg} with an HMAC", self.token({"alg": alg}, self.claims))
        for odd in (None, ["HS256"], 256, True, "", "hs256", "HS256 ", "HS512"):
            yield self.refused("algorithm", f"alg {odd!r} over an HS256 MAC", self.token({"alg": odd}, self.claims))
        yield self.refused("algorithm", "no alg", self.token({"typ": "JWT"}, self.claims))
        p384 = generate("ES384")
        yield self.refused(
            "algorithm", "ES256 under a P-384 key", self.token({"alg": "ES256"}, self.claims, p384), p384, "ES256"
        )

    def _confusion(self) -> Iterator[Case]:
        for name, key, alg in (("RSA", self.rsa, "RS256"), ("EC", self.ec, "ES256"), ("Ed25519", self.ed, "EdDSA")):
            pem = key.public().to_pem().encode()
            for form, octets in (("PEM", pem), ("PEM without its last line break", pem.rstrip())):
                header, payload = b'{"alg":"HS256"}', json.dumps(self.claims).encode()
                signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}".encode()
                forged = f"{signing_input.decode()}.{b64url_encode(hmac.digest(octets, signing_input, 'sha256'))}"
                yield self.refused("key confusion", f"HS256 with the {name} public key's {form}", forged, key, alg)
        mine = generate("ES256")
        embedded = {"alg": "ES256", "jwk": mine.to_jwk()}
        yield self.refused(
            "key confusion", "the attacker's key in jwk", self.token(embedded, self.claims, mine), self.ec, "ES256"
        )
        named = {"alg": "ES256", "jku": "https://attacker.example/jwks.json", "kid": "k"}
        yield self.refused(
            "key confusion", "the attacker's set in jku", self.token(named, self.claims, mine), self.ec, "ES256"
        )

    def _headers(self) -> Iterator[Case]:
        head: dict[str, Any] = {"alg": "HS256"}
        crits: tuple[tuple[str, dict[str, Any]], ...] = (
            ("an unknown name", {"crit": ["exp"], "exp": 1}),
            ("a URI", {"crit": ["http://example.com/x"], "http://example.com/x": True}),
            ("an empty array", {"crit": []}),
            ("null", {"crit": None}),
            ("a string", {"crit": "b64"}),
            ("a number in it", {"crit": [1]}),
            ("a registered name", {"crit": ["alg"]}),
            ("a name that is not there", {"crit": ["b64"]}),
            ("a name twice", {"crit": ["b64", "b64"], "b64": True}),
        )
        for name, members in crits:
            yield self.refused("header", f"crit: {name}", self.token({**head, **members}, self.claims))
        yield self.refused(
            "header", "b64 false in a JWT", self.token({**head, "b64": False, "crit": ["b64"]}, self.claims)
        )
        payload = json.dumps(self.claims).encode()
        for name, text in (
            ("alg twice, the last good", b'{"alg":"none","alg":"HS256"}'),
            ("alg twice by an escape", b'{"alg":"none","\\u0061lg":"HS256"}'),
            ("an array", b'["HS256"]'),
            ("a string", b'"HS256"'),
            ("UTF-16", '{"alg":"HS256"}'.encode("utf-16")),
            ("a byte order mark", b'\xef\xbb\xbf{"alg":"HS256"}'),
            ("NaN in it", b'{"alg":"HS256","x":NaN}'),
            ("a comment", b'{"alg":"HS256"/**/}'),
            ("two objects", b'{"alg":"HS256"}{}'),
            ("kid is a number", b'{"alg":"HS256","kid":1}'),
            ("typ is an array", b'{"alg":"HS256","typ":["JWT"]}'),
            ("nesting without end", b'{"alg":"HS256","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        ):
            yield self.refused("header", name, self.text(text, payload, self.secret))

    def _spellings(self) -> Iterator[Case]:
        good = self.token({"alg": "HS256"}, self.claims)
        header, payload, mac = good.split(".")
        for name, text in (
            ("two segments", f"{header}.{payload}"),
            ("four segments", f"{good}.{mac}"),
            ("a space before", f" {good}"),
            ("a line break behind", f"{good}\n"),
            ("the scheme before", f"Bearer {good}"),
            ("padding behind the signature", f"{good}="),
            ("padding behind the payload", f"{header}.{payload}=.{mac}"),
            ("a line break in the payload", f"{header}.{payload[:9]}\n{payload[9:]}.{mac}"),
            ("junk in the signature", f"{header}.{payload}.{mac[:9]}!!!!{mac[9:]}"),
            ("spare bits set", f"{header}.{payload}.{mac[:-1]}{_neighbour(mac[-1])}"),
            ("a letter beyond ASCII", f"{header}.{payload}.{mac}\u0430"),
            ("a NUL behind", f"{good}\0"),
            ("nothing", ""),
            (
                "dots",
                "..",
            ),
        ):
            yield self.refused("spelling", name, text)

    def _signatures(self) -> Iterator[Case]:
        token = self.token({"alg": "ES256"}, self.claims, self.ec)
        signing_input = token.rpartition(".")[0]
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        for name, octets in (
            ("r and s are zero", bytes(64)),
            ("r is zero", bytes(32) + b64url_decode(token.rpartition(".")[2])[32:]),
            ("s is the order", b64url_decode(token.rpartition(".")[2])[:32] + order.to_bytes(32, "big")),
            ("one octet short", b64url_decode(token.rpartition(".")[2])[:-1]),
            ("empty", b""),
        ):
            yield self.refused(
                "signature", f"ES256: {name}", f"{signing_input}.{b64url_encode(octets)}", self.ec, "ES256"
            )
        mac = self.token({"alg": "HS256"}, self.claims)
        yield self.refused("signature", "HS256: empty", mac.rpartition(".")[0] + ".")
        yield self.refused(
            "signature",
            "HS256: half of it",
            mac.rpartition(".")[0] + "." + b64url_encode(b64url_decode(mac.rpartition(".")[2])[:16]),
        )

    def _claim_cases(self) -> Iterator[Case]:
        changes: tuple[tuple[str, dict[str, Any]], ...] = (
            ("expired", {"exp": self.now - 3600}),
            ("exp is text", {"exp": str(self.now + 3600)}),
            ("exp is true", {"exp": True}),
            ("exp is null", {"exp": None}),
            ("exp is an array", {"exp": [self.now + 3600]}),
            ("not yet valid", {"nbf": self.now + 3600}),
            ("nbf is text", {"nbf": "soon"}),
            ("iat is text", {"iat": "now"}),
            ("another issuer", {"iss": "https://as.example.evil"}),
            ("the issuer in a list", {"iss": [ISSUER]}),
            ("part of the issuer", {"iss": "https://as"}),
            ("another audience", {"aud": "https://other.example"}),
            ("a longer audience", {"aud": AUDIENCE + "/x"}),
            ("no audience in the list", {"aud": []}),
            ("an audience that is an object", {"aud": {AUDIENCE: 1}}),
            ("sub is a number", {"sub": 5}),
        )
        for name, members in changes:
            yield self.refused("claims", name, self.token({"alg": "HS256"}, {**self.claims, **members}))
        for name in ("exp", "iss", "aud"):
            missing = {key: value for key, value in self.claims.items() if key != name}
            yield self.refused("claims", f"no {name}", self.token({"alg": "HS256"}, missing))
        body = json.dumps(self.claims)[:-1]
        for name, text in (
            ("sub twice", body + ',"sub":"eve"}'),
            ("exp twice, the last good", f'{{"exp":1,{body[1:]}}}'),
            ("exp is Infinity", body.replace(str(self.now + 3600), "Infinity") + "}"),
            ("exp is 1e999", body.replace(str(self.now + 3600), "1e999") + "}"),
            ("NaN in a claim", body + ',"x":NaN}'),
            ("half of a surrogate pair", body + ',"x":"\\ud800"}'),
            ("an array", "[]"),
            ("a string", '"ana"'),
            ("text behind", body + "} x"),
        ):
            yield self.refused("claims", name, self.text(b'{"alg":"HS256"}', text.encode(), self.secret))


def _neighbour(character: str) -> str:
    """Another character that decodes to the same octets where spare bits are ignored."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) + 1]
