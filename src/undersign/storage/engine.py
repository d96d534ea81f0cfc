"""Opening the database: one file, readable by its owner only, brought to the newest schema when it is opened.

WAL with synchronous=FULL: a commit that was answered survives a loss of power. Reads go through SQLAlchemy; the writer
speaks to the driver itself, and so does what is read at each request.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import uniform
from threading import Lock
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from undersign.errors import SettingsError, StorageError, quoted

__all__ = ["Database", "begin_immediate"]

BUSY_DEADLINE: Final = 10.0
# Waiting for the change to WAL is SQLite's; afterwards begin_immediate waits, with jitter.
_SETTINGS: Final = (
    "busy_timeout = 5000",
    "journal_mode = WAL",
    "synchronous = FULL",
    "busy_timeout = 0",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)


class Database:
    """One SQLite database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine: Engine = create_engine(f"sqlite:///{path}", creator=self._reader)
        event.listen(self.engine, "begin", _begin)
        self._asked: sqlite3.Connection | None = None
        self._asking = Lock()

    @classmethod
    def open(cls, url: str, *, migrate: bool = True) -> Database:
        """Open the database at ``sqlite:PATH``, making it and its folder where they are not there.

        Raises:
            SettingsError: The address is not of a kind that this release knows.
            StorageError: The file cannot be opened, or is of a newer release.
        """
        kind, _, rest = url.partition(":")
        if kind != "sqlite" or not rest or rest.startswith("//") or ":memory:" in rest:
            raise SettingsError(
                f"The storage address {quoted(url)} is not one that this release knows.",
                help='Write url = "sqlite:var/undersign.db" under [storage].',
            )
        path = Path(rest)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            database = cls(path)
            try:
                if migrate:
                    database.migrate()
            except (StorageError, sqlite3.Error, SQLAlchemyError):
                database.dispose()
                raise
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            raise StorageError(f"The database {quoted(str(path))} cannot be opened: {type(error).__name__}.") from error
        return database

    def connect(self) -> sqlite3.Connection:
        """Open a driver connection that leaves transactions to its caller."""
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for one consistent read.

        Raises:
            StorageError: The database cannot be read.
        """
        try:
            with self.engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StorageError(f"The database cannot be read: {type(error).__name__}.") from error

    def ask(self, statement: str, parameters: tuple[str | int, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT by the driver, which keeps it prepared: for what is read at each request.

        Nothing is remembered and no transaction stays open: each call sees what is committed now.

        Raises:
            StorageError: The database cannot be read.
        """
        with self._asking:
            try:
                if self._asked is None:
                    self._asked = self._reader()
                return self._asked.execute(statement, parameters).fetchall()
            except sqlite3.Error as error:
                self._forget()
                raise StorageError(f"The database cannot be read: {type(error).__name__}.") from error

    def migrate(self) -> None:
        """Bring the schema to the newest revision, one process at a time."""
        with self.engine.connect().execution_options(**_IMMEDIATE) as connection, connection.begin():
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StorageError(
                    "The database was made by a newer release.", help="Run that release, or restore a backup."
                ) from error

    def _reader(self) -> sqlite3.Connection:
        connection = self.connect()
        connection.execute("PRAGMA busy_timeout = 5000")  # readers wait for recovery and checkpoints only
        return connection

    def dispose(self) -> None:
        """Close what is open."""
        with self._asking:
            self._forget()
        self.engine.dispose()

    def _forget(self) -> None:
        connection, self._asked = self._asked, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


_IMMEDIATE: Final = {"undersign_immediate": True}


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("undersign_immediate"):
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            begin_immediate(driver)
    else:
        connection.exec_driver_sql("BEGIN")


def begin_immediate(connection: sqlite3.Connection, *, deadline: float = BUSY_DEADLINE) -> None:
    """Begin a write transaction, trying again with jitter while another process holds the lock.

    SQLite's own busy handler sleeps in fixed steps that line up processes behind one another; ours does not.

    Raises:
        StorageError: The lock did not come free in time.
    """
    end = time.monotonic() + deadline
    pause = 0.0005
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise StorageError("The database is locked by another process, or cannot be written.") from error
            time.sleep(uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, 0.02)
        else:
            return
