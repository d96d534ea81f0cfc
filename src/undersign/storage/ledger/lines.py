"""The chain as it is stored: its head, one row that every write locks, and its lines, byte for byte."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, insert, select, update

from undersign.audit.chain import Line, link
from undersign.audit.record import Entry, Position, at
from undersign.encoding import parse_object
from undersign.errors import LinesClosedError, StorageError, UndersignError

from ..database import Database
from ..engines import Connection
from ..envelope import Envelope
from ..rows import metadata
from ..rows.chain import audit_lines, chain
from ..statement import InsertMany, Rows, Statement

__all__ = [
    "ADD",
    "FIRST",
    "LAST",
    "LOCK",
    "MOVE",
    "READ",
    "StoredHead",
    "appended",
    "audit_lines",
    "begins_soundly",
    "believed",
    "chain",
    "check_reaches",
    "head_line",
    "head_of",
    "leads_to",
    "line_of",
    "line_of_request",
    "lines_after",
    "lines_inside",
    "metadata",
    "moved",
    "read_head",
    "row_of",
    "were_rows_sealed",
]


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
    mac: bytes = b""


_PAGE: Final = 1000
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
LAST: Final = Statement(select(*_LINE).join(chain, chain.c.seq == audit_lines.c.seq))
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
    return StoredHead._make((*row[:6], bytes(row[6] or b""), *row[7:11], bytes(row[11] or b"")))


def believed(head: StoredHead | None, envelope: Envelope) -> StoredHead:
    """Hold a head that was read against its MAC: everything that a line or a verdict rests on stands in it.

    Raises:
        StorageError: There is none, it is another chain's, or somebody without the master key changed it.
    """
    if head is None:
        raise StorageError("The database has no audit chain.", help="Serve its configuration file once.")
    if head.chain != envelope.chain or not compare_digest(head.mac, _mac(head, envelope)):
        raise StorageError(
            "The head of the chain was changed in the database, by somebody without the master key.",
            help="Restore the database from a backup; what it says now is not believed.",
        )
    return head


def check_reaches(head: StoredHead, seen: tuple[int, str]) -> None:
    """Refuse a head that lies behind what was seen, or is another one where it lies.

    Args:
        head: The head that is there.
        seen: A line's number and hash, which were in the chain once.

    Raises:
        StorageError: It does.
    """
    if head.seq < seen[0] or (head.seq == seen[0] and head.hash != seen[1]):
        raise StorageError(
            "The database has gone back: it has fewer lines than were seen committed, or others.",
            help="It was restored while a server ran. Restart every server that uses it.",
        )


def _mac(head: StoredHead, envelope: Envelope) -> bytes:
    return envelope.mac("head", [head.root, *head[2:6], head.manifest.hex(), *head[7:11]])


def appended(head: StoredHead, entry: Entry, node: str, *, time: int) -> tuple[StoredHead, tuple[Any, ...]]:
    """Append an entry outside of a batch: the head that follows, and the row to add."""
    body = at(entry.fragment(), Position(head.chain, head.seq + 1, time, node, head.hash))
    head = head._replace(seq=head.seq + 1, hash=link(head.chain, body), time=time)
    return head, row_of(entry, Line(head.seq, body, head.hash, time))


def row_of(entry: Entry, line: Line) -> tuple[Any, ...]:
    """The row of a line, in the order of the table's columns."""
    return line.seq, line.time, entry.event, entry.outcome, entry.request_id, line.hash, line.body


def leads_to(connection: Connection, seq: int, hash_: str, head: StoredHead) -> bool:
    """Whether the line with this number and hash is in the chain that ends at the head, inside a transaction."""
    (rows,) = connection.ask((_AT, {"seq": seq}))
    if seq > head.seq or not rows or rows[0][2] != hash_:
        return False
    while seq < head.seq:
        lines = lines_inside(connection, seq, limit=min(_PAGE, head.seq - seq))
        for line in lines:
            if not _follows(line, seq, hash_, head.chain):
                return False
            seq, hash_ = line.seq, line.hash
        if not lines:
            return False
    return hash_ == head.hash


def _follows(line: Line, seq: int, hash_: str, chain_id: str) -> bool:
    try:
        named = parse_object(line.body).get("prev")
    except UndersignError:
        return False
    return (line.seq, named) == (seq + 1, hash_) and link(chain_id, line.body) == line.hash


def moved(head: StoredHead, envelope: Envelope) -> dict[str, Any]:
    """The parameters of MOVE: the head, with its MAC."""
    found = head._replace(mac=_mac(head, envelope))
    return dict(zip(StoredHead._fields[2:], found[2:], strict=True))


def lines_inside(connection: Connection, seq: int, *, limit: int) -> tuple[Line, ...]:
    """Read the lines that are there and come after one, in order, inside a transaction."""
    (rows,) = connection.ask((_AFTER, {"seq": seq, "most": limit}))
    return tuple(map(line_of, rows))


def read_head(database: Database) -> StoredHead:
    """Read the head as it is now.

    Raises:
        StorageError: The database has no chain, or cannot be read.
    """
    head = head_of(database.ask(READ))
    if head is None:
        raise StorageError("The database has no audit chain.", help="Serve its configuration file once.")
    return head


def were_rows_sealed(connection: Connection) -> bool:
    """Whether any line says that the rows which decide trust carry MACs, inside a transaction.

    So they do where the first lines are not there: no earlier release closed any.
    """
    first, later = connection.ask((_AFTER, {"seq": 0, "most": 1}), (_SEALED, {}))
    return bool(later) or not any(row[0] == 1 and b'"rows":"sealed"' not in bytes(row[1]) for row in first)


def begins_soundly(connection: Connection, head: StoredHead) -> bool:
    """Whether the first line opens the very chain that the head names, and names its root, inside a transaction."""
    (rows,) = connection.ask((_AT, {"seq": 1}))
    if not rows or link(head.chain, bytes(rows[0][1])) != rows[0][2]:
        return False
    line = parse_object(bytes(rows[0][1]))
    named = (line.get("event"), line.get("chain"), line.get("detail", {}).get("root"))
    return named == ("chain_opened", head.chain, head.root)


def lines_after(database: Database, seq: int, *, limit: int = 1000) -> tuple[Line, ...]:
    """Read the lines that come after one, in order.

    Raises:
        LinesClosedError: Some of them were exported, and are no longer in the database.
        StorageError: The database cannot be read.
    """
    first, rows = database.ask_all((READ, {}), (_AFTER, {"seq": seq, "most": limit}))
    head = head_of(first)
    if head is not None and seq < head.closed:
        raise LinesClosedError(f"The lines up to {head.closed} were closed: they are no longer in the database.")
    return tuple(map(line_of, rows))


def head_line(database: Database) -> Line | None:
    """Read the last line; None where there is no chain, or its last line is not there."""
    found = database.ask(LAST)
    return line_of(found[0]) if found else None


def line_of_request(database: Database, request_id: str, *, outcome: str = "done") -> Line | None:
    """Find the line of a request, so that it can be receipted again."""
    found = database.ask(_OF_REQUEST, request=request_id, result=outcome)
    return line_of(found[0]) if found else None


def line_of(row: tuple[Any, ...]) -> Line:
    """Make a line of a row that was read."""
    return Line(row[0], bytes(row[1]), row[2], row[3])
