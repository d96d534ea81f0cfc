"""Seed 004, private_key_jwt: its key, its assertion as its code builds it, and its token request."""

import json
from datetime import UTC, datetime, timedelta
from time import time
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.oauth.desk import ISSUER, SERVER_KEY, SIGNING, Desk, client, raw, refused
from tests.seeds.printed_key import JWK
from tests.web.desk import TOML, URL, open_desk
from undersign import jwk, jwt
from undersign.errors import (
    IncorrectClaimError,
    InvalidHeaderError,
    PrivateKeyGivenError,
    TooOldError,
    UnsupportedGrantTypeError,
)
from undersign.inspector.explain import explain
from undersign.jwt.profiles import client_assertion
from undersign.oauth.client import ClientKey
from undersign.oauth.token_request import parse

CLIENT_ID = "<OIDC_CLIENT_ID>"
TOKEN_ENDPOINT = f"{ISSUER}/token"
URN_ENCODED = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
KEY = jwk.load(dict(JWK))


def build_assertion(audience: str = TOKEN_ENDPOINT, **changes: object) -> str:
    """The seed's Python script, line for line, with the audience of our server and what a test changes."""
    pytest.importorskip("jwcrypto", reason="the seed's script needs jwcrypto")
    from jwcrypto import jwk, jws  # noqa: PLC0415 -- as the seed spells it, beside our own jwk

    jws_private_key = dict(JWK)

    # Loading key
    rsa_jws_private_key = jwk.JWK()
    rsa_jws_private_key.import_key(**jws_private_key)

    # Token payload (JSON)
    payload = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": audience,
        "jti": str(uuid4()),
        "iat": int(time()),
        "exp": int(time() + 6000),
    }
    payload_bytes = json.dumps(payload | changes).encode("utf-8")

    # Token headers
    jws_header = {
        "alg": jws_private_key["alg"],
        "kid": jws_private_key["kid"],
    }

    # Creating JWS token
    jwstoken = jws.JWS(payload_bytes)
    jwstoken.add_signature(rsa_jws_private_key, protected=jws_header)
    return jwstoken.serialize(compact=True)


def verifier(clock=time, audience: str = TOKEN_ENDPOINT) -> client_assertion.Verifier:
    return client_assertion.Verifier(KEY.public(), client_id=CLIENT_ID, audience=(audience,), clock=clock)


# ── the key ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_printed_key_is_read():
    """The private JWK with its CRT members is sound, is for RS256 by its own word, and is written as it was read."""
    assert (KEY.kty, KEY.alg, KEY.kid, KEY.use, KEY.size) == ("RSA", "RS256", "my-kid-123", "sig", 2048)
    assert (KEY.is_private, KEY.unusable) == (True, None)
    assert KEY.to_jwk(private=True) == dict(JWK)


def test_the_public_half_is_what_the_client_registers():
    """Of the printed members the public half keeps six, and it verifies what the private one signed."""
    public = KEY.public()
    assert public.to_jwk() == {name: JWK[name] for name in ("kty", "kid", "use", "alg", "e", "n")}
    public.verify(b"x", KEY.sign(b"x"))


def test_the_private_key_is_refused_where_a_public_one_belongs():
    """The dashboard of the seed takes any key that is pasted; here the private one is refused by its structure."""
    with pytest.raises(PrivateKeyGivenError):
        jwk.load_public(dict(JWK))
    with pytest.raises(PrivateKeyGivenError):
        client_assertion.Verifier(KEY, client_id=CLIENT_ID, audience=(ISSUER,))


@pytest.mark.slow
@pytest.mark.parametrize("size", [2048, 4096])
def test_a_key_pair_is_generated_in_both_sizes(size):
    """An RSA key pair of 2048 bits, or of 4096 where asked, is a JWK whose public half stands alone."""
    key = jwk.generate("RS256", size=size)
    assert key.size == key.public().size == size
    assert key.public().to_jwk().keys() == {"kty", "n", "e", "alg", "kid"}


