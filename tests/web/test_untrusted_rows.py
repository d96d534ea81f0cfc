"""A server whose database somebody else writes to: what he put there is never served, over HTTP (R14, R24, R29)."""

import json
import time
from contextlib import contextmanager, suppress

import pytest

from tests.storage.writing import copied, put_back, run, set_head
from tests.web.desk import RESOURCE, TOML, URL, open_desk
from undersign import jwk
from undersign.errors import StorageError
from undersign.jwt.profiles.access_token import Minter
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.ledger.lines import read_head
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


def master_of(desk):
    """The master key, which whoever writes to the database does not have."""
    return Envelope(
        master_key(f"file:{desk.house.settings.folder}/var/master.key"), read_head(desk.house.database).chain
    )


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
        generation = read_head(desk.house.database).generation + 1
        set_head(desk.house.database, master_of(desk), generation=generation)

        assert {desk.client.get(path).status_code for path in ADDRESSES.values()} == {503}
        assert desk.sign("open").status_code == 503
        assert desk.sign(token=forged_token()).status_code in {401, 503}


def test_keys_that_are_put_back_are_not_served(house):
    """A disabled key is not published again by putting its generation's rows back, now or at the next start."""
    with house() as desk:
        database = desk.house.database
        before = copied(database, "keys", "subjects")
        ((generation, manifest),) = run(database, "SELECT generation, manifest FROM chain")
        envelope = master_of(desk)

        def put_all_back():
            put_back(database, before)
            set_head(database, envelope, generation=generation, manifest=bytes(manifest))

        desk.disable_key("open", desk.client.get("/v1/workers/open").json()["key"]["version"])
        assert desk.client.get("/v1/workers/open/jwks.json").json() == {"keys": []}
        with kept_for_the_end(database):
            put_all_back()
            assert desk.client.get("/v1/workers/open/jwks.json").status_code == 503
            assert desk.sign("open").status_code == 503
    put_all_back()
    with pytest.raises(StorageError, match="gone back"), house():
        pytest.fail("it started")


def test_what_was_used_after_a_backup_does_not_work_after_its_restore(house, monkeypatch):
    """What was used after the backup stays used, what is issued later works, and the log says that it was restored."""
    monkeypatch.setattr("undersign.storage.ledger.opening.LEEWAY", 0)  # nobody's clock is ahead, and the test is short
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


# -- the head of the chain --

CALLER = '","caller":{"kind":"client","name":"ceo","issuer":"https://as.example"},"reason":"'
HEADS = {
    "json in its hash": f"UPDATE chain SET hash = hash || '{CALLER}'",  # noqa: S608 - a constant
    "another hash": "UPDATE chain SET hash = 'x'",
    "a time ahead": "UPDATE chain SET time = time + 86400",
    "a time before": "UPDATE chain SET time = 1",
    "an earlier line": "UPDATE chain SET seq = seq - 1",
    "a later line": "UPDATE chain SET seq = seq + 1",
    "no MAC": "UPDATE chain SET mac = NULL",
}


def signs(desk, token):
    """Everything that gives out something signed, as answers."""
    return [desk.sign(token=token), desk.sign("open"), desk.sign("drafts", token=token), desk.ask()]


@pytest.mark.parametrize("sql", HEADS.values(), ids=HEADS)
def test_nothing_is_signed_on_a_head_that_was_changed(house, sql):
    """Words put into a line by the head's hash, or a time by its time, get no signature, receipt or token: 503."""
    with house() as desk:
        database, token = desk.house.database, desk.token()
        before = desk.lines()
        with kept_for_the_end(database):
            run(database, sql)
            answers = signs(desk, token)
            assert [answer.status_code for answer in answers] == [503] * len(answers)
            for answer in answers:
                assert answer.headers["Content-Type"].startswith(("application/problem+json", "application/json"))
                assert not {"receipt", "signature", "access_token", "document"} & set(answer.json())
                assert "ceo" not in answer.text
            with pytest.raises(StorageError):
                desk.house.heads.sign()
        assert desk.lines() == before
        assert desk.sign(token=token).status_code == 200  # what was not used has not been used up


@pytest.mark.parametrize("sql", HEADS.values(), ids=HEADS)
def test_a_server_does_not_start_on_a_head_that_was_changed(house, sql):
    """What a running server refuses to write on, no server starts on, and it says why."""
    with house() as desk:
        database = desk.house.database
    run(database, sql)

    with pytest.raises(StorageError, match="without the master key"), house():
        pytest.fail("it started")


