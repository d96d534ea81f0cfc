"""Secrets."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from undersign import jwk, jws
from undersign.errors import KeyMaterialError, PolicyError, WeakKeyError

OCTETS = bytes(range(64))


def test_a_secret_says_its_encoding() -> None:
    """The same octets come from octets, base64, base64url and hex by name, and text is never guessed at."""
    made = [
        jwk.secret(OCTETS, alg="HS256"),
        jwk.secret(base64=base64.b64encode(OCTETS).decode(), alg="HS256"),
        jwk.secret(base64url=base64.urlsafe_b64encode(OCTETS).rstrip(b"=").decode(), alg="HS256"),
        jwk.secret(hex=OCTETS.hex(), alg="HS256"),
    ]
    assert all(made[0].is_same_key(each) for each in made)
    assert not jwk.secret(base64.b64encode(OCTETS), alg="HS256").is_same_key(made[0])
    with pytest.raises(PolicyError):
        jwk.secret("text", alg="HS256")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"base64": "AA==", "hex": "00"},
        {"base64": "A"},
        {"base64": "AA"},
        {"base64url": "AA=="},
        {"hex": "0"},
        {"hex": 5},
        {"base64": b"AA=="},
        {"base64": "\u00e9"},
    ],
    ids=range(9),
)
def test_a_secret_is_spelt_in_one_way_and_rightly(how: dict[str, Any]) -> None:
    """None, two spellings or one that does not decode is refused."""
    with pytest.raises(PolicyError):
        jwk.secret(alg="HS256", **how)


@pytest.mark.parametrize("alg, least", [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_short_secret_is_weak(alg: str, least: int) -> None:
    """A secret below the hash's length loads, says so, and neither signs nor verifies; one octet more does both."""
    weak, enough = jwk.secret(bytes(least - 1), alg=alg), jwk.secret(bytes(least), alg=alg)
    assert str(least) in (weak.unusable or "")
    for attempt in (lambda: weak.sign(b"m"), lambda: weak.verify(b"m", enough.sign(b"m"))):
        with pytest.raises(WeakKeyError):
            attempt()
    enough.verify(b"m", enough.sign(b"m"))


def test_a_short_secret_verifies_by_quirk_and_never_signs() -> None:
    """The short-secret quirk verifies what was signed before, shows in the checks, and does not sign."""
    weak = jwk.secret(b"secret", alg="HS256")
    header, payload = "eyJhbGciOiJIUzI1NiJ9", "e30"
    from cryptography.hazmat.primitives import hashes, hmac  # noqa: PLC0415 - only here

    mac = hmac.HMAC(b"secret", hashes.SHA256())
    mac.update(f"{header}.{payload}".encode())
    token = f"{header}.{payload}." + base64.urlsafe_b64encode(mac.finalize()).rstrip(b"=").decode()
    verified = jws.verify(token, weak, quirks=("short-secret",))
    assert any("short-secret" in check for check in verified.checks)
    for attempt in (lambda: jws.verify(token, weak), lambda: jws.sign(b"m", weak), lambda: verified.key.sign(b"m")):
        with pytest.raises(WeakKeyError):
            attempt()


def test_a_secret_is_not_a_document() -> None:
    """More than 4096 octets are no secret; an asymmetric algorithm takes none."""
    with pytest.raises(KeyMaterialError):
        jwk.secret(bytes(4097), alg="HS256")
    with pytest.raises(PolicyError):
        jwk.secret(bytes(64), alg="ES256")


@pytest.mark.parametrize("last", b"\t\n\v\f\r A", ids=repr)
@pytest.mark.parametrize("alg", ["Ed25519", "ES512"])  # the second's length takes an octet of its own
def test_a_public_key_between_white_space_is_no_secret(alg: str, last: int) -> None:
    """A key in DER is recognised with white space around it, also where its own last octet looks like some."""
    pem = jwk.generate(alg).public().to_pem()
    octets = base64.b64decode("".join(pem.splitlines()[1:-1]))[:-1] + bytes([last])
    for before, behind in ((b"", b""), (b"", b"\n"), (b"\r\n", b" \r\n")):
        with pytest.raises(KeyMaterialError):
            jwk.secret(before + octets + behind, alg="HS256")
