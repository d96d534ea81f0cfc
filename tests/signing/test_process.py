"""Decide and perform without HTTP: evidence cannot be made by hand, and nothing is signed before it is used up."""

import copy
import pickle
import time
from types import MappingProxyType

import pytest

from undersign import jwk, jws
from undersign.access.issuers import Issuer, Issuers, VerifiedCaller
from undersign.access.rules import Rule
from undersign.audit.chain import Line
from undersign.audit.record import KeyRef
from undersign.errors import (
    ExpiredTokenError,
    PolicyError,
    RequestError,
    RuleDeniedError,
    TokenError,
    UnauthenticatedError,
    UnknownWorkerError,
)
from undersign.jwks import KeySet
from undersign.jwt.profiles.access_token import Minter
from undersign.signing import receipt, usage
from undersign.signing.authorizers import KINDS, Anyone, Authorization, Permit, Rules, confirm
from undersign.signing.mapping import parse
from undersign.signing.process import decide, perform
from undersign.signing.request import Document, SigningRequest, check_digest
from undersign.signing.worker import ActiveKey, Worker, Workers
from undersign.signing.workers import KINDS as FORMATS

KEY = jwk.generate("Ed25519")
WORKER = Worker("open", "jws", "open", Anyone(), (), (), "none", "", 1000, "0" * 64)


ISSUERS = Issuers([Issuer("as", "https://as.example", KeySet([KEY.public()]), "https://sign.example", ("Ed25519",))])
RULES = Rules(frozenset({"as"}), (Rule.parse("may-sign", "scope has 'sign'"),))


def token(scope):
    minter = Minter(KEY, issuer="https://as.example")
    return minter.mint(subject="app", audience="https://sign.example", client_id="app", scope=scope)


class Keys:
    """One key for everybody."""

    def active(self, name):
        return ActiveKey(KeyRef(name, KEY.kid, 1), KEY)


def decided(worker=WORKER, octets=b"a document"):
    request = SigningRequest(worker.name, "request-1", Document(octets, "text/plain"), None, "192.0.2.1")
    return decide(request, Workers(MappingProxyType({worker.name: worker})), Keys(), 1_900_000_000.0)


def line(request_id="request-1"):
    return Line(2, b'{"request_id":"%s"}' % request_id.encode(), "0" * 64, 1)


def test_perform_needs_the_committed_line_of_its_request():
    """Without a line, or with another request's, nothing is signed."""
    decision = decided()

    assert perform(decision, line()).made.octets.count(b".") == 2
    for wrong in (None, b"", line("request-2"), line("request-10")):
        with pytest.raises(UnauthenticatedError):
            perform(decision, wrong)


@pytest.mark.parametrize("kind", [Permit, Authorization])
def test_evidence_cannot_be_made_by_hand(kind):
    """Neither a permit nor an authorization can be built, changed, copied, pickled or derived from."""
    decision = decided()
    real = decision.permit if kind is Permit else confirm(decision.permit, line())

    with pytest.raises(TypeError):
        kind(object(), worker="open", request_id="r", caller=None, rule="x")
    with pytest.raises(AttributeError):
        real.worker = "contracts"
    with pytest.raises(TypeError):
        copy.copy(real)
    with pytest.raises(TypeError):
        pickle.dumps(real)
    with pytest.raises(TypeError):
        type("Forged", (kind,), {})


def test_an_authorization_serves_its_own_worker_only():
    """A worker refuses an authorization that was made for another one."""
    decision = decided()
    authorization = confirm(decision.permit, line())
    other = Worker("other", "jws", "other", Anyone(), (), (), "none", "", 1000, "0" * 64)

    with pytest.raises(PolicyError):
        FORMATS["jws"].make(other, decision.request.document, decision.placed, authorization, KEY)


def test_a_permit_is_no_authorization():
    """What is not used up does not make a worker work."""
    decision = decided()

    with pytest.raises(PolicyError):
        FORMATS["jws"].make(WORKER, decision.request.document, decision.placed, decision.permit, KEY)


def test_unknown_worker():
    """A worker that is not there is not found."""
    request = SigningRequest("nobody", "r", Document(b"x", ""), None, "")

    with pytest.raises(UnknownWorkerError):
        decide(request, Workers(), Keys(), 0.0)


def test_no_token_is_refused():
    """A worker with rules permits nobody who is unknown."""
    request = SigningRequest("w", "r", Document(b"x", ""), None, "")

    with pytest.raises(UnauthenticatedError):
        Rules(frozenset({"as"}), ()).authorize(request, 0.0)


def test_a_token_that_satisfies_a_rule_signs():
    """A good token of a listed issuer permits, is used up for this worker, and its claim reaches the header."""
    worker = Worker(
        "w", "jws", "w", RULES, ("as",), (parse("jws.header.for", "token.client_id"),), "once", "", 1000, ""
    )
    request = SigningRequest("w", "request-1", Document(b"x", ""), ISSUERS.verify(token("sign")), "")
    decision = decide(request, Workers(MappingProxyType({"w": worker})), Keys(), time.time())
    result = perform(decision, line()).made.octets.decode()

    assert len(decision.burns) == 1
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
        receipt.issue(Line(1, b'{"event":"sign","outcome":"intent"}', "0" * 64, 1), issuer="https://s", signer=KEY)


@pytest.mark.parametrize("header", ["sha-256=AAAA", "sha-256=::", "sha-256=:AAAA:, md5=:AA:", "sha-256", ""])
def test_content_digest_that_does_not_match(header):
    """A digest that differs, is loosely written or of no known kind is refused."""
    with pytest.raises(RequestError):
        check_digest(Document(b"x", ""), header)


def test_each_kind_stands_in_its_table():
    """The tables name what is built."""
    assert set(KINDS) == {"rules", "anyone"}
    assert set(FORMATS) == {"jws"}