def test_no_receipt_has_a_time_that_has_not_come(house):
    """Where the database has honestly seen a later time, there is no signature and no receipt until it has come."""
    with house() as desk:
        database, token = desk.house.database, desk.token()
        set_head(database, master_of(desk), time=int(time.time()) + 86400)
        answers = signs(desk, token)
        set_head(database, master_of(desk), time=int(time.time()))

        assert [answer.status_code for answer in answers] == [503] * len(answers)
        assert answers[1].json()["type"] == "urn:undersign:problem:clock-behind"  # where nothing is used up
        assert not [line for line in desk.lines() if line["event"] == "sign"]
        assert desk.sign(token=token).status_code == 200


LAST = {
    "an earlier line": HEADS["an earlier line"],
    "another hash of the last line": "UPDATE audit_lines SET hash = 'x' WHERE seq = (SELECT seq FROM chain)",
    "both": "UPDATE audit_lines SET hash = 'x' WHERE seq = (SELECT seq FROM chain);UPDATE chain SET hash = 'x'",
}


@pytest.mark.parametrize("sql", LAST.values(), ids=LAST)
def test_an_open_epoch_signs_no_head_that_was_changed(house, sql):
    """Once an epoch is open, neither a line before the last nor a hash that is not the head's is signed as the head."""
    with house() as desk:
        database = desk.house.database
        auditor = {"Authorization": f"Bearer {desk.token('audit')}"}
        assert desk.client.get("/v1/audit/head", headers=auditor).status_code == 200
        with kept_for_the_end(database):
            for each in sql.split(";"):
                run(database, each)
            with pytest.raises(StorageError):
                desk.house.heads.sign()
            assert desk.client.get("/v1/audit/head", headers=auditor).status_code == 503


# -- another database in place of the one that was served --

SERVED = TOML.replace("demo = true\n", "")


@pytest.fixture
def replaced(tmp_path):
    """A folder whose database was served, and has another one of the same master key in its place."""
    with open_desk(tmp_path) as desk:
        token = desk.token()
        assert desk.sign(token=token).status_code == 200
    with open_desk(tmp_path, SERVED):
        pass  # the same one is served, demo or not
    for path in (tmp_path / "var").glob("undersign.db*"):
        path.unlink()
    return tmp_path


@pytest.mark.parametrize("other", ["empty", "of the same master key"])
def test_a_server_does_not_start_on_another_database_than_its_own(replaced, other):
    """A database that is gone, or another one in its place, is not served: what was used would work again."""
    mark = replaced / "var" / "master.key.mark"
    if other == "of the same master key":
        kept = mark.read_bytes()
        with open_desk(replaced):
            pass
        mark.write_bytes(kept)
    with pytest.raises(StorageError, match="mark is of another") as caught, open_desk(replaced, SERVED):
        pytest.fail("it started")
    assert mark.name in caught.value.help

    mark.unlink()
    with open_desk(replaced, SERVED) as desk:
        assert [line["event"] for line in desk.lines()].count("chain_opened") == 1


def test_another_database_is_another_start_of_a_demo(replaced):
    """A demo whose database was thrown away starts anew, and goes on with the new one."""
    for _ in range(2):
        with open_desk(replaced) as desk:
            assert desk.sign(token=desk.token()).status_code == 200
            events = [line["event"] for line in desk.lines()]
            assert (events.count("chain_opened"), events.count("restored")) == (1, 0)
            time.sleep(1.1)


# -- a file that is removed under a server --


@pytest.fixture
def removed(tmp_path):
    """What a server answers once its file was removed: to each of some requests, in order."""

    def answers(*requests):
        found = []
        with suppress(StorageError), open_desk(tmp_path, TOML) as desk:  # it cannot record that it stops
            auditor, token = {"Authorization": f"Bearer {desk.token('audit')}"}, desk.token()
            for path in (tmp_path / "var").glob("undersign.db*"):
                path.unlink()
            for request in requests:
                found += request(desk, token, auditor)
        assert not (tmp_path / "var" / "undersign.db").exists()
        return [answer.status_code for answer in found]

    return answers


def test_a_server_whose_file_was_removed_signs_nothing_and_makes_none(removed):
    """With its file gone the server answers 503, and no file is made in its place."""
    assert removed(lambda desk, token, _: signs(desk, token)) == [503] * 4


@pytest.mark.parametrize("path", ["/jwks.json", "/v1/audit", "/v1/audit/head"])
def test_a_server_whose_file_was_removed_reads_from_it_no_more(removed, path):
    """With its file gone the server publishes no keys from what it still holds open, and gives no log."""
    assert removed(lambda desk, _, auditor: [desk.client.get(path, headers=auditor)]) == [503]
