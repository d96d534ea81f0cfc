"""Access tokens at the door: the answers of RFC 6750, 9470 and 9728, and what is refused behind them."""

from __future__ import annotations

import logging

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.asgi.library import API, ISSUER, KEY, NOW, Library, Shelf, challenge, token
from undersign import jwk, jwks, jwt
from undersign.access.issuers import Issuer, Issuers
from undersign.asgi.bearer import BearerAuthentication, ProtectedResource, StepUp, evidence
from undersign.errors import FetchError, PolicyError, UnauthenticatedError, UnknownKeyError


@pytest.fixture
def shelf() -> Shelf:
    """A library of its own for each test."""
    return Shelf()


def test_a_good_token_passes_as_evidence(shelf) -> None:
    """The application finds the verified token in its scope."""
    answer = shelf.get(token())
    assert (answer.status_code, answer.text) == (200, "ana")
    found = evidence(shelf.library.scopes[0])
    assert isinstance(found, jwt.VerifiedJWT)
    assert (found.claims["client_id"], found.key.kid) == ("app", KEY.kid)


def test_without_a_token_the_challenge_says_no_more_than_that(shelf) -> None:
    """No token, or a scheme that is not ours, gets 401 without an error code (RFC 6750 section 3.1)."""
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}):
        answer = shelf.get(headers=headers)
        assert answer.status_code == 401
        assert challenge(answer) == {"realm": API}
        assert answer.headers["cache-control"] == "no-store"
    assert shelf.library.scopes == []


@pytest.mark.parametrize(
    "bad",
    [
        token(key=jwk.generate("ES256")),
        token(issuer="https://evil.example"),
        token(audience="https://other.example"),
        token(at=NOW + 60),
        token(cnf={"jkt": "x"}),
        token(cnf={"x5t#S256": "x"}),
        jwt.Signer(KEY, issuer=ISSUER, audience=API, clock=lambda: NOW).sign({"sub": "ana"}),
        "a.b.c",
        "opaque",
        "eyJhbGciOiJub25lIn0.e30.",
    ],
    ids=["key", "issuer", "audience", "future", "DPoP", "mTLS", "typ JWT", "a.b.c", "opaque", "none"],
)
def test_a_bad_token_is_refused_without_saying_why(bad, shelf) -> None:
    """A forged, foreign, bound or malformed token gets 401 invalid_token and one sentence for all of them."""
    answer = shelf.get(bad)
    assert answer.status_code == 401
    assert challenge(answer) == {
        "realm": API,
        "error": "invalid_token",
        "error_description": "The access token was refused",
    }
    assert answer.json()["type"] == "urn:undersign:problem:invalid-token"
    assert shelf.library.scopes == []


def test_an_expired_token_is_said_to_be_expired(shelf) -> None:
    """A client may hear that, since it decides whether to get a new one."""
    shelf.clock.now = NOW + 301
    assert challenge(shelf.get(token()))["error_description"] == "The access token expired"


def test_a_request_with_several_tokens_or_none_that_can_be_one_is_malformed(shelf) -> None:
    """Two Authorization fields, an empty token, spaces or odd characters get 400 invalid_request."""
    good = token()
    for values in ([f"Bearer {good}"] * 2, ["Bearer "], ["Bearer"], [f"Bearer {good} x"], ['Bearer "x"'], ["Bearer é"]):
        fields = [("Authorization", value.encode()) for value in values]
        answer = shelf.client.get("/books", headers=fields)
        assert (answer.status_code, challenge(answer)["error"]) == (400, "invalid_request")
    assert shelf.client.get(f"/books?access_token={good}").status_code == 401


def test_the_scheme_is_read_without_case(shelf) -> None:
    """RFC 9110 section 11.1: schemes are compared without case."""
    assert shelf.get(headers={"Authorization": f"bearer {token()}"}).status_code == 200


