"""Seed 002 as printed, in Node with npm's jose: each token it makes verifies here, each of ours in its printed call."""

from __future__ import annotations

import hmac
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.seeds.printed_javascript import (
    EDDSA_KEYS,
    EDDSA_SIGN,
    EDDSA_VERIFY,
    EVENT_SIGN,
    EVENT_VERIFY,
    HS256_KEY,
    HS256_SIGN,
    HS256_VERIFY,
    LOCAL,
    ORDER_KEYS,
    ORDER_SIGN,
    ORDER_VERIFY,
    OUR_KEY,
    REMOTE,
    RS256_KEYS,
    RS256_SIGN,
    RS256_VERIFY,
    TOKEN_AND_PAYLOAD,
    UNSAFE,
)
from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode, b64url_encode, dump_json
from undersign.errors import (
    AlgorithmNotAllowedError,
    AmbiguousKeyError,
    InvalidBase64Error,
    InvalidHeaderError,
    MissingClaimError,
    PolicyError,
    UndersignError,
    UnknownKeyError,
    UnmetPolicyError,
    WeakKeyError,
)
from undersign.fetch import Fetched

NODE = shutil.which("node")
MODULES = Path(__file__).resolve().parent.parent / "peers" / "node" / "node_modules"

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(NODE is None, reason="npm's jose: there is no node; apt-get install -y nodejs npm"),
    pytest.mark.skipif(not (MODULES / "jose").exists(), reason="npm's jose is not installed: make peers"),
]

ISSUER, AUDIENCE = "https://api.example.com", "https://app.example.com"
SECRET = "an example secret of 256 bits ..."
UNSECURED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzQ1NiIsInJvbGUiOiJhZG1pbiJ9."
NAMED = {"issuer": ISSUER, "audience": AUDIENCE}
WAIVED = {"waive": ("iss", "aud")}

