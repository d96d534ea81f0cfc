"""The signing process without HTTP: evidence cannot be made by hand, and nothing is seen before it is used up."""

import asyncio
import copy
import json
import pickle
import time

import pytest

from tests.ledgers import MemoryLedger, committed
from undersign import jwk, jws
from undersign.access.active_key import ActiveKey
from undersign.access.issuers import Issuer, Issuers, VerifiedCaller
from undersign.access.rules import Rule
from undersign.access.standing import Enabled
from undersign.audit.chain import Line
from undersign.audit.receipt import Receipts
from undersign.audit.record import Entry, KeyRef, Write
from undersign.errors import (
    ExpiredTokenError,
    PolicyError,
    ReplayedError,
    RequestError,
    RuleDeniedError,
    StorageError,
    TokenError,
    UnauthenticatedError,
    UnknownKeyError,
    UnknownWorkerError,
    UnusableKeyError,
)
from undersign.jwks import KeySet
from undersign.jwt.profiles.access_token import Minter
from undersign.replay import Burn
from undersign.runner import Runner
from undersign.signing import usage
from undersign.signing.authorizers import KINDS, Anyone, Rules
from undersign.signing.mapping import parse
from undersign.signing.process import RECEIPT, SigningProcess
from undersign.signing.request import Call, Document, Permit, SigningRequest, check_digest
from undersign.signing.worker import Worker, Workers
from undersign.signing.workers import KINDS as FORMATS

KEY = jwk.generate("Ed25519")
WORKER = Worker("open", "jws", "open", Anyone(), (), (), "none", "", 1000, "0" * 64)


ISSUERS = Issuers([Issuer("as", "https://as.example", KeySet([KEY.public()]), "https://sign.example", ("Ed25519",))])
RULES = Rules(frozenset({"as"}), (Rule.parse("may-sign", "scope has 'sign'"),))
CLOSED = Worker("w", "jws", "w", RULES, ("as",), (parse("jws.header.for", "token.client_id"),), "once", "", 1000, "")


def token(scope="sign"):
    minter = Minter(KEY, issuer="https://as.example")
    return minter.mint(subject="app", audience="https://sign.example", client_id="app", scope=scope)


class Counting:
    """A key that says how often it was used."""

    def __init__(self):
        self.alg, self.kid, self.public, self.used = KEY.alg, KEY.kid, KEY.public(), 0

    def sign(self, octets):
        self.used += 1
        return KEY.sign(octets)


class Keys:
    """One key for everybody, inside this process or not; a reading anew gives the next version."""

    def __init__(self, *, inside=True):
        self.inside = inside
        self.version = 0
        self.signer = Counting()
        self.reload()

    def reload(self):
        self.version += 1
        key = {"inside": self.inside}
        self.active = {
            name: ActiveKey(KeyRef(name, KEY.kid, self.version), self.signer, **key) for name in ("open", "w")
        }
        self.active[RECEIPT] = ActiveKey(KeyRef(RECEIPT, "r", 1), KEY)


def process(*workers, inside=True):
    return SigningProcess(Workers({worker.name: worker for worker in workers}), ISSUERS, Keys(inside=inside), time.time)


def decided(made, worker=WORKER, octets=b"a document", bearer=None, request_id="request-1"):
    asking = made.identify(Call(worker.name, bearer, "192.0.2.1", request_id))
    request = SigningRequest(worker.name, request_id, Document(octets, "text/plain"), asking.caller, "192.0.2.1")
    return made.decide(asking, request)


async def serve(ledger, made, worker=CLOSED, bearer=None, at=lambda _: None):
    runner = Runner(ledger, at)
    asking = await runner.identify(made, Call(worker.name, bearer, "192.0.2.1", "r"))
    request = SigningRequest(worker.name, "r", Document(b"x", "text/plain"), asking.caller, "192.0.2.1")
    outcome, line = await runner.serve(made, asking, request)
    return outcome.made.octets.decode(), line


def of(write):
    return json.loads(b"{" + write.fragment + b"}")


