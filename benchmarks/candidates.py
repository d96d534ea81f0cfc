"""What is compared: our compiled objects, the bare primitive, and four other libraries with their keys parsed before.

The token is the same small one for everybody: iss, sub, aud, iat, exp and jti, of which exp, iss and aud are checked.
Every candidate's token was accepted by ours, and ours by every candidate, before anything is timed.
"""

from __future__ import annotations

import hmac
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from undersign import jwk, jwt

ISSUER, AUDIENCE = "https://as.example", "https://api.example"
NOW = int(time.time())
OWN = {"sub": "ana", "jti": "0123456789abcdef0123456789abcdef"}
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 86400, **OWN}

BARS = {
    "HS256 verify": 3.8,
    "HS256 sign": 3.4,
    "HS256 sign full": 3.4,
    "RS256 verify": 1.5,
    "ES256 verify": 1.25,
    "Ed25519 verify": 1.2,
    "ES256 sign": 1.45,
}
SIGN_OVERHEAD_BAR = 5.0


@dataclass(frozen=True, slots=True)
class Table:
    """Calls to interleave, the ratios to print, and the bar that one of them must meet."""

    name: str
    candidates: Mapping[str, Callable[[], object]]
    ratios: dict[str, tuple[str, str]] = field(default_factory=dict)
    bar: float | None = None
    bar_ratio: str = "ours/bare"


def tables() -> list[Table]:
    """Build every table; what a library does not have is left out of its row."""
    found = []
    for alg in ("HS256", "RS256", "ES256", "Ed25519"):
        key = jwk.generate(alg, size=2048 if alg == "RS256" else None)
        found += [_verify_table(alg, key), _sign_table(alg, key)]
        if alg == "HS256":
            found.append(_full_sign_table(key))
    found.append(_overhead_table())
    return found


def _table(
    name: str, bare: Callable[[], object], ours: Callable[[], object], peers: dict[str, Callable[[], object]]
) -> Table:
    calls = {"bare": bare, "ours": ours, "ours again": ours, **peers}
    ratios = {"ours/bare": ("ours", "bare"), "A/A": ("ours again", "ours")}
    ratios |= {f"{peer}/ours": (peer, "ours") for peer in peers}
    return Table(name, calls, ratios, BARS.get(name))


def _verify_table(alg: str, key: jwk.Key) -> Table:
    public = key if key.kty == "oct" else key.public()
    signer = jwt.Signer(key, issuer=ISSUER, audience=AUDIENCE, lifetime="1d")
    token = signer.sign(OWN)
    verifier = jwt.Verifier(public, issuer=ISSUER, audience=AUDIENCE)
    verifier.verify(token)
    return _table(
        f"{alg} verify", _bare_verify(alg, key, token), lambda: verifier.verify(token), verifying_peers(alg, key, token)
    )


def _sign_table(alg: str, key: jwk.Key) -> Table:
    signer = jwt.Signer(key, issuer=ISSUER, audience=AUDIENCE, lifetime="1d")
    return _table(
        f"{alg} sign", _bare_sign(alg, key, signer.sign(OWN)), lambda: signer.sign(OWN), signing_peers(alg, key)
    )


def _full_sign_table(key: jwk.Key) -> Table:
    """Every claim given by the caller, as to the peers: the signer adds none and has none prepared."""
    signer = jwt.Signer(key)
    bare = _bare_sign("HS256", key, signer.sign(CLAIMS))
    return _table("HS256 sign full", bare, lambda: signer.sign(CLAIMS), signing_peers("HS256", key))


def _overhead_table() -> Table:
    """What our own code costs around an RS256 signature: the signer is a stub, the measure is hmac.digest."""
    key = jwk.generate("RS256", size=2048)
    signature = key.sign(b"")

    class Stub:
        alg, kid = key.alg, key.kid

        def sign(self, _: bytes) -> bytes:
            return signature

    signer = jwt.Signer(Stub(), issuer=ISSUER, audience=AUDIENCE, lifetime="1d")
    message = signer.sign(OWN).rpartition(".")[0].encode()
    calls = {
        "hmac.digest": lambda: hmac.digest(b"k" * 32, message, "sha256"),
        "ours": lambda: signer.sign(OWN),
        "ours again": lambda: signer.sign(OWN),
    }
    ratios = {"ours/hmac.digest": ("ours", "hmac.digest"), "A/A": ("ours again", "ours")}
    return Table("RS256 sign, our own cost", calls, ratios, SIGN_OVERHEAD_BAR, "ours/hmac.digest")


# ── the bare primitive ─────────────────────────────────────────────────────────────────────────────────────────


def _native(key: jwk.Key) -> Any:
    return serialization.load_pem_private_key(key.to_pem(private=True).encode(), None)


def _secret(key: jwk.Key) -> bytes:
    from undersign.encoding import b64url_decode

    return b64url_decode(key.to_jwk(private=True)["k"])


def _bare_sign(alg: str, key: jwk.Key, token: str) -> Callable[[], object]:
    message = token.rpartition(".")[0].encode()
    if alg == "HS256":
        secret = _secret(key)
        return lambda: hmac.digest(secret, message, "sha256")
    native = _native(key)
    if alg == "RS256":
        pad, digest = padding.PKCS1v15(), hashes.SHA256()
        return lambda: native.sign(message, pad, digest)
    if alg == "ES256":
        scheme = ec.ECDSA(hashes.SHA256())
        return lambda: native.sign(message, scheme)
    return lambda: native.sign(message)


