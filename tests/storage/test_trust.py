"""Rows that decide trust are not believed because they stand in a table (R14, R29)."""

import json
from contextlib import suppress

import pytest

from tests.storage.writing import (
    MASTER,
    NOW,
    Shelf,
    copied,
    intent,
    new_key,
    put_back,
    run,
    set_head,
    settle,
    start_chain,
)
from undersign import jwk
from undersign.access.standing import Enabled, set_enabled
from undersign.audit.record import Entry, Write
from undersign.cryptotoken.lifecycle import KeyUse, Published, SetState
from undersign.cryptotoken.software import SoftwareToken
from undersign.errors import AccessError, StorageError, UndersignError, UnusableKeyError
from undersign.storage.database import Database
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import read_head
from undersign.storage.ledger.mark import Mark

FORGED = jwk.generate("Ed25519")
COLUMNS = "name, version, purpose, alg, state, kid, thumbprint, public_jwk, token, created_at, uses, mac"


@pytest.fixture
def stocked(ledger, shelf, token):
    """A database with an active key, a disabled one and a disabled client."""
    ledger.submit(new_key(token, shelf, "k", "Ed25519")).result()
    ledger.submit(new_key(token, shelf, "off", "Ed25519")).result()
    ledger.submit(Write(Entry("key_state", "ok"), SetState("off", 1, "active", "disabled"))).result()
    ledger.submit(set_enabled("client", "reports", enabled=False)).result()
    ledger.close()
    return shelf.records()


def forged_key(database, state):
    public = FORGED.public()
    run(
        database,
        f"INSERT INTO keys ({COLUMNS})"  # noqa: S608 - a constant
        " SELECT name, 8, purpose, alg, :state, :kid, :kid, :jwk, token, created_at, 0, mac FROM keys WHERE name = 'k'",
        state=state,
        kid=public.thumbprint(),
        jwk=json.dumps(public.to_jwk()),
    )


TAMPERED = {
    "a key in its window": lambda database: forged_key(database, "window"),
    "a key that is disabled": lambda database: forged_key(database, "disabled"),
    "another public half": lambda database: run(
        database, "UPDATE keys SET public_jwk = :jwk WHERE name = 'k'", jwk=json.dumps(FORGED.public().to_jwk())
    ),
    "another kid": lambda database: run(database, "UPDATE keys SET kid = 'x' WHERE name = 'k'"),
    "another thumbprint": lambda database: run(database, "UPDATE keys SET thumbprint = 'x' WHERE name = 'k'"),
    "another purpose": lambda database: run(database, "UPDATE keys SET purpose = 'receipt' WHERE name = 'k'"),
    "another version": lambda database: run(database, "UPDATE keys SET version = 2 WHERE name = 'k'"),
    "another time": lambda database: run(database, "UPDATE keys SET created_at = 1 WHERE name = 'k'"),
    "another token": lambda database: run(database, "UPDATE keys SET token = 'x' WHERE name = 'k'"),
    "revived": lambda database: run(database, "UPDATE keys SET state = 'active' WHERE name = 'off'"),
    "disabled by hand": lambda database: run(database, "UPDATE keys SET state = 'disabled' WHERE name = 'k'"),
    "a key taken out": lambda database: run(database, "DELETE FROM keys WHERE name = 'k'"),
    "a disabled key taken out": lambda database: run(database, "DELETE FROM keys WHERE name = 'off'"),
    "without a MAC": lambda database: run(database, "UPDATE keys SET mac = NULL WHERE name = 'k'"),
    "a short MAC": lambda database: run(database, "UPDATE keys SET mac = :mac WHERE name = 'k'", mac=b"x"),
    "the other's MAC": lambda database: run(
        database, "UPDATE keys SET mac = (SELECT mac FROM keys WHERE name = 'off') WHERE name = 'k'"
    ),
    "a subject taken out": lambda database: run(database, "DELETE FROM subjects"),
    "a subject enabled": lambda database: run(database, "UPDATE subjects SET disabled = 0"),
    "a subject renamed": lambda database: run(database, "UPDATE subjects SET name = 'other'"),
    "a subject of another kind": lambda database: run(database, "UPDATE subjects SET kind = 'worker'"),
    "a subject's time": lambda database: run(database, "UPDATE subjects SET changed_at = 1"),
    "a subject that was not": lambda database: run(
        database,
        "INSERT INTO subjects SELECT kind, 'x', 0, 1, mac FROM subjects",
    ),
    "the manifest": lambda database: run(database, "UPDATE chain SET manifest = :mac", mac=b"x" * 32),
}


