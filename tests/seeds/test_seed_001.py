"""Seed 001, what a JWS is: its header, its compact example, its JSON form."""

import copy
import hashlib
import hmac
import inspect
import socket

import pytest

from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode, b64url_encode, dump_json
from undersign.errors import InvalidSignatureError, PolicyError, WeakKeyError
from undersign.inspector.explain import explain
from undersign.jwt.profiles import access_token

EXAMPLE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkFsaWNlIn0"
    ".Xv9da66g3y4nxs_0hlR9CBkOG9GkxfPmq1_7u4tNeXE"
)
SECRET = b"top-secret"


def test_the_example_decodes():
    """The three parts of the printed example are the header, the payload and the signature that the seed prints."""
    header, payload, signature = EXAMPLE.split(".")
    seen = explain(EXAMPLE)

    assert b64url_decode(header) == b'{"alg":"HS256","typ":"JWT"}'
    assert b64url_decode(payload) == b'{"sub":"1234567890","name":"Alice"}'
    assert signature == "Xv9da66g3y4nxs_0hlR9CBkOG9GkxfPmq1_7u4tNeXE"
    assert len(b64url_decode(signature)) == 32
    assert (seen.header, seen.claims) == (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": "1234567890", "name": "Alice"},
    )
    assert not seen.verified


def test_the_example_verifies_with_its_short_secret_by_quirk_only():
    """Ten octets are no HS256 key, so the example is refused unless the leniency is asked for, and then shows it."""
    key = jwk.secret(SECRET, alg="HS256")
    with pytest.raises(WeakKeyError, match="10 octets"):
        jws.verify(EXAMPLE, key)

    verified = jws.verify(EXAMPLE, key, quirks=("short-secret",))
    assert verified.payload == b'{"sub":"1234567890","name":"Alice"}'
    assert "short-secret" in verified.checks

    waived = {"waive": ("iss", "aud", "exp"), "quirks": ("short-secret",)}
    assert jwt.verify(EXAMPLE, key, **waived).claims["name"] == "Alice"


def test_a_short_secret_never_signs():
    """The leniency is for reading: no call signs with the seed's secret."""
    key = jwk.secret(SECRET, alg="HS256")
    for call in (lambda: jws.sign(b"x", key), lambda: jwt.sign({}, key), lambda: key.with_short_secret().sign(b"x")):
        with pytest.raises(WeakKeyError):
            call()
    assert not any("quirks" in inspect.signature(sign).parameters for sign in (jws.sign, jwt.sign, jwt.Signer))


def test_the_signature_is_an_hmac_over_header_dot_payload():
    """What the seed calls Hash(header.payload, secret) is HMAC with SHA-256 over the encoded parts and their dot."""
    signing_input, _, signature = EXAMPLE.rpartition(".")
    mac = hmac.digest(SECRET, signing_input.encode(), "sha256")

    assert b64url_encode(mac) == signature
    assert hashlib.sha256(signing_input.encode() + SECRET).digest() != mac


def test_compact_has_no_unprotected_header():
    """The compact form has no place for an unprotected header, and asking for one is an error."""
    key = jwk.generate("HS256")
    assert jws.verify(jws.sign(b"x", key), key).unprotected == {}
    with pytest.raises(PolicyError):
        jws.sign(b"x", [jws.By(key, header={"a": 1})], serialization="compact")


def test_two_signatures_over_one_payload_told_apart_by_kid():
    """The seed's JSON form: the payload once, and per signature a protected header, an unprotected kid, a signature."""
    first, second = jwk.generate("HS256", kid="2010-12-29"), jwk.generate("ES256", kid="2010-12-30")
    parties = [jws.By(key, protected={"typ": "JWT"}, header={"kid": key.kid}) for key in (first, second)]
    token = jws.sign(b'{"sub":"1234567890"}', parties, serialization="general")

    assert token.keys() == {"payload", "signatures"}
    assert [entry.keys() for entry in token["signatures"]] == [{"protected", "header", "signature"}] * 2
    assert [entry["header"] for entry in token["signatures"]] == [{"kid": "2010-12-29"}, {"kid": "2010-12-30"}]

    verified = jws.verify(token, [first, second.public()], policy=jws.all_of())
    assert [report.key.kid for report in verified.signatures] == ["2010-12-29", "2010-12-30"]
    assert verified.protected == {"alg": "HS256", "typ": "JWT"}
    assert verified.unprotected == {"kid": "2010-12-29"}


def test_the_unprotected_header_is_not_signed():
    """Whoever carries the token may change its unprotected header, and the verified result keeps the two apart."""
    key = jwk.generate("ES256")
    token = jws.sign(b"x", [jws.By(key, protected={"typ": "a"}, header={"note": "first"})], serialization="general")
    changed = copy.deepcopy(token)
    changed["signatures"][0]["header"]["note"] = "second"

    verified = jws.verify(changed, key.public(), policy=jws.all_of())
    assert verified.unprotected["note"] == "second"
    assert "note" not in verified.protected

    protected = {"alg": "ES256", "kid": key.kid, "typ": "b"}
    changed["signatures"][0]["protected"] = b64url_encode(dump_json(protected))
    with pytest.raises(InvalidSignatureError):
        jws.verify(changed, key.public())


def test_a_recipient_asks_nobody(monkeypatch):
    """An access token is verified with a key at hand and without any connection, whatever addresses it names."""
    key = jwk.generate("ES256")
    pointers = {"jku": "https://as.example/jwks.json", "x5u": "https://as.example/chain.pem"}
    token = access_token.Minter(key, issuer="https://as.example").mint(subject="a", audience="api", client_id="a")
    pointing = jwt.sign({}, key, header=pointers)

    def refuse(*_, **__):
        pytest.fail("a connection was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    keys = jwks.KeySet([key.public()])
    assert access_token.Verifier(keys, issuer="https://as.example", audience="api").verify(token).key.kid == key.kid
    assert jwt.verify(pointing, keys, waive=("iss", "aud")).header["jku"] == pointers["jku"]