def test_a_token_of_too_small_a_scope_is_told_the_scope() -> None:
    """403 insufficient_scope names what is needed; a scope is a word, never a part of one."""
    shelf = Shelf(scopes=("read", "write"))
    for scope in ("read", "", "read writer", "readwrite"):
        answer = shelf.get(token(scope=scope))
        assert answer.status_code == 403
        assert challenge(answer)["error"] == "insufficient_scope"
        assert challenge(answer)["scope"] == "read write"
    assert shelf.get(token(scope="x write read")).status_code == 200


def test_a_rule_refuses_without_telling_itself() -> None:
    """Of the rules one must hold; they see claims, method and path, and the client hears nothing of them."""
    rules = {"readers": "scope has 'read' and request.method in ['GET', 'HEAD']", "writers": "scope has 'write'"}
    shelf = Shelf(rules=rules)
    assert shelf.get(token()).status_code == 200
    answer = shelf.get(token(), method="POST")
    assert (answer.status_code, challenge(answer)["error"]) == (403, "insufficient_scope")
    assert "write" not in answer.text + str(answer.headers)
    assert shelf.get(token(scope="write"), method="POST").status_code == 200
    with pytest.raises(PolicyError):
        Shelf(rules={})
    with pytest.raises(PolicyError):
        Shelf(rules={"x": "scope has"})


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"acr": "one-factor", "auth_time": NOW - 10},
        {"acr": "two-factor", "auth_time": NOW - 301},
        {"acr": "two-factor"},
        {"acr": "two-factor", "auth_time": NOW + 10},
        {"acr": ["two-factor"], "auth_time": NOW - 10},
    ],
    ids=repr,
)
def test_a_weak_or_old_login_is_told_how_to_step_up(claims) -> None:
    """401 insufficient_user_authentication says which classes and which age would do (RFC 9470 section 3)."""
    shelf = Shelf(step_up=StepUp(acr_values=("passkey", "two-factor"), max_age=300))
    answer = shelf.get(token(**claims))
    assert answer.status_code == 401
    found = challenge(answer)
    assert found["error"] == "insufficient_user_authentication"
    assert (found["acr_values"], found["max_age"]) == ("passkey two-factor", "300")


def test_a_strong_and_fresh_login_passes() -> None:
    """A listed class, long enough ago to be past and lately enough, is served; each demand stands alone too."""
    good = token(acr="two-factor", auth_time=NOW - 300)
    assert Shelf(step_up=StepUp(("passkey", "two-factor"), 300)).get(good).status_code == 200
    only = challenge(Shelf(step_up=StepUp(max_age=299)).get(good))
    assert ("acr_values" in only, only["max_age"]) == (False, "299")
    assert "max_age" not in challenge(Shelf(step_up=StepUp(acr_values=("passkey",))).get(good))


def test_the_metadata_lies_where_clients_look_for_it() -> None:
    """It is found from the resource identifier and from the challenge, without a token (RFC 9728)."""
    resource = ProtectedResource(f"{API}/v1/books/", (ISSUER,), ("read",), "Books", f"{API}/docs")
    shelf = Shelf(resource=resource)
    url = challenge(shelf.get())["resource_metadata"]
    assert url == f"{API}/.well-known/oauth-protected-resource/v1/books"
    answer = shelf.client.get(url)
    assert answer.json() == {
        "resource": f"{API}/v1/books/",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Books",
        "resource_documentation": f"{API}/docs",
    }
    assert answer.headers["content-type"] == "application/json"
    assert shelf.client.head(url).content == b""
    assert shelf.client.post(url).status_code == 401
    assert ProtectedResource(API).path == "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("wrong", ["api", f"{API}?x", f"{API}#x", "http://api.example", "ftp://api.example", ""])
def test_a_resource_that_clients_could_not_find_is_refused(wrong) -> None:
    """An identifier with query or fragment, or that is no https address, is refused when it is written."""
    with pytest.raises(PolicyError):
        ProtectedResource(wrong)


