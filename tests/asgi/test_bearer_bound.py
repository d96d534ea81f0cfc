"""Tokens that a browser keeps in a cookie, and tokens that are bound to a key: who else could use them."""

from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.asgi.library import API, NOW, Shelf, challenge, token
from undersign import jwk
from undersign.asgi.bearer import ProtectedResource
from undersign.errors import ReplayStoreError
from undersign.jwt.profiles import dpop
from undersign.replay import MemoryReplayStore

OWN = {"Sec-Fetch-Site": "same-origin", "Origin": API}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}


def clock() -> float:
    """Now."""
    return NOW


class Closed:
    """A store out of reach."""

    def consume(self, _) -> None:
        """Refuse."""
        raise ReplayStoreError("The store cannot be reached.")


def with_cookie(**more) -> Shelf:
    """A library that takes its token from a cookie."""
    shelf = Shelf(cookie="__Host-at", origin=API, **more)
    shelf.client.cookies.set("__Host-at", token(), domain="api.example")
    return shelf


def test_a_token_in_a_cookie_reads_from_anywhere_and_writes_from_here() -> None:
    """A link from elsewhere may read; what changes something must come from our own page."""
    shelf = with_cookie()
    assert shelf.get(headers=CROSS).text == "ana"
    assert shelf.get(method="POST", headers=OWN).text == "ana"
    for headers in (CROSS, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}, {}):
        answer = shelf.get(method="POST", headers=headers)
        assert (answer.status_code, "error" in challenge(answer)) == (403, False)


def test_another_sites_websocket_cannot_use_the_cookie() -> None:
    """A handshake with the cookie must come from our own page."""
    shelf, cookie = with_cookie(), {"Cookie": f"__Host-at={token()}"}
    with shelf.client.websocket_connect("/live", headers=OWN | cookie) as socket:
        assert socket.receive_text() == "ana"
    for headers in (CROSS | cookie, cookie):
        with pytest.raises(WebSocketDenialResponse) as caught, shelf.client.websocket_connect("/live", headers=headers):
            pass
        assert caught.value.status_code == 403


def test_a_token_in_two_places_is_malformed() -> None:
    """Header and cookie together, or two cookies of the name, get 400; another cookie is not looked at."""
    shelf = with_cookie()
    assert shelf.get(token()).status_code == 400
    shelf.client.cookies.clear()
    assert shelf.get(headers={"Cookie": f"__Host-at={token()}; __Host-at={token()}"}).status_code == 400
    assert shelf.get(headers={"Cookie": f"at={token()}"}).status_code == 401


@pytest.fixture
def client_key() -> jwk.Key:
    """The client's own key."""
    return jwk.generate("ES256")


@pytest.fixture
def shelf() -> Shelf:
    """A library that takes bound tokens."""
    verifier = dpop.Verifier(replay=MemoryReplayStore(clock=clock), clock=clock)
    return Shelf(dpop=verifier, origin=API, resource=ProtectedResource(API))


def bound(key) -> str:
    """A token that is bound to the key."""
    return token(cnf={"jkt": key.thumbprint()})


def ask(shelf, access_token, proof, **options):
    """Ask with a bound token."""
    headers = {"Authorization": f"DPoP {access_token}"} | ({} if proof is None else {"DPoP": proof})
    return shelf.get(headers=headers, **options)


def test_a_bound_token_with_its_proof_passes_once(shelf, client_key) -> None:
    """The proof is for this method, address and token, and each request has its own."""
    mine, minter = bound(client_key), dpop.Minter(client_key, clock=clock)
    proof = minter.mint("GET", f"{API}/books", access_token=mine)
    assert ask(shelf, mine, proof, path="/books?page=2").text == "ana"
    again = ask(shelf, mine, proof)
    assert (again.status_code, challenge(again, "DPoP")["error"]) == (401, "invalid_dpop_proof")
    assert "error" not in challenge(again, "Bearer")
    assert "ES256" in challenge(again, "DPoP")["algs"].split()


def test_a_stolen_bound_token_is_of_no_use(shelf, client_key) -> None:
    """Without the proof, with a proof of the thief's, of another request or token, or as a bearer token: 401."""
    mine, thief = bound(client_key), dpop.Minter(jwk.generate("ES256"), clock=clock)
    minter = dpop.Minter(client_key, clock=clock)
    for proof in (
        None,
        "",
        thief.mint("GET", f"{API}/books", access_token=mine),
        minter.mint("POST", f"{API}/books", access_token=mine),
        minter.mint("GET", f"{API}/shelves", access_token=mine),
        minter.mint("GET", f"{API}/books", access_token="another"),
        minter.mint("GET", f"{API}/books"),
    ):
        assert ask(shelf, mine, proof).status_code == 401
    assert shelf.get(mine).status_code == 401
    assert Shelf().get(mine).status_code == 401


def test_a_token_that_is_not_bound_needs_no_proof_and_gets_none(shelf, client_key) -> None:
    """A bearer token passes as one, and is refused when it comes as a bound one."""
    plain = token()
    assert shelf.get(plain).status_code == 200
    proof = dpop.Minter(client_key, clock=clock).mint("GET", f"{API}/books", access_token=plain)
    assert ask(shelf, plain, proof).status_code == 401
    with (
        pytest.raises(WebSocketDenialResponse),
        shelf.client.websocket_connect("/live", headers={"Authorization": f"DPoP {bound(client_key)}", "DPoP": proof}),
    ):
        pass


def test_the_metadata_names_the_algorithms_of_proofs(shelf) -> None:
    """A client learns from it which keys it may use (RFC 9728 section 2)."""
    found = shelf.client.get("/.well-known/oauth-protected-resource").json()
    assert "ES256" in found["dpop_signing_alg_values_supported"]
    assert "HS256" not in found["dpop_signing_alg_values_supported"]


def test_a_store_out_of_reach_is_not_the_clients_fault(client_key) -> None:
    """Whether a proof was used cannot be told, so the answer is 503."""
    shelf = Shelf(dpop=dpop.Verifier(replay=Closed(), clock=clock), origin=API)
    mine = bound(client_key)
    proof = dpop.Minter(client_key, clock=clock).mint("GET", f"{API}/books", access_token=mine)
    assert ask(shelf, mine, proof).status_code == 503
