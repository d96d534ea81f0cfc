"""SQLite: one file, readable by its owner only; the embedded default.

WAL with synchronous=FULL: a commit that was answered survives a loss of power. The write lock is SQLite's own, of the
whole file; who waits for it asks again after a fraction of a millisecond, since SQLite's busy handler sleeps in steps
that line up processes behind one another.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import uniform
from typing import Any, Final

from sqlalchemy import Connection as MigrationConnection
from sqlalchemy import create_engine, event, insert
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool

from undersign.errors import SettingsError, StorageError, quoted

from ..statement import Among, Execution, InsertMany, Number, Question, Rows, Statement

__all__ = ["BUSY_DEADLINE", "make"]

BUSY_DEADLINE: Final = 10.0
_PAUSE: Final = 0.0003  # seconds between two tries for the lock; a commit takes a few of them
# Waiting for the change to WAL is SQLite's; afterwards `begin` waits, with jitter.
_SETTINGS: Final = (
    "busy_timeout = 5000",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)
_DIALECT: Final = sqlite_dialect(paramstyle="named")


@compiles(Among, "sqlite")
def _among(element: Among, compiler: Any, **named: Any) -> str:
    column = compiler.process(element.column, **named)
    given = compiler.process(element.values, **named)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608 - names and a placeholder of our own


@compiles(Number, "sqlite")
def _number(*_: Any, **__: Any) -> str:
    return "INTEGER"  # no other word makes a primary key the rowid


def make(url: str, *, password: str = "") -> SQLite:  # noqa: ARG001 - engines are made alike
    """Give the engine of ``sqlite:PATH``, making the file and its folder where they are not there.

    Raises:
        SettingsError: The address names no file.
        StorageError: The file cannot be made.
    """
    rest = url.partition(":")[2]
    if not rest or rest.startswith("//") or ":memory:" in rest:
        raise SettingsError(
            f"The storage address {quoted(url)} names no file.", help='Write url = "sqlite:var/undersign.db".'
        )
    return SQLite(Path(rest))


_REASONS: Final = {
    "SQLITE_NOTADB": "it is no SQLite database",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_READONLY": "it cannot be written",
    "SQLITE_CANTOPEN": "the file or its folder cannot be written",
    "SQLITE_FULL": "the disk is full",
    "PermissionError": "the file or its folder cannot be written",
}


class SQLite:
    """One file."""

    outages: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
    local = True
    pause = 0.0005

    def __init__(self, path: Path) -> None:
        self.path = path
        self._compiled: dict[Statement | InsertMany, tuple[str, dict[str, Any]]] = {}

    @property
    def shown(self) -> str:
        """The path."""
        return str(self.path)

    def exists(self) -> bool:
        """Whether the file is there and has something in it."""
        return self.path.exists() and self.path.stat().st_size > 0

    def reason(self, error: BaseException) -> str:
        """SQLite's own name of it."""
        return _REASONS.get(name := getattr(error, "sqlite_errorname", type(error).__name__), name)

    def connect(self) -> SQLiteConnection:
        """Open a connection."""
        return SQLiteConnection(self.path, self.compile)

    @contextmanager
    def migrating(self) -> Iterator[MigrationConnection]:
        """Give a connection for the schema, in an IMMEDIATE transaction."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        engine = create_engine("sqlite://", creator=lambda: _connect(self.path), poolclass=NullPool)
        event.listen(engine, "begin", _begin)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def compile(self, statement: Statement | InsertMany) -> tuple[str, dict[str, Any]]:
        """Give a statement's text and the parameters that it brings along."""
        found = self._compiled.get(statement)
        if found is None:
            found = self._compiled[statement] = _compile(statement)
        return found


class SQLiteConnection:
    """One connection; leaves transactions to its methods."""

    def __init__(self, path: Path, compiled: Any) -> None:
        self._path = path
        self._file = _identity(path)  # raises where it is not there: only migrating makes it
        self._driver = _connect(path)
        self._compile = compiled
        self.begun = False

    def begin(self, *questions: Question) -> list[Rows]:
        """Begin IMMEDIATE, trying again while another process holds the lock.

        Raises:
            StorageError: The lock did not come free in time.
        """
        self._check_file()
        begin_immediate(self._driver)
        self.begun = True
        return self._answered(questions)

    def ask(self, *questions: Question) -> list[Rows]:
        """Answer questions."""
        if not self.begun:
            self._check_file()
        return self._answered(questions)

    def _answered(self, questions: Sequence[Question]) -> list[Rows]:
        answers: list[Rows] = []
        for statement, parameters in questions:
            text, own = self._compile(statement)
            answers.append(self._driver.execute(text, _given(own, parameters)).fetchall())
        return answers

    def snapshot(self, *questions: Question) -> list[Rows]:
        """Answer questions in one read transaction."""
        self._check_file()
        self._driver.execute("BEGIN")
        try:
            return self._answered(questions)
        finally:
            self._driver.execute("COMMIT")

    def finish(self, executions: Sequence[Execution]) -> None:
        """Execute and commit."""
        self.execute(executions)
        self._driver.execute("COMMIT")
        self.begun = False

    def execute(self, executions: Sequence[Execution]) -> None:
        """Execute."""
        for statement, parameters in executions:
            text, own = self._compile(statement)
            if isinstance(parameters, Mapping):
                self._driver.execute(text, _given(own, parameters))
            else:
                self._driver.executemany(text, parameters)

    def _check_file(self) -> None:
        if _identity(self._path) != self._file:
            raise sqlite3.OperationalError("the file was replaced")

    def close(self) -> None:
        """Let go."""
        with suppress(sqlite3.Error):
            self._driver.close()  # rolls back what is open


def begin_immediate(connection: sqlite3.Connection, *, deadline: float = BUSY_DEADLINE) -> None:
    """Begin a write transaction, trying again while another process holds the lock.

    Raises:
        StorageError: The lock did not come free in time.
    """
    end, tries = time.monotonic() + deadline, 0
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise StorageError("The database is locked by another process, or cannot be written.") from error
            tries += 1
            pause = _PAUSE if tries < 300 else 10 * _PAUSE  # noqa: PLR2004 - whoever holds it so long is no server
            time.sleep(uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
        else:
            return


def _identity(path: Path) -> tuple[int, int]:
    """Which file it is: a server must not go on writing to one that was removed or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        # A reader waits for recovery and checkpoints only; a writer asks again by itself, see begin_immediate.
        connection.execute("PRAGMA busy_timeout = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _begin(connection: MigrationConnection) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        begin_immediate(driver)


def _compile(statement: Statement | InsertMany) -> tuple[str, dict[str, Any]]:
    if isinstance(statement, InsertMany):
        names = [column.name for column in statement.columns]
        return str(insert(statement.table).compile(dialect=sqlite_dialect(), column_keys=names)), {}
    compiled: Any = statement.clause.compile(dialect=_DIALECT)
    return str(compiled), {name: value for name, value in compiled.params.items() if value is not None}


def _given(own: dict[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    for value in parameters.values():
        if type(value) is list:
            parameters = {n: json.dumps(v) if type(v) is list else v for n, v in parameters.items()}
            break
    return {**own, **parameters} if own else parameters
