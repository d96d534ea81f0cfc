"""Seed 003, JJWT's tutorial: its printed tokens under its printed secrets, its anti-patterns, its enforced claims."""

import re
from datetime import UTC, datetime

import pytest

from tests.seeds.printed import (
    ANATOMY,
    ANATOMY_CSRF,
    BIG,
    COMPRESSED,
    FORM_CSRF,
    GENERAL,
    HAPPY,
    HS256,
    HS384,
    HS512,
    INCORRECT,
    MISSING,
    PRINTED,
    STATIC,
)
from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode
from undersign.errors import (
    AlgorithmNotAllowedError,
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    InvalidJSONError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    WeakKeyError,
)
from undersign.inspector.explain import explain

ANY = ("iss", "aud", "exp")
KEY = jwk.secret(base64=HS256, alg="HS256")
SECRET = jwk.secret(b"secret", alg="HS256")
GOOD = [printed for printed in PRINTED if printed.verifies]
WEAK = [printed for printed in PRINTED if not printed.verifies]


# ── the printed tokens ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("printed", PRINTED, ids=str)
def test_each_printed_token_decodes(printed):
    """Header and claims of each token are what the seed prints beside it, in the same order."""
    seen = explain(printed.token)
    assert seen.header == {"alg": "HS256"}
    assert list(seen.claims.items()) == list(printed.claims.items())
    assert not seen.verified


@pytest.mark.parametrize("printed", PRINTED, ids=str)
def test_each_printed_token_has_the_verdict_that_was_computed(printed):
    """Six tokens verify under the printed HS256 secret; the two for forms were made with the octets of "secret"."""
    if printed.verifies:
        verified = jwt.verify(printed.token, KEY, waive=ANY)
        assert (verified.header, verified.claims) == ({"alg": "HS256"}, printed.claims)
        return
    other = [jwk.secret(base64=ANATOMY, alg="HS256"), jwk.secret(ANATOMY.encode(), alg="HS256")]
    for key in (KEY, *other, jwk.secret(HS256.encode(), alg="HS256")):
        with pytest.raises(InvalidSignatureError):
            jwt.verify(printed.token, key, waive=ANY)
    with pytest.raises(WeakKeyError, match="6 octets"):
        jwt.verify(printed.token, SECRET, waive=ANY)


@pytest.mark.parametrize("printed", WEAK, ids=str)
def test_the_form_tokens_are_read_by_quirk(printed):
    """With the leniency for short secrets both are read, at a moment within their lives, and it shows."""
    start, end = printed.claims["iat"], printed.claims["exp"]
    policy = {"waive": ("iss", "aud"), "quirks": ("short-secret",)}

    verified = jwt.verify(printed.token, SECRET, now=start, **policy)
    assert verified.claims == printed.claims
    assert "quirk:short-secret" in verified.checks
    with pytest.raises(NotYetValidError):
        jwt.verify(printed.token, SECRET, now=start - 1, **policy)
    with pytest.raises(ExpiredTokenError):
        jwt.verify(printed.token, SECRET, now=end, **policy)


def test_how_long_the_form_tokens_live():
    """The form's token lives for thirty seconds, the anatomy's for an hour where its text says one minute."""
    lives = [printed.claims["exp"] - printed.claims["iat"] for printed in (FORM_CSRF, ANATOMY_CSRF)]
    assert lives == [30, 3600]


@pytest.mark.parametrize("printed", GOOD, ids=str)
def test_the_builders_tokens_come_back_byte_for_byte(printed):
    """From the same claims in the same order the printed token comes out again, by the builder and by jwt.sign."""
    assert jwt.builder().claims(printed.claims).sign_with(KEY).compact() == printed.token
    assert jwt.sign(printed.claims, KEY, typ=None, lifetime=None) == printed.token


def test_the_fluent_builder_makes_the_static_token():
    """The tutorial's first chain of calls, method by method, gives the token that it prints."""
    token = (
        jwt.builder()
        .issuer("Stormpath")
        .subject("msilverman")
        .claim("name", "Micah Silverman")
        .claim("scope", "admins")
        .issued_at(datetime.fromtimestamp(1466796822, UTC))
        .expiration(datetime.fromtimestamp(4622470422, UTC))
        .sign_with(jwk.secret(base64=HS256, alg="HS256"))
        .compact()
    )
    assert token == STATIC.token


