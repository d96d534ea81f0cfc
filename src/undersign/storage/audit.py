"""Opening the chain of a database, and reading its lines."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from secrets import token_hex

from sqlalchemy import Row, select

from undersign.audit.chain import GENESIS, Line, link
from undersign.audit.record import Entry, KeyRef, Position
from undersign.cryptotoken.lifecycle import Plan
from undersign.errors import StorageError

from .batch import apply
from .engine import Database, begin_immediate
from .schema import audit_lines, chain

__all__ = ["OpenedChain", "head_line", "line_of_request", "lines_after", "open_chain"]


@dataclass(frozen=True, slots=True)
class OpenedChain:
    """The chain of a database: its id, and the thumbprint of the root key that its first line names."""

    id: str
    root: str


def open_chain(database: Database, make_root: Callable[[], Plan], *, now: float, node: str = "") -> OpenedChain:
    """Find the database's chain, or make it: its root key and a first line that names it, in one transaction.

    Raises:
        StorageError: The database could not take the write.
    """
    try:
        with closing(database.connect()) as connection:
            begin_immediate(connection)
            found = connection.execute("SELECT id, root FROM chain").fetchone()
            chain_id, root = found or _first_line(connection, make_root(), now, node)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageError(f"The audit chain cannot be opened: {type(error).__name__}.") from error
    return OpenedChain(chain_id, root)


def _first_line(connection: sqlite3.Connection, plan: Plan, now: float, node: str) -> tuple[str, str]:
    identifier, record, time = token_hex(16), plan.record, int(now)
    apply(connection, plan.change, now)
    detail = (("root", record.thumbprint), ("jwk", record.public_jwk))
    entry = Entry("chain_opened", "ok", key=KeyRef(record.name, record.kid, record.version), detail=detail)
    body = entry.to_json(Position(identifier, 1, time, node, GENESIS))
    line = link(identifier, body)
    connection.execute(
        "INSERT INTO audit_lines (seq, time, event, outcome, request_id, hash, line) VALUES (1, ?, ?, ?, '', ?, ?)",
        (time, entry.event, entry.outcome, line, body),
    )
    connection.execute(
        "INSERT INTO chain (one, id, root, seq, hash, time) VALUES (1, ?, ?, 1, ?, ?)",
        (identifier, record.thumbprint, line, time),
    )
    return identifier, record.thumbprint


def lines_after(database: Database, seq: int, *, limit: int = 1000) -> tuple[Line, ...]:
    """Read the lines that come after one, in order."""
    wanted = select(audit_lines).where(audit_lines.c.seq > seq).order_by(audit_lines.c.seq).limit(limit)
    with database.read() as connection:
        return tuple(map(_line, connection.execute(wanted)))


def head_line(database: Database) -> Line:
    """Read the last line.

    Raises:
        StorageError: There is no chain yet.
    """
    wanted = select(audit_lines).join(chain, chain.c.seq == audit_lines.c.seq)
    with database.read() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        raise StorageError(
            "The database has no audit chain, or it lost its last line.", help="Run `undersign audit verify`."
        )
    return _line(row)


def line_of_request(database: Database, request_id: str, *, outcome: str = "done") -> Line | None:
    """Find the line of a request, so that it can be receipted again."""
    wanted = select(audit_lines).where(audit_lines.c.request_id == request_id, audit_lines.c.outcome == outcome)
    with database.read() as connection:
        row = connection.execute(wanted.order_by(audit_lines.c.seq).limit(1)).one_or_none()
    return None if row is None else _line(row)


def _line(row: Row[int, int, str, str, str, str, bytes]) -> Line:
    return Line(row.seq, row.line, row.hash, row.time)
