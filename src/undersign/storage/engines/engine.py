"""What every engine gives: connections that speak to its driver, and what it calls an outage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection as MigrationConnection

from ..statement import Execution, Question, Rows

__all__ = ["Connection", "Engine"]


class Connection(Protocol):
    """One connection of the driver, used by one thread at a time. Its methods raise the engine's ``outages``.

    Attributes:
        begun: Whether a write transaction was begun, so that something of it may have been written.
    """

    begun: bool

    def begin(self, *questions: Question) -> list[Rows]:
        """Begin a write transaction, take the ledger's lock, and answer questions under it, in order."""

    def ask(self, *questions: Question) -> list[Rows]:
        """Answer questions: inside the transaction where one was begun, else each by what is committed now."""

    def snapshot(self, *questions: Question) -> list[Rows]:
        """Answer questions outside of a transaction, all by one state of the database."""

    def execute(self, executions: Sequence[Execution]) -> None:
        """Execute in order, inside the transaction that was begun."""

    def finish(self, executions: Sequence[Execution]) -> None:
        """Execute in order, and commit; what is answered after that survives a loss of power."""

    def close(self) -> None:
        """Let go; what was begun and not finished is rolled back. Raises nothing."""


class Engine(Protocol):
    """One kind of database.

    Attributes:
        outages: What the driver raises when the database cannot be reached, is full, or refuses.
        local: Whether a read takes microseconds, so that it may be asked on an event loop.
        pause: How many seconds a writer under load waits for more to come, each time that more has come.
    """

    outages: tuple[type[Exception], ...]
    local: bool
    pause: float

    @property
    def shown(self) -> str:
        """The database's address as errors may show it: without a secret."""

    def reason(self, error: BaseException) -> str:
        """What an outage was, in a few words for the operator, and without a secret."""

    def connect(self) -> Connection:
        """Open a connection."""

    def migrating(self) -> AbstractContextManager[MigrationConnection]:
        """Give a connection for the schema, in a transaction that one process holds at a time."""

    def exists(self) -> bool:
        """Whether there is a database to copy into or from: for a file, whether it is there."""
