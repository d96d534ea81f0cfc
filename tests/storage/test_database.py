"""Opening a database: its file, its schema, its chain."""

import json
import multiprocessing
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from undersign.audit.verify import verify_lines
from undersign.cryptotoken.lifecycle import Wanted, create
from undersign.errors import SettingsError, StorageError
from undersign.storage.audit import head_line, lines_after, open_chain
from undersign.storage.engine import Database
from undersign.storage.heads import HeadSigner
from undersign.storage.keys import ensure_key
from undersign.storage.schema import metadata
from undersign.storage.writer import Writer

NOW = 1_800_000_000


def test_migrations_and_schema_agree(database):
    """The tables that the migrations make are the ones that the code reads."""
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_file_is_private_and_durable(database):
    """Only its owner reads the file; commits survive a loss of power."""
    connection = database.connect()

    assert database.path.stat().st_mode & 0o777 == 0o600
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_opening_again_changes_nothing(database, chain):
    """A second start finds the database as it is."""
    again = Database.open(f"sqlite:{database.path}")

    assert open_chain(again, lambda: pytest.fail("no second root is made"), now=NOW) == chain
    again.dispose()


def _open(path, results):
    database = Database.open(f"sqlite:{path}")
    results.put(len(lines_after(database, 0)))
    database.dispose()


@pytest.mark.slow
def test_processes_that_open_at_once_migrate_once(tmp_path):
    """Four processes that start together on a new file all come up."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_open, args=(tmp_path / "new.db", results)) for _ in range(4)]
    for process in processes:
        process.start()

    assert [results.get(timeout=60) for _ in processes] == [0, 0, 0, 0]
    for process in processes:
        process.join()
        assert process.exitcode == 0


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite:///x.db", "sqlite::memory:", "mysql://x", "postgresql://x"])
def test_other_addresses_are_refused(url):
    """A kind of database that this release does not know is named, with what to write."""
    with pytest.raises(SettingsError):
        Database.open(url)


def test_what_is_no_database_is_refused(tmp_path):
    """A file that holds something else is left alone."""
    path = tmp_path / "text.db"
    path.write_text("this is not a database, it only has its name" * 40)

    with pytest.raises(StorageError):
        Database.open(f"sqlite:{path}")
    assert path.read_text().startswith("this is not")


def test_a_database_of_a_newer_release_is_refused(database):
    """An unknown revision is not run on."""
    connection = database.connect()
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(StorageError, match="newer release"):
        Database.open(f"sqlite:{database.path}")


def test_the_root_key_and_line_one_are_one_transaction(database, token, store, chain):
    """A chain never names a root whose key was not stored with it."""
    first = json.loads(lines_after(database, 0)[0].body)

    assert first["detail"]["root"] == chain.root == store.active("audit-root").thumbprint
    token.signer(store.active("audit-root")).sign(b"x")


def test_signed_heads_verify_offline(database, chain, writer, store, token, clock):
    """Heads of two epochs, both recorded, verify against the exported lines and the root's fingerprint."""
    heads = HeadSigner(database, writer, chain=chain.id, root=token.signer(store.active("audit-root")), clock=clock)
    first, same_epoch = heads.sign(), heads.sign()
    clock.now += 3601
    second = heads.sign()
    lines = [line.body for line in lines_after(database, 0)]
    report = verify_lines(lines, root=chain.root, heads=[first, same_epoch, second])

    assert (report.lines, report.witnessed, report.epochs) == (3, 3, 2)


def test_a_database_that_cannot_be_read_is_a_storage_error(database, chain):
    """Readers get an error of ours, not the driver's."""
    connection = database.connect()
    connection.execute("DROP TABLE audit_lines")
    connection.close()

    with pytest.raises(StorageError):
        lines_after(database, 0)


def test_no_chain_has_no_head(database):
    """Reading the head of nothing is an error, not an empty answer."""
    with pytest.raises(StorageError):
        head_line(database)


def test_lines_are_read_in_pages(database, chain, writer, store, token):
    """A reader takes up where it stopped."""
    for name in "abc":
        ensure_key(store, writer, token, Wanted(name, "jws", "Ed25519"), now=NOW)

    assert [line.seq for line in lines_after(database, 1, limit=2)] == [2, 3]
    assert [line.seq for line in lines_after(database, 3)] == [4]


def test_a_row_that_says_what_it_should_not_be_is_refused_by_the_schema(database, chain, store, token):
    """Two active versions, an unknown state or one key twice cannot be stored, whoever writes."""
    plan = create(token, (), Wanted("k", "jws", "ES256"), now=NOW)
    connection = database.connect()
    insert = (
        "INSERT INTO keys SELECT ?, ?, purpose, alg, ?, kid, ?, public_jwk, sealed, token, created_at, uses FROM keys"
    )
    for row in (
        ("audit-root", 2, "active", "another"),
        ("k", 1, "sleeping", "another"),
        ("k", 1, "active", chain.root),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(insert, row)
    connection.close()
    assert plan.record.version == 1


def test_writers_of_two_processes_share_one_chain(database, chain, clock):
    """Lines of two writers follow one another."""
    with Writer(database, node="a", clock=clock) as one, Writer(database, node="b", clock=clock) as two:
        for writer in (one, two) * 5:
            writer.count("x", "192.0.2.1")
    nodes = [json.loads(line.body)["node"] for line in lines_after(database, 1)]

    assert sorted(nodes) == ["a", "b"]