def test_the_builder_checks_the_registered_claims():
    """A number as a subject is refused by the builder, whichever way it comes in, and a map of others passes."""
    for call in (lambda: jwt.builder().subject(5), lambda: jwt.builder().claims({"iss": "Stormpath", "sub": 5})):
        with pytest.raises(ClaimTypeError, match="'sub'"):
            call()
    assert jwt.builder().claims(GENERAL.claims).sign_with(KEY).compact() == GENERAL.token


def test_the_builder_takes_no_anti_pattern():
    """Neither the text, nor its octets, nor too few octets for HS512 sign a token."""
    started = jwt.builder().claims(GENERAL.claims)
    for key in ("secret", b"secret", HS256):
        with pytest.raises(PolicyError):
            started.sign_with(key)
    for key in (SECRET, jwk.secret(base64=HS256, alg="HS512")):
        with pytest.raises(WeakKeyError):
            started.sign_with(key).compact()
    with pytest.raises(PolicyError):
        jwt.builder().compact()


def test_dates_of_the_static_builder():
    """The times the code gives as datetimes are the numbers in the token, one of them beyond 32 bits."""
    issued, expires = datetime(2016, 6, 24, 19, 33, 42, tzinfo=UTC), datetime(2116, 6, 24, 19, 33, 42, tzinfo=UTC)
    claims = {**STATIC.claims, "iat": issued, "exp": expires}
    assert jwt.sign(claims, KEY, typ=None, lifetime=None) == STATIC.token


def test_the_compressed_token_comes_back_byte_for_byte():
    """The claims of the big token, compressed, are the printed token, which is 62 characters shorter."""
    assert jwt.builder().claims(BIG.claims).compress().sign_with(KEY).compact() == COMPRESSED
    assert len(BIG.token) - len(COMPRESSED) == 62


def test_the_compressed_token_is_read_by_quirk_only():
    """Its MAC covers the compressed octets and holds, but only the named leniency inflates them, and it shows."""
    payload = jws.verify(COMPRESSED, KEY).payload
    assert (payload[:2], payload[-4:]) == (b"\x78\xda", b"\x00\x00\xff\xff")
    with pytest.raises(InvalidJSONError):
        jwt.verify(COMPRESSED, KEY, waive=ANY)

    verified = jwt.verify(COMPRESSED, KEY, waive=ANY, quirks=("jjwt-calg",))
    assert verified.claims == BIG.claims
    assert verified.header == {"alg": "HS256", "calg": "DEF"}
    assert "quirk:jjwt-calg" in verified.checks


def test_a_compressed_token_is_not_inflated_before_it_verifies():
    """One changed character of the compressed payload is a wrong signature, not a wrong stream."""
    header, payload, signature = COMPRESSED.split(".")
    changed = f"{header}.{payload[:20]}{'A' if payload[20] != 'A' else 'B'}{payload[21:]}.{signature}"
    with pytest.raises(InvalidSignatureError):
        jwt.verify(changed, KEY, waive=ANY, quirks=("jjwt-calg",))


@pytest.mark.parametrize("printed", PRINTED, ids=str)
def test_a_token_is_url_safe(printed):
    """Every printed token, and every one of ours, consists of characters that a URL carries as they are."""
    ours = jwt.sign({"name": "Zoë/+= \U0001f511"}, KEY)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}", token) for token in (printed.token, ours))


# ── the secrets ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("alg,text,octets", [("HS256", HS256, 32), ("HS384", HS384, 48), ("HS512", HS512, 64)])
def test_the_printed_secrets_fit_their_algorithms(alg, text, octets):
    """Each printed secret is base64 of as many octets as its algorithm wants, and signs."""
    key = jwk.secret(base64=text, alg=alg)
    assert (key.size, key.unusable) == (8 * octets, None)
    assert jwt.verify(jwt.sign({}, key), key, waive=("iss", "aud")).header["alg"] == alg


@pytest.mark.parametrize("alg,bits", [("HS256", 256), ("HS384", 384), ("HS512", 512)])
def test_secrets_of_the_right_strength_are_generated(alg, bits):
    """A generated secret is as long as its hash, and no two are alike."""
    first, second = jwk.generate(alg), jwk.generate(alg)
    assert first.size == second.size == bits
    assert not first.is_same_key(second)