def test_what_was_signed_is_opened_by_its_own_line_only():
    """Without the committed line, with its octets, or with another's, nobody sees what was signed."""
    made = process(WORKER)
    sealed, other = made.perform(decided(made)), made.perform(decided(made, request_id="request-2"))

    for wrong in (None, b"", sealed.write, committed(sealed.write).line, committed(other.write)):
        with pytest.raises(UnauthenticatedError):
            sealed.open(wrong)
    assert sealed.open(committed(sealed.write)).made.octets.count(b".") == 2
    assert "." not in repr(sealed)


def test_a_key_outside_signs_for_a_reservation_only():
    """A key outside this process is not touched without the committed line of this very intent."""
    made = process(WORKER, inside=False)
    decision, other = decided(made), decided(made, request_id="request-2")
    signer = decision.key.signer

    for wrong in (None, b"", decision.reservation, committed(decision.reservation).line, committed(other.reservation)):
        with pytest.raises(UnauthenticatedError):
            made.perform(decision, wrong)
    assert signer.used == 0
    sealed = made.perform(decision, committed(decision.reservation))
    with pytest.raises(UnauthenticatedError):
        sealed.open(committed(decision.reservation))
    assert sealed.open(committed(sealed.write)).made.octets.count(b".") == 2


def test_evidence_cannot_be_made_by_hand():
    """A permit cannot be built, changed, copied, pickled or derived from."""
    real = decided(process(WORKER)).permit

    with pytest.raises(TypeError):
        Permit(object(), worker="open", request_id="r", caller=None, rule="x")
    with pytest.raises(AttributeError):
        real.worker = "contracts"
    with pytest.raises(TypeError):
        copy.copy(real)
    with pytest.raises(TypeError):
        pickle.dumps(real)
    with pytest.raises(TypeError):
        type("Forged", (Permit,), {})


def test_a_permit_serves_its_own_worker_only():
    """A worker refuses a permit that was made for another one, and what only looks like a permit."""
    decision = decided(process(WORKER))
    other = Worker("other", "jws", "other", Anyone(), (), (), "none", "", 1000, "0" * 64)

    class Like:
        worker, request_id, caller, rule = "open", "request-1", None, "anyone"

    for worker, permit in ((other, decision.permit), (WORKER, Like())):
        with pytest.raises(PolicyError):
            FORMATS["jws"].Maker(worker, KEY).make(decision.request.document, decision.placed, permit)


def test_unknown_worker():
    """A worker that is not there is not found, with or without a token."""
    for bearer in (None, token()):
        with pytest.raises(UnknownWorkerError):
            process(WORKER).identify(Call("nobody", bearer, "", "r"))


def test_no_token_is_refused():
    """A worker with rules permits nobody who is unknown."""
    request = SigningRequest("w", "r", Document(b"x", ""), None, "")

    with pytest.raises(UnauthenticatedError):
        Rules(frozenset({"as"}), ()).authorize(request, 0.0)


def test_a_token_that_satisfies_a_rule_signs():
    """A good token of a listed issuer permits, is used up for this worker, and its claim reaches the header."""
    made = process(CLOSED)
    sealed = made.perform(decided(made, CLOSED, bearer=token()))
    result = sealed.open(committed(sealed.write)).made.octets.decode()

    assert len([change for change in sealed.write.changes if isinstance(change, Burn)]) == 1
    assert {Enabled("worker", "w"), Enabled("issuer", "as")} <= set(sealed.write.changes)
    assert jws.verify(result, KEY.public()).header["for"] == "app"


def test_nothing_is_signed_before_the_token_is_believed():
    """A token that does not verify is no caller, and a caller cannot be made without one."""
    with pytest.raises(TokenError):
        ISSUERS.verify(token("sign")[:-4] + "AAAA")
    with pytest.raises(TypeError):
        VerifiedCaller("as")
    with pytest.raises(RuleDeniedError):
        RULES.authorize(SigningRequest("w", "r", Document(b"x", ""), ISSUERS.verify(token("read")), ""), time.time())


def test_a_token_that_ends_during_the_upload():
    """A token that was good when the request began is refused when its time is over before the decision."""
    request = SigningRequest("w", "r", Document(b"x", ""), ISSUERS.verify(token("sign")), "")

    with pytest.raises(ExpiredTokenError):
        RULES.authorize(request, time.time() + 301)


