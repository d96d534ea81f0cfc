"""Copying a whole database to another place or engine, verified before it counts.

1. The database that is copied is held under the ledger's lock from the first row to the last check, so that no write
   of a running server can be missed.
2. All rows of all tables go over in pages, inside one transaction, whose last statement writes the head of the chain. A
   copy that was cut off leaves nothing that a server would take for a database.
3. Before that statement, what has arrived is verified there: the chain line by line, the rows that decide trust under
   the master key, and for each table the number of its rows and a digest over them, on both sides.

It knows no table by name but the head's: what a new kind of row needs is that its table has a primary key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Table, bindparam, func, select, tuple_

from undersign.audit.walk import Walk
from undersign.encoding import dump_json
from undersign.errors import ChainError, ConflictError, StorageError, quoted
from undersign.jwk import Key

from .closing import start_of
from .database import Database
from .engines import Connection, Engine
from .envelope import Envelope
from .ledger.lines import LOCK, StoredHead, believed, chain, head_of, lines_inside
from .ledger.opening import writing
from .rows import TRUSTED, metadata
from .rows.keys import Keys
from .statement import InsertMany, Rows, Statement
from .trust import Picture

__all__ = ["Copied", "check_new", "copy_database"]

_PAGE: Final = 1000
_TABLES: Final = tuple(table for table in metadata.sorted_tables if table is not chain)
_SUM: Final = 2**256


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    Attributes:
        rows: How many rows each table has.
        first: The number of the first line of the log that is there.
    """

    chain: str
    root: str
    first: int
    seq: int
    rows: tuple[tuple[str, int], ...]


def copy_database(source: Database, target: Database, masters: Sequence[Envelope]) -> Copied:
    """Copy everything, and verify it; nothing is there when this raises.

    Args:
        source: What is copied. Nothing may write to it any more when the copy is served.
        target: Where to; empty.
        masters: The master key, bound to no chain yet; each that is given must be that of the rows.

    Raises:
        ConflictError: The target is not empty.
        ChainError: The log of the source does not hold together.
        StorageError: One of the two cannot be used, or what has arrived is not what was sent.
    """
    with writing(source) as from_, writing(target) as to:
        (rows,) = from_.begin((LOCK, {}))
        head = _sound(head_of(rows), source, masters)
        _check_empty(to, target)
        pages = {table: _Pages(table) for table in (*_TABLES, chain)}
        sent = {table: _send(pages[table], from_, to) for table in _TABLES}

        def held() -> None:
            # Asked while the other side is read, so that no engine takes this transaction for one that was left open.
            if head_of(from_.ask((LOCK, {}))[0]) != head:
                raise StorageError(f"{quoted(source.engine.shown)} was written to meanwhile.")

        _walk(to, head, _trusted(to, head, masters), held)
        for table, digest in sent.items():
            if _digest(pages[table].read(to), held) != digest:
                raise StorageError(f"The table {table.name} has not arrived as it was sent.", help="Nothing was kept.")
        to.finish([(InsertMany(chain), _plain(next(pages[chain].read(from_))))])
    _check_head(source, target)
    counts = tuple((table.name, digest[0]) for table, digest in sent.items())
    return Copied(head.chain, head.root, head.closed + 1, head.seq, counts)


def check_new(engine: Engine) -> None:
    """Refuse a target that is a database of a server, of whatever release, before anything of it is touched.

    Raises:
        ConflictError: It has a chain.
    """
    if not engine.exists():
        return
    database = Database(engine)
    try:
        found = database.ask(_IDS)
    except StorageError:
        return  # it has no such table; whether it can be used at all shows when it is opened
    finally:
        database.dispose()
    if found:
        raise _is_one(database)


def _is_one(database: Database) -> ConflictError:
    return ConflictError(
        f"{quoted(database.engine.shown)} is a database already: it has a chain.", help="Copy to an empty one."
    )


def _sound(head: StoredHead | None, source: Database, masters: Sequence[Envelope]) -> StoredHead:
    if head is None:
        raise StorageError(f"{quoted(source.engine.shown)} has no audit chain: there is no database to copy.")
    if not head.manifest:
        raise StorageError(
            f"{quoted(source.engine.shown)} is of the first release.", help="Serve it once with this one, then copy it."
        )
    for master in masters:
        believed(head, master.of(head.chain))
    return head


