"""The chain as it is stored: its head, one row that every write locks, and its lines, byte for byte."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text, bindparam, insert, select, update

from undersign.audit.chain import Line, link
from undersign.audit.record import Entry, Position, at

from ..database import Database
from ..engines import Connection
from ..rows import metadata
from ..statement import InsertMany, Number, Rows, Statement

__all__ = [
    "ADD",
    "FIRST",
    "LOCK",
    "MOVE",
    "READ",
    "StoredHead",
    "appended",
    "audit_lines",
    "chain",
    "hash_at",
    "head_line",
    "head_of",
    "line_of_request",
    "lines_after",
    "row_of",
    "were_rows_sealed",
]

# One row. `time` is the highest ever seen, so that a clock set back shows. `generation` and `manifest` are of the rows
# that decide trust. One-time things issued after `unsure_from` and until `unsure_to` are refused, and stored one-time
# values of lines up to `restored_at`: their use may have been lost. Lines up to `closed` were exported and removed.
chain: Final = Table(
    "chain",
    metadata,
    Column("one", Number, primary_key=True),
    Column("id", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("seq", Number, nullable=False),
    Column("hash", Text, nullable=False),
    Column("time", Number, nullable=False),
    Column("generation", Number, nullable=False, server_default="0"),
    Column("manifest", LargeBinary, nullable=True),
    Column("unsure_from", Number, nullable=False, server_default="0"),
    Column("unsure_to", Number, nullable=False, server_default="0"),
    Column("restored_at", Number, nullable=False, server_default="0"),
    Column("closed", Number, nullable=False, server_default="0"),
    CheckConstraint("one = 1", name="ck_chain_one"),
)

audit_lines: Final = Table(
    "audit_lines",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("time", Number, nullable=False),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Index("ix_audit_lines_request_id", "request_id"),
)


class StoredHead(NamedTuple):
    """The head's row."""

    chain: str
    root: str
    seq: int
    hash: str
    time: int
    generation: int = 0
    manifest: bytes = b""
    unsure_from: int = 0
    unsure_to: int = 0
    restored_at: int = 0
    closed: int = 0


_READ: Final = select(*(column for column in chain.c if column.name != "one"))
READ: Final = Statement(_READ)
LOCK: Final = Statement(_READ.with_for_update())
MOVE: Final = Statement(update(chain).values({name: bindparam(name) for name in StoredHead._fields[2:]}))
FIRST: Final = Statement(insert(chain))
ADD: Final = InsertMany(audit_lines)

_LINE: Final = (audit_lines.c.seq, audit_lines.c.line, audit_lines.c.hash, audit_lines.c.time)
_AFTER: Final = Statement(
    select(*_LINE).where(audit_lines.c.seq > bindparam("seq")).order_by(audit_lines.c.seq).limit(bindparam("most"))
)
_AT: Final = Statement(select(*_LINE).where(audit_lines.c.seq == bindparam("seq")))
_SEALED: Final = Statement(select(audit_lines.c.seq).where(audit_lines.c.event == "rows_sealed").limit(1))
_LAST: Final = Statement(select(*_LINE).join(chain, chain.c.seq == audit_lines.c.seq))
_OF_REQUEST: Final = Statement(
    select(*_LINE)
    .where(audit_lines.c.request_id == bindparam("request"), audit_lines.c.outcome == bindparam("result"))
    .order_by(audit_lines.c.seq)
    .limit(1)
)


def head_of(rows: Rows) -> StoredHead | None:
    """Make a head of the row that was read; None where there is no chain yet."""
    if not rows:
        return None
    row: tuple[Any, ...] = rows[0]
    return StoredHead._make((*row[:6], bytes(row[6] or b""), *row[7:]))


def appended(head: StoredHead, entry: Entry, node: str, *, time: int) -> tuple[StoredHead, tuple[Any, ...]]:
    """Append an entry outside of a batch: the head that follows, and the row to add."""
    body = at(entry.fragment(), Position(head.chain, head.seq + 1, time, node, head.hash))
    head = head._replace(seq=head.seq + 1, hash=link(head.chain, body), time=time)
    return head, row_of(entry, Line(head.seq, body, head.hash, time))


def row_of(entry: Entry, line: Line) -> tuple[Any, ...]:
    """The row of a line, in the order of the table's columns."""
    return line.seq, line.time, entry.event, entry.outcome, entry.request_id, line.hash, line.body


def hash_at(connection: Connection, seq: int) -> str | None:
    """The hash of the line with this number, inside a transaction; None where there is none."""
    (rows,) = connection.ask((_AT, {"seq": seq}))
    return rows[0][2] if rows else None


def were_rows_sealed(connection: Connection) -> bool:
    """Whether any line says that the rows which decide trust carry MACs, inside a transaction."""
    first, later = connection.ask((_AFTER, {"seq": 0, "most": 1}), (_SEALED, {}))
    return bool(later) or any(b'"rows":"sealed"' in bytes(row[1]) for row in first)


def lines_after(database: Database, seq: int, *, limit: int = 1000) -> tuple[Line, ...]:
    """Read the lines that come after one, in order."""
    return tuple(map(_line, database.ask(_AFTER, seq=seq, most=limit)))


def head_line(database: Database) -> Line | None:
    """Read the last line; None where there is no chain, or its last line is not there."""
    found = database.ask(_LAST)
    return _line(found[0]) if found else None


def line_of_request(database: Database, request_id: str, *, outcome: str = "done") -> Line | None:
    """Find the line of a request, so that it can be receipted again."""
    found = database.ask(_OF_REQUEST, request=request_id, result=outcome)
    return _line(found[0]) if found else None


def _line(row: tuple[Any, ...]) -> Line:
    return Line(row[0], bytes(row[1]), row[2], row[3])