@pytest.fixture(params=TAMPERED)
def tamper(request):
    return TAMPERED[request.param]


def test_a_process_that_starts_believes_no_row_that_was_changed(database, chain, stocked, clock, tamper):
    """Whatever row that decides trust was added, changed or taken out: a ledger does not start, and nothing is read."""
    tamper(database)

    with pytest.raises(StorageError):
        Shelf(database, chain.envelope).records()
    with pytest.raises(StorageError):
        Ledger(database, chain.envelope, clock=clock).start()


def test_a_process_that_runs_believes_no_row_that_was_changed(database, chain, stocked, clock, tamper):
    """What a process has verified stays as it was, or it stops: no tampered row is given out, and none is used."""
    shelf = Shelf(database, chain.envelope)
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        assert shelf.records() == stocked
        tamper(database)
        with suppress(StorageError):
            assert shelf.records() == stocked
        for refused, error in ((KeyUse("off", 1), UnusableKeyError), (Enabled("client", "reports"), AccessError)):
            with pytest.raises((error, StorageError)):
                ledger.submit(intent(1, refused)).result()
        for wanted in (Published("k", FORGED.thumbprint()), Published("off", "x")):
            with pytest.raises(UndersignError):
                ledger.submit(intent(2, wanted)).result()
            with pytest.raises(UndersignError):
                shelf.reading.check([wanted])


def test_a_process_that_is_told_of_a_new_generation_verifies_it(database, chain, stocked, clock, tamper):
    """A generation that is moved on by hand has the rows read anew, and nothing of what was changed believed."""
    shelf = Shelf(database, chain.envelope)
    shelf.records()
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        tamper(database)
        set_head(database, chain.envelope, generation=read_head(database).generation + 1)
        with pytest.raises(StorageError):
            shelf.records()
        with pytest.raises(StorageError):
            ledger.submit(intent(1)).result()


def test_a_generation_that_is_moved_on_alone_is_not_believed(database, chain, stocked, clock):
    """The manifest names its generation: the same rows are not those of another one."""
    set_head(database, chain.envelope, generation=read_head(database).generation + 1)

    with pytest.raises(StorageError):
        Ledger(database, chain.envelope, clock=clock).start()


def head_of(database):
    return run(database, "SELECT generation, manifest FROM chain")[0]


def rolled_back(database, chain, rows, generation, manifest):
    """Put back the trusted rows of an earlier generation, with everything that says so, the head's MAC too."""
    put_back(database, rows)
    set_head(database, chain.envelope, generation=generation, manifest=bytes(manifest))


@pytest.mark.parametrize("what", ["key", "subject"])
def test_an_earlier_generation_is_refused_by_a_process_that_runs(database, chain, stocked, clock, what):
    """Rows and manifest put back together are recognised by whoever has seen the later ones."""
    shelf = Shelf(database, chain.envelope)
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        before = copied(database, "keys", "subjects"), *head_of(database)
        change = (
            Write(Entry("key_state", "ok"), SetState("k", 1, "active", "disabled"))
            if what == "key"
            else set_enabled("worker", "w", enabled=False)
        )
        ledger.submit(change).result()
        after = shelf.records()
        rolled_back(database, chain, *before)

        with pytest.raises(StorageError, match="gone back"):
            shelf.records()
        with pytest.raises(StorageError, match="gone back"):
            ledger.submit(intent(1, KeyUse("k", 1), Enabled("worker", "w"))).result()
    assert [record.state for record in after if record.name == "k"] == ["disabled" if what == "key" else "active"]


