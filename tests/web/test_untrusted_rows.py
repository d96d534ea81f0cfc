"""A server whose database somebody else writes to: what he put there is never served, over HTTP (R14, R24, R29)."""

import json
import time
from contextlib import contextmanager

import pytest

from tests.storage.writing import copied, put_back, run
from tests.web.desk import RESOURCE, URL
from undersign import jwk
from undersign.errors import StorageError
from undersign.jwt.profiles.access_token import Minter
from undersign.storage.rows import metadata

FORGED = jwk.generate("Ed25519")
TABLES = tuple(metadata.tables)
COLUMNS = "name, version, purpose, alg, state, kid, thumbprint, public_jwk, token, created_at, uses, mac"


def put_in(database, name, state="window"):
    """Add a row with a public half of the attacker's, copied from an honest one in all else."""
    run(
        database,
        f"INSERT INTO keys ({COLUMNS})"  # noqa: S608 - a constant
        " SELECT name, 8, purpose, alg, :state, :kid, :kid, :jwk, token, created_at, 0, mac"
        " FROM keys WHERE name = :name",
        state=state,
        kid=FORGED.public().thumbprint(),
        jwk=json.dumps(FORGED.public().to_jwk()),
        name=name,
    )


def change(database, name):
    run(
        database,
        "UPDATE keys SET public_jwk = :jwk, kid = :kid WHERE name = :name",
        jwk=json.dumps(FORGED.public().to_jwk()),
        kid=FORGED.public().thumbprint(),
        name=name,
    )


def take_out(database, name):
    run(database, "DELETE FROM keys WHERE name = :name", name=name)


ATTACKS = {"a row in its window": put_in, "another public half": change, "a row taken out": take_out}
ADDRESSES = {"access-token": "/jwks.json", "receipt": "/v1/receipts/jwks.json", "open": "/v1/workers/open/jwks.json"}


def forged_token(scope="sign audit"):
    minter = Minter(FORGED, issuer=URL)
    return minter.mint(subject="ceo", audience=RESOURCE, client_id="reports", scope=scope)


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_keys_put_into_the_database_are_not_published(house, attack, name):
    """While the server runs its key sets stay as they were or are refused, and a forged token opens nothing."""
    with house() as desk:
        before = {path: desk.client.get(path).json() for path in ADDRESSES.values()}
        attack(desk.house.database, name)
        for path, keys in before.items():
            answer = desk.client.get(path)
            assert answer.status_code == 503 or answer.json() == keys
        assert desk.sign(token=forged_token()).status_code == 401
        for path in ("/v1/audit", "/v1/audit/head", "/v1/workers"):
            headers = {"Authorization": f"Bearer {forged_token()}"}
            assert desk.client.get(path, headers=headers).status_code in {401, 503}


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_server_does_not_start_on_keys_that_were_put_in(house, attack, name):
    """A server that starts on a database with a key put in, changed or taken out stops, and says why."""
    with house() as desk:
        database = desk.house.database
        attack(database, name)

    with pytest.raises(StorageError, match="without the master key"), house():
        pytest.fail("it started")


@contextmanager
def kept_for_the_end(database):
    """Let the server find its own rows again when it stops, so that it can record that."""
    mine = copied(database, *TABLES)
    try:
        yield
    finally:
        put_back(database, mine)


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_generation_moved_on_by_hand_is_refused_while_running(house, name):
    """Told that the rows are new, the server reads them and believes none: it answers 503, and no key set."""
    with house() as desk, kept_for_the_end(desk.house.database):
        put_in(desk.house.database, name)
        run(desk.house.database, "UPDATE chain SET generation = generation + 1")

        assert {desk.client.get(path).status_code for path in ADDRESSES.values()} == {503}
        assert desk.sign("open").status_code == 503
        assert desk.sign(token=forged_token()).status_code in {401, 503}


def test_keys_that_are_put_back_are_not_served(house):
    """A disabled key is not published again by putting its generation's rows back, now or at the next start."""
    with house() as desk:
        database = desk.house.database
        before = copied(database, "keys", "subjects")
        ((generation, manifest),) = run(database, "SELECT generation, manifest FROM chain")

        def put_all_back():
            put_back(database, before)
            run(database, "UPDATE chain SET generation = :g, manifest = :m", g=generation, m=bytes(manifest))

        desk.disable_key("open", desk.client.get("/v1/workers/open").json()["key"]["version"])
        assert desk.client.get("/v1/workers/open/jwks.json").json() == {"keys": []}
        with kept_for_the_end(database):
            put_all_back()
            assert desk.client.get("/v1/workers/open/jwks.json").status_code == 503
            assert desk.sign("open").status_code == 503
    put_all_back()
    with pytest.raises(StorageError, match="gone back"), house():
        pytest.fail("it started")


def test_what_was_used_after_a_backup_does_not_work_after_its_restore(house):
    """What was used after the backup stays used, what is issued later works, and the log says that it was restored."""
    with house() as desk:
        database = desk.house.database
        token, assertion, unused = desk.token(), desk.minter.mint(), desk.token()
        backup = copied(database, *TABLES)
        assert desk.sign(token=token).status_code == desk.ask(assertion).status_code == 200
        assert desk.sign(token=token).status_code == 409
        with kept_for_the_end(database):
            put_back(database, backup)
            assert desk.sign(token=token).status_code == desk.ask(assertion).status_code == 503
    put_back(database, backup)
    with house() as desk:
        answers = [desk.sign(token=token, body=b"another").status_code, desk.ask(assertion).status_code]

        assert answers == [409, 401]
        assert desk.sign(token=unused).status_code == 409
        assert "restored" in [line["event"] for line in desk.lines()]
        assert not [line for line in desk.lines() if line["event"] == "sign"]
        time.sleep(2.1)  # what was issued in the very second of the start is in doubt as well
        assert desk.sign(token=desk.token()).status_code == 200