def test_anti_pattern_1_a_short_text_as_secret():
    """Six octets neither sign nor verify, and text is no secret at all."""
    for call in (lambda: jwt.sign({}, SECRET), lambda: SECRET.verify(b"x", b"x" * 32)):
        with pytest.raises(WeakKeyError):
            call()
    with pytest.raises(PolicyError, match="not text"):
        jwk.secret("secret", alg="HS256")


def test_anti_pattern_2_base64_text_as_octets():
    """A base64 text is refused until its encoding is named, and its own octets are another secret."""
    with pytest.raises(PolicyError, match="base64="):
        jwk.secret(HS256, alg="HS256")
    with pytest.raises(InvalidSignatureError):
        jwt.verify(STATIC.token, jwk.secret(HS256.encode(), alg="HS256"), waive=ANY)
    assert jwk.secret(base64=HS256, alg="HS256").is_same_key(jwk.secret(hex=_hex(HS256), alg="HS256"))


def _hex(text: str) -> str:
    return b64url_decode(text.rstrip("=").replace("+", "-").replace("/", "_")).hex()


def test_anti_pattern_3_too_few_octets_for_hs512():
    """Thirty-two octets are enough for HS256 and too few for HS512."""
    key = jwk.secret(base64=HS256, alg="HS512")
    assert "needs 64" in key.unusable
    with pytest.raises(WeakKeyError, match="32 octets"):
        jwt.sign({}, key)


# ── building ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["iss", "sub", "jti", "aud"])
def test_a_registered_claim_of_the_wrong_type_is_refused(name):
    """The tutorial's number as a subject is refused when signing: the error names claim, type wanted, value found."""
    claims = {"iss": "Stormpath", "hasMotorcycle": True, name: 5}
    for call in (lambda: jwt.sign(claims, KEY), lambda: jwt.builder().claims(claims)):
        with pytest.raises(ClaimTypeError, match=f"'{name}' is not a string.*, but the number 5") as caught:
            call()
        assert (caught.value.claim, caught.value.code) == (name, "claim_type")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["4622470422", True, None, [1], -1])
def test_a_date_of_the_wrong_type_is_refused(name, value):
    """A date that is text, a boolean, null, a list or before 1970 is refused when signing, and named."""
    for call in (lambda: jwt.sign({name: value}, KEY), lambda: jwt.builder().claim(name, value)):
        with pytest.raises(ClaimTypeError, match=f"'{name}'"):
            call()


@pytest.mark.parametrize("moment", [5, 2**31 - 1, 2**31, 4622470422])
def test_a_date_may_be_of_any_size(moment):
    """What Java had as Integer or as Long is one number here."""
    token = jwt.sign({"iat": moment - 1, "exp": moment}, KEY)
    assert jwt.verify(token, KEY, waive=("iss", "aud"), now=moment - 1).claims["exp"] == moment


def test_true_and_the_text_true_are_told_apart():
    """The claim hasMotorcycle is a boolean and stays one; its text does not pass for it."""
    token = jwt.sign({"hasMotorcycle": "true"}, KEY)
    with pytest.raises(IncorrectClaimError):
        jwt.verify(token, KEY, waive=ANY, require={"hasMotorcycle": True})
    for other in (1, "true", None):
        with pytest.raises(IncorrectClaimError):
            jwt.verify(HAPPY.token, KEY, waive=ANY, require={"hasMotorcycle": other})


def test_twelve_algorithms_sign():
    """The twelve that JJWT has are among ours."""
    rsa = jwk.load(jwk.generate("RS256", size=2048).to_pem(private=True))
    names = [f"{family}{bits}" for family in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)]
    for alg in names:
        key = rsa.bound(alg) if alg[0] in "RP" else jwk.generate(alg)
        public = key if key.kty == "oct" else key.public()
        assert jwt.verify(jwt.sign({}, key), public, waive=("iss", "aud")).header["alg"] == alg
    assert len(names) == 12


# ── parsing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_parsing_verifies_and_returns_header_and_claims():
    """The parser's answer for the static builder's token: body and header as printed."""
    verified = jwt.verify(STATIC.token, KEY, issuer="Stormpath", waive=("aud",))
    assert verified.claims == STATIC.claims
    assert verified.header == {"alg": "HS256"}


