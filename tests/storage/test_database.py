"""Opening a database: its place, its schema, its chain."""

import json
import multiprocessing
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from tests.storage.writing import MASTER, NOW, Shelf, new_key, run, start_chain
from undersign.audit.verify import verify_lines
from undersign.cryptotoken.lifecycle import Wanted
from undersign.errors import SettingsError, StorageError
from undersign.storage.database import Database
from undersign.storage.heads import HeadSigner
from undersign.storage.keys import ensure_key
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import READ, head_line, lines_after
from undersign.storage.ledger.opening import open_chain
from undersign.storage.rows import metadata


def test_migrations_and_schema_agree(nowhere):
    """The tables that the migrations make on an empty database are the ones that the code reads."""
    database = nowhere.open()
    with database.engine.migrating() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    database.dispose()

    assert found == []


def test_the_file_is_private_and_durable(tmp_path):
    """Only its owner reads the file; commits survive a loss of power."""
    database = Database.open(f"sqlite:{tmp_path}/var/undersign.db")
    connection = database.connect()

    assert database.engine.path.stat().st_mode & 0o777 == 0o600
    assert connection._driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection._driver.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


@pytest.mark.slow
def test_commits_wait_for_the_disk_whatever_the_role_says(postgres, postgres_database):
    """A role, a database or a session that switches synchronous_commit off does not reach our connections."""
    with postgres_database.connect() as connection:
        connection.execute(f"ALTER DATABASE {postgres_database.name} SET synchronous_commit = off")
    database = Database.open(postgres_database.url, password=postgres_database.password)
    connection = database.connect()

    assert connection._driver.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert connection._driver.execute("SHOW default_transaction_isolation").fetchone() == ("read committed",)
    connection.close()
    database.dispose()


def test_opening_again_changes_nothing(where, database, chain):
    """A second start finds the database as it is."""
    again = where.open()
    found = open_chain(again, MASTER, lambda _: pytest.fail("no second root is made"), now=NOW)
    again.dispose()

    assert (found.id, found.root) == (chain.id, chain.root)
    assert len(lines_after(database, 0)) == 1


def _open(place, results):
    database = place.open()
    results.put(len(lines_after(database, 0)))
    database.dispose()


@pytest.mark.slow
def test_processes_that_open_at_once_migrate_once(nowhere):
    """Four processes that start together on an empty database all come up."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_open, args=(nowhere, results)) for _ in range(4)]
    for process in processes:
        process.start()

    assert [results.get(timeout=60) for _ in processes] == [0, 0, 0, 0]
    for process in processes:
        process.join()
        assert process.exitcode == 0


OTHERS = ("", "sqlite:", "sqlite:///x.db", "sqlite::memory:", "mysql://x", "postgresql://x", "postgres://u@h/d")


@pytest.mark.parametrize("url", OTHERS)
def test_other_addresses_are_refused(url):
    """A kind of database that this release does not know, or an address that is not whole, is named as such."""
    with pytest.raises(SettingsError):
        Database.open(url)


def test_what_is_no_database_is_refused(tmp_path):
    """A file that holds something else is left alone, and called what it is."""
    path = tmp_path / "text.db"
    path.write_text("this is not a database, it only has its name" * 40)

    with pytest.raises(StorageError, match="no SQLite database"):
        Database.open(f"sqlite:{path}")
    assert path.read_text().startswith("this is not")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"password": "hunter2"}, "the password was refused"),
        ({"password": ""}, "a password is needed"),
        ({"name": "nowhere"}, "no such database or role"),
        ({"port": 1}, "nothing listens there"),
    ],
)
def test_why_postgresql_lets_nobody_in_is_said(postgres, postgres_database, changed, reason):
    """What is wrong with an address or a password is named, with the port, and no password is."""
    there = replace(postgres_database, **changed)
    with pytest.raises(StorageError, match=reason) as caught:
        Database.open(there.url, password=there.password)
    assert f":{there.port}" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_what_is_in_use_while_the_database_is_let_go_of_is_closed_after_it(database):
    """A reader that comes back to a database that was disposed of is not kept: nothing would close it."""
    closed, inner = [], database.engine.connect()

    class Slow:
        def ask(self, *questions):
            database.dispose()
            return inner.ask(*questions)

        def close(self):
            closed.append(True)
            inner.close()

    database._readers[:] = [Slow()]
    assert database.ask_all((READ, {})) == [[]]
    assert (closed, database._readers) == ([True], [])


def test_a_database_of_a_newer_release_is_refused(where, database):
    """An unknown revision is not run on, with or without the right to migrate."""
    run(database, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StorageError, match="newer release"):
        where.open()
    with pytest.raises(StorageError):
        where.open(migrate=False)


def test_without_migrating_an_empty_database_is_refused_and_left_alone(nowhere):
    """A process that may not change the schema says so, and makes no table."""
    with pytest.raises(StorageError):
        nowhere.open(migrate=False)
    database = nowhere.open()
    database.dispose()


def test_the_root_key_and_line_one_are_one_transaction(database, token, shelf, chain):
    """A chain never names a root whose key was not stored with it."""
    first = json.loads(lines_after(database, 0)[0].body)

    assert first["detail"]["root"] == chain.root == shelf.active("audit-root").thumbprint
    token.signer(shelf.active("audit-root")).sign(b"x")


def test_signed_heads_verify_offline(database, chain, ledger, shelf, token, clock):
    """Heads of two epochs, both recorded, verify against the exported lines and the root's fingerprint."""
    heads = HeadSigner(ledger, chain=chain.id, root=token.signer(shelf.active("audit-root")), clock=clock)
    first, same_epoch = heads.sign(), heads.sign()
    clock.now += 3601
    second = heads.sign()
    lines = [line.body for line in lines_after(database, 0)]
    report = verify_lines(lines, root=chain.root, heads=[first, same_epoch, second])

    assert (report.lines, report.witnessed, report.epochs) == (3, 3, 2)


