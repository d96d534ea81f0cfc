"""The compact serialization (RFC 7515 section 7.1)."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from undersign import jwk, jws
from undersign.encoding import b64url_decode, b64url_encode, parse_object
from undersign.errors import (
    InvalidBase64Error,
    InvalidHeaderError,
    LimitError,
    MalformedTokenError,
    PolicyError,
    UnsupportedCriticalError,
    WeakKeyError,
)
from undersign.jwa.signature import ALGORITHMS
from undersign.limits import Limits

SECRET = jwk.generate("HS256", kid="s")
SIZES = {
    "HS256": 32,
    "HS384": 48,
    "HS512": 64,
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "ES256K": 64,
    "Ed25519": 64,
    "EdDSA": 64,
    "Ed448": 114,
}
SIZES |= {"ML-DSA-44": 2420, "ML-DSA-65": 3309, "ML-DSA-87": 4627}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_signs_and_verifies(alg: str) -> None:
    """Each of the nineteen signs any content, verifies, and has the signature size that the standard gives it."""
    key = jwk.generate(alg, size=2048) if ALGORITHMS[alg].kty == "RSA" else jwk.generate(alg)
    token = jws.sign(b"\x00any octets\xff", key)
    verified = jws.verify(token, key if key.kty == "oct" else key.public())
    assert (verified.payload, verified.header["alg"]) == (b"\x00any octets\xff", alg)
    assert len(b64url_decode(token.rpartition(".")[2])) == SIZES.get(alg, 256)


def test_a_token_has_three_parts() -> None:
    """Header, payload and one signature, in base64url, with two dots; the header has alg and kid."""
    token = jws.sign(b"m", SECRET)
    head, payload, signature = token.split(".")
    assert parse_object(b64url_decode(head)) == {"alg": "HS256", "kid": "s"}
    assert (b64url_decode(payload), b64url_decode(signature)) == (b"m", SECRET.sign(f"{head}.{payload}".encode()))
    for other in (f"{head}.{payload}", f"{token}.{signature}", f"{token}."):
        with pytest.raises(MalformedTokenError):
            jws.verify(other, SECRET)


def test_an_unprotected_header_needs_json() -> None:
    """The compact form has nowhere to put an unprotected header, so a party that has one is refused."""
    prepared = jws.prepare(b"m", SECRET)
    assert prepared.attach(SECRET.sign(prepared.signing_input))
    with pytest.raises(PolicyError):
        jws.sign(b"m", [jws.By(SECRET, header={"x": 1})])  # type: ignore[call-overload]


def test_the_caller_s_header_is_protected_and_checked() -> None:
    """Further members are written after alg and kid, in their order; what the key or call says cannot be said there."""
    token = jws.sign(b"m", SECRET, header={"typ": "x", "cty": "y"})
    assert list(jws.verify(token, SECRET).protected) == ["alg", "kid", "typ", "cty"]
    assert jws.verify(jws.sign(b"m", SECRET, header={"kid": "other"}), SECRET).header["kid"] == "other"
    for header in (
        {"alg": "none"},
        {"alg": "HS512"},
        {"b64": False},
        {"kid": 1},
        {"typ": 1},
        {"crit": []},
        {"crit": ["x"]},
        {"crit": 5},
        {"crit": ["alg"]},
    ):
        with pytest.raises(InvalidHeaderError):
            jws.sign(b"m", SECRET, header=header)
    for header in (5, ["a"], "text", {1: 2}, {"x": b"y"}, {"x": float("nan")}):
        with pytest.raises(PolicyError):
            jws.sign(b"m", SECRET, header=header)  # type: ignore[arg-type]


def test_what_is_understood_is_named() -> None:
    """A critical extension verifies only where the caller names it, as a list of names."""
    token = jws.sign(b"m", SECRET, header={"crit": ["exp"], "exp": 1})
    with pytest.raises(UnsupportedCriticalError):
        jws.verify(token, SECRET)
    assert jws.verify(token, SECRET, understood=("exp",)).payload == b"m"
    with pytest.raises(PolicyError):
        jws.verify(token, SECRET, understood="exp")


def test_the_padding_quirk_reaches_payload_and_signature_and_never_the_header() -> None:
    """Padding is refused, allowed by name for payload and signature, shown in the checks, and never in the header."""
    head, payload, signature = jws.sign(b"m", SECRET).split(".")
    padded = f"{head}.{payload}==.{signature}="
    with pytest.raises(InvalidBase64Error):
        jws.verify(padded, SECRET)
    with pytest.raises(InvalidBase64Error):
        jws.verify(f"{head}=.{payload}.{signature}", SECRET, quirks=("padding",))
    signed_so = f"{head}.{payload}=="
    token = f"{signed_so}.{b64url_encode(SECRET.sign(signed_so.encode()))}="
    verified = jws.verify(token, SECRET, quirks=("padding",))
    assert verified.payload == b"m"
    assert any("padding" in check for check in verified.checks)
    with pytest.raises(PolicyError):
        jws.verify(token, SECRET, quirks=("lenient",))


def test_an_unencoded_payload_is_printable_and_has_no_dot() -> None:
    """Without encoding a compact token carries printable ASCII without dots; all else must be detached."""
    token = jws.sign(b"plain text!", SECRET, b64=False)
    assert token.split(".")[1] == "plain text!"
    assert jws.verify(token, SECRET).payload == b"plain text!"
    for payload in (b"a.b", b"\n", "\u00e9".encode(), b"\x7f"):
        with pytest.raises(PolicyError):
            jws.sign(payload, SECRET, b64=False)
        detached = jws.sign(payload, SECRET, b64=False, detached=True)
        assert jws.verify(detached, SECRET, payload=payload).payload == payload


@pytest.mark.parametrize("payload", [None, "text", 5, [], {"a": 1}, memoryview(b"x")])
def test_a_payload_is_octets(payload: Any) -> None:
    """Text is encoded by the caller, who alone knows how."""
    with pytest.raises(PolicyError):
        jws.sign(payload, SECRET)
    token = jws.sign(b"m", SECRET, detached=True)
    if payload is not None:
        with pytest.raises(PolicyError):
            jws.verify(token, SECRET, payload=payload)


def test_a_token_and_its_signature_have_limits() -> None:
    """Limits cap the token and the detached payload, and a signer refuses what a verifier would."""
    token = jws.sign(b"x" * 200, SECRET)
    with pytest.raises(LimitError):
        jws.verify(token, SECRET, limits=Limits(token=len(token) - 1))
    assert jws.verify(token, SECRET, limits=Limits(token=len(token)))
    detached = jws.sign(b"x" * 200, SECRET, detached=True)
    with pytest.raises(LimitError):
        jws.verify(detached, SECRET, payload=b"x" * 200, limits=Limits(payload=199))
    with pytest.raises(LimitError):
        jws.sign(bytes(2 * 1024 * 1024), SECRET)


@pytest.mark.parametrize(
    "caps", [{"token": 0}, {"depth": True}, {"header": "1"}, {"new": 1}, {"jwt": -1}, {"key": 1.0}]
)
def test_limits_are_positive_integers_with_known_names(caps: dict[str, Any]) -> None:
    """A limit that does not exist or means nothing is refused when it is built, and limits do not change."""
    with pytest.raises(PolicyError):
        Limits(**caps)
    limits = Limits(token=5)
    with pytest.raises(AttributeError):
        limits.token = 6
    with pytest.raises(AttributeError):
        del limits.token
    assert repr(limits) == "Limits(token=5)"


class OneKeySource:
    """A key source of somebody's own, which always gives one key."""

    def __init__(self, key: jwk.Key) -> None:
        self.key = key

    def find(self, *_: object) -> jwk.Key:
        """Give it."""
        return self.key


def test_the_short_secret_quirk_reaches_a_source_of_the_callers() -> None:
    """A key source of one's own may give a short secret where the quirk is named, and only there."""
    weak = jwk.secret(b"secret", alg="HS256")
    unnamed = jwk.load({"kty": "oct", "k": "c2VjcmV0"})
    signing_input = b64url_encode(b'{"alg":"HS256"}') + "." + b64url_encode(b"{}")
    token = signing_input + "." + b64url_encode(hmac.digest(b"secret", signing_input.encode(), "sha256"))
    for source, algorithms in ((OneKeySource(weak), None), (OneKeySource(unnamed), ["HS256"])):
        verified = jws.verify(token, source, algorithms=algorithms, quirks=("short-secret",))
        assert verified.checks == ("signature", "short-secret")
        with pytest.raises(WeakKeyError):
            jws.verify(token, source, algorithms=algorithms)
