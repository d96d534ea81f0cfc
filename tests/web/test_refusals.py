"""Every refusal is on record: a line where somebody is known, a count where nobody is, and never nothing (R8, R31)."""

import time

import pytest

from tests.web.desk import RESOURCE, STRANGER
from undersign import jws
from undersign.audit.verify import verify_lines
from undersign.encoding import dump_json
from undersign.errors import StorageError
from undersign.jwt.profiles.access_token import Minter
from undersign.storage.ledger.lines import lines_after

LONG = "x" * 5000


def stranger(**claims):
    """A token of the issuer that this server does not run, with whatever names."""
    named = {"subject": "eve", "client_id": "eve", "scope": "sign"} | claims
    return Minter(STRANGER, issuer="https://stranger.example").mint(audience=RESOURCE, **named)


def recorded(desk):
    desk.house.ledger.flush()
    return [(line["event"], line.get("reason", "")) for line in desk.lines()]


@pytest.mark.parametrize("name", ["subject", "client_id"])
@pytest.mark.parametrize("scope", ["sign", "none"])
@pytest.mark.parametrize("worker", ["drafts", "contracts"])
def test_a_name_that_is_too_long_is_refused_and_counted(desk, name, scope, worker):
    """A caller of 5000 characters gets 401, whether a rule would let him or not, and is counted."""
    answer = desk.sign(worker, stranger(**{name: LONG, "scope": scope}))
    claim = {"subject": "sub"}.get(name, name)

    assert answer.status_code == 401
    assert LONG not in answer.text
    assert ("refusals", f"incorrect_claim:{claim}") in recorded(desk)


def test_a_long_jti_is_refused_and_counted(desk):
    """A token with an id of 5000 characters gets 401, and is counted, at the worker and at the log's address."""
    claims = {"iss": "https://stranger.example", "sub": "eve", "client_id": "eve", "scope": "sign", "jti": LONG}
    bearer = signed(claims)

    assert desk.sign("drafts", bearer).status_code == 401
    assert desk.client.get("/v1/audit", headers={"Authorization": f"Bearer {bearer}"}).status_code == 401
    reasons = recorded(desk)
    assert ("refusals", "incorrect_claim:jti") in reasons
    assert ("refusals", "audit:incorrect_claim:jti") in reasons


def signed(claims):
    now = int(time.time())
    full = {"aud": RESOURCE, "iat": now, "exp": now + 60, **claims}
    return jws.sign(dump_json(full), STRANGER, header={"typ": "at+jwt"})


def test_names_that_just_fit_are_recorded_whole(desk):
    """A caller with a name of 4096 characters signs, and his line verifies."""
    assert desk.sign("drafts", stranger(subject="x" * 4096)).status_code == 200
    line = desk.lines()[-1]
    octets = [each.body for each in lines_after(desk.house.database, 0)]

    assert line["caller"]["sub"] == "x" * 4096
    assert verify_lines(octets, root=desk.house.root, heads=[]).lines == len(octets)


@pytest.mark.parametrize("parameters", [{"scope": "admin"}, {"scope": "sign admin"}, {"resource": "https://x.example"}])
def test_a_refused_scope_uses_up_the_assertion_and_leaves_a_line(desk, parameters):
    """An authenticated client that asks for what it may not have is named in the log, and has spent its assertion."""
    assertion = desk.minter.mint()
    refused = desk.ask(assertion, **parameters)
    again = [desk.ask(assertion, **parameters), desk.ask(assertion)]
    desk.house.ledger.flush()
    denied = [line for line in desk.lines() if line["event"] == "token_denied"]

    assert refused.status_code == 400
    assert refused.json()["error"] in {"invalid_scope", "invalid_target"}
    assert [answer.json()["error"] for answer in again] == ["invalid_client"] * 2
    assert [(line["caller"]["client_id"], line["reason"]) for line in denied] == [("reports", refused.json()["error"])]
    assert denied[0]["detail"]["scope"] == parameters.get("scope", "sign")
    assert [line["reason"] for line in desk.lines() if line["event"] == "refusals"] == ["replayed"]


def test_a_refusal_that_cannot_be_recorded_is_not_given(desk, monkeypatch):
    """Where the line of a refusal cannot be committed the answer is 503, for the token and for the signature."""
    bearer = desk.token("read")

    async def broken(_):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(desk.house.ledger, "commit", broken)
    assert desk.ask(scope="admin").status_code == 503
    assert desk.sign("drafts", bearer).status_code == 503


def test_an_entry_with_long_members_is_cut_and_never_refused(desk):
    """What a caller can make long without limit stands cut in the line, with a hash of the whole."""
    scope = " ".join(["sign", *("s" * 100 + str(n) for n in range(100))])
    assertion = desk.minter.mint()
    answer = desk.ask(assertion, scope=scope)
    line = next(line for line in desk.lines() if line["event"] == "token_denied")

    assert answer.status_code == 400
    assert len(line["detail"]["scope"]) <= 16 * 1024
    assert desk.ask(assertion).status_code == 401