def test_public_paths_need_no_token_and_have_no_evidence() -> None:
    """They are served to anybody, and what a spoofed scope or path says changes nothing."""
    shelf = Shelf(public=("/", "/healthz", "/static/"))
    for path in ("/", "/healthz", "/static/a.css"):
        assert shelf.get(path=path).text == "nobody"
    for path in ("/healthz/x", "/static", "/books", "/static/%2e%2e/books", "/static//books"):
        assert shelf.get(path=path).status_code == 401
    with pytest.raises(UnauthenticatedError):
        evidence(shelf.library.scopes[0])
    with pytest.raises(PolicyError):
        Shelf(public="/healthz")


def test_several_issuers_stand_behind_one_door() -> None:
    """A verifier of several issuers looks for keys only in the set of the token's own."""
    other = jwk.generate("Ed25519")
    issuers = Issuers(
        [
            Issuer("one", ISSUER, jwks.KeySet([KEY.public()]), API, ("ES256",)),
            Issuer("two", "https://two.example", jwks.KeySet([other.public()]), API, ("Ed25519",)),
        ],
        clock=lambda: NOW,
    )
    shelf = Shelf(verifier=issuers)
    assert shelf.get(token()).status_code == 200
    assert shelf.get(token(key=other, issuer="https://two.example")).status_code == 200
    assert shelf.get(token(key=other)).status_code == 401
    assert shelf.get(token(issuer="https://three.example")).status_code == 401


class Unreachable:
    """A key set whose server is down."""

    failure = FetchError("The server does not answer.")

    def find(self, *_):
        """Know nothing."""
        raise UnknownKeyError("No such key.", source=self)


def test_keys_out_of_reach_are_not_the_clients_fault() -> None:
    """While the issuer's keys cannot be fetched the answer is 503, so that clients keep their tokens."""
    answer = Shelf(keys=Unreachable()).get(token())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "www-authenticate" not in answer.headers


def test_a_websocket_is_opened_with_a_token_and_denied_without(shelf) -> None:
    """The handshake is answered with the same challenge, or closed where the server cannot answer it."""
    with shelf.client.websocket_connect("/live", headers={"Authorization": f"Bearer {token()}"}) as socket:
        assert socket.receive_text() == "ana"
    with pytest.raises(WebSocketDenialResponse) as caught, shelf.client.websocket_connect("/live"):
        pass
    assert caught.value.status_code == 401
    assert challenge(caught.value) == {"realm": API}


def test_lifespan_goes_through(shelf) -> None:
    """The application starts and stops as it would alone."""
    with shelf.client:
        assert shelf.get(token()).status_code == 200
    assert shelf.library.scopes[0]["type"] == "lifespan"


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"issuer": ISSUER},
        {"audience": API, "keys": KEY.public()},
        {"issuer": ISSUER, "audience": API, "keys": KEY},
        {"issuer": ISSUER, "audience": API, "keys": KEY.public(), "cookie": "at"},
        {"issuer": ISSUER, "audience": API, "keys": KEY.public(), "realm": 'a"b'},
        {"issuer": ISSUER, "audience": API, "keys": KEY.public(), "scopes": "read"},
        {"issuer": ISSUER, "audience": API, "verifier": object()},
    ],
    ids=["nothing", "no audience", "no issuer", "private key", "cookie", "realm", "scopes", "verifier and issuer"],
)
def test_a_door_that_would_not_hold_is_not_built(policy) -> None:
    """Without issuer or audience, with a private key, or with what contradicts itself, building it is refused."""
    with pytest.raises(Exception, match=r".") as caught:
        BearerAuthentication(Library(), **policy)
    assert caught.value.code in {"invalid_policy", "private_key_given"}


def test_the_log_says_why_and_repeats_no_token(shelf, caplog) -> None:
    """The reason of each refusal is in the log of undersign.asgi.bearer, which holds no token."""
    bad = token(key=jwk.generate("ES256"))
    with caplog.at_level(logging.INFO, "undersign.asgi.bearer"):
        shelf.get(bad)
    assert "invalid_signature" in caplog.text
    assert bad[:40] not in caplog.text