# ── the assertion ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.peer
def test_the_scripts_assertion_is_what_the_seed_describes():
    """Three parts, RS256 and the kid in the header and nothing else, six claims in the payload."""
    seen = explain(build_assertion())
    assert seen.header == {"alg": "RS256", "kid": "my-kid-123"}
    assert list(seen.claims) == ["iss", "sub", "aud", "jti", "iat", "exp"]
    assert seen.claims["exp"] - seen.claims["iat"] == 6000


@pytest.mark.peer
def test_the_scripts_assertion_is_accepted_for_the_legacy_audience():
    """Where the token endpoint is an accepted audience, the assertion that jwcrypto made verifies."""
    claims = verifier().verify(build_assertion()).claims
    assert claims["iss"] == claims["sub"] == CLIENT_ID
    assert claims["aud"] == TOKEN_ENDPOINT


@pytest.mark.peer
def test_the_scripts_audience_is_not_the_issuer():
    """RFC 10070 wants the issuer as audience, so without the legacy policy the assertion is refused."""
    with pytest.raises(IncorrectClaimError, match="'aud'"):
        verifier(audience=ISSUER).verify(build_assertion())


@pytest.mark.peer
def test_its_life_of_6000_seconds_is_clamped():
    """The assertion claims to live for 100 minutes and counts for five, whatever its exp says."""
    now = int(time())
    token = build_assertion(iat=now, exp=now + 6000)
    for later in (0, 299):
        verifier(clock=lambda later=later: now + later).verify(token)
    for later in (330, 5999):
        with pytest.raises(TooOldError, match="issued more than 300 s ago"):
            verifier(clock=lambda later=later: now + later).verify(token)
    seen = verifier(clock=lambda: now)
    assert seen.expires_at(seen.verify(token)) == now + 300 + client_assertion.SKEW


def test_ours_has_the_same_claims_and_names_the_issuer():
    """Our minter writes the seed's six claims with the issuer as audience, a type, and a life of one minute."""
    minted = client_assertion.Minter(KEY, client_id=CLIENT_ID, audience=ISSUER)
    first, second = (verifier(audience=ISSUER).verify(minted.mint()) for _ in range(2))
    assert first.claims.keys() == {"iss", "sub", "aud", "jti", "iat", "exp"}
    assert first.header == {"alg": "RS256", "kid": "my-kid-123", "typ": "client-authentication+jwt"}
    assert first.claims["exp"] - first.claims["iat"] == 60
    assert first.claims["jti"] != second.claims["jti"]


def test_the_kid_in_the_claims_would_not_help():
    """The key is named in the header, and a header without alg is none."""
    with pytest.raises(InvalidHeaderError):
        verifier().verify("eyJraWQiOiJteS1raWQtMTIzIn0.e30.AA")


# ── the token request ─────────────────────────────────────────────────────────────────────────────────────────────


def desk(**changes: object) -> Desk:
    """A token endpoint that knows the seed's client, its key and the legacy audience."""
    policy = {"audience_policy": "legacy_token_endpoint", "sunset": time() + 86400, **changes}
    return Desk(client(id=CLIENT_ID, keys=(ClientKey(KEY.public()),), **policy), now=time())


def form(token: str, grant: str) -> str:
    """The body that the seed's curl sends, parameter by parameter, its line that lacks a backslash mended."""
    return "&".join(
        [
            f"grant_type={grant}",
            "scope=openid+profile",
            "code=CODE",
            "redirect_uri=https%3A%2F%2Fyourdomain.com%2Fredirect",
            urlencode({"client_id": CLIENT_ID}),
            f"client_assertion_type={URN_ENCODED}",
            f"client_assertion={token}",
        ]
    )


@pytest.mark.peer
def test_the_exact_form_is_read():
    """Each parameter of the printed request arrives as it was meant, the URN decoded."""
    token = build_assertion()
    body = form(token, "authorization_code")
    request = parse(raw(body))
    assert request.grant_type == "authorization_code"
    assert request.client_assertion == token
    assert request.client_assertion_type == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert (request.client_id, request.scope) == (CLIENT_ID, "openid profile")
    assert parse_qs(body)["redirect_uri"] == ["https://yourdomain.com/redirect"]