def test_once_needs_a_token():
    """A one-shot worker has nothing to use up without a token, and an unbuilt bind does not pass for none."""
    with pytest.raises(UnauthenticatedError):
        usage.burns("once", "w", None)
    with pytest.raises(PolicyError):
        usage.burns("hash", "w", None)


def test_receipts_are_for_signatures_that_were_made():
    """An intent, or any other line, is not receipted."""
    with pytest.raises(Exception, match="receipted"):
        Receipts("https://s").issue(Line(1, b'{"event":"sign","outcome":"intent"}', "0" * 64, 1), KEY)


@pytest.mark.parametrize("header", ["sha-256=AAAA", "sha-256=::", "sha-256=:AAAA:, md5=:AA:", "sha-256", ""])
def test_content_digest_that_does_not_match(header):
    """A digest that differs, is loosely written or of no known kind is refused."""
    with pytest.raises(RequestError):
        check_digest(Document(b"x", ""), header)


def test_each_kind_stands_in_its_table():
    """The tables name what is built."""
    assert set(KINDS) == {"rules", "anyone"}
    assert set(FORMATS) == {"jws"}


# -- through the runner --


def test_a_key_inside_takes_one_commit():
    """The authorization, the keys, the worker, the issuer and the result's hash are one write, after one read."""
    ledger, made = MemoryLedger(), process(CLOSED)
    result, line = asyncio.run(serve(ledger, made, bearer=token()))

    assert ledger.asked == ["seen", "commit"]
    assert of(ledger.writes[0])["outcome"] == "done"
    assert line.holds(ledger.writes[0].fragment)
    assert jws.verify(result, KEY.public()).payload == b"x"


def test_a_key_outside_takes_two_commits_the_reservation_first():
    """The key is not touched before the intent is committed with all that is used up; the second line uses nothing."""
    ledger, made, seen = MemoryLedger(), process(CLOSED, inside=False), {}
    signer = made._keys.signer
    asyncio.run(
        serve(ledger, made, bearer=token(), at=lambda point: seen.update({point: (signer.used, len(ledger.writes))}))
    )

    assert seen == {"before_reserve": (0, 0), "after_reserve": (0, 1), "after_sign": (1, 1), "after_done": (1, 2)}
    assert [of(write)["outcome"] for write in ledger.writes] == ["intent", "done"]
    assert [bool(write.changes) for write in ledger.writes] == [True, False]


def test_a_reservation_that_is_refused_leaves_the_key_alone():
    """Used before, or not committed: a key outside this process is not touched."""
    bearer = token()
    ledger, made = MemoryLedger(), process(CLOSED, inside=False)
    asyncio.run(serve(ledger, made, bearer=bearer))
    for refusing, error in (([], ReplayedError), ([StorageError("Full.")], StorageError)):
        ledger.refusing = refusing
        with pytest.raises(error):
            asyncio.run(serve(ledger, made, bearer=bearer))
    assert made._keys.signer.used == 1


def test_a_second_commit_that_fails_leaves_an_intent_without_outcome():
    """What a key outside signed is dropped, its authorization stays used, and the log has the intent alone."""
    bearer, made = token(), process(CLOSED, inside=False)
    ledger = MemoryLedger(refusing=[None, StorageError("Full."), StorageError("Full.")])
    with pytest.raises(StorageError):
        asyncio.run(serve(ledger, made, bearer=bearer))

    assert [of(write)["outcome"] for write in ledger.writes] == ["intent"]
    with pytest.raises(ReplayedError):
        asyncio.run(serve(ledger, made, bearer=bearer))


def test_a_commit_that_refuses_drops_what_was_signed():
    """What was signed and lost its race is seen by nobody, and its refusal is on record with the caller."""
    ledger = MemoryLedger(refusing=[ReplayedError("Used.")])
    with pytest.raises(ReplayedError):
        asyncio.run(serve(ledger, process(CLOSED), bearer=token()))

    assert [(of(write)["event"], of(write)["reason"]) for write in ledger.writes] == [("sign_denied", "replayed")]
    assert ledger.burnt == set()