def _bare_verify(alg: str, key: jwk.Key, token: str) -> Callable[[], object]:
    message = token.rpartition(".")[0].encode()
    if alg == "HS256":
        return _bare_sign(alg, key, token)
    signature = _bare_sign(alg, key, token)()
    native = _native(key).public_key()
    if alg == "RS256":
        pad, digest = padding.PKCS1v15(), hashes.SHA256()
        return lambda: native.verify(signature, message, pad, digest)
    if alg == "ES256":
        scheme = ec.ECDSA(hashes.SHA256())
        return lambda: native.verify(signature, message, scheme)
    return lambda: native.verify(signature, message)


# ── the others, each in its fastest documented form ────────────────────────────────────────────────────────────

PEER_NAMES = {"Ed25519": "EdDSA"}
"""What the peers call an algorithm; where RFC 9864's name differs they know the older one."""


def verifying_peers(alg: str, key: jwk.Key, token: str) -> dict[str, Callable[[], object]]:
    """One call per library that verifies and checks exp, iss and aud."""
    import jwt as pyjwt
    from joserfc import jwt as joserfc_jwt

    jwcrypto_jwt: Any = import_module("jwcrypto.jwt")

    name = PEER_NAMES.get(alg, alg)
    if name != alg:  # the same key and claims under the name that they know
        token = jwt.Signer(
            jwk.load({**key.to_jwk(private=True), "alg": name}), issuer=ISSUER, audience=AUDIENCE, lifetime="1d"
        ).sign(OWN)
    keys = peer_keys(alg, key)
    registry = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )
    options: Any = {"require": ["exp", "iss", "aud"]}

    def by_pyjwt() -> object:
        return pyjwt.decode(token, keys["PyJWT"], algorithms=[name], audience=AUDIENCE, issuer=ISSUER, options=options)

    def by_joserfc() -> object:
        decoded = joserfc_jwt.decode(token, keys["joserfc"], algorithms=[name])
        registry.validate(decoded.claims)
        return decoded

    def by_jwcrypto() -> object:
        # Naming claims to check switches its default checks off, so exp is named too.
        wanted = {"iss": ISSUER, "aud": AUDIENCE, "exp": None}
        return json.loads(jwcrypto_jwt.JWT(jwt=token, key=keys["jwcrypto"], check_claims=wanted, algs=[name]).claims)

    calls = {"PyJWT": by_pyjwt, "joserfc": by_joserfc, "jwcrypto": by_jwcrypto, **_authlib_verify(name, keys, token)}
    for call in calls.values():
        call()
    return calls


def signing_peers(alg: str, key: jwk.Key) -> dict[str, Callable[[], object]]:
    """One call per library that signs the same claims."""
    import jwt as pyjwt
    from joserfc import jwt as joserfc_jwt

    jwcrypto_jwt: Any = import_module("jwcrypto.jwt")

    name = PEER_NAMES.get(alg, alg)
    keys = peer_keys(alg, key)
    header = {"alg": name, "typ": "JWT", "kid": key.kid}

    def by_jwcrypto() -> str:
        token = jwcrypto_jwt.JWT(header=header, claims=CLAIMS, algs=[name])
        token.make_signed_token(keys["jwcrypto"])
        text: str = token.serialize()
        return text

    calls: dict[str, Callable[[], Any]] = {
        "PyJWT": lambda: pyjwt.encode(CLAIMS, keys["PyJWT private"], algorithm=name, headers={"kid": key.kid}),
        "joserfc": lambda: joserfc_jwt.encode(header, CLAIMS, keys["joserfc"], algorithms=[name]),
        "jwcrypto": by_jwcrypto,
        **_authlib_sign(header, keys),
    }
    public = key if key.kty == "oct" else jwk.load({n: v for n, v in key.to_jwk().items() if n != "alg"})
    for call in calls.values():
        jwt.verify(call(), public, issuer=ISSUER, audience=AUDIENCE, algorithms=[name])
    return calls


def peer_keys(alg: str, key: jwk.Key) -> dict[str, Any]:
    """Parse the key once into each library's own object."""
    from joserfc import jwk as joserfc_jwk

    jwcrypto_jwk: Any = import_module("jwcrypto.jwk")

    private = {name: value for name, value in key.to_jwk(private=True).items() if name != "alg"}
    keys = {"joserfc": joserfc_jwk.import_key(private), "jwcrypto": jwcrypto_jwk.JWK(**private), "jwk": private}
    if alg == "HS256":
        return keys | {"PyJWT": _secret(key), "PyJWT private": _secret(key)}
    native = _native(key)
    return keys | {"PyJWT": native.public_key(), "PyJWT private": native}


def _authlib_verify(name: str, keys: dict[str, Any], token: str) -> dict[str, Callable[[], object]]:
    jose, key = _authlib(name, keys)
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def call() -> object:
        claims = jose.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return {"Authlib": call}


def _authlib_sign(header: dict[str, Any], keys: dict[str, Any]) -> dict[str, Callable[[], object]]:
    jose, key = _authlib(header["alg"], keys)
    return {"Authlib": lambda: jose.encode(header, CLAIMS, key).decode()}


def _authlib(name: str, keys: dict[str, Any]) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its jose module is deprecated in favour of joserfc
        jose: Any = import_module("authlib.jose")
        return jose.JsonWebToken([name]), jose.JsonWebKey.import_key(keys["jwk"])
