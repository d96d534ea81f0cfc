"""A database of the first release opens, migrates, verifies and keeps its keys; it is taken over once (R14, R29)."""

import sqlite3
from pathlib import Path

import pytest

from tests.storage.writing import (
    MASTER,
    NOW,
    Shelf,
    assert_chain_holds,
    copied,
    intent,
    members,
    put_back,
    run,
    settle,
    start_chain,
)
from undersign import jws
from undersign.access.standing import Enabled
from undersign.cryptotoken.software import SoftwareToken
from undersign.errors import StorageError
from undersign.replay import Burn
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope
from undersign.storage.keys import disabled
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.mark import Mark

DUMP = Path(__file__).with_name("first_release.sql")


@pytest.fixture
def old(tmp_path):
    """The file of the first release, whose schema was brought up to date and whose rows were not taken over yet."""
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(DUMP.read_text())
    connection.close()
    database = Database.open(f"sqlite:{tmp_path}/old.db")
    yield database
    database.dispose()


def test_it_is_taken_over_whole(old):
    """Keys, states, subjects, burns and lines are there, the private halves sign, and the chain holds."""
    before = len(members(old))
    chain = start_chain(old, now=NOW + 5)
    shelf = Shelf(old, chain.envelope)

    assert [shelf.states(name) for name in ("contracts", "drafts", "old", "gone", "audit-root")] == [
        [(1, "window"), (2, "active")],
        [(1, "active")],
        [(1, "disabled")],
        [(1, "destroyed")],
        [(1, "active")],
    ]
    for name in ("contracts", "drafts", "audit-root"):
        record = shelf.active(name)
        token = jws.sign(b"x", SoftwareToken("software", shelf.vault).signer(record))
        assert jws.verify(token, record.public()).payload == b"x"
    assert disabled(shelf.reading.now(), "client") == {"reports"}
    assert [line["event"] for line in members(old, before)] == ["rows_sealed"]
    assert shelf.active("audit-root").thumbprint == chain.root
    assert_chain_holds(old, chain)


def test_what_was_used_stays_used(old):
    """A burn of the first release is one of this release, and a disabled client stays refused."""
    chain = start_chain(old)
    used = Burn("client-auth", "https://as.example", "jti-1", NOW + 300, NOW - 1)

    assert settle(old, chain, lambda: NOW, intent(1, used), intent(2, Enabled("client", "reports"))) == [
        "ReplayedError",
        "AccessError",
    ]
    assert settle(old, chain, lambda: NOW, intent(3, Enabled("client", "other"))) == ["ok"]


def test_no_private_half_of_the_first_release_is_left(old):
    """After the take-over each private half is sealed to this database, and to its key."""
    start_chain(old)
    found = run(old, "SELECT name, sealed FROM keys WHERE state != 'destroyed'")

    assert len(found) == 5
    assert {bytes(sealed)[:1] for _, sealed in found} == {b"\x02"}


def test_opening_again_takes_nothing_over(old):
    """The second start finds what the first made."""
    first = start_chain(old)
    lines = len(members(old))
    second = start_chain(old)

    assert (first.id, first.root) == (second.id, second.root)
    assert len(members(old)) == lines


def test_another_master_key_takes_nothing_over(old):
    """Who has another master key is told so, and the database is as it was."""
    before = copied(old, "keys", "chain", "audit_lines")
    with pytest.raises(StorageError):
        start_chain(old, master=Envelope(b"n" * 32))

    assert copied(old, "keys", "chain", "audit_lines") == before
    start_chain(old)


FORGERIES = {
    "a public half": "UPDATE keys SET public_jwk = (SELECT public_jwk FROM keys WHERE name = 'drafts')"
    " WHERE name = 'audit-root'",
    "a thumbprint": "UPDATE keys SET thumbprint = 'x' WHERE name = 'drafts'",
    "a purpose": "UPDATE keys SET purpose = 'access_token' WHERE name = 'drafts'",
    "a name": "UPDATE keys SET name = 'access-token' WHERE name = 'drafts'",
    "a key without a private half": "INSERT INTO keys SELECT name, 9, purpose, alg, 'window', kid, 'x', public_jwk,"
    " NULL, token, created_at, uses, NULL FROM keys WHERE name = 'drafts'",
    "a private half of another": "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE name = 'drafts')"
    " WHERE name = 'old'",
}


@pytest.mark.parametrize("sql", FORGERIES.values(), ids=FORGERIES)
def test_a_row_that_its_private_half_does_not_prove_stops_the_take_over(old, sql):
    """At the one moment when rows are believed, a public half still needs its sealed private one to prove it."""
    run(old, sql)

    with pytest.raises(StorageError):
        start_chain(old)


@pytest.mark.parametrize(
    "how,marked",
    # Whoever puts back the rows and takes the line out too has the first release again; only a mark can tell then.
    [(how, marked) for how in ("manifest", "rows", "first rows") for marked in (True, False)]
    + [("first rows and lines", True)],
)
def test_it_is_not_taken_over_twice(old, tmp_path, marked, how):
    """Taking the manifest out, with today's rows or those of the first release, has nothing believed anew."""
    first = copied(old, "keys", "subjects")
    mark = Mark(tmp_path / "mark") if marked else None
    chain = start_chain(old, mark=mark)
    with Ledger(old, chain.envelope, clock=lambda: NOW, mark=mark) as ledger:
        ledger.submit(intent(1)).result()
    run(old, "UPDATE chain SET manifest = NULL, generation = 0")
    if how == "rows":
        run(old, "UPDATE keys SET state = 'active' WHERE name = 'old'")
    if how.startswith("first rows"):
        for row in first["keys"]:
            row["state"] = "active" if row["name"] == "old" else row["state"]
        put_back(old, first)
    if how == "first rows and lines":
        if not marked:
            pytest.skip(
                "whoever has the whole database of the first release has the first release; only a mark can tell"
            )
        run(old, "DELETE FROM audit_lines WHERE event = 'rows_sealed'")

    with pytest.raises(StorageError):
        start_chain(old, mark=mark)


def test_a_chain_of_this_release_is_never_taken_over(database, chain):
    """A database that was made with MACs says so in its first line, and is not believed without them."""
    run(database, "UPDATE chain SET manifest = NULL, generation = 0")

    with pytest.raises(StorageError):
        start_chain(database)
    assert MASTER.chain == ""
