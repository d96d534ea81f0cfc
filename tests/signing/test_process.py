"""Decide and perform without HTTP: evidence cannot be made by hand, and nothing is signed before it is used up."""

import copy
import pickle
from types import MappingProxyType

import pytest

from undersign import jwk
from undersign.audit.chain import Line
from undersign.audit.record import KeyRef
from undersign.errors import PolicyError, RequestError, UnauthenticatedError, UnknownWorkerError
from undersign.signing import receipt, usage
from undersign.signing.authorizers import KINDS, Anyone, Authorization, Permit, Rules, confirm
from undersign.signing.process import decide, perform
from undersign.signing.request import Document, SigningRequest, check_digest
from undersign.signing.worker import ActiveKey, Worker, Workers
from undersign.signing.workers import KINDS as FORMATS

KEY = jwk.generate("Ed25519")
WORKER = Worker("open", "jws", "open", Anyone(), (), (), "none", "", 1000, "0" * 64)


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


def test_rules_need_a_token():
    """A worker with rules permits nobody who is unknown."""
    request = SigningRequest("w", "r", Document(b"x", ""), None, "")

    with pytest.raises(UnauthenticatedError):
        Rules(frozenset({"as"}), ()).authorize(request, 0.0)


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
