"""A database with a long log, made in seconds: what depends on the tables' shape is in one function."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from undersign.audit.chain import link
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.ledger.lines import LOCK, MOVE, head_of, moved
from undersign.storage.ledger.opening import writing

PART = 20_000


def lengthen(path: Path, lines: int, *, master: Path) -> None:
    """Bring the log of a server that does not run to so many lines: copies of its last token's, correctly linked."""
    end = _lengthened(path, lines)
    database = Database.open(f"sqlite:{path}")
    try:
        with writing(database) as connection:
            head = head_of(connection.begin((LOCK, {}))[0])
            assert head is not None
            head = head._replace(seq=end["seq"], hash=end["hash"])
            connection.finish([(MOVE, moved(head, Envelope(master_key(f"file:{master}")).of(head.chain)))])
    finally:
        database.dispose()


def _lengthened(path: Path, lines: int) -> dict[str, Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = OFF")
        head = dict(database.execute("SELECT * FROM chain").fetchone())
        row = database.execute("SELECT * FROM audit_lines WHERE event = 'token_issued' ORDER BY seq DESC").fetchone()
        names = list(row.keys())
        words = f"INSERT INTO audit_lines ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"  # noqa: S608 - column names
        copies = _copies(dict(row), head, lines)
        database.execute("BEGIN IMMEDIATE")
        while part := list(islice(copies, PART)):
            database.executemany(words, part)
            head |= {"seq": part[-1]["seq"], "hash": part[-1]["hash"]}
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return head


def _copies(row: dict[str, Any], head: dict[str, Any], lines: int) -> Iterator[dict[str, Any]]:
    """Each has its own number, request and predecessor; all else is the line that was copied."""
    text = bytes(row["line"]).decode()
    place = json.loads(text)
    for name in ("seq", "prev", "request_id", "time"):
        written = json.dumps(place[name])
        text, found = re.subn(rf'"{name}":{re.escape(written)}', f'"{name}":\0{name}\0', text)
        assert found == 1, f"{name} is not once in {text}"
    parts = re.split("\0([a-z_]+)\0", text)
    prev = head["hash"]
    for seq in range(head["seq"] + 1, lines + 1):
        values = {"seq": str(seq), "prev": f'"{prev}"', "request_id": f'"{seq:032x}"', "time": str(head["time"])}
        line = "".join(values[part] if number % 2 else part for number, part in enumerate(parts)).encode()
        prev = link(head["id"], line)
        yield row | {"seq": seq, "time": head["time"], "request_id": f"{seq:032x}", "hash": prev, "line": line}
