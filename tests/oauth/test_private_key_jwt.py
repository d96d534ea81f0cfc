"""Attacks on client authentication, each named after the attack (RFC 7523 section 3, RFC 10070)."""

import hmac
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.oauth.desk import (
    CLIENT_KEY,
    ISSUER,
    NOW,
    OTHER_KEY,
    SERVER_KEY,
    SIGNING,
    URN,
    Desk,
    assertion,
    burns,
    client,
    raw_of,
    refused,
)
from undersign import jwk, jwt
from undersign.encoding import b64url_decode, b64url_encode, dump_json
from undersign.errors import InvalidClientError, InvalidRequestError
from undersign.oauth.client import ClientKey
from undersign.oauth.client_auth import ClientProof


def test_a_good_assertion_proves_the_client():
    """A good assertion gives an at+jwt of five minutes for one audience, which verifies with the server's key."""
    response = Desk().ask(assertion())
    verifier = jwt.Verifier(SERVER_KEY.public(), issuer=ISSUER, audience=SIGNING, typ="at+jwt", clock=lambda: NOW)
    claims = verifier.verify(response.access_token).claims

    assert (claims["sub"], claims["client_id"], claims["scope"], claims["aud"]) == (
        "reports",
        "reports",
        "sign",
        SIGNING,
    )
    assert claims["exp"] - claims["iat"] == 300 == response.expires_in


def test_an_assertion_works_once():
    """The second use of an assertion is refused, and the log says why."""
    desk, token = Desk(), assertion()
    desk.ask(token)

    assert refused(desk, token) == "replayed"


def test_eight_parallel_replays_give_one_token():
    """Of eight uses at once, exactly one succeeds."""
    desk, token = Desk(), assertion()

    def use(_):
        try:
            return bool(desk.ask(token).access_token)
        except InvalidClientError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 1


def test_a_client_cannot_burn_another_clients_jti():
    """Equal jti values of two clients never meet."""
    desk = Desk()
    desk.ask(assertion(OTHER_KEY, iss="other", sub="other"))

    assert desk.ask(assertion()).access_token


@pytest.mark.parametrize(
    "aud",
    [
        "https://other.example",
        f"{ISSUER}.evil",
        f"{ISSUER}/",
        ISSUER.upper(),
        f"{ISSUER}/token",
        [ISSUER, "https://other.example"],
        [ISSUER, ISSUER],
        [],
        [[ISSUER]],
        {ISSUER: 1},
        "",
        None,
    ],
)
def test_foreign_audience(aud):
    """An assertion for anybody besides this issuer alone is refused."""
    assert refused(Desk(), assertion(aud=aud)).endswith(":aud")


def test_missing_audience():
    """An assertion for nobody in particular is refused."""
    assert refused(Desk(), assertion(drop=["aud"])).endswith(":aud")


@pytest.mark.parametrize(
    "policy,aud,accepted",
    [
        ("issuer", [ISSUER], True),
        ("issuer_string", ISSUER, True),
        ("issuer_string", [ISSUER], False),
        ("legacy_endpoint", f"{ISSUER}/token", True),
        ("legacy_endpoint", [f"{ISSUER}/token", ISSUER], True),
        ("legacy_endpoint", [f"{ISSUER}/token", "https://evil.example"], False),
        ("legacy_endpoint", f"{ISSUER}/token2", False),
        ("legacy_token_endpoint", f"{ISSUER}/token", True),
        ("legacy_token_endpoint", [f"{ISSUER}/token"], False),
        ("legacy_token_endpoint", ISSUER, False),
    ],
)
def test_the_audience_policy_decides(policy, aud, accepted):
    """Each policy takes the forms it names, character by character, and no other."""
    desk = Desk(client(audience_policy=policy, sunset=NOW + 1))
    if accepted:
        assert desk.ask(assertion(aud=aud)).access_token
    else:
        assert refused(desk, assertion(aud=aud)).endswith(":aud")


@pytest.mark.parametrize("sunset", [None, NOW])
def test_legacy_policy_ends_at_its_sunset(sunset):
    """A legacy policy without a sunset, or past it, refuses even an assertion for the issuer."""
    desk = Desk(client(audience_policy="legacy_endpoint", sunset=sunset))

    assert refused(desk, assertion()) == "too_old:aud"


def test_hs256_with_the_public_pem():
    """The public key's text is no shared secret, whatever the header says."""
    head, body, _ = assertion().split(".")
    head = b64url_encode(dump_json(json.loads(b64url_decode(head)) | {"alg": "HS256"}))
    pem = CLIENT_KEY.public().to_pem().encode()
    forged = f"{head}.{body}.{b64url_encode(hmac.digest(pem, f'{head}.{body}'.encode(), 'sha256'))}"

    assert refused(Desk(), forged) == "algorithm_not_allowed"