def test_a_database_that_cannot_be_read_is_a_storage_error(database, chain):
    """Readers get an error of ours, not the driver's."""
    run(database, "DROP TABLE audit_lines")

    with pytest.raises(StorageError):
        lines_after(database, 0)


def test_a_head_without_its_line_is_signed_by_nobody(database, chain, ledger, shelf, token, clock):
    """Where the last line was taken out, no head is signed over what is left."""
    heads = HeadSigner(ledger, chain=chain.id, root=token.signer(shelf.active("audit-root")), clock=clock)
    heads.sign()
    run(database, "DELETE FROM audit_lines WHERE seq = 2")

    assert head_line(database) is None
    with pytest.raises(StorageError):
        heads.sign()


def test_no_chain_has_no_head(database):
    """Reading the head of nothing gives nothing, and a chain that is not there is read by nobody."""
    assert head_line(database) is None
    with pytest.raises(StorageError):
        Shelf(database, MASTER.of("x")).records()


def test_lines_are_read_in_pages(database, chain, ledger, shelf, token):
    """A reader takes up where it stopped."""
    for name in "abc":
        ensure_key(shelf.reading, ledger, token, Wanted(name, "jws", "Ed25519"), now=NOW)

    assert [line.seq for line in lines_after(database, 1, limit=2)] == [2, 3]
    assert [line.seq for line in lines_after(database, 3)] == [4]


@pytest.mark.parametrize("what", ["two active versions", "an unknown state", "one key twice"])
def test_a_row_that_says_what_it_should_not_be_is_refused_by_the_schema(database, chain, what):
    """Two active versions, an unknown state or one key twice cannot be stored, whoever writes."""
    rows = {
        "two active versions": ("audit-root", 2, "active", "another"),
        "an unknown state": ("k", 1, "sleeping", "another"),
        "one key twice": ("k", 1, "active", chain.root),
    }
    names = ("name", "version", "state", "thumbprint")
    row = dict(zip(names, rows[what], strict=True))
    insert = (
        "INSERT INTO keys (name, version, purpose, alg, state, kid, thumbprint, public_jwk, token, created_at, uses)"
        " SELECT :name, :version, purpose, alg, :state, kid, :thumbprint, public_jwk, token, created_at, uses FROM keys"
    )
    with pytest.raises(IntegrityError):
        run(database, insert, **row)


def test_ledgers_of_two_processes_share_one_chain(database, chain, clock):
    """Lines of two ledgers follow one another."""
    with (
        Ledger(database, chain.envelope, node="a", clock=clock) as one,
        Ledger(database, chain.envelope, node="b", clock=clock) as two,
    ):
        for ledger in (one, two) * 5:
            ledger.count("x", "192.0.2.1")
    nodes = [json.loads(line.body)["node"] for line in lines_after(database, 1)]

    assert sorted(nodes) == ["a", "b"]


def test_two_processes_that_open_a_chain_at_once_make_one(where, database):
    """Whoever is second finds the first one's chain and root."""
    other = where.open()
    found = {(start_chain(each).id, start_chain(each).root) for each in (database, other)}
    other.dispose()

    assert len(found) == 1
    assert len(run(database, "SELECT name FROM keys")) == 1


def test_the_word_of_a_column_is_a_parameter(ledger, shelf, token):
    """A key's name reaches the database as a value, whatever stands in it."""
    name = "k'; DROP TABLE keys; --%s:x"
    ledger.submit(new_key(token, shelf, name)).result()

    assert shelf.active(name).name == name