RSA = jwk.generate("RS256", kid="rsa-key-2026-01", size=2048)
FINANCE = jwk.generate("ES256", kid="key-1")
LEGAL = jwk.load(RSA.to_pem(private=True), alg="RS256", kid="key-2")


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Runs an ES module beside the seed's two PEM files and gives what it says; ``given`` is what comes from us."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "private-key.pem").write_text(RSA.to_pem(private=True))
    (tmp_path / "public-key.pem").write_text(RSA.to_pem())
    monkeypatch.setenv("JWT_SECRET", SECRET)

    def run(*parts: str, **given: object):
        module = [f"const {name} = {json.dumps(value)}" for name, value in given.items()]
        (tmp_path / "snippet.mjs").write_text("\n".join([*module, *parts]))
        done = subprocess.run(
            [NODE, "snippet.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def told(call: str) -> str:
    """JavaScript that says by which code of jose's a call was refused, or what it gave."""
    return f"""
const say = value => console.log(JSON.stringify(value))
try {{ say(await ({call})) }} catch (error) {{ say(error.code ?? error.name) }}
"""


def by_hand(header: dict[str, object], payload: bytes, sign) -> str:
    """What anybody can put together without a library."""
    signing_input = f"{b64url_encode(dump_json(header))}.{b64url_encode(payload)}"
    return f"{signing_input}.{b64url_encode(sign(signing_input.encode()))}"


# ── HS256 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hs256_both_ways(node):
    """The printed token verifies here under the same secret, and ours in the printed call, with the same claims."""
    key = jwk.secret(SECRET.encode(), alg="HS256")
    said = node(HS256_KEY, HS256_SIGN, HS256_VERIFY, TOKEN_AND_PAYLOAD)
    verified = jwt.verify(said["token"], key, algorithms=["HS256"], **NAMED)
    assert verified.claims == said["payload"]
    assert (verified.claims["sub"], verified.claims["exp"] - verified.claims["iat"]) == ("user_123", 3600)

    ours = jwt.sign({"sub": "user_123", "role": "admin"}, key, lifetime="1h", **NAMED)
    said = node(HS256_KEY, HS256_VERIFY, TOKEN_AND_PAYLOAD, token=ours)
    assert said["payload"] == jwt.verify(ours, key, **NAMED).claims


def test_the_secret_of_256_bits_is_a_comment_there_and_a_rule_here(node, monkeypatch):
    """jose signs and verifies under a secret of six octets; here it is refused, and readable by the quirk alone."""
    monkeypatch.setenv("JWT_SECRET", "secret")
    said = node(HS256_KEY, HS256_SIGN, HS256_VERIFY, TOKEN_AND_PAYLOAD)
    short = jwk.secret(b"secret", alg="HS256")
    with pytest.raises(WeakKeyError):
        jwt.verify(said["token"], short, **NAMED)
    assert jwt.verify(said["token"], short, quirks=("short-secret",), **NAMED).claims == said["payload"]


# ── RS256 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rs256_both_ways(node):
    """jose reads our PKCS #8 and SPKI files, its token verifies here by kid, and ours in the printed call."""
    said = node(RS256_KEYS, RS256_SIGN, RS256_VERIFY, TOKEN_AND_PAYLOAD)
    verified = jwt.verify(said["token"], jwks.KeySet([RSA.public()]), algorithms=["RS256"], **WAIVED)
    assert verified.claims == said["payload"]
    assert verified.header == {"alg": "RS256", "kid": "rsa-key-2026-01"}
    assert verified.claims["exp"] - verified.claims["iat"] == 900

    ours = jwt.sign({"sub": "user_123"}, RSA, lifetime="15m")
    said = node(RS256_KEYS, RS256_VERIFY, TOKEN_AND_PAYLOAD, token=ours)
    assert said["payload"] == jwt.verify(ours, RSA.public(), **WAIVED).claims


def test_the_public_key_cannot_sign_there_either(node):
    """The printed signing call with the public key in place of the private one is refused."""
    call = RS256_SIGN.replace("const token = await ", "").replace("(privateKey)", "(publicKey)")
    assert node(RS256_KEYS, told(call)) == "TypeError"


def test_the_claims_that_the_seed_calls_required_are_not(node):
    """A token without any of the four verifies in the printed call; here exp, iss and aud wait for a waiver."""
    bare = jws.sign(b'{"sub":"user_123"}', RSA)
    assert node(RS256_KEYS, RS256_VERIFY, TOKEN_AND_PAYLOAD, token=bare)["payload"] == {"sub": "user_123"}
    with pytest.raises(MissingClaimError):
        jwt.verify(bare, RSA.public(), **WAIVED)
    with pytest.raises(PolicyError):
        jwt.verify(bare, RSA.public())


# ── EdDSA, and content that is no JWT ─────────────────────────────────────────────────────────────────────────────


def test_eddsa_both_ways(node):
    """A pair that jose generated signs for us to verify under its exported half, and ours in the printed call."""
    said = node(EDDSA_KEYS, EDDSA_SIGN, EDDSA_VERIFY, "console.log(JSON.stringify({ token, payload, key }))")
    verified = jwt.verify(said["token"], jwk.load(said["key"], alg="EdDSA"), algorithms=["EdDSA"], **WAIVED)
    assert verified.claims == said["payload"]
    assert verified.header == {"alg": "EdDSA", "kid": "ed25519-key-1"}

    key = jwk.generate("EdDSA", kid="ed25519-key-1")
    ours = jwt.sign({"sub": "user_123", "scope": "read write"}, key, lifetime="1h")
    said = node(OUR_KEY, EDDSA_VERIFY, TOKEN_AND_PAYLOAD, token=ours, ours=key.public().to_jwk())
    assert said["payload"] == jwt.verify(ours, key.public(), **WAIVED).claims


def test_compact_content_both_ways(node):
    """The printed event verifies here octet by octet under CompactSign's token, and ours in compactVerify."""
    said = node(EDDSA_KEYS, EVENT_SIGN, EVENT_VERIFY, "console.log(JSON.stringify({ jws, event, key }))")
    verified = jws.verify(said["jws"], jwk.load(said["key"], alg="EdDSA"), algorithms=["EdDSA"])
    assert verified.payload == b'{"event":"order.created","id":"ord_42"}'
    assert verified.header == {"alg": "EdDSA"}

    key = jwk.generate("EdDSA")
    ours = jws.sign(verified.payload, key)
    assert node(OUR_KEY, EVENT_VERIFY, "console.log(JSON.stringify(event))", jws=ours, ours=key.public().to_jwk()) == {
        "event": "order.created",
        "id": "ord_42",
    }


def test_the_generated_pair_cannot_be_persisted_as_printed(node):
    """The seed says to keep the pair, but its private half is not extractable unless that is asked for."""
    assert node(EDDSA_KEYS, told("exportJWK(privateKey)")) == "TypeError"


# ── the JSON serializations ───────────────────────────────────────────────────────────────────────────────────────

ORDER = '{"orderId":"ord_42","amount":100}'
SIGNERS = {
    "finance": FINANCE.to_jwk(private=True),
    "financeHalf": FINANCE.public().to_jwk(),
    "legal": LEGAL.to_jwk(private=True),
}
PUBLIC = [FINANCE.public(), LEGAL.public()]


def ordered() -> dict:
    """Our own order of two signers, in the printed shape."""
    by = [jws.By(FINANCE, header={"department": "finance"}), jws.By(LEGAL, header={"department": "legal"})]
    return jws.sign(ORDER.encode(), by, serialization="general")


def test_general_both_ways(node):
    """jose's order of two signers meets all_of here and has the printed parts; ours verifies in generalVerify."""
    said = node(ORDER_KEYS, ORDER_SIGN, ORDER_VERIFY, **SIGNERS)
    verified = jws.verify(said["jws"], PUBLIC, policy=jws.all_of())
    assert verified.payload.decode() == said["text"] == ORDER
    ours = ordered()
    for made in (said["jws"], ours):
        assert made["payload"] == "eyJvcmRlcklkIjoib3JkXzQyIiwiYW1vdW50IjoxMDB9"
        assert [(entry["protected"], entry["header"]) for entry in made["signatures"]] == [
            ("eyJhbGciOiJFUzI1NiIsImtpZCI6ImtleS0xIn0", {"department": "finance"}),
            ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0yIn0", {"department": "legal"}),
        ]

    said = node(ORDER_KEYS, ORDER_VERIFY, jws=ours, **SIGNERS)
    assert (said["text"], said["protectedHeader"]) == (ORDER, {"alg": "ES256", "kid": "key-1"})


def test_general_verify_does_not_verify_all(node):
    """generalVerify takes an order whose second signature is garbage or gone; all_of refuses, any_of must be named."""
    garbled, alone = ordered(), ordered()
    garbled["signatures"][1]["signature"] = "AAAA"
    del alone["signatures"][1]
    for token in (garbled, alone):
        assert node(ORDER_KEYS, ORDER_VERIFY, jws=token, **SIGNERS)["text"] == ORDER
        with pytest.raises(UnmetPolicyError):
            jws.verify(token, PUBLIC, policy=jws.all_of())
        assert jws.verify(token, PUBLIC, policy=jws.any_of()).payload.decode() == ORDER
    with pytest.raises(UnmetPolicyError, match="no policy"):
        jws.verify(garbled, PUBLIC)


def test_flattened_both_ways(node):
    """The printed flattened form, made by jose and by us, verifies on the other side, its unprotected header too."""
    sign = """
const jws = await new FlattenedSign(new TextEncoder().encode('{"sub":"user_123"}'))
  .setProtectedHeader({ alg: 'ES256', kid: 'key-1' }).setUnprotectedHeader({ 'custom-claim': 'value' })
  .sign(financePrivateKey)
"""
    verify = """
const { unprotectedHeader } = await flattenedVerify(jws, financePublicKey, { algorithms: ['ES256'] })
console.log(JSON.stringify({ jws, unprotectedHeader }))
"""
    theirs = node(ORDER_KEYS, sign, verify, **SIGNERS)["jws"]
    verified = jws.verify(theirs, FINANCE.public())
    assert (theirs["payload"], verified.unprotected) == ("eyJzdWIiOiJ1c2VyXzEyMyJ9", {"custom-claim": "value"})

    by = [jws.By(FINANCE, header={"custom-claim": "value"})]
    general = jws.sign(b'{"sub":"user_123"}', by, serialization="general")
    ours = {"payload": general["payload"], **general["signatures"][0]}
    assert node(ORDER_KEYS, verify, jws=ours, **SIGNERS)["unprotectedHeader"] == {"custom-claim": "value"}


# ── the two attacks ───────────────────────────────────────────────────────────────────────────────────────────────

SAFE = "jwtVerify(token, publicKey, { algorithms: ['RS256'] })"


def confused() -> str:
    """The token of the key confusion attack: HMAC under the public key's PEM."""
    pem = RSA.to_pem().encode()
    return by_hand(
        {"alg": "HS256"}, b'{"sub":"user_456","role":"admin"}', lambda text: hmac.digest(pem, text, "sha256")
    )


@pytest.mark.parametrize("token", [UNSECURED, confused()], ids=["alg-none", "key-confusion"])
def test_an_attack_takes_the_vulnerable_verifier_and_nobody_else(node, token):
    """Each token makes an admin of its bearer in the verifier that reads alg, and is refused by jose and here."""
    said = node(RS256_KEYS, UNSAFE, "console.log(JSON.stringify(verifyUnsafe(token, pem)))", token=token)
    assert said == {"sub": "user_456", "role": "admin"}

    assert node(RS256_KEYS, told(SAFE), token=token) == "ERR_JOSE_ALG_NOT_ALLOWED"
    for keys in (RSA.public(), jwks.KeySet([RSA.public()])):
        with pytest.raises(AlgorithmNotAllowedError):
            jws.verify(token, keys, algorithms=["RS256"])


@pytest.mark.parametrize("options", ["undefined", "{ algorithms: ['none'] }", "{ algorithms: ['none', 'HS256'] }"])
def test_none_cannot_be_allowed_there_either(node, options):
    """jose has no alg none, so the unsecured token is refused whatever the caller allows."""
    call = f"jwtVerify(token, publicKey, {options})"
    assert node(RS256_KEYS, told(call), token=UNSECURED) == "ERR_JOSE_NOT_SUPPORTED"


# ── key sets, local and remote ────────────────────────────────────────────────────────────────────────────────────

BY_KID = "jwtVerify(token, jwks, { algorithms: ['EdDSA'] })"


def test_a_retired_key_is_selected_by_kid(node):
    """In the printed local set the kid chooses, retired key too; no kid is ambiguous, a key that left is unknown."""
    current, retired = jwk.generate("EdDSA", kid="key-2026"), jwk.generate("EdDSA", kid="key-2025")
    keys = [{n: v for n, v in key.public().to_jwk().items() if n != "alg"} for key in (current, retired)]
    assert [sorted(key) for key in keys] == [["crv", "kid", "kty", "x"]] * 2
    here = jwks.KeySet.load({"keys": keys})
    for key in (current, retired):
        ours = jwt.sign({"sub": "user_123"}, key)
        said = node(LOCAL, told(BY_KID), token=ours, keys=keys)
        assert said["payload"] == jwt.verify(ours, here, algorithms=["EdDSA"], **WAIVED).claims

    unnamed = by_hand({"alg": "EdDSA"}, b"{}", retired.sign)
    assert node(LOCAL, told(BY_KID), token=unnamed, keys=keys) == "ERR_JWKS_MULTIPLE_MATCHING_KEYS"
    with pytest.raises(AmbiguousKeyError):
        jws.verify(unnamed, here, algorithms=["EdDSA"])
    assert node(LOCAL, told(BY_KID), token=ours, keys=keys[:1]) == "ERR_JWKS_NO_MATCHING_KEY"
    with pytest.raises(UnknownKeyError):
        jws.verify(ours, jwks.KeySet.load({"keys": keys[:1]}), algorithms=["EdDSA"])


GOOGLE = "https://accounts.google.com"
CLIENT = "your-client-id.apps.googleusercontent.com"
DISCOVERY, CERTS = "/.well-known/openid-configuration", "/oauth2/v3/certs"
ID_TOKEN = (
    f"jwtVerify(idToken, JWKS, {{ algorithms: ['RS256'], audience: '{CLIENT}', issuer: '{GOOGLE}' }})"
    ".finally(() => server.closeAllConnections())"
)


def test_the_remote_set_is_read_from_the_wrong_document(node):
    """A key set at the discovery document is refused by jose and here; jwks_uri, or from_issuer, verifies the token."""
    pages = {DISCOVERY: {"issuer": GOOGLE, "jwks_uri": GOOGLE + CERTS}, CERTS: {"keys": [RSA.public().to_jwk()]}}
    token = jwt.sign({"sub": "user_123"}, RSA, issuer=GOOGLE, audience=CLIENT)
    assert node(REMOTE, told(ID_TOKEN), pages=pages, path=DISCOVERY, idToken=token) == "ERR_JWKS_INVALID"
    said = node(REMOTE, told(ID_TOKEN), pages=pages, path=CERTS, idToken=token)

    def network(url: str) -> Fetched:
        return Fetched(dump_json(pages[url.removeprefix(GOOGLE)]), "application/json")

    with pytest.raises(UnknownKeyError):
        jwt.verify(token, jwks.RemoteKeySet(GOOGLE + DISCOVERY, fetch=network), issuer=GOOGLE, audience=CLIENT)
    keys = jwks.RemoteKeySet.from_issuer(GOOGLE, fetch=network)
    assert jwt.verify(token, keys, issuer=GOOGLE, audience=CLIENT).claims == said["payload"]


# ── where else the seed is wrong ──────────────────────────────────────────────────────────────────────────────────


def test_crit_exp_is_refused_on_both_sides(node):
    """The printed header that makes exp critical is neither signed nor verified by jose, nor by us."""
    sign = """new SignJWT({ sub: 'user_123' })
  .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'ed25519-key-1', crit: ['exp'] }).sign(privateKey)"""
    assert node(EDDSA_KEYS, told(sign)) == "ERR_JOSE_NOT_SUPPORTED"

    key = jwk.generate("EdDSA", kid="ed25519-key-1")
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "ed25519-key-1", "crit": ["exp"]}
    token = by_hand(header, b'{"exp":4102444800}', key.sign)
    call = "jwtVerify(token, publicKey, { algorithms: ['EdDSA'] })"
    assert node(OUR_KEY, told(call), token=token, ours=key.public().to_jwk()) == "ERR_JOSE_NOT_SUPPORTED"
    with pytest.raises(InvalidHeaderError):
        jws.verify(token, key.public(), understood=("exp",))
    with pytest.raises(InvalidHeaderError):
        jwt.sign({"sub": "user_123"}, key, header={"crit": ["exp"]})


def test_the_printed_padding_passes_there_and_not_here(node):
    """jose reads the payload's two equals signs against RFC 7515; here it takes the quirk by name."""
    payload = "eyJzdWIiOiJ1c2VyXzEyMyIsImlhdCI6MTcxNjEyMzQ1NiwiZXhwIjoxNzE2MTI3MDU2fQ=="
    key = jwk.generate("EdDSA")
    signing_input = f"{b64url_encode(dump_json({'alg': 'EdDSA'}))}.{payload}"
    token = f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"
    read = "compactVerify(jws, publicKey).then(({ payload }) => new TextDecoder().decode(payload))"
    said = node(OUR_KEY, told(read), jws=token, ours=key.public().to_jwk())
    assert json.loads(said) == json.loads(b64url_decode(payload.rstrip("=")))
    with pytest.raises(InvalidBase64Error):
        jws.verify(token, key.public())
    assert jws.verify(token, key.public(), quirks=("padding",)).payload.decode() == said


def test_the_printed_token_is_nobodys(node):
    """The seed's concrete token has another token's signature, so it verifies on neither side."""
    printed = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJzdWIiOiJ1c2VyXzEyMyIsImlhdCI6MTcxNjEyMzQ1NiwiZXhwIjoxNzE2MTI3MDU2fQ=="
        ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    )
    assert node(HS256_KEY, told("jwtVerify(token, secret)"), token=printed) == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    with pytest.raises(UndersignError):
        jws.verify(printed, jwk.secret(SECRET.encode(), alg="HS256"))