@pytest.mark.peer
def test_the_assertion_gets_a_token():
    """With the scope, the grant and the resource that this client has, the script's assertion gets an at+jwt, once."""
    here, token = desk(), build_assertion()
    body = form(token, "client_credentials").replace("openid+profile", "sign") + f"&{urlencode({'resource': SIGNING})}"
    answer = here.send(raw(body))
    assert (answer.token_type, answer.scope) == ("Bearer", "sign")
    assert explain(answer.access_token).header["typ"] == "at+jwt"
    assert refused(here, token, client_id=CLIENT_ID) == "replayed"


@pytest.mark.peer
def test_the_code_grant_is_not_served_yet():
    """The request as printed proves the client and then asks for a grant that this server does not have."""
    with pytest.raises(UnsupportedGrantTypeError):
        desk().send(raw(form(build_assertion(), "authorization_code")))


@pytest.mark.peer
@pytest.mark.parametrize(
    "policy,changes,reason",
    [
        ("issuer", {}, "incorrect_claim:aud"),
        ("legacy_token_endpoint", {"iss": "other"}, "incorrect_claim:iss"),
        ("legacy_token_endpoint", {"jti": ""}, "claim_type:jti"),
        ("legacy_token_endpoint", {"iat": 1673955575, "exp": 1673961575}, "expired:exp"),
    ],
)
def test_what_is_wrong_with_an_assertion_stays_in_the_log(policy, changes, reason):
    """A client without the legacy policy, and the printed times of 2023, fail alike outside and by name inside."""
    token = build_assertion(**changes)
    assert refused(desk(audience_policy=policy), token, client_id=CLIENT_ID) == reason


@pytest.mark.peer
def test_client_id_beside_the_assertion_must_agree():
    """The form's client_id may be there, and then is the assertion's subject."""
    assert refused(desk(), build_assertion(), client_id="other") == "incorrect_claim:client_id"


def test_ours_gets_a_token_for_the_issuer():
    """The same client with our minter and without any legacy policy is authenticated."""
    here = desk(audience_policy="issuer")
    minted = client_assertion.Minter(KEY, client_id=CLIENT_ID, audience=ISSUER, clock=lambda: here.now).mint()
    answer = here.ask(minted, client_id=CLIENT_ID)
    reader = jwt.Verifier(SERVER_KEY.public(), issuer=ISSUER, audience=SIGNING, typ="at+jwt", clock=lambda: here.now)
    assert reader.verify(answer.access_token).claims["client_id"] == CLIENT_ID


# ── the client's key in the server's file ─────────────────────────────────────────────────────────────────────────


def certificate() -> str:
    """The printed key as the X.509 certificate that the seed's first step allows in place of a JWK."""
    private = load_pem_private_key(KEY.to_pem(private=True).encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reports")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.sign(private, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("spelling", ["jwk", "pem", "x509"])
def test_a_client_registers_its_key_in_each_form(tmp_path, spelling):
    """A key with its name and days stands in the file as JWK, PEM or certificate, and its assertions count."""
    public = KEY.public()
    written = {"jwk": json.dumps(public.to_jwk()), "pem": public.to_pem(), "x509": certificate()}[spelling]
    table = "[[clients.reports.keys]]\nname = 'signicat'\nnot_before = '2023-01-01'\nnot_after = '2999-12-31'\n"
    text = TOML.replace('jwks = "file:reports.json"', "") + f"{table}usage = 'sig'\n{spelling} = '''{written}'''\n"
    with open_desk(tmp_path, text) as here:
        minter = client_assertion.Minter(KEY, client_id="reports", audience=URL)
        assert here.ask(minter.mint()).status_code == 200
        stranger = client_assertion.Minter(jwk.generate("RS256", size=2048), client_id="reports", audience=URL)
        assert here.ask(stranger.mint()).status_code == 401