@pytest.mark.parametrize("later", [0, 3])
def test_an_earlier_generation_is_refused_across_a_restart(database, stocked, clock, tmp_path, later):
    """What was disabled is not revived by putting its rows back for the next start: the mark knows."""
    mark = Mark(tmp_path / "mark")
    opened = start_chain(database, mark=mark)
    with Ledger(database, opened.envelope, clock=clock, mark=mark) as ledger:
        before = copied(database, "keys", "subjects"), *head_of(database)
        ledger.submit(Write(Entry("key_state", "ok"), SetState("k", 1, "active", "disabled"))).result()
        for number in range(later):
            ledger.submit(intent(number)).result()
    mark.close()
    rolled_back(database, opened, *before)

    again = Mark(tmp_path / "mark")
    with pytest.raises(StorageError, match="gone back"):
        start_chain(database, mark=again)


@pytest.fixture
def other(tmp_path):
    """Another database, under the same master key and made alike."""
    database = Database.open(f"sqlite:{tmp_path}/other.db")
    chain = start_chain(database)
    shelf = Shelf(database, chain.envelope)
    token = SoftwareToken("soft", shelf.vault)
    for name in ("k", "off"):
        assert settle(database, chain, lambda: NOW, new_key(token, shelf, name, "Ed25519")) == ["ok"]
    assert settle(database, chain, lambda: NOW, set_enabled("client", "reports", enabled=True)) == ["ok"]
    yield database
    database.dispose()


@pytest.mark.parametrize("what", ["over", "beside", "all", "all and the manifest", "subjects"])
def test_a_row_of_another_database_is_not_believed(database, chain, stocked, other, clock, what):
    """Rows of another database of the same master key, one or all, with their MACs and manifest, stop the start."""
    tables = copied(other, "keys", "subjects")
    mine = copied(database, "keys", "subjects")
    foreign = next(row for row in tables["keys"] if row["name"] == "k")
    if what == "over":
        put_back(database, {"keys": [row for row in mine["keys"] if row["name"] != "k"] + [foreign]})
    elif what == "beside":
        put_back(database, {"keys": [*mine["keys"], {**foreign, "name": "k2"}]})
    elif what == "subjects":
        put_back(database, {"subjects": tables["subjects"]})
    else:
        put_back(database, tables)
    if what == "all and the manifest":
        rolled_back(database, chain, tables, *head_of(other))

    with pytest.raises(StorageError):
        Shelf(database, chain.envelope).records()
    with pytest.raises(StorageError):
        Ledger(database, chain.envelope, clock=clock).start()
    with pytest.raises(StorageError):
        SoftwareToken("soft", Shelf(database, chain.envelope).vault).signer(
            Shelf(other, start_chain(other).envelope).active("k")
        )


def test_a_count_of_uses_is_no_part_of_what_is_trusted(database, chain, stocked, clock):
    """Counting a use moves no generation, so that no other process reads anything anew for it."""
    before = head_of(database)

    assert settle(database, chain, clock, intent(1, KeyUse("k", 1))) == ["ok"]
    assert head_of(database) == before
    assert Shelf(database, chain.envelope).active("k").uses == 1


def test_macs_and_manifest_are_of_this_database_kind_and_generation():
    """No two of chain, kind, content and master key give one MAC."""
    envelope = MASTER.of("a")
    found = [
        envelope.mac("keys", ["x", 1]),
        MASTER.of("b").mac("keys", ["x", 1]),
        envelope.mac("subjects", ["x", 1]),
        envelope.mac("keys", ["x", "1"]),
        envelope.mac("keys", ["x1"]),
        type(MASTER)(b"n" * 32, "a").mac("keys", ["x", 1]),
        envelope.mac("a", ["keys", "x", 1]),
    ]

    assert len(set(found)) == len(found)
    assert {len(mac) for mac in found} == {32}
