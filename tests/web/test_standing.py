"""Who or what a command disabled is refused at every door, at the next request (R30)."""

import pytest

from tests.storage.writing import run
from undersign.access.standing import set_enabled


def disable(desk, kind, name, *, enabled=False):
    desk.house.ledger.submit(set_enabled(kind, name, enabled=enabled)).result()


def get(desk, path, token):
    return desk.client.get(path, headers={"Authorization": f"Bearer {token}"})


DOORS = ("/v1/audit", "/v1/audit/head", "/v1/workers", "/v1/workers/drafts")


@pytest.mark.parametrize("name", ["here", "stranger"])
def test_a_disabled_issuer_is_refused_at_every_door(desk, name):
    """Its tokens, issued before and after, neither read the log or the workers nor sign; enabled again, they do."""
    bearer = desk.token("sign audit") if name == "here" else desk.strange("sign audit")
    assert {get(desk, path, bearer).status_code for path in DOORS} == {200}
    disable(desk, "issuer", name)
    later = desk.token("sign audit") if name == "here" else desk.strange("sign audit")
    for token in (bearer, later):
        assert {get(desk, path, token).status_code for path in DOORS} == {403}
        assert desk.sign("drafts", token).status_code == 403
        assert get(desk, "/v1/audit", token).text.count('"v":1') == 0
    disable(desk, "issuer", name, enabled=True)

    assert {get(desk, path, bearer).status_code for path in DOORS} == {200}
    assert desk.sign("drafts", bearer).status_code == 200


def test_a_disabled_issuer_disables_no_other(desk):
    """The other issuer's tokens are as good as before."""
    disable(desk, "issuer", "stranger")

    assert desk.sign("drafts", desk.token()).status_code == 200
    assert get(desk, "/v1/workers", desk.token()).status_code == 200


def test_a_refusal_of_a_disabled_issuer_is_on_record(desk):
    """At the worker it is a line with the caller, at the log's address a count."""
    bearer = desk.strange("sign audit")
    disable(desk, "issuer", "stranger")
    desk.sign("drafts", bearer)
    get(desk, "/v1/audit", bearer)
    desk.house.ledger.flush()
    lines = desk.lines()

    assert [line["caller"]["sub"] for line in lines if line["event"] == "sign_denied"] == ["eve"]
    assert [line["reason"] for line in lines if line["event"] == "refusals"] == ["audit:access_denied"]


def test_a_disabled_client_gets_no_token(desk):
    """It is answered like a stranger; its assertion is not used up, for it never counted."""
    assertion = desk.minter.mint()
    disable(desk, "client", "reports")
    answer = desk.ask(assertion)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert [line["event"] for line in desk.lines() if line["event"].startswith("token")] == []
    disable(desk, "client", "reports", enabled=True)
    assert desk.ask(assertion).status_code == 200


def test_a_disabled_client_is_refused_its_refusals_too(desk):
    """A request that would be refused anyway tells a disabled client no more than any other."""
    disable(desk, "client", "reports")

    assert desk.ask(scope="admin").json()["error"] == "invalid_client"


@pytest.mark.parametrize("name", ["drafts", "open"])
def test_a_disabled_worker_signs_nothing_and_is_not_described(desk, name):
    """It refuses, neither its description nor the list says that it serves, and its keys stay published."""
    bearer = desk.token()
    keys = desk.client.get(f"/v1/workers/{name}/jwks.json").json()
    disable(desk, "worker", name)

    assert desk.sign(name, bearer).status_code == 403
    assert get(desk, f"/v1/workers/{name}", bearer).status_code in {403, 404}
    assert name not in [each["name"] for each in get(desk, "/v1/workers", bearer).json()["workers"]]
    assert desk.client.get(f"/v1/workers/{name}/jwks.json").json() == keys
    assert desk.sign("contracts", bearer).status_code == 200


@pytest.mark.parametrize("sql", ["DELETE FROM subjects", "UPDATE subjects SET disabled = 0"])
def test_a_disabled_subject_is_not_revived_by_its_row(house, sql):
    """Deleting or changing the row of what was disabled lets nobody in, at any door."""
    with house() as desk:
        bearer = desk.strange("sign audit")
        for kind, name in (("issuer", "stranger"), ("client", "reports"), ("worker", "open")):
            disable(desk, kind, name)
        run(desk.house.database, sql)

        assert {get(desk, path, bearer).status_code for path in DOORS} <= {403, 503}
        assert desk.sign("drafts", bearer).status_code in {403, 503}
        assert desk.ask().status_code in {401, 503}
        assert desk.sign("open").status_code in {403, 503}
