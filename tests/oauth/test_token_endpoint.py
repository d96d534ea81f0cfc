"""The process of the token endpoint: nothing is seen before the proof is used up, and a refusal uses it up as well."""

import asyncio
import json

import pytest

from tests.ledgers import MemoryLedger, committed
from tests.oauth.desk import (
    ISSUER,
    NOW,
    OTHER_KEY,
    SERVER_KEY,
    SIGNING,
    Desk,
    Keys,
    assertion,
    burns,
    client,
    raw_of,
    refused,
)
from undersign import jwt
from undersign.access.standing import Enabled
from undersign.audit.record import Entry, Write
from undersign.audit.sealed import Sealed
from undersign.errors import (
    InvalidClientError,
    InvalidScopeError,
    InvalidTargetError,
    OAuthError,
    ReplayedError,
    StorageError,
    UnauthenticatedError,
    UnauthorizedClientError,
    UnusableKeyError,
)
from undersign.oauth import token_endpoint
from undersign.oauth.grants import Granted


def test_a_proven_client_gets_an_access_token():
    """A proof that is used up gives a token of the type at+jwt, with an id of its own."""
    desk = Desk()
    tokens = [desk.ask(assertion(jti=name)).access_token for name in ("one", "two")]
    verifier = jwt.Verifier(SERVER_KEY.public(), issuer=ISSUER, audience=SIGNING, typ="at+jwt", clock=lambda: NOW)
    ids = {verifier.verify(token).claims["jti"] for token in tokens}

    assert len(ids) == 2


def test_a_failed_proof_gets_no_token():
    """A proof that fails decides nothing and burns nothing."""
    desk = Desk()
    with pytest.raises(InvalidClientError):
        desk.ask(assertion(OTHER_KEY))

    assert (desk.ledger.burnt, desk.ledger.writes) == (set(), [])
    assert desk.ledger.counted == ["unknown_key 192.0.2.1"]


def test_decide_and_perform_write_nothing():
    """Deciding and performing twice about one assertion is allowed: only the commit uses it up and opens the seal."""
    desk = Desk()
    token = assertion()
    first, second = (desk.decide(raw_of(token)) for _ in range(2))
    made = [desk.endpoint().perform(decision) for decision in (first, second)]

    assert burns(first) == burns(second)
    assert {type(each) for each in made} == {Sealed}
    assert desk.ledger.asked == []
    assert desk.ask(token).access_token


def test_the_line_names_the_token_by_its_hash_and_uses_up_the_proof():
    """What is committed with a token: the assertion's id, the key, that the client is enabled, and the token's hash."""
    desk = Desk()
    sealed = desk.endpoint().perform(desk.decide(raw_of(assertion())))
    kinds = {type(change).__name__ for change in sealed.write.changes}
    desk.ask(assertion())
    line = json.loads(b"{" + desk.ledger.writes[0].fragment + b"}")

    assert kinds == {"Burn", "KeyUse", "Enabled"}
    assert (line["event"], line["outcome"], len(line["items"][0]["hash"])) == ("token_issued", "done", 64)
    assert line["caller"]["client_id"] == "reports"


def test_a_token_is_minted_for_whom_it_was_granted(monkeypatch):
    """What a grant gave to another client than the one that proved itself is refused."""

    class Wrong:
        NAME = "client_credentials"

        def grant(self, *_):
            return Granted("other", "other", "sign", SIGNING)

    desk = Desk()
    monkeypatch.setattr(token_endpoint, "GRANTS", {"client_credentials": Wrong()})
    with pytest.raises(UnauthorizedClientError):
        desk.ask(assertion())
    assert [json.loads(b"{" + write.fragment + b"}")["outcome"] for write in desk.ledger.writes] == ["refused"]


REFUSED = [
    ({"scope": "admin"}, InvalidScopeError, "invalid_scope"),
    ({"resource": "https://other.example"}, InvalidTargetError, "invalid_target"),
    ({"grant_type": "authorization_code"}, OAuthError, None),
]


@pytest.mark.parametrize("parameters,kind,reason", REFUSED)
def test_a_client_that_proved_itself_and_is_refused_has_used_up_its_assertion(parameters, kind, reason):
    """The refusal is a line with the client, the assertion works for nothing else, and probing costs one each."""
    desk, token = Desk(), assertion()
    with pytest.raises(kind):
        desk.ask(token, **parameters)
    line = json.loads(b"{" + desk.ledger.writes[0].fragment + b"}")

    assert (line["event"], line["outcome"], line["caller"]["client_id"]) == ("token_denied", "refused", "reports")
    assert line["reason"] == (reason or line["reason"])
    assert desk.ledger.counted == []
    assert refused(desk, token) == "replayed"
    with pytest.raises(InvalidClientError):
        desk.ask(token, **parameters)
    assert len(desk.ledger.writes) == 1


