"""PostgreSQL, by psycopg 3: for several machines.

The ledger's lock is the head row's: who holds it appends, the others wait for it in the database. Everything of one
batch travels in two pipelines, for the second needs what the first answers. ``synchronous_commit`` is on whatever the
role's settings say: a commit that was answered survives a loss of power.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from sqlalchemy import Connection as MigrationConnection
from sqlalchemy import LargeBinary, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool

from undersign.errors import SettingsError

from ..statement import Among, Execution, InsertMany, Number, Question, Rows, Statement

__all__ = ["make"]

_OPTIONS: Final = {
    "synchronous_commit": "on",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "default_transaction_isolation": r"read\ committed",
}
_QUERY: Final = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs", "connect_timeout"})
_MIGRATION_LOCK: Final = 0x756E6465  # "unde"
_DIALECT: Final = psycopg_dialect()  # type: ignore[no-untyped-call] # as SQLAlchemy has it


@compiles(Among, "postgresql")
def _among(element: Among, compiler: Any, **named: Any) -> str:
    return f"{compiler.process(element.column, **named)} = ANY(%({element.values.key})s::text[])"


@compiles(Number, "postgresql")
def _number(*_: Any, **__: Any) -> str:
    return "BIGINT"


def make(url: str, *, password: str = "") -> PostgreSQL:
    """Give the engine of ``postgresql://USER@HOST[:PORT]/DATABASE``.

    TLS is verified, by name and certificate, unless the host is literal loopback or a socket's folder.

    Raises:
        SettingsError: The address is incomplete, holds a password, or names an option that is not known.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise SettingsError("The address of the database cannot be read.", help=_HELP) from None
    if parts.password is not None or "password" in options:
        raise SettingsError(
            "The address of the database holds a password.",
            help='Write password = "env:NAME" or "file:PATH" beside it.',
        )
    host = options.pop("host", "") or unquote(parts.hostname or "")
    if not host or "," in host or not parts.username or not parts.path.strip("/") or options.keys() - _QUERY:
        raise SettingsError("The address of the database is not whole, or has an option that is not known.", help=_HELP)
    if host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}:
        options.setdefault("sslmode", "prefer")
    else:
        if options.setdefault("sslmode", "verify-full") != "verify-full":
            raise SettingsError("Beyond this machine, the database's TLS certificate is verified.", help=_HELP)
        options.setdefault("sslrootcert", "system")
    user, name = unquote(parts.username), unquote(parts.path.strip("/"))
    found = {"host": host, "port": str(port), "user": user, "dbname": name}
    return PostgreSQL({"connect_timeout": "5", **options, **found}, password)


_HELP: Final = 'Write url = "postgresql://user@host:5432/database", with ?sslrootcert=FILE for a root of your own.'


_REASONS: Final = {
    "password authentication failed": "the password was refused",
    "no password supplied": "a password is needed, see password in [storage]",
    "pg_hba.conf": "the server lets this role not in from here",
    "Connection refused": "nothing listens there",
    "No such file or directory": "nothing listens there",
    "ertificate": "the server's certificate is not believed",
    "does not support SSL": "the server has no TLS",
    "imeout": "nothing answered in time",
    "host name": "the host is not known",
    "Name or service not known": "the host is not known",
    "failed to resolve": "the host is not known",
    "does not exist": "there is no such database or role",
    "permission denied": "the role may not do that",
}