@pytest.mark.parametrize("alg", ["none", "nOnE", "NONE", "HS256", "RS256", "ES256", "EdDSA", "", None, 5])
def test_algorithm_of_the_attackers_choice(alg):
    """A header that names another algorithm than the key's, or none, is refused."""
    good = assertion()
    header = json.loads(b64url_decode(good.split(".")[0])) | {"alg": alg}
    forged = b64url_encode(dump_json(header)) + "." + good.split(".", 1)[1]

    assert refused(Desk(), forged) in {"algorithm_not_allowed", "invalid_header", "invalid_signature"}
    assert refused(Desk(), forged.rsplit(".", 1)[0] + ".") != ""


def test_own_key_in_the_jwk_header():
    """A key that the assertion brings along verifies nothing."""
    mallory = jwk.generate("Ed25519")
    token = assertion(mallory, header={"jwk": mallory.public().to_jwk()})

    assert refused(Desk(), token) in {"unknown_key", "invalid_header", "invalid_signature"}


@pytest.mark.parametrize("kid", ["nobody", "../../etc/passwd", "' OR 1=1 --", "\0"])
def test_unknown_kid(kid):
    """A kid of no registered key is refused, however it is spelled."""
    assert refused(Desk(), assertion(jwk.generate("Ed25519", kid=kid))) in {"unknown_key", "invalid_header"}


def test_the_key_is_found_by_kid():
    """Of a client's several keys, the one that the kid names verifies; without a kid, none is guessed."""
    second = jwk.generate("Ed25519")
    desk = Desk(client(keys=(ClientKey(CLIENT_KEY.public()), ClientKey(second.public()))))
    nameless = jwk.load({name: value for name, value in second.to_jwk(private=True).items() if name != "kid"})

    assert desk.ask(assertion(second)).access_token
    assert refused(desk, assertion(nameless, jti="two", header={"kid": "neither"})) == "unknown_key"


def test_known_kid_with_an_unknown_key():
    """Borrowing a registered kid does not lend the key."""
    assert refused(Desk(), assertion(jwk.generate("Ed25519", kid=CLIENT_KEY.kid))) == "invalid_signature"


def test_another_clients_key():
    """A client cannot speak for another one, even with a key that is registered here."""
    assert refused(Desk(), assertion(OTHER_KEY)) == "unknown_key"


@pytest.mark.parametrize(
    "window",
    [{"not_before": NOW + 1}, {"not_after": NOW - 1}, {"enabled": False}],
)
def test_key_outside_its_window(window):
    """A key that is not yet valid, no longer valid or disabled does not count."""
    desk = Desk(client(keys=(ClientKey(CLIENT_KEY.public(), **window),)))

    assert refused(desk, assertion()) in {"unknown_key", "algorithm_not_allowed"}


@pytest.mark.parametrize(
    "typ", ["at+jwt", "application/at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", "secevent+jwt", "JOSE"]
)
def test_at_jwt_as_assertion(typ):
    """A token of another kind is no assertion, even when the client signed it."""
    assert refused(Desk(), assertion(header={"typ": typ})) == "incorrect_typ:typ"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "client-authentication+jwt"])
def test_older_clients_types(typ):
    """A client that writes JWT, or the type of RFC 10070, is served."""
    assert Desk().ask(assertion(header={"typ": typ})).access_token


def test_access_token_of_this_server_as_assertion():
    """What the server issued does not authenticate anybody to it."""
    desk = Desk()
    token = desk.ask(assertion()).access_token

    assert refused(desk, token) == "incorrect_typ:typ"


@pytest.mark.parametrize(
    "claims,reason",
    [
        ({"exp": NOW - 300}, "expired:exp"),
        ({"exp": NOW - 30}, "expired:exp"),
        ({"exp": NOW + 10 * 365 * 86400}, "incorrect_claim:exp"),
        ({"exp": NOW + 86401}, "incorrect_claim:exp"),
        ({"exp": str(NOW)}, "claim_type:exp"),
        ({"exp": True}, "claim_type:exp"),
        ({"iat": NOW + 600}, "not_yet_valid:iat"),
        ({"iat": NOW + 11}, "not_yet_valid:iat"),
        ({"nbf": NOW + 600}, "not_yet_valid:nbf"),
        ({"nbf": NOW + 11}, "not_yet_valid:nbf"),
        ({"iat": NOW - 331, "exp": NOW + 60}, "too_old:iat"),
        ({"iat": "now"}, "claim_type:iat"),
    ],
)
def test_times(claims, reason):
    """An assertion past its end, absurdly long, from the future or with dates that are none is refused."""
    assert refused(Desk(), assertion(**claims)) == reason


def test_a_long_life_is_refused():
    """An end that is years away is refused, and not merely clamped."""
    assert refused(Desk(), assertion(exp=NOW + 10 * 365 * 86400)) == "incorrect_claim:exp"


def test_an_assertion_from_the_future_is_refused():
    """An assertion that says it was issued in ten minutes is refused."""
    assert refused(Desk(), assertion(iat=NOW + 600, exp=NOW + 660)) == "not_yet_valid:iat"


@pytest.mark.parametrize(
    "claims", [{"exp": NOW - 29}, {"exp": NOW + 6000}, {"exp": NOW + 60.5}, {"iat": NOW + 10}, {"nbf": NOW + 10}]
)
def test_honest_clocks_and_long_lives_are_taken(claims):
    """A little skew is forgiven, and a long life is clamped rather than refused."""
    assert Desk().ask(assertion(**claims)).access_token


