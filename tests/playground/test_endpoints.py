"""The ten endpoints: what goes in, what comes out, and what is refused with which words."""

from __future__ import annotations

import json

import pytest

from tests.seeds.printed import ANATOMY_CSRF, BIG, COMPRESSED, FORM_CSRF, HAPPY, HS256, HS384, HS512, INCORRECT, STATIC
from undersign import jwk, jwt

SECRETS = {"HS256": HS256, "HS384": HS384, "HS512": HS512}
SHORT = {"HS256": "c2VjcmV0"}  # the octets of "secret"
WRONG_SIGNATURE = (
    "JWT signature does not match locally computed signature. "
    "JWT validity cannot be asserted and should not be trusted."
)


@pytest.fixture
def seeded(terminal):
    """A playground with the tutorial's secrets."""
    assert terminal.post("/set-secrets", json=SECRETS).json() == SECRETS
    return terminal


def refusal(answer, status=400):
    """The name and the sentence of a refusal, whose shape is the tutorial's."""
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert list(found) == ["exceptionType", "message", "status"]
    assert found["status"] == "ERROR"
    return found["exceptionType"], found["message"]


def test_an_answer_is_json_as_printed(seeded):
    """Content type and cache header are the tutorial's, and members stand in the order that it prints."""
    answer = seeded.get("/parser", params={"jwt": STATIC.token})

    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-cache, no-store, max-age=0, must-revalidate"
    found = json.loads(answer.text, object_pairs_hook=lambda pairs: pairs)
    jws, status = found
    assert (jws[0], status) == ("jws", ("status", "SUCCESS"))
    assert [name for name, _ in jws[1]] == ["body", "header", "signature"]
    assert [name for name, _ in jws[1][0][1]] == sorted(STATIC.claims)


@pytest.mark.parametrize("shape", ["jws", "claims"])
def test_the_parser_has_both_printed_shapes(seeded, shape):
    """The member around the parts is jws, and claims where that shape is asked for, as the tutorial prints both."""
    answer = seeded.get("/parser", params={"jwt": STATIC.token, "shape": shape})
    assert answer.json()[shape]["body"] == STATIC.claims


def test_claims_keep_their_order_in_the_token(seeded):
    """A token is built from the members of the request in the order sent, so that the same one comes out again."""
    answers = [seeded.post(f"/dynamic-builder-{kind}", json=HAPPY.claims) for kind in ("general", "specific")]
    assert [answer.json() for answer in answers] == [{"jwt": HAPPY.token, "status": "SUCCESS"}] * 2


def test_a_compressed_token_comes_back_and_is_read(seeded):
    """The compressed token is the printed one to the byte, and the parser inflates it by itself."""
    token = seeded.post("/dynamic-builder-compress", json=BIG.claims).json()["jwt"]

    assert token == COMPRESSED
    assert seeded.get("/parser", params={"jwt": token}).json()["jws"]["body"] == BIG.claims


@pytest.mark.parametrize(
    "claim,value,wanted,shown,found",
    [
        ("sub", 5, "java.lang.String", "5", "java.lang.Integer"),
        ("iss", 2**31, "java.lang.String", "2147483648", "java.lang.Long"),
        ("jti", True, "java.lang.String", "true", "java.lang.Boolean"),
        ("aud", 1.5, "java.lang.String", "1.5", "java.lang.Double"),
        ("aud", ["a", 5], "java.lang.String", "[a, 5]", "java.util.ArrayList"),
        ("sub", {"a": None}, "java.lang.String", "{a=null}", "java.util.LinkedHashMap"),
        ("exp", "4622470422", "java.lang.Long", "4622470422", "java.lang.String"),
        ("nbf", 2**63, "java.lang.Long", "9223372036854775808", "java.math.BigInteger"),
        ("iat", None, "java.lang.Long", "null", "null"),
    ],
)
def test_a_claim_of_the_wrong_type_has_the_printed_sentence(terminal, claim, value, wanted, shown, found):
    """The specific builder names the claim, the wanted class, the value and the class that it has."""
    name, message = refusal(terminal.post("/dynamic-builder-specific", json={claim: value}))

    assert name == "io.jsonwebtoken.JwtException"
    assert message == (
        f"Expected type: {wanted} for registered claim: '{claim}', but got value: {shown} of type: {found}"
    )