class PostgreSQL:
    """One database of a PostgreSQL server."""

    outages: tuple[type[Exception], ...] = (psycopg.Error, OSError)
    local = False
    pause = 0.0007  # measured at 32 clients: shorter makes small batches, longer leaves the server idle

    def __init__(self, place: Mapping[str, str], password: str) -> None:
        settings = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        self._place: dict[str, Any] = {
            **place,
            "options": settings,
            "application_name": "undersign",
            "keepalives_idle": 30,
            "keepalives_count": 3,
        }
        self._password: dict[str, Any] = {"password": password} if password else {}
        self._compiled: dict[Statement | InsertMany, tuple[str, dict[str, Any]]] = {}

    @property
    def shown(self) -> str:
        """Database, host and port."""
        return f"{self._place['dbname']} at {self._place['host']}:{self._place['port']}"

    def reason(self, error: BaseException) -> str:
        """What is known by what libpq or the server said; that is not passed on, since it may be in any language."""
        said = str(error)
        found = [reason for part, reason in _REASONS.items() if part in said]
        return found[0] if found else type(error).__name__

    def exists(self) -> bool:
        """Whether it can be reached."""
        try:
            self._connect().close()
        except self.outages:
            return False
        return True

    def connect(self) -> PostgreSQLConnection:
        """Open a connection."""
        return PostgreSQLConnection(self._connect(), self.compile)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect("", autocommit=True, **self._place, **self._password)

    @contextmanager
    def migrating(self) -> Iterator[MigrationConnection]:
        """Give a connection for the schema, in a transaction behind an advisory lock."""

        def connect() -> psycopg.Connection:
            connection = self._connect()
            connection.autocommit = False
            return connection

        engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
        try:
            with engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
                yield connection
        finally:
            engine.dispose()

    def compile(self, statement: Statement | InsertMany) -> tuple[str, dict[str, Any]]:
        """Give a statement's text and the parameters that it brings along."""
        found = self._compiled.get(statement)
        if found is None:
            found = self._compiled[statement] = _compile(statement)
        return found


class PostgreSQLConnection:
    """One connection, which speaks in pipelines."""

    def __init__(self, driver: psycopg.Connection, compiled: Any) -> None:
        self._driver = driver
        self._compile = compiled
        self.begun = False

    def begin(self, *questions: Question) -> list[Rows]:
        """Begin; the lock is taken by the question that reads the head row for update, which waits for it."""
        with self._driver.pipeline():
            self._driver.execute("BEGIN")
            answers = self._asked(questions)
        self.begun = True
        return answers

    def ask(self, *questions: Question) -> list[Rows]:
        """Answer questions."""
        if not questions:
            return []
        with self._driver.pipeline():
            return self._asked(questions)

    def snapshot(self, *questions: Question) -> list[Rows]:
        """Answer questions in one read transaction."""
        with self._driver.pipeline():
            self._driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            answers = self._asked(questions)
            self._driver.execute("COMMIT")
        return answers

    def finish(self, executions: Sequence[Execution]) -> None:
        """Execute and commit."""
        with self._driver.pipeline():
            self._executed(executions)
            self._driver.execute("COMMIT")
        self.begun = False

    def execute(self, executions: Sequence[Execution]) -> None:
        """Execute."""
        with self._driver.pipeline():
            self._executed(executions)

    def close(self) -> None:
        """Let go."""
        with suppress(psycopg.Error, OSError):
            self._driver.close()

    def _executed(self, executions: Sequence[Execution]) -> None:
        for statement, parameters in executions:
            sql, own = self._compile(statement)
            if isinstance(parameters, Mapping):
                self._driver.execute(sql, {**own, **parameters}, prepare=True)
            elif parameters:
                self._driver.execute(sql, [list(column) for column in zip(*parameters, strict=True)], prepare=True)

    def _asked(self, questions: Sequence[Question]) -> list[Rows]:
        cursors = []
        for statement, parameters in questions:
            sql, own = self._compile(statement)
            cursors.append(self._driver.execute(sql, {**own, **parameters}, prepare=True))
        return [cursor.fetchall() for cursor in cursors]


def _compile(statement: Statement | InsertMany) -> tuple[str, dict[str, Any]]:
    if isinstance(statement, InsertMany):
        names = ", ".join(map(_DIALECT.identifier_preparer.format_column, statement.columns))
        arrays = ", ".join(f"%s::{_array(column.type)}" for column in statement.columns)
        return f"INSERT INTO {statement.table.name} ({names}) SELECT * FROM unnest({arrays})", {}  # noqa: S608 - our own names
    compiled: Any = statement.clause.compile(dialect=_DIALECT)
    return str(compiled), {name: value for name, value in compiled.params.items() if value is not None}


def _array(kind: Any) -> str:
    if isinstance(kind, LargeBinary):
        return "bytea[]"
    return "bigint[]" if isinstance(kind, Number) else "text[]"