def test_clamped_life_outlives_no_burn():
    """A long exp is clamped, so that its burn may be forgotten when the assertion no longer counts."""
    desk = Desk()
    (burn,) = burns(desk.decide(raw_of(assertion(exp=NOW + 6000))))

    assert burn.expires_at == NOW + 330
    desk.now = NOW + 330
    assert refused(desk, assertion(exp=NOW + 6000)) == "too_old:iat"


@pytest.mark.parametrize("missing", ["iss", "sub", "jti", "exp"])
def test_missing_claim(missing):
    """Each claim of the profile must be there."""
    assert refused(Desk(), assertion(drop=[missing])).startswith(("missing_claim", "incorrect_claim"))


@pytest.mark.parametrize("sub", [["reports"], 5, "", None, "other", "reports "])
def test_subject_is_not_the_client(sub):
    """A subject that is no text, nobody, or another client is refused."""
    assert refused(Desk(), assertion(sub=sub)) != ""


def test_issuer_and_subject_are_the_client():
    """iss and sub must both be the client."""
    assert refused(Desk(), assertion(iss="other")) == "incorrect_claim:iss"


def test_client_id_must_agree():
    """A client_id in the form that differs from the assertion is refused."""
    assert refused(Desk(), assertion(), client_id="other") == "incorrect_claim:client_id"


@pytest.mark.parametrize("jti", ["", "j" * 257, 5, ["one"], None])
def test_jti_of_another_shape(jti):
    """An id that is no text of 1 to 256 characters is refused."""
    assert refused(Desk(), assertion(jti=jti)).endswith(":jti")


@pytest.mark.parametrize("change", [{"enabled": False}, {"auth": "client_secret_basic"}])
def test_disabled_client_or_other_method(change):
    """A disabled client, or one that registered another method, is refused."""
    assert refused(Desk(client(**change)), assertion()) == "unauthorized_client"


def test_registered_algorithm_outranks_the_key():
    """A client that registered one algorithm is held to it."""
    assert refused(Desk(client(signing_alg="ES256")), assertion()) in {"algorithm_not_allowed", "unknown_key"}


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"zip": "DEF"}, {"crit": ["b64"], "b64": False}, {"enc": "A256GCM"}]
)
def test_extensions_in_the_header(header):
    """An assertion with a critical extension, compression or an unencoded payload is refused."""
    good = assertion()
    head = json.loads(b64url_decode(good.split(".")[0])) | header
    forged = b64url_encode(dump_json(head)) + "." + good.split(".", 1)[1]

    assert refused(Desk(), forged) in {"unsupported_crit", "invalid_header"}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda token: token + "=", id="padding"),
        pytest.param(lambda token: " " + token, id="space"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="a fourth part"),
        pytest.param(lambda token: token.rsplit(".", 1)[0], id="two parts"),
        pytest.param(lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), id="another last character"),
        pytest.param(lambda _: "A" * 8193, id="too long"),
        pytest.param(
            lambda token: b64url_encode(b'{"alg":"Ed25519","alg":"none"}') + "." + token.split(".", 1)[1], id="two algs"
        ),
        pytest.param(
            lambda token: token.split(".")[0] + "." + b64url_encode(b"[]") + "." + token.split(".")[2],
            id="claims that are a list",
        ),
        lambda token: b64url_encode(b'{"alg":"Ed25519","x":"' + b"x" * 3000 + b'"}') + "." + token.split(".", 1)[1],
    ],
)
def test_loose_spelling(spoil):
    """Padding, white space, missing parts, duplicate members and oversized parts are refused."""
    assert refused(Desk(), spoil(assertion())) != ""


def test_wrong_assertion_type():
    """The assertion type is compared byte for byte."""
    assert refused(Desk(), assertion(), client_assertion_type=URN + " ") != ""
    assert refused(Desk(), assertion(), client_assertion_type=URN.replace("jwt", "saml2")) != ""


def test_unsigned_assertion_beside_a_secret():
    """A secret beside an assertion is a second mechanism, whatever the assertion is worth."""
    with pytest.raises(InvalidRequestError):
        Desk().ask(assertion(), client_secret="s3cret")


def test_assertion_beside_the_authorization_header():
    """An Authorization header beside an assertion is a second mechanism."""
    with pytest.raises(InvalidRequestError):
        Desk().decide(raw_of(assertion(), authorization="Basic cmVwb3J0czp4"))


def test_no_mechanism_at_all():
    """A request without client authentication is an unknown client, not an anonymous one."""
    assert refused(Desk(), None) == "invalid_request"


def test_proof_cannot_be_made_by_hand():
    """The proof cannot be built without the check it stands for."""
    with pytest.raises(TypeError):
        ClientProof(object(), None, None, None)


def test_assertion_without_iat_replayed_after_its_id_was_forgotten():
    """An assertion that ends hours away and says not since when is refused, so that none outlives its burnt id."""
    assert refused(Desk(), assertion(drop=("iat",), exp=NOW + 7200)) == "missing_claim:iat"