@pytest.mark.parametrize("printed", GOOD, ids=str)
def test_a_token_without_its_last_character_is_refused(printed):
    """A signature cut by one character no longer spells octets, or other octets: refused in either case."""
    with pytest.raises((InvalidSignatureError, MalformedTokenError)):
        jwt.verify(printed.token[:-1], KEY, waive=ANY)


SECRETS = {
    alg: jwk.secret(base64=text, alg=alg) for alg, text in (("HS256", HS256), ("HS384", HS384), ("HS512", HS512))
}


@pytest.mark.parametrize(
    "keys",
    [jwks.KeySet(SECRETS.values()), jwks.KeyResolver(lambda _, alg: SECRETS.get(alg))],
    ids=["set", "resolver"],
)
def test_the_header_chooses_among_keys(keys):
    """JJWT's resolver by alg is a set of three secrets, or a function: each key verifies its own algorithm only."""
    for alg, key in SECRETS.items():
        assert jwt.verify(jwt.sign({}, key), keys, waive=("iss", "aud")).key.alg == alg
    swapped = jwt.sign({}, jwk.secret(base64=HS512, alg="HS256"))
    with pytest.raises(InvalidSignatureError):
        jwt.verify(swapped, keys, waive=("iss", "aud"))


@pytest.mark.parametrize(
    "keys",
    [SECRETS["HS256"], jwks.KeySet([SECRETS["HS256"]]), jwks.KeyResolver(lambda *_: SECRETS["HS256"])],
    ids=["key", "set", "resolver"],
)
def test_the_header_never_chooses_the_algorithm(keys):
    """A token of another algorithm is refused, even where a function gives a key for whatever the header says."""
    token = jwt.sign({}, jwk.secret(base64=HS512, alg="HS512"))
    with pytest.raises(AlgorithmNotAllowedError):
        jwt.verify(token, keys, waive=("iss", "aud"))


# ── enforced claims ───────────────────────────────────────────────────────────────────────────────────────────────


ENFORCED = {"issuer": "Stormpath", "require": {"hasMotorcycle": True}, "waive": ("aud", "exp")}


def test_enforced_claims_hold():
    """The happy path: the issuer and the custom claim are as required."""
    assert jwt.verify(HAPPY.token, KEY, **ENFORCED).claims == HAPPY.claims


def test_a_missing_claim_says_what_was_expected():
    """The error of a claim that is not there names it and the value that was expected."""
    with pytest.raises(MissingClaimError, match="'hasMotorcycle' to be true, but it is not there") as caught:
        jwt.verify(MISSING.token, KEY, **ENFORCED)
    assert (caught.value.claim, caught.value.reason) == ("hasMotorcycle", "missing")


def test_an_incorrect_claim_says_what_was_expected_and_what_was_there():
    """The error of a claim with another value names it, the value expected and the value found."""
    with pytest.raises(IncorrectClaimError, match="'hasMotorcycle' to be true, but it was false") as caught:
        jwt.verify(INCORRECT.token, KEY, **ENFORCED)
    assert (caught.value.claim, caught.value.reason) == ("hasMotorcycle", "incorrect")


def test_the_issuer_is_enforced():
    """A token without the issuer, or with another, is refused with both values."""
    with pytest.raises(MissingClaimError, match="'Stormpath'"):
        jwt.verify(jwt.sign({"hasMotorcycle": True}, KEY), KEY, **ENFORCED)
    with pytest.raises(IncorrectClaimError, match="'Stormpath', but it was 'Other'"):
        jwt.verify(jwt.sign({"hasMotorcycle": True}, KEY, issuer="Other"), KEY, **ENFORCED)


# ── a reader's question ───────────────────────────────────────────────────────────────────────────────────────────


def test_another_service_signs_header_and_payload():
    """Header and payload go to a service that signs, its signature completes the token, and its public key verifies."""
    service = jwk.generate("ES256")
    prepared = jws.prepare(b'{"sub":"msilverman"}', service.public(), header={"typ": "JWT"})
    with pytest.raises(InvalidSignatureError):
        prepared.attach(jwk.generate("ES256").sign(prepared.signing_input))

    token = prepared.attach(service.sign(prepared.signing_input))
    assert token.startswith(prepared.signing_input.decode())
    assert jwt.verify(token, service.public(), waive=ANY).claims == {"sub": "msilverman"}
