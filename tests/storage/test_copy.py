"""Copying a database: everything arrives, on every engine, or nothing does."""

import sqlite3
from itertools import product

import pytest

from tests.engines import Where
from tests.storage.filling import fill, killed
from tests.storage.writing import MASTER, NOW, burn, intent, run, set_head, start_chain
from undersign.errors import ChainError, ConflictError, ReplayedError, StorageError, UndersignError
from undersign.storage.database import Database
from undersign.storage.engines import engine_of
from undersign.storage.envelope import Envelope
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import head_of, lines_after, read_head
from undersign.storage.rows import metadata
from undersign.storage.transfer import check_new, copy_database

TABLES = [table.name for table in metadata.sorted_tables]
ENGINES = ("sqlite", "postgresql")
PAIRS = [
    pytest.param(pair, marks=pytest.mark.slow if "postgresql" in pair else ()) for pair in product(ENGINES, ENGINES)
]


# What no engine makes a difference to is held on one way to the same engine and one to the other.
TWO_WAYS = pytest.mark.parametrize("places", [PAIRS[0], PAIRS[2]], indirect=True, ids="-to-".join)


@pytest.fixture(params=PAIRS, ids="-to-".join)
def places(request, tmp_path):
    """An address to copy from, and one to copy to."""
    found, made = [], []
    for name, engine in zip(("from", "to"), request.param, strict=True):
        if engine == "sqlite":
            found.append(Where(f"sqlite:{tmp_path}/{name}.db", name=f"{tmp_path}/{name}.db"))
            continue
        cluster = request.getfixturevalue("postgres")
        address = cluster.create(request.getfixturevalue("postgres_template"))
        made.append((cluster, address))
        found.append(Where(address.url, address.password, address.name))
    yield found
    for cluster, address in made:
        cluster.drop(address)


@pytest.fixture
def where(places):
    return places[0]


@pytest.fixture
def target(places):
    opened = places[1].open()
    yield opened
    opened.dispose()


@pytest.fixture
def filled(database, chain, shelf, token, clock):
    return fill(database, chain, shelf, token, clock)