@pytest.mark.parametrize("claims", [{"exp": 1466796822}, {"exp": 4622470422}, {"aud": ["a", "b"]}, {"sub2": 5}])
def test_what_the_specific_builder_takes(terminal, claims):
    """A date is an Integer or a Long, an audience may be several, and a claim of one's own may be anything."""
    assert terminal.post("/dynamic-builder-specific", json=claims).json()["status"] == "SUCCESS"


def test_the_general_builder_refuses_wrong_types_too(terminal):
    """What JJWT's map lets through is refused by ours with a sentence that says which claim."""
    name, message = refusal(terminal.post("/dynamic-builder-general", json={"sub": 5}))
    assert (name, "'sub'" in message) == ("io.jsonwebtoken.JwtException", True)


@pytest.mark.parametrize("cut", [1, 2, 3, 10])
def test_a_cut_signature_has_the_printed_sentence(seeded, cut):
    """However many characters are missing at the end, the answer is the tutorial's name and sentence."""
    found = refusal(seeded.get("/parser", params={"jwt": STATIC.token[:-cut]}))
    assert found == ("io.jsonwebtoken.SignatureException", WRONG_SIGNATURE)


@pytest.mark.parametrize(
    "token,name",
    [
        ("", "io.jsonwebtoken.MalformedJwtException"),
        ("a.b", "io.jsonwebtoken.MalformedJwtException"),
        ("eyJhbGciOiJIUzI1NiJ9x.e30.YQ", "io.jsonwebtoken.MalformedJwtException"),
        ("eyJhbGciOiJub25lIn0.e30.", "io.jsonwebtoken.UnsupportedJwtException"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.YQ", "io.jsonwebtoken.UnsupportedJwtException"),
    ],
)
def test_what_is_no_good_token_is_refused_by_name(seeded, token, name):
    """Whatever is pasted, the answer is a refusal with the name of what is wrong."""
    assert refusal(seeded.get("/parser", params={"jwt": token}))[0].startswith(name)


def test_enforced_claims_have_the_printed_sentences(seeded):
    """Issuer and motorcycle are each named when missing or wrong, with what was expected and what was there."""
    cases = {
        json.dumps({"hasMotorcycle": True}): "Expected iss claim to be: Stormpath, but was not present",
        json.dumps(
            {"iss": "x\u202e", "hasMotorcycle": True}
        ): "Expected iss claim to be: Stormpath, but was: x\\u202e.",
        json.dumps({"iss": "Stormpath"}): "Expected hasMotorcycle claim to be: true, but was not present in the JWT c",
        json.dumps({"iss": "Stormpath", "hasMotorcycle": "true"}): "claim to be: true, but was: true.",
        json.dumps({"iss": "Stormpath", "hasMotorcycle": None}): "Expected hasMotorcycle claim to be: true, but was: ",
    }
    for claims, sentence in cases.items():
        token = seeded.post("/dynamic-builder-general", json=json.loads(claims)).json()["jwt"]
        assert sentence in refusal(seeded.get("/parser-enforce", params={"jwt": token}))[1]
    assert refusal(seeded.get("/parser-enforce", params={"jwt": INCORRECT.token})) == (
        "io.jsonwebtoken.IncorrectClaimException",
        "Expected hasMotorcycle claim to be: true, but was: false.",
    )


def test_times_are_judged(seeded):
    """An expired token and an early one are refused by JJWT's names, at the moment that the address may name."""
    for claims, name in (({"exp": 5}, "Expired"), ({"nbf": 4622470422}, "Premature")):
        token = seeded.post("/dynamic-builder-general", json=claims).json()["jwt"]
        assert refusal(seeded.get("/parser", params={"jwt": token}))[0] == f"io.jsonwebtoken.{name}JwtException"
        assert seeded.get("/parser", params={"jwt": token, "now": 4622470422 if "nbf" in claims else 4}).is_success


def test_each_algorithm_has_its_secret(seeded):
    """A token of each of the three algorithms verifies with its own secret and with no other."""
    for alg, text in SECRETS.items():
        token = jwt.builder().subject(alg).sign_with(jwk.secret(base64=text, alg=alg)).compact()
        assert seeded.get("/parser", params={"jwt": token}).json()["jws"]["header"] == {"alg": alg}
    other = jwt.builder().subject("x").sign_with(jwk.secret(base64=HS512, alg="HS256")).compact()
    assert refusal(seeded.get("/parser", params={"jwt": other}))[1] == WRONG_SIGNATURE


def test_secrets_are_refreshed_by_get_and_by_post(terminal):
    """New secrets are made by either method, each as long as its hash, and shown."""
    shown = [terminal.get("/get-secrets"), terminal.get("/refresh-secrets"), terminal.post("/refresh-secrets")]
    texts = [answer.json() for answer in shown]

    assert all(list(found) == list(SECRETS) for found in texts)
    assert len({found["HS256"] for found in texts}) == 3
    sizes = [jwk.secret(base64=text, alg=alg).size for alg, text in texts[-1].items()]
    assert sizes == [256, 384, 512]
    assert terminal.get("/get-secrets").json() == texts[-1]


@pytest.mark.parametrize(
    "secrets",
    [{}, {"HS257": HS256}, {"HS256": "secret"}, {"HS256": 5}, {"HS256": HS256[:-1]}, {**SECRETS, "HS512": "?"}],
)
def test_what_is_no_set_of_secrets_changes_nothing(seeded, secrets):
    """An unknown name, a text that is not base64, or one bad secret among good ones is refused, and all stay."""
    before = seeded.get("/get-secrets").json()
    assert refusal(seeded.post("/set-secrets", json=secrets))[1].startswith("[bad_request]")
    assert seeded.get("/get-secrets").json() == before


def test_the_anti_patterns_are_refused(seeded):
    """Six octets for HS256, and 32 octets for HS512, are refused with weak_key."""
    for secrets in (SHORT, {"HS512": HS256}):
        name, message = refusal(seeded.post("/set-secrets", json=secrets))
        assert (name, message[:10]) == ("io.jsonwebtoken.security.WeakKeyException", "[weak_key]")


@pytest.mark.parametrize("printed", [ANATOMY_CSRF, FORM_CSRF], ids=str)
def test_a_token_of_a_short_secret_is_read_by_quirk_only(seeded, printed):
    """With the short secret taken by name, the parser refuses with weak_key until the quirk is named; nothing signs."""
    assert seeded.post("/set-secrets?quirk=short-secret", json=SHORT).is_success
    asked = {"jwt": printed.token, "now": printed.claims["iat"]}

    assert refusal(seeded.get("/parser", params=asked))[1].startswith("[weak_key]")
    answer = seeded.get("/parser", params={**asked, "quirk": "short-secret"})
    assert answer.json()["jws"]["body"] == printed.claims
    assert refusal(seeded.get("/static-builder"))[1].startswith("[weak_key]")


@pytest.mark.parametrize(
    "query", ["", "jwt=a&jwt=b", "jwt=a&shape=x", "jwt=a&now=soon", "jwt=a&now=nan", "jwt=a&quirk=padding"]
)
def test_a_question_that_is_none_is_refused(terminal, query):
    """A missing, doubled or meaningless parameter is a bad request."""
    assert refusal(terminal.get(f"/parser?{query}"))[1].startswith("[bad_request]")


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(terminal, body):
    """Only one JSON object with each name once is read."""
    answer = terminal.post("/dynamic-builder-general", content=body, headers={"Content-Type": "application/json"})
    assert refusal(answer)[0] == "undersign.errors.RequestError"


def test_bodies_have_a_media_type_and_a_limit(terminal):
    """What is not said to be JSON is 415, as is a form, and what is too long is 413."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = terminal.post("/set-secrets", content=b"{}", headers={"Content-Type": kind})
        refusal(answer, 415)
    refusal(terminal.post("/dynamic-builder-general", json={"a": "x" * 65536}), 413)


def test_other_addresses_and_methods(terminal):
    """An unknown address is 404 and a wrong method 405, in the same shape."""
    refusal(terminal.get("/nowhere"), 404)
    refusal(terminal.get("/set-secrets"), 405)
