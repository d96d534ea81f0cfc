"""The head of the chain, and the database that it stands in, are those that were written, or nothing is (R14, R24)."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from tests.storage.writing import (
    MASTER,
    NOW,
    Shelf,
    burn,
    copied,
    intent,
    members,
    new_key,
    put_back,
    run,
    set_head,
    settle,
    start_chain,
)
from undersign.cryptotoken.lifecycle import KeyUse
from undersign.errors import StorageError
from undersign.storage.database import Database
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import READ, believed, head_of, read_head
from undersign.storage.ledger.mark import Mark
from undersign.storage.rows import metadata

TABLES = tuple(metadata.tables)
JSON = '","caller":{"kind":"client","name":"ceo"},"x":"'
CHANGED = {
    "id": "id = 'x'",
    "root": "root = 'x'",
    "seq": "seq = seq - 1",
    "a later seq": "seq = seq + 1",
    "hash": "hash = 'x'",
    "json in the hash": f"hash = hash || '{JSON}'",
    "time": "time = time + 1",
    "an earlier time": "time = 0",
    "generation": "generation = generation + 1",
    "an earlier generation": "generation = 0",
    "manifest": "manifest = mac",
    "no manifest": "manifest = NULL",
    "unsure_from": "unsure_from = unsure_from + 1",
    "unsure_to": "unsure_to = unsure_to + 1",
    "restored_at": "restored_at = restored_at + 1",
    "closed": "closed = closed + 1",
    "mac": "mac = manifest",
    "no mac": "mac = NULL",
    "neither manifest nor mac": "manifest = NULL, mac = NULL",
    "neither, and the first generation": "manifest = NULL, mac = NULL, generation = 0",
}


@pytest.fixture(params=CHANGED)
def change(request):
    return f"UPDATE chain SET {CHANGED[request.param]}"  # noqa: S608 - a constant


@pytest.fixture
def stocked(ledger, shelf, token):
    """A key, and some lines."""
    ledger.submit(new_key(token, shelf, "k", "Ed25519")).result()
    for number in range(3):
        ledger.submit(intent(number, burn(f"before {number}"))).result()
    ledger.close()


def lines_of(database):
    return run(database, "SELECT * FROM audit_lines ORDER BY seq")


# -- each column --


def test_every_column_of_the_head_is_among_the_changed():
    """A column that is added to the head has to be added here."""
    columns = {column.name for column in metadata.tables["chain"].c} - {"one"}

    assert columns <= set(CHANGED)


@pytest.mark.usefixtures("stocked")
def test_a_running_ledger_takes_nothing_on_a_head_that_was_changed(database, chain, clock, change):
    """Whichever column of the head is changed, no write is taken, nothing is given out, and no line is there."""
    shelf = Shelf(database, chain.envelope)
    shelf.records()
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        run(database, change)
        before = lines_of(database), run(database, "SELECT * FROM chain"), copied(database, "burns", "keys")
        for write in (intent(1), intent(2, KeyUse("k", 1)), intent(3, burn("x"))):
            with pytest.raises(StorageError):
                ledger.submit(write).result()
        for reading in (shelf.reading, ledger.reading):
            with pytest.raises(StorageError):
                reading.now()
            with pytest.raises(StorageError):
                reading.check_clock(NOW)
    assert (lines_of(database), run(database, "SELECT * FROM chain"), copied(database, "burns", "keys")) == before


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("marked", [True, False])
def test_nothing_starts_on_a_head_that_was_changed(database, chain, clock, change, marked, tmp_path):
    """Whichever column of the head is changed, the chain is not opened and no ledger starts, with a mark or without."""
    mark = Mark(tmp_path / "mark") if marked else None
    with Ledger(database, chain.envelope, clock=clock, mark=mark) as ledger:
        ledger.submit(intent(4)).result()
    run(database, change)
    before = lines_of(database), run(database, "SELECT * FROM chain")

    with pytest.raises(StorageError):
        start_chain(database, mark=Mark(tmp_path / "mark") if marked else None)
    with pytest.raises(StorageError):
        Ledger(database, chain.envelope, clock=clock).start()
    with pytest.raises(StorageError):
        Shelf(database, chain.envelope).records()
    assert (lines_of(database), run(database, "SELECT * FROM chain")) == before


@pytest.mark.usefixtures("stocked")
def test_a_head_of_whoever_has_the_master_key_is_believed(database, chain, clock):
    """The same columns with their MAC are a head like any other, and only for this chain and this master key."""
    set_head(database, chain.envelope, time=NOW + 1, unsure_to=5, unsure_from=3, restored_at=1)
    head = head_of(database.ask(READ))

    assert believed(head, chain.envelope) == head
    assert settle(database, chain, clock, intent(1)) == ["ok"]
    for envelope in (MASTER.of("0" * 32), type(MASTER)(b"n" * 32, chain.id)):
        with pytest.raises(StorageError):
            believed(head, envelope)
    with pytest.raises(StorageError):
        believed(None, chain.envelope)


@pytest.mark.parametrize("column", ["seq", "closed", "unsure_from", "generation", "restored_at"])
def test_numbers_are_not_moved_from_one_column_to_another(database, chain, column):
    """The MAC is over each column in its place, so that no two heads have one."""
    head = read_head(database)
    later = {"seq": "time", "closed": "restored_at", "unsure_from": "unsure_to", "generation": "seq"}
    other = later.get(column, "unsure_to")
    set_head(database, chain.envelope, **{column: 7, other: 9})
    run(database, f"UPDATE chain SET {column} = 9, {other} = 7")  # noqa: S608 - a test's own names

    with pytest.raises(StorageError):
        believed(read_head(database), chain.envelope)
    assert head.mac != read_head(database).mac


# -- beside a backup that was restored --


FORGED = {
    "closed and seq": "closed = :seen, seq = :seen + 1",
    "closed": "closed = :seen",
    "seq": "seq = :seen",
    "seq and hash": "seq = :seen, hash = :hash",
    "seq, hash and time": "seq = :seen, hash = :hash, time = time + 60",
    "no doubt": "unsure_from = 0, unsure_to = 0, closed = :seen, seq = :seen + 1",
}


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("lines", [False, True])
def test_a_backup_whose_head_hides_that_it_was_restored_does_not_start(database, chain, clock, tmp_path, how, lines):
    """Who restores a backup and forges what the mark is held against has no start, with the later lines or without."""
    path = tmp_path / "mark"
    with Ledger(database, chain.envelope, clock=clock, mark=Mark(path)) as ledger:
        ledger.submit(intent(1)).result()
        backup = copied(database, *TABLES)
        for number in range(2):
            ledger.submit(intent(number, burn(f"used {number}"))).result()
    seen = read_head(database)
    if lines:
        backup["audit_lines"] = copied(database, "audit_lines")["audit_lines"]
    put_back(database, backup)
    given = {"seen": seen.seq} | ({"hash": seen.hash} if ":hash" in FORGED[how] else {})
    run(database, f"UPDATE chain SET {FORGED[how]}", **given)  # noqa: S608 - a test's own words

    with pytest.raises(StorageError, match="without the master key"):
        start_chain(database, mark=Mark(path))
    with pytest.raises(StorageError):
        Ledger(database, chain.envelope, clock=clock).start()
    assert settle(database, chain, clock, intent(1, burn("used 0"))) == ["StorageError"]


# -- another database in place of the one that was served --


@pytest.fixture
def served(database, chain, clock, tmp_path):
    """The mark of a chain that was served."""
    with Ledger(database, chain.envelope, clock=clock, mark=Mark(tmp_path / "mark")) as ledger:
        ledger.submit(intent(1, burn("used", issued_at=NOW))).result()
    return tmp_path / "mark"


@pytest.fixture(params=["with a chain", "empty"])
def other(request, tmp_path):
    """Another database, of the same master key where it has a chain."""
    database = Database.open(f"sqlite:{tmp_path}/other.db")
    if request.param == "with a chain":
        start_chain(database)
    yield database
    database.dispose()


def test_another_database_is_not_served_in_place_of_the_marked_one(served, other, chain):
    """What was used in the one would work again in the other; who means it is told which file to remove."""
    before, noted = copied(other, *TABLES), served.read_bytes()
    with pytest.raises(StorageError, match="mark is of another") as caught:
        start_chain(other, mark=Mark(served))

    assert f"'{served.name}'" in caught.value.help.replace('"', "'")
    assert (copied(other, *TABLES), served.read_bytes()) == (before, noted)
    served.unlink()  # as it was told
    opened = start_chain(other, mark=Mark(served))
    assert opened.id != chain.id


def test_another_database_is_another_start_in_a_demo(served, other, chain):
    """Where the mark is replaceable the other database is opened, as one without a mark, and noted from then on."""
    mark = Mark(served, replaceable=True)
    opened = start_chain(other, now=NOW + 100, mark=mark)
    assert opened.id != chain.id
    with Ledger(other, opened.envelope, clock=lambda: NOW + 100, mark=mark) as ledger:
        ledger.submit(intent(1)).result()

    assert "restored" not in [line["event"] for line in members(other)]
    assert Mark(served).read(opened.envelope) is not None
    assert Mark(served, replaceable=True).read(chain.envelope) is None


# -- a file that is removed or replaced under a running ledger --


@pytest.fixture
def file(tmp_path):
    return tmp_path / "running.db"


@pytest.fixture
def running(file, clock):
    """A ledger on a file, which has taken a burn."""
    database = Database.open(f"sqlite:{file}")
    chain = start_chain(database)
    with Ledger(database, chain.envelope, clock=clock, mark=Mark(file.with_name("its.mark"))) as ledger:
        ledger.submit(intent(1, burn("used", issued_at=NOW))).result()
        yield ledger
    database.dispose()


def beside(file):
    return sorted(path.name for path in file.parent.iterdir() if path.name.startswith(file.name))


@pytest.mark.parametrize("also", [(), ("-wal", "-shm")])
def test_a_file_that_was_removed_takes_no_commit_and_is_not_made_anew(running, file, also):
    """After the file was removed each commit is refused, nothing is read as new, and no file is in its place."""
    for name in ("", *also):
        file.with_name(file.name + name).unlink()
    left = beside(file)

    for number in range(3):
        with pytest.raises(StorageError):
            running.submit(intent(number, burn(f"later {number}"))).result()
        assert beside(file) in (left, [])
    assert not file.exists()


def copy_of(file, path):
    """A whole copy, as a backup makes it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(path),))