def test_a_refusal_that_cannot_be_recorded_is_raised():
    """A caller who is refused and whose line does not reach the disk is told that, and the refusal is not lost."""
    ledger = MemoryLedger(refusing=[StorageError("Full.")])
    with pytest.raises(StorageError):
        asyncio.run(serve(ledger, process(CLOSED), bearer=token("read")))
    ledger = MemoryLedger()
    with pytest.raises(RuleDeniedError):
        asyncio.run(serve(ledger, process(CLOSED), bearer=token("read")))

    assert [of(write)["event"] for write in ledger.writes] == ["sign_denied"]
    assert ledger.counted == []


def test_a_refusal_of_nobody_known_is_counted():
    """A token that is not accepted is a count, not a line, and so is a refusal at a worker for anyone."""
    ledger = MemoryLedger()
    with pytest.raises(UnauthenticatedError):
        asyncio.run(serve(ledger, process(CLOSED), bearer=token()[:-4] + "AAAA"))
    ledger.disabled = {Enabled("worker", "open")}
    with pytest.raises(Exception, match="Disabled"):
        asyncio.run(serve(ledger, process(WORKER), WORKER))

    assert (ledger.counted, ledger.writes) == (["invalid_signature 192.0.2.1", "access_denied 192.0.2.1"], [])


def test_a_rotation_elsewhere_is_met_by_one_retry():
    """A key that the commit refuses is read anew and the request decided anew, once; then the refusal is the answer."""
    ledger, made = MemoryLedger(refusing=[UnusableKeyError("Rotated.")]), process(CLOSED)
    asyncio.run(serve(ledger, made, bearer=token()))

    assert (of(ledger.writes[0])["key"]["version"], made._keys.version) == (2, 2)
    ledger, made = MemoryLedger(refusing=[UnusableKeyError("Gone.")] * 2), process(CLOSED)
    with pytest.raises(UnusableKeyError):
        asyncio.run(serve(ledger, made, bearer=token()))
    assert [of(write)["event"] for write in ledger.writes] == ["sign_denied"]


def test_what_is_used_never_reaches_the_key():
    """A replay that is on record signs nothing, also with a key inside this process."""
    ledger, made, bearer = MemoryLedger(), process(CLOSED), token()
    asyncio.run(serve(ledger, made, bearer=bearer))
    with pytest.raises(ReplayedError):
        asyncio.run(serve(ledger, made, bearer=bearer))

    assert made._keys.signer.used == 1


def test_what_is_sealed_is_named_in_its_entry():
    """A result that its entry does not name by its whole hash cannot be sealed."""
    sealed = process(WORKER)
    sealed = sealed.perform(decided(sealed))
    digest = of(sealed.write)["items"][0]["sig_hash"]
    write = Write(Entry("sign", "done", detail=(("x", digest[:-1]),)))
    for wrong in (digest, digest[:-1], "", "0" * 64):
        with pytest.raises(PolicyError):
            type(sealed)("result", wrong, write)


class Late:
    """A key source that knows its keys only after it was asked to look, as one that fetches them does."""

    def __init__(self, keys):
        self.known, self.keys, self.refreshed = KeySet([]), keys, 0

    def find(self, kid, x5t_s256, alg, /):
        try:
            return self.known.find(kid, x5t_s256, alg)
        except UnknownKeyError as error:
            raise UnknownKeyError("Not known yet.", source=self) from error

    async def refresh(self):
        self.refreshed += 1
        self.known = self.keys


@pytest.mark.parametrize("there", [True, False])
def test_a_key_that_is_not_known_yet_is_sought_once(there):
    """The source that did not know the key is asked to look, once for each request, and the token verified again."""
    source = Late(KeySet([KEY.public()] if there else [jwk.generate("Ed25519").public()]))
    issuers = Issuers([Issuer("as", "https://as.example", source, "https://sign.example", ("Ed25519",))])
    ledger, made = MemoryLedger(), SigningProcess(Workers({"w": CLOSED}), issuers, Keys(), time.time)
    call = Call("w", token(), "192.0.2.1", "r")
    if there:
        assert asyncio.run(Runner(ledger).identify(made, call)).caller.issuer == "as"
    else:
        with pytest.raises(UnauthenticatedError):
            asyncio.run(Runner(ledger).identify(made, call))

    assert (source.refreshed, len(ledger.counted)) == (1, 0 if there else 1)
