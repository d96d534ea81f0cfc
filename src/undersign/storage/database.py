"""The database of a server, by whatever engine: opened, brought to the newest schema, read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import column, select, table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from undersign.errors import StorageError, quoted

from .engines import Connection, Engine, engine_of
from .statement import Question, Rows, Statement

__all__ = ["Database"]

_IDLE_READERS: Final = 4
_REVISIONS: Final = Statement(select(column("version_num")).select_from(table("alembic_version")))


class Database:
    """One database.

    Attributes:
        engine: Its engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers: list[Connection] = []
        self._keeping = True
        self._lock = Lock()

    @classmethod
    def open(cls, url: str, *, password: str = "", migrate: bool = True) -> Database:
        """Open the database at an address of ``[storage] url``.

        Args:
            url: ``sqlite:PATH`` or ``postgresql://USER@HOST/DATABASE``.
            password: For the latter, where it needs one.
            migrate: Bring the schema to the newest revision. Without it the schema must be there, and nothing of it
                is changed: for a role that may not.

        Raises:
            SettingsError: The address is not of a kind that is known.
            StorageError: The database cannot be opened, is of a newer release, or needs a migration.
        """
        database = cls(engine_of(url, password=password))
        try:
            with database._failing("opened"):
                if migrate:
                    database._migrate()
                else:
                    database._check_schema()
        except StorageError:
            database.dispose()
            raise
        return database

    @staticmethod
    def release() -> str:
        """The revision of the schema that this release writes."""
        return ScriptDirectory.from_config(_config()).get_current_head() or ""

    def connect(self) -> Connection:
        """Open a connection for a writer."""
        return self.engine.connect()

    def ask(self, statement: Statement, **parameters: Any) -> Rows:
        """Answer one question by what is committed now; nothing is remembered and no transaction stays open.

        Raises:
            StorageError: The database cannot be read.
        """
        return self.ask_all((statement, parameters))[0]

    def ask_all(self, *questions: Question) -> list[Rows]:
        """Answer several questions by one state of the database; raises as ``ask`` does."""
        with self._failing("read"):
            with self._lock:
                reader = self._readers.pop() if self._readers else None
            if reader is not None:
                try:
                    return self._asked(reader, questions)
                except self.engine.outages:
                    self._drop()  # what was open before an outage is dead: one new connection is tried
            return self._asked(self.engine.connect(), questions)

    def _asked(self, reader: Connection, questions: tuple[Question, ...]) -> list[Rows]:
        try:
            found = reader.ask(*questions) if len(questions) == 1 else reader.snapshot(*questions)
        except BaseException:
            reader.close()
            raise
        with self._lock:
            if self._keeping and len(self._readers) < _IDLE_READERS:
                self._readers.append(reader)
                return found
        reader.close()
        return found

    def dispose(self) -> None:
        """Close what is open, and what is still in use as soon as it is not."""
        with self._lock:
            self._keeping = False
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()

    def _migrate(self) -> None:
        with self.engine.migrating() as connection:
            config = _config()
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StorageError(
                    "The database was made by a newer release.", help="Run that release, or restore a backup."
                ) from error

    def _check_schema(self) -> None:
        if self.engine.local and not self.engine.exists():
            raise StorageError(f"There is no database {quoted(self.engine.shown)}.", help="Serve the file once.")
        present = {revision for (revision,) in self.ask(_REVISIONS)}
        if present != {self.release()}:
            raise StorageError(
                "The database's schema is not this release's, and this process may not change it.",
                help="Let a role that may migrate it: `undersign storage migrate FILE`.",
            )

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except _outages(self.engine) as error:
            reason = self.engine.reason(error.orig if isinstance(error, DBAPIError) and error.orig else error)
            help_ = "Look at [storage], and at the database's own log." if what == "opened" else None
            raise StorageError(
                f"The database {quoted(self.engine.shown)} cannot be {what}: {reason}.", help=help_
            ) from error


def _outages(engine: Engine) -> tuple[type[Exception], ...]:
    return (*engine.outages, SQLAlchemyError)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