def _check_empty(to: Connection, target: Database) -> None:
    """Begin, under the target's own lock."""
    (rows,) = to.begin((LOCK, {}))
    if rows:
        raise _is_one(target)
    counts = to.ask(*((Statement(select(func.count()).select_from(table)), {}) for table in _TABLES))
    full = [table.name for table, found in zip(_TABLES, counts, strict=True) if found[0][0]]
    if full:
        raise ConflictError(
            f"{quoted(target.engine.shown)} has rows in {', '.join(full)} and no chain, so no server would use it.",
            help="They are no copy of ours, which is whole or nothing. Drop it and make it anew.",
        )


class _Pages:
    """The rows of a table in the order of its primary key, a page at a time."""

    def __init__(self, table: Table) -> None:
        self.table = table
        places = [column for column in table.c if column.primary_key]
        names = [f"after_{column.name}" for column in places]
        everything = select(table).order_by(*places).limit(bindparam("most"))
        after = tuple_(*places) > tuple_(*(bindparam(n, type_=c.type) for n, c in zip(names, places, strict=True)))
        self._first, self._next = Statement(everything), Statement(everything.where(after))
        self._places = [(f"after_{column.name}", list(table.c).index(column)) for column in places]

    def read(self, connection: Connection) -> Iterator[Rows]:
        """Read page after page, inside the transaction."""
        (rows,) = connection.ask((self._first, {"most": _PAGE}))
        while rows:
            yield rows
            place = {name: rows[-1][index] for name, index in self._places}
            (rows,) = connection.ask((self._next, {"most": _PAGE, **place}))


def _send(pages: _Pages, from_: Connection, to: Connection) -> tuple[int, int]:
    """Copy a table; give the digest of what was sent."""
    insert, total = InsertMany(pages.table), (0, 0)
    for rows in pages.read(from_):
        to.execute([(insert, _plain(rows))])
        total = _added(total, rows)
    return total


def _digest(pages: Iterator[Rows], held: Callable[[], None]) -> tuple[int, int]:
    total = (0, 0)
    for rows in pages:
        held()
        total = _added(total, rows)
    return total


def _added(total: tuple[int, int], rows: Rows) -> tuple[int, int]:
    """Add rows to a digest: how many, and the sum of their hashes, since engines sort texts in orders of their own."""
    count, sum_ = total
    for row in _plain(rows):
        values = [{"octets": value.hex()} if isinstance(value, bytes) else value for value in row]
        sum_ += int.from_bytes(sha256(dump_json(values)).digest(), "big")
    return count + len(rows), sum_ % _SUM


def _plain(rows: Rows) -> Rows:
    return [tuple(bytes(v) if isinstance(v, (memoryview, bytearray)) else v for v in row) for row in rows]


def _trusted(to: Connection, head: StoredHead, masters: Sequence[Envelope]) -> Key:
    """Verify the rows that decide trust, as they have arrived; give the root's public key."""
    found = to.ask(*((kind.ALL, {}) for kind in TRUSTED))
    pictures = [Picture.verified(head.generation, head.manifest, TRUSTED, found, m.of(head.chain)) for m in masters]
    for picture in pictures:
        for record in picture.all(Keys):
            if record.thumbprint == head.root:
                key: Key = record.public()
                return key
    raise ChainError("The root key of the chain is not among the keys.", help="Restore the database whole.")


def _walk(to: Connection, head: StoredHead, root: Key, held: Callable[[], None]) -> None:
    """Verify the chain as it has arrived, line by line."""
    walk, after = None, 0
    while lines := lines_inside(to, after, limit=_PAGE):
        held()
        walk = walk or Walk(head.root, start_of(head, root, lines[0].body))
        for line in lines:
            walk.step(line.body)
            if (walk.seq, walk.hash, walk.time) != (line.seq, line.hash, line.time):
                raise ChainError(f"Line {line.seq} is not what its row says.", seq=line.seq)
        after = lines[-1].seq
    if walk is None or (walk.chain, walk.seq, walk.hash) != (head.chain, head.seq, head.hash):
        raise ChainError("The log does not reach the head of its chain.", seq=head.seq)


def _check_head(source: Database, target: Database) -> None:
    """Compare the heads, as they are on disk now."""
    first, second = source.ask(_HEAD), target.ask(_HEAD)
    if _plain(second) != _plain(first):
        raise StorageError(
            f"{quoted(source.engine.shown)} was written to when the copy had been made.",
            help="Stop what writes to it, drop the copy and make it anew.",
        )


_HEAD: Final = Statement(select(chain))
_IDS: Final = Statement(select(chain.c.id))