def test_a_disabled_client_is_refused_with_the_sentence_for_every_reason():
    """A client that a command disabled is refused at the commit, and told nothing else than a stranger."""
    desk = Desk(ledger=MemoryLedger(disabled={Enabled("client", "reports")}))

    assert refused(desk, assertion()) == "access_denied"
    assert desk.ledger.burnt == set()


def test_a_refusal_that_cannot_be_committed_is_raised():
    """Where the line of a refusal does not reach the disk, the answer is that, and not the refusal."""
    desk = Desk(ledger=MemoryLedger(refusing=[StorageError("Full.")]))
    with pytest.raises(StorageError):
        desk.ask(assertion(), scope="admin")

    assert desk.ledger.counted == []
    with pytest.raises(InvalidScopeError):  # nothing was used up, and the next try is on record
        desk.ask(assertion(), scope="admin")


def test_a_replayed_refusal_is_counted():
    """A refusal whose assertion was used before is no line of the client's: it proves nobody."""
    desk, token = Desk(), assertion()
    desk.ask(token)

    assert refused(desk, token, scope="admin") == "replayed"
    assert desk.ledger.counted == ["replayed 192.0.2.1"]
    assert len(desk.ledger.writes) == 1


def test_what_is_on_record_as_used_never_reaches_the_key():
    """A replay is refused before anything is signed for it."""
    desk, token = Desk(), assertion()
    desk.ask(token)
    before = desk.ledger.asked.count("commit")
    assert refused(desk, token) == "replayed"

    assert desk.ledger.asked.count("commit") == before


def test_a_key_outside_is_reserved_first():
    """With a key outside this process the assertion is used up with the intent, and the second line uses up nothing."""
    desk = Desk(keys=Keys(inside=False))
    desk.ask(assertion())
    lines = [json.loads(b"{" + write.fragment + b"}") for write in desk.ledger.writes]

    assert [line["outcome"] for line in lines] == ["intent", "done"]
    assert [len(write.changes) for write in desk.ledger.writes] == [3, 0]
    assert desk.ledger.asked == ["commit", "commit"]


def test_a_key_that_was_rotated_meanwhile_is_read_anew_once():
    """One refusal of the key has the keys read and the request decided anew; a second one is the answer."""
    once = Desk(ledger=MemoryLedger(refusing=[UnusableKeyError("Rotated.")]))
    twice = Desk(ledger=MemoryLedger(refusing=[UnusableKeyError("Rotated.")] * 2))

    assert once.ask(assertion()).access_token
    assert once.keys.reloaded == 1
    with pytest.raises(UnusableKeyError):
        twice.ask(assertion())
    assert (twice.keys.reloaded, twice.ledger.burnt) == (1, set())


def test_parallel_uses_of_one_assertion_give_one_token():
    """Of 64 uses in one loop, of which all may have signed, exactly one is opened."""
    desk, token, reasons = Desk(client=client()), assertion(), set()

    async def use():
        try:
            return bool((await desk.serve(raw_of(token))).access_token)
        except InvalidClientError as error:
            reasons.add(type(error.__cause__))
            return False

    async def race():
        return await asyncio.gather(*(use() for _ in range(64)))

    assert sum(asyncio.run(race())) == 1
    assert reasons == {ReplayedError}


@pytest.mark.parametrize("inside", [True, False])
def test_a_token_needs_the_committed_line_of_its_request(inside):
    """Without a line, or with another's, no token is seen; and a key outside this process does not even sign."""
    desk = Desk(keys=Keys(inside=inside))
    endpoint, decision = desk.endpoint(), desk.decide(raw_of(assertion()))
    other = Write(Entry("token_issued", "intent", request_id="r2"))
    wrong = (None, b"", other, committed(other), committed(other).line)
    if decision.reservation is not None:
        for reserved in wrong:
            with pytest.raises(UnauthenticatedError):
                endpoint.perform(decision, reserved)
        sealed = endpoint.perform(decision, committed(decision.reservation))
        wrong = (*wrong, committed(decision.reservation))
    else:
        sealed = endpoint.perform(decision)
    for line in wrong:
        with pytest.raises(UnauthenticatedError):
            sealed.open(line)
    assert sealed.open(committed(sealed.write)).access_token.count(".") == 2
