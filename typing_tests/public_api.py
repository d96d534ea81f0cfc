"""The public API as a type checker sees it: right uses have these types, wrong uses are errors (each one marked)."""

from __future__ import annotations

from typing import Any, assert_type

from undersign import jwk, jwks, jws, jwt
from undersign.errors import ClaimError, UndersignError


def keys() -> None:
    """Keys and key sets."""
    key = jwk.generate("Ed25519")
    assert_type(key, jwk.Key)
    assert_type(key.public(), jwk.Key)
    assert_type(key.thumbprint(), str)
    assert_type(key.sign(b"message"), bytes)
    assert_type(jwk.load({"kty": "oct", "k": "AA"}, alg="HS256"), jwk.Key)
    assert_type(jwks.KeySet([key]), jwks.KeySet)
    jwk.generate(256)  # type: ignore[arg-type]
    key.sign("message")  # type: ignore[arg-type]


def signatures() -> None:
    """Content of any kind."""
    key = jwk.generate("ES256")
    verified = jws.verify("token", key.public())
    assert_type(verified, jws.VerifiedJWS)
    assert_type(verified.payload, bytes)
    assert_type(jws.sign(b"content", key), str)
    assert_type(jws.sign(b"content", key, serialization="flattened"), dict[str, Any])
    jws.sign("text", key)  # type: ignore[call-overload]


def tokens() -> None:
    """Claims."""
    key = jwk.generate("ES256")
    signer = jwt.Signer(key, issuer="https://as.example", audience="https://api.example", lifetime="15m")
    assert_type(signer.sign({"sub": "ana"}), str)
    verifier = jwt.Verifier(key.public(), issuer="https://as.example", audience="https://api.example")
    verified = verifier.verify("token")
    assert_type(verified, jwt.VerifiedJWT)
    assert_type(verified.key, jwk.Key)
    signer.sign("claims")  # type: ignore[arg-type]
    jwt.Verifier("secret", issuer="https://as.example", audience="https://api.example")  # type: ignore[arg-type]
    verified.claims["sub"] = "eve"  # type: ignore[index]


def failures() -> None:
    """Errors say which claim and why."""
    try:
        jwt.verify("token", jwk.generate("ES256"), issuer="https://as.example", audience="https://api.example")
    except ClaimError as error:
        assert_type(error.claim, str)
        assert_type(error.reason, str)
    except UndersignError as error:
        assert_type(error.code, str)
