"""The PostgreSQL that tests run on: a stranger cannot enter, what was committed survives, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

psycopg = pytest.importorskip("psycopg")
lives = pytest.importorskip("tests.postgres").lives

pytestmark = pytest.mark.slow

START = """
import sys, time
from tests.postgres import binaries, cluster
with cluster(binaries()) as running:
    print(running._process.pid, running.folder, flush=True)
    time.sleep(600)
"""


def is_gone(pid: int, folder: Path) -> bool:
    """Whether no process of this number runs and the folder is no longer there."""
    return not lives(pid) and not folder.exists()


def test_a_stranger_cannot_enter(postgres, postgres_database):
    """Without its password, or with another, a role cannot connect; with it, it reaches its own database."""
    with postgres_database.connect() as connection:
        found = connection.execute("SELECT current_database(), current_setting('fsync')").fetchone()

    assert found == (postgres_database.name, "on")
    assert postgres_database.password not in postgres_database.url
    for word in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(postgres_database.url, password=word, connect_timeout=5)


def test_the_password_is_in_a_file_of_its_own(tmp_path, postgres_database):
    """What stands under [storage] names a file that only its owner reads, and holds no secret itself."""
    text = postgres_database.storage(tmp_path)
    name = text.partition('password = "file:')[2].partition('"')[0]

    assert (tmp_path / name).read_text() == postgres_database.password
    assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert postgres_database.password not in text


@pytest.mark.parametrize("how", ["kill", "immediate", "fast"])
def test_what_was_committed_survives_its_end(postgres, postgres_database, how):
    """However it was ended, it starts again on the same port, with what was committed and without what was not."""
    with postgres_database.connect() as connection:
        connection.execute("CREATE TABLE t (n int)")
        connection.execute("INSERT INTO t VALUES (1)")
    left = postgres_database.connect()
    left.execute("BEGIN")
    left.execute("INSERT INTO t VALUES (2)")
    postgres.stop(how)

    assert not postgres.running()
    with pytest.raises(psycopg.OperationalError):
        postgres_database.connect()
    with pytest.raises(psycopg.OperationalError):
        left.execute("COMMIT")
    left.close()
    postgres.start()
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_the_limited_role_cannot_change_the_schema(postgres, postgres_database):
    """It reads and writes rows of tables made before and after it, and can neither make, alter nor drop a table."""
    with postgres_database.connect() as owner:
        owner.execute("CREATE TABLE before (n int)")
        limited = postgres.limit(postgres_database)
        owner.execute("CREATE TABLE after (n int)")
    with limited.connect() as connection:
        for table in ("before", "after"):
            connection.execute(f"INSERT INTO {table} VALUES (1)")  # noqa: S608 - a constant
            assert connection.execute(f"DELETE FROM {table} RETURNING n").fetchall() == [(1,)]  # noqa: S608 - likewise
        for words in ("CREATE TABLE other (n int)", "ALTER TABLE before ADD m int", "DROP TABLE after"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(words)


def test_each_database_is_empty(postgres, postgres_database):
    """Two databases of one cluster share nothing, and one can be made from another."""
    with postgres_database.connect() as connection:
        connection.execute("CREATE TABLE t (n int)")
    empty, copy = postgres.create(), postgres.create(postgres_database.name)
    for made, tables in ((empty, 0), (copy, 1)):
        with made.connect() as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 't'").fetchone() == (tables,)
        postgres.drop(made)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_session_whatever_happens(root, postgres, number):
    """A session that is killed leaves neither a PostgreSQL nor a folder behind."""
    started = subprocess.Popen(
        [sys.executable, "-c", START], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE
    )
    assert started.stdout is not None
    with started.stdout as told:
        pid, folder = told.readline().split()
    place = Path(folder.decode())
    assert lives(int(pid))
    started.send_signal(number)
    started.wait(20)
    deadline = time.monotonic() + 20
    while not is_gone(int(pid), place) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_gone(int(pid), place)
