"""The token endpoint over HTTP: one answer for every failed authentication, the reason in the log only."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from tests.web.desk import KEY, RESOURCE, STRANGER, TOML, URL, URN, Desk, open_desk
from undersign import jwt
from undersign.access.standing import set_enabled
from undersign.assemble import parties
from undersign.encoding import dump_json
from undersign.fetch import Fetched
from undersign.jwks import KeySet
from undersign.jwt.profiles.client_assertion import Minter
from undersign.oauth.throttle import TRIES

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_key_set_is_published(desk):
    """The token is an at+jwt for the resource, signed by a key of /jwks.json."""
    answer = desk.ask()
    keys = KeySet.load(desk.client.get("/jwks.json").content)
    verified = jwt.Verifier(keys, issuer=URL, audience=RESOURCE, typ="at+jwt").verify(answer.json()["access_token"])

    assert (verified.claims["client_id"], verified.claims["scope"]) == ("reports", "sign")
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 300)
    assert answer.headers["cache-control"] == "no-store"


def test_the_answer_is_never_stored(desk):
    """Tokens and refusals alike tell every cache to keep nothing (RFC 6749 section 5.1)."""
    for answer in (desk.ask(), desk.ask("nonsense"), desk.ask(scope="admin")):
        assert answer.headers["cache-control"] == "no-store"


def test_no_private_key_is_published(desk):
    """The published set holds public halves only."""
    for key in desk.client.get("/jwks.json").json()["keys"]:
        assert not {"d", "p", "q", "priv", "k"} & key.keys()


def test_replayed_assertion(desk):
    """The second use is refused with the sentence of every failed authentication."""
    assertion = desk.minter.mint()

    assert desk.ask(assertion).status_code == 200
    again = desk.ask(assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert again.json()["error_description"] == desk.ask("nonsense").json()["error_description"]
    assert "www-authenticate" not in again.headers


def test_eight_parallel_replays_give_one_token(desk):
    """Of eight requests at once with one assertion, exactly one gets a token."""
    assertion = desk.minter.mint()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: desk.ask(assertion).status_code, range(8)))

    assert sorted(statuses) == [200] + [401] * 7


def test_reasons_reach_the_log_when_the_process_ends(tmp_path):
    """Refusals of the unauthenticated are counted, and the sums are in the chain with their reasons."""
    with open_desk(tmp_path) as desk:
        assertion = desk.minter.mint()
        for _ in range(3):
            desk.ask(assertion)
        desk.ask("nonsense")
    with open_desk(tmp_path) as desk:
        found = {line["reason"]: line["detail"]["count"] for line in desk.lines() if line["event"] == "refusals"}

    assert found == {"replayed": 2, "malformed_token": 1}


@pytest.mark.parametrize(
    "send,status",
    [
        (lambda desk: desk.client.get("/token"), 405),
        (lambda desk: desk.client.post("/token", json={"grant_type": "client_credentials"}), 415),
        (lambda desk: desk.client.post("/token?grant_type=client_credentials", headers=FORM), 400),
        (lambda desk: desk.client.post("/token", content=b"a=" + b"x" * 70000, headers=FORM), 413),
        (lambda desk: desk.client.post("/token", content=b"grant_type=a&grant_type=a", headers=FORM), 400),
        (lambda desk: desk.client.post("/token", content=b"grant_type=client_credentials", headers=FORM), 401),
        (lambda desk: desk.ask(client_secret="x"), 400),
        (lambda desk: desk.ask(resource=URL), 400),
        (lambda desk: desk.ask(scope="admin"), 400),
        (lambda desk: desk.ask(grant_type="password"), 400),
    ],
    ids=["get", "json", "query", "large", "repeated", "nobody", "two ways", "issuer", "scope", "password"],
)
def test_a_token_request_is_a_form(desk, send, status):
    """Each kind of bad request has its status, and never a token."""
    answer = send(desk)

    assert answer.status_code == status
    assert "access_token" not in answer.text
    if status != 405:
        assert {"error", "error_description"} == answer.json().keys()


def test_basic_header_gets_a_challenge(desk):
    """Only who tried the Authorization header is told of a scheme."""
    answer = desk.client.post(
        "/token", content=b"grant_type=client_credentials", headers={**FORM, "Authorization": "Basic cmVwb3J0czp4"}
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_an_address_that_fails_again_and_again_is_slowed_down(desk):
    """Its next request is 429 before it is read, counted as such; the client it named is served at other addresses."""
    stranger = TestClient(desk.client.app, base_url=URL, client=("192.0.2.7", 5000))
    garbage = f"client_id=reports&client_assertion_type={URN}"
    answers = [stranger.post("/token", content=garbage, headers=FORM) for _ in range(TRIES + 2)]
    desk.house.ledger.flush()
    counted = {line["reason"]: line["detail"]["count"] for line in desk.lines() if line["event"] == "refusals"}

    assert [answer.status_code for answer in answers] == [400] * TRIES + [429] * 2
    assert (answers[-1].json()["error"], answers[-1].headers["retry-after"]) == ("slow_down", "1")
    assert counted == {"invalid_request": TRIES, "slow_down": 2}
    assert desk.ask().status_code == 200


def test_disabled_client_outranks_the_file(desk):
    """A client that was disabled by a recorded command gets nothing, though the file still names it."""
    desk.house.ledger.submit(set_enabled("client", "reports", enabled=False)).result()

    assert desk.ask().json()["error"] == "invalid_client"


def test_metadata_under_both_names(desk):
    """Both well-known documents say the same, and name this issuer and its own addresses only."""
    first = desk.client.get("/.well-known/oauth-authorization-server").json()

    assert first == desk.client.get("/.well-known/openid-configuration").json()
    assert first["issuer"] == URL
    assert (first["token_endpoint"], first["jwks_uri"]) == (f"{URL}/token", f"{URL}/jwks.json")


def test_host_header_changes_nothing(desk: Desk):
    """An assertion for the name in a forged Host header is refused, for the issuer is configuration's."""
    answer = desk.client.post(
        "/token", content=f"client_assertion_type={URN}", headers={**FORM, "Host": "evil.example"}
    )

    assert answer.status_code == 421


def test_a_clients_published_keys_are_fetched_once_when_unknown(tmp_path, monkeypatch):
    """A client that publishes its keys at an address is known by them, and a new key is found by one fetch."""
    fetched = []

    class Door:
        def __init__(self, **_):
            pass

        def __call__(self, url, **_):
            fetched.append(url)
            return Fetched(dump_json({"keys": [KEY.public().to_jwk()]}), "application/json")

    monkeypatch.setattr(parties, "Fetcher", Door)
    text = TOML.replace('jwks = "file:reports.json"', 'jwks_uri = "https://reports.example/jwks.json"')
    with open_desk(tmp_path, text) as desk:
        assert desk.ask().status_code == 200
        stranger = Minter(STRANGER, client_id="reports", audience=URL)
        assert [desk.ask(stranger.mint()).status_code for _ in range(5)] == [401] * 5
        assert desk.ask().status_code == 200

    assert fetched == ["https://reports.example/jwks.json"]