def rows(database):
    """All rows of all tables."""
    found = {}
    for name in TABLES:
        each = run(database, f"SELECT * FROM {name}")  # noqa: S608 - our own names
        found[name] = sorted(repr([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in each)
    return found


def test_everything_arrives(database, target, chain, clock, filled, monkeypatch):
    """Every row of every table is there, equal octet by octet, whatever the size of a page."""
    monkeypatch.setattr("undersign.storage.transfer._PAGE", 7)

    done = copy_database(database, target, [MASTER])

    assert rows(target) == rows(database)
    counts = {name: len(found) for name, found in rows(target).items() if name != "chain"}
    assert dict(done.rows) == counts
    assert (done.chain, done.root, done.first, done.seq) == (chain.id, chain.root, 1, read_head(target).seq)
    assert min(counts.values()) > 0


def test_a_copy_is_served(database, target, chain, clock, filled):
    """A ledger goes on where the other ended, and what was used or disabled stays so."""
    copy_database(database, target, [MASTER])
    reach = read_head(database).seq

    assert start_chain(target).id == chain.id
    with Ledger(target, chain.envelope, clock=clock) as ledger:
        with pytest.raises(ReplayedError):
            ledger.submit(intent(1, burn("j1"))).result()
        kept = ledger.reading.find("code", filled, NOW)
        assert ledger.submit(intent(2, kept.use_up())).result().line.seq == reach + 1
        with pytest.raises(ReplayedError):
            ledger.submit(intent(3, kept.use_up())).result()


def test_there_and_back_is_the_same(database, target, chain, filled, tmp_path):
    """A database that went to another engine and came back has the rows that it had."""
    back = Database.open(f"sqlite:{tmp_path}/back.db")
    copy_database(database, target, [MASTER])
    copy_database(target, back, [MASTER])

    assert rows(back) == rows(database)
    back.dispose()


# -- what is refused --


def nothing_in(database):
    return all(not found for found in rows(database).values())


def test_a_place_that_is_taken_is_refused(database, target, places, filled):
    """A target with a chain is left as it is, whether it is looked at before it is opened or after."""
    start_chain(target)
    before = rows(target)

    with pytest.raises(ConflictError, match="has a chain"):
        copy_database(database, target, [MASTER])
    with pytest.raises(ConflictError, match="has a chain"):
        check_new(engine_of(places[1].url, password=places[1].password))
    assert rows(target) == before


def test_rows_without_a_chain_are_refused(database, target, filled):
    """What is no database and not empty is named, and not cleared."""
    run(target, "INSERT INTO burns (key, purpose, expires_at) VALUES ('k', 'p', 1)")

    with pytest.raises(ConflictError, match="burns"):
        copy_database(database, target, [MASTER])
    assert len(rows(target)["burns"]) == 1


def test_nothing_to_copy_is_refused(places, target):
    """A source without a chain is no database."""
    source = places[0].open()

    with pytest.raises(StorageError, match="no audit chain"):
        copy_database(source, target, [MASTER])
    source.dispose()


@TWO_WAYS
@pytest.mark.parametrize("masters", [[Envelope(b"x" * 32)], [MASTER, Envelope(b"x" * 32)]])
def test_another_master_key_is_refused(database, target, filled, masters):
    """The rows that decide trust must verify under each master key that was given."""
    with pytest.raises(StorageError, match="master key"):
        copy_database(database, target, masters)
    assert nothing_in(target)


CHANGES = {
    "UPDATE subjects SET disabled = 0": StorageError,
    "DELETE FROM subjects": StorageError,
    "UPDATE keys SET state = 'disabled' WHERE name = 'k'": StorageError,
    "UPDATE keys SET mac = NULL": StorageError,
    "DELETE FROM keys WHERE name = 'k'": StorageError,
    "UPDATE chain SET generation = generation + 1": StorageError,
    "UPDATE chain SET manifest = NULL": StorageError,
    "DELETE FROM audit_lines WHERE seq = 5": ChainError,
    "DELETE FROM audit_lines WHERE seq = (SELECT seq FROM chain)": ChainError,
    "DELETE FROM audit_lines": ChainError,
    "UPDATE audit_lines SET line = (SELECT line FROM audit_lines WHERE seq = 6) WHERE seq = 5": ChainError,
    "UPDATE audit_lines SET hash = 'x' WHERE seq = 5": ChainError,
    "UPDATE audit_lines SET time = 1 WHERE seq = 5": ChainError,
    "UPDATE chain SET seq = seq - 1": StorageError,
    "UPDATE chain SET hash = 'x'": StorageError,
    "UPDATE chain SET closed = 3": StorageError,
    "UPDATE chain SET root = 'x'": StorageError,
    "UPDATE chain SET time = time + 1": StorageError,
    "UPDATE chain SET unsure_to = 1": StorageError,
    "UPDATE chain SET restored_at = 1": StorageError,
    "UPDATE chain SET mac = NULL": StorageError,
    "UPDATE chain SET mac = NULL, manifest = NULL": StorageError,
}


@TWO_WAYS
@pytest.mark.parametrize("change", CHANGES)
def test_a_source_that_was_tampered_with_is_refused(database, target, filled, change):
    """A chain that does not hold, or rows that nobody with the master key wrote, are not carried over."""
    run(database, change)

    with pytest.raises(CHANGES[change]):
        copy_database(database, target, [MASTER])
    assert nothing_in(target)


@TWO_WAYS
@pytest.mark.parametrize("column", ["seq = seq - 1", "hash = 'x'", "closed = 3", "root = 'x'"])
def test_a_chain_that_does_not_hold_is_refused_whatever_its_head_carries(database, target, chain, filled, column):
    """Where the head's MAC is right, the chain is verified all the same."""
    run(database, f"UPDATE chain SET {column}")  # noqa: S608 - a constant
    set_head(database, chain.envelope)

    with pytest.raises(ChainError):
        copy_database(database, target, [MASTER])
    assert nothing_in(target)


@TWO_WAYS
@pytest.mark.parametrize("table", [name for name in TABLES if name != "chain"])
def test_a_row_that_does_not_arrive_is_noticed(database, target, filled, table, monkeypatch):
    """Whichever table loses a row, or has one changed on the way, nothing is kept."""
    opened = target.connect()
    opened.close()
    execute = type(opened).execute

    def losing(connection, executions):
        return execute(connection, [(s, p[1:] if s.table.name == table else p) for s, p in executions])

    monkeypatch.setattr(type(opened), "execute", losing)

    with pytest.raises(UndersignError):
        copy_database(database, target, [MASTER])
    monkeypatch.undo()
    assert nothing_in(target)


def test_a_new_kind_of_row_would_be_copied():
    """The copy takes its tables from the schema, so that a kind that is added needs nothing of it."""
    from undersign.storage import transfer  # noqa: PLC0415 - its private tables are looked at here only

    assert [table.name for table in transfer._TABLES] == [name for name in TABLES if name != "chain"]
    assert all(table.primary_key.columns for table in metadata.sorted_tables)


# -- servers that run, processes that die --


def test_no_write_of_a_running_server_is_missed(database, target, chain, clock, filled, monkeypatch):
    """While the copy runs a write waits; it comes after, and the copy that misses it is not called good."""
    from undersign.storage import transfer  # noqa: PLC0415

    running = Ledger(database, chain.envelope, clock=clock).start()
    waiting = []
    trusted, check = transfer._trusted, transfer._check_head

    def writing(*given):
        waiting.append(running.submit(intent(1, burn("meanwhile"))))
        return trusted(*given)

    def late(*given):
        waiting[0].result(timeout=30)
        return check(*given)

    monkeypatch.setattr(transfer, "_trusted", writing)
    monkeypatch.setattr(transfer, "_check_head", late)
    reach = read_head(database).seq

    with pytest.raises(StorageError, match="written to"):
        copy_database(database, target, [MASTER])
    running.close()
    assert (read_head(database).seq, read_head(target).seq) == (reach + 1, reach)


COPYING = """
from undersign.storage import transfer
source, target = [Database.open(sys.argv[i], password=sys.argv[i + 1], migrate=False) for i in (1, 3)]
transfer._PAGE = 5
owner = type(target.connect()) if sys.argv[5] in {"execute", "finish"} else transfer
dying(owner, sys.argv[5], int(sys.argv[6]), after=sys.argv[7] == "after")
transfer.copy_database(source, target, [MASTER])
"""
POINTS = [
    ("_check_empty", 1, "after"),
    ("execute", 1, "after"),
    ("execute", 9, "before"),
    ("_trusted", 1, "before"),
    ("_walk", 1, "after"),
    ("_digest", 3, "after"),
    ("finish", 1, "before"),
]


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=lambda point: "-".join(map(str, point)))
def test_a_copy_that_was_killed_is_no_database(database, target, places, filled, point):
    """Wherever it is killed before its last statement there is no chain, and the next try succeeds."""
    first, second = places
    killed(COPYING, first.url, first.password, second.url, second.password, *map(str, point))

    assert nothing_in(target)
    with pytest.raises(StorageError, match="no audit chain"):
        read_head(target)
    copy_database(database, target, [MASTER])
    assert rows(target) == rows(database)


@pytest.mark.slow
def test_a_copy_that_was_killed_after_its_commit_is_whole(database, target, places, filled):
    """Behind the last statement everything is there."""
    first, second = places
    killed(COPYING, first.url, first.password, second.url, second.password, "finish", "1", "after")

    assert rows(target) == rows(database)
    with pytest.raises(ConflictError):
        copy_database(database, target, [MASTER])


def test_a_full_disk_leaves_nothing(database, tmp_path, filled, monkeypatch):
    """Where the target has no room the copy says that it could not be written, and there is no database."""
    small = Database.open(f"sqlite:{tmp_path}/small.db")
    connection = small.connect()
    connection._driver.execute("PRAGMA max_page_count = 1")  # that is, as many as there are
    monkeypatch.setattr(small, "connect", lambda: connection)

    with pytest.raises(StorageError, match="could not take the write"):
        copy_database(database, small, [MASTER])
    with sqlite3.connect(tmp_path / "small.db") as looking:
        assert looking.execute("SELECT count(*) FROM chain").fetchone() == (0,)
    looking.close()
    small.dispose()


def test_a_segment_that_was_closed_is_no_hindrance(database, target, chain, filled):
    """A database whose older lines are elsewhere is copied from its first line on."""
    through = lines_after(database, 0)[9]
    run(database, f"DELETE FROM audit_lines WHERE seq <= {through.seq}")  # noqa: S608 - a number of ours
    set_head(database, chain.envelope, closed=through.seq)

    done = copy_database(database, target, [MASTER])

    assert done.first == through.seq + 1
    assert rows(target) == rows(database)
    assert head_of([]) is None
