"""The two steps of the token endpoint: nothing is granted before the proof is used up."""

import pytest

from tests.oauth.desk import ISSUER, NOW, OTHER_KEY, SERVER_KEY, SIGNING, Desk, assertion
from tests.oauth.test_private_key_jwt import raw_of
from undersign import jwt
from undersign.errors import InvalidClientError, UnauthorizedClientError
from undersign.oauth.access_token import mint
from undersign.oauth.client_auth import AuthenticatedClient
from undersign.oauth.grants import Granted
from undersign.oauth.token_endpoint import decide


def test_a_proven_client_gets_an_access_token():
    """A proof that is used up gives a token of the type at+jwt, with an id of its own."""
    desk = Desk()
    tokens = [desk.ask(assertion(jti=name)).response.access_token for name in ("one", "two")]
    verifier = jwt.Verifier(SERVER_KEY.public(), issuer=ISSUER, audience=SIGNING, typ="at+jwt", clock=lambda: NOW)
    ids = {verifier.verify(token).claims["jti"] for token in tokens}

    assert len(ids) == 2


def test_a_failed_proof_gets_no_token():
    """A proof that fails decides nothing and burns nothing."""
    desk = Desk()
    with pytest.raises(InvalidClientError):
        desk.ask(assertion(OTHER_KEY))

    assert desk.burnt == set()


def test_decide_writes_nothing():
    """Deciding twice about one assertion is allowed: only the commit uses it up."""
    desk = Desk()
    token = assertion()

    assert decide(raw_of(token), desk.server()).burns == decide(raw_of(token), desk.server()).burns
    assert desk.ask(token).response.access_token


def test_a_token_is_minted_for_whom_it_was_granted():
    """What was granted to another client, or to nobody who is authenticated, is not minted."""
    granted = Granted("reports", "reports", "sign", SIGNING)
    hollow = object.__new__(AuthenticatedClient)
    object.__setattr__(hollow, "client", Desk().client)
    with pytest.raises(UnauthorizedClientError):
        mint(hollow, Granted("x", "other", "", SIGNING), issuer=ISSUER, signer=SERVER_KEY, clock=lambda: NOW)
    assert granted.audience == SIGNING