@pytest.mark.parametrize("by", ["an older copy", "another", "nothing"])
def test_a_file_that_was_replaced_takes_no_commit(running, file, by, tmp_path):
    """Where less was put in the file's place, the next commit is refused, and no line or burn is added to it."""
    put = tmp_path / "put.db"
    if by == "nothing":
        put.touch()
    elif by == "another":
        database = Database.open(f"sqlite:{put}")
        start_chain(database)
        database.dispose()
    else:
        copy_of(file, put)
    if by == "an older copy":
        running.submit(intent(2, burn("later", issued_at=NOW))).result()
    for name in ("-wal", "-shm"):
        file.with_name(file.name + name).unlink(missing_ok=True)
    put.replace(file)
    before = rows_in(file)

    with pytest.raises(StorageError):
        running.submit(intent(3, burn("later", issued_at=NOW))).result()
    assert rows_in(file) == before


def rows_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_a_file_that_is_gone_is_not_read_from(running, file):
    """What stands in a file that is gone is the truth no longer: neither rows nor burns are looked up in it."""
    running.reading.now()
    file.unlink()

    with pytest.raises(StorageError):
        running.reading.now()

    async def look():
        await running.seen((burn("later", issued_at=NOW),))

    with pytest.raises(StorageError):
        asyncio.run(look())


def test_a_whole_copy_in_the_place_of_the_file_is_gone_on_with(running, file, tmp_path):
    """A copy that lacks nothing is the database: what is read and written from then on is read and written there."""
    running.reading.now()
    copy_of(file, tmp_path / "put.db")
    before = len(rows_in(tmp_path / "put.db"))
    for name in ("-wal", "-shm"):
        file.with_name(file.name + name).unlink(missing_ok=True)
    (tmp_path / "put.db").replace(file)

    running.reading.now()
    running.submit(intent(3, burn("later", issued_at=NOW))).result()
    assert len(rows_in(file)) == before + 2  # a line and a burn
