"""Settling a batch inside one transaction: each write has its own verdict, and a refused one leaves no trace.

1. Lock: the transaction began IMMEDIATE, so the head row, key states and counters read here are the true ones.
2. Clock: the highest time ever seen is kept; a clock behind it refuses what must be used once.
3. Burns: one INSERT for the whole batch says which were new; which of the batch's own duplicates wins is settled in
   memory, in order; what was inserted for a write that is refused is taken out again.
4. Lines: seq and prev are given here, and the head row moves with them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from undersign.audit.chain import Head, Line, link
from undersign.audit.record import Position, at
from undersign.cryptotoken.lifecycle import AddKey, SetState
from undersign.errors import (
    AccessError,
    ConflictError,
    ExpiredTokenError,
    ReplayedError,
    ReplayStoreError,
    StorageError,
    UndersignError,
    UnusableKeyError,
    quoted,
)

from .write import Change, Job, KeyUse, SetSubject, Subject, Write

__all__ = ["PRUNE_AFTER", "Batch", "prune", "read_head"]

PRUNE_AFTER: Final = 3600  # a burn is forgotten one hour after it expired
CLOCK_TOLERANCE: Final = 5  # far below PRUNE_AFTER: what a clock may be corrected by without refusing anything
LEEWAY: Final = 60  # the most that a verifier may have allowed after exp
_ROWS: Final = 500


@dataclass(slots=True)
class Batch:
    """The jobs of one transaction."""

    connection: sqlite3.Connection
    jobs: Sequence[Job]
    now: float
    node: str

    def settle(self) -> None:
        """Give each job its verdict or its line; the caller commits."""
        head = read_head(self.connection)
        behind = self.now < head.time - CLOCK_TOLERANCE
        head = replace(head, time=max(head.time, int(self.now)))
        settlement = _Settlement(self.connection, self.now)
        settlement.insert_burns(job for job in self.jobs if not behind and _fresh(job, self.now))
        for job in self.jobs:
            job.verdict = _late(job, self.now, behind=behind) or settlement.verdict(job)
            if job.verdict is None and job.write is not None:
                head = self._append(job, head)
        settlement.finish()
        self._store(head)

    def _append(self, job: Job, head: Head) -> Head:
        seq = head.seq + 1
        body = at(job.fragment, Position(head.chain, seq, head.time, self.node, head.hash))
        job.line = Line(seq, body, link(head.chain, body), head.time)
        return replace(head, seq=seq, hash=job.line.hash)

    def _store(self, head: Head) -> None:
        self.connection.executemany(
            "INSERT INTO audit_lines (seq, time, event, outcome, request_id, hash, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [_row(job.write, job.line) for job in self.jobs if job.write is not None and job.line is not None],
        )
        self.connection.executemany(
            "INSERT OR IGNORE INTO personal (commitment, salt, value, seq) VALUES (?, ?, ?, ?)",
            [
                (kept.commitment, kept.salt, kept.value, job.line.seq)
                for job in self.jobs
                if job.write is not None and job.line is not None
                for kept in job.write.personal
            ],
        )
        self.connection.execute("UPDATE chain SET seq = ?, hash = ?, time = ?", (head.seq, head.hash, head.time))


def read_head(connection: sqlite3.Connection) -> Head:
    """Read the chain's head.

    Raises:
        StorageError: The database has no chain yet.
    """
    row = connection.execute("SELECT id, seq, hash, time FROM chain").fetchone()
    if row is None:
        raise StorageError("The database has no audit chain.", help="Open one first: storage.audit.open_chain.")
    return Head(*row)


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Forget burns one hour after they expired, by the highest time ever seen, a thousand at a time."""
    highest = min(now, read_head(connection).time)
    connection.execute(
        "DELETE FROM burns WHERE key IN (SELECT key FROM burns WHERE expires_at < ? LIMIT 1000)",
        (int(highest) - PRUNE_AFTER,),
    )


def _row(write: Write, line: Line) -> tuple[int, int, str, str, str, str, bytes]:
    entry = write.entry
    return line.seq, line.time, entry.event, entry.outcome, entry.request_id, line.hash, line.body


def _fresh(job: Job, now: float) -> bool:
    return all(burn.expires_at + LEEWAY >= now for burn in job.burns.values())


def _late(job: Job, now: float, *, behind: bool) -> UndersignError | None:
    if not job.burns:
        return None
    if behind:
        return ReplayStoreError("The clock was set back, so what works once cannot be told from a replay.")
    if not _fresh(job, now):
        return ExpiredTokenError("exp", "It expired while the request was being served.")
    return None


class _Settlement:
    """What the batch has claimed so far."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._new: set[str] = set()
        self._claimed: set[str] = set()
        self._keys: dict[tuple[str, int], tuple[str, int]] = {}
        self._used: Counter[tuple[str, int]] = Counter()
        self._disabled: dict[Subject, bool] = {}

    def insert_burns(self, jobs: Iterator[Job]) -> None:
        """Insert every burn of the batch; remember which were new."""
        rows = {key: (burn.purpose, int(burn.expires_at) + 1) for job in jobs for key, burn in job.burns.items()}
        keys = list(rows)
        for start in range(0, len(keys), _ROWS):
            some = keys[start : start + _ROWS]
            values = ", ".join(["(?, ?, ?)"] * len(some))
            found = self._connection.execute(
                f"INSERT INTO burns (key, purpose, expires_at) VALUES {values} ON CONFLICT DO NOTHING RETURNING key",  # noqa: S608 - question marks only
                [value for key in some for value in (key, *rows[key])],
            )
            self._new.update(key for (key,) in found.fetchall())

    def verdict(self, job: Job) -> UndersignError | None:
        """Decide on one job; claim all it needs, or nothing."""
        wanted = job.burns.keys()
        if wanted & self._claimed or not wanted <= self._new:
            return ReplayedError("It was used before.")
        write = job.write
        if write is not None:
            refused = self._refused(write)
            if refused is not None:
                return refused
            self._used.update((use.name, use.version) for use in write.uses)
        self._claimed |= wanted
        return None

    def finish(self) -> None:
        """Take out the burns of refused writes; write the counters of the keys used."""
        self._connection.executemany("DELETE FROM burns WHERE key = ?", [(key,) for key in self._new - self._claimed])
        self._connection.executemany(
            "UPDATE keys SET uses = uses + ? WHERE name = ? AND version = ?",
            [(number, name, version) for (name, version), number in self._used.items()],
        )

    def _refused(self, write: Write) -> UndersignError | None:
        for subject in write.enabled:
            if self._is_disabled(subject):
                return AccessError(f"The {subject.kind} {quoted(subject.name)} is disabled.")
        asked: Counter[tuple[str, int]] = Counter()
        for use in write.uses:
            asked[use.name, use.version] += 1
            refused = self._unusable(use, asked[use.name, use.version])
            if refused is not None:
                return refused
        return self._change(write.changes) if write.changes else None

    def _is_disabled(self, subject: Subject) -> bool:
        if subject not in self._disabled:
            row = self._connection.execute(
                "SELECT disabled FROM subjects WHERE kind = ? AND name = ?", (subject.kind, subject.name)
            ).fetchone()
            self._disabled[subject] = row is not None and bool(row[0])
        return self._disabled[subject]

    def _unusable(self, use: KeyUse, times: int) -> UndersignError | None:
        place = (use.name, use.version)
        if place not in self._keys:
            row = self._connection.execute(
                "SELECT state, uses FROM keys WHERE name = ? AND version = ?", place
            ).fetchone()
            self._keys[place] = row or ("unknown", 0)
        state, uses = self._keys[place]
        if state != "active":
            return UnusableKeyError(
                f"Key {quoted(use.name)} version {use.version} is {state}.", help="Rotate it, or enable it."
            )
        if use.limit is not None and uses + self._used[place] + times > use.limit:
            return UnusableKeyError(
                f"Key {quoted(use.name)} has reached its limit of {use.limit} uses.", help="Rotate it."
            )
        return None

    def _change(self, changes: tuple[Change, ...]) -> UndersignError | None:
        self._connection.execute("SAVEPOINT change")
        try:
            for change in changes:
                apply(self._connection, change, self._now)
        except (sqlite3.IntegrityError, ConflictError):
            self._connection.execute("ROLLBACK TO change")
            return ConflictError("Another change came first.", help="Look at the present state and decide again.")
        finally:
            self._connection.execute("RELEASE change")
        self._keys.clear()
        self._disabled.clear()
        return None


def apply(connection: sqlite3.Connection, change: Change, now: float) -> None:
    """Make one change.

    Raises:
        ConflictError: The state is no longer the one that the change was planned on.
    """
    if isinstance(change, AddKey):
        _add_key(connection, change)
    elif isinstance(change, SetState):
        keep = "" if change.after != "destroyed" else ", sealed = NULL"
        moved = connection.execute(
            f"UPDATE keys SET state = ?{keep} WHERE name = ? AND version = ? AND state = ?",  # noqa: S608 - a constant
            (change.after, change.name, change.version, change.before),
        )
        _one(moved)
    else:
        _set_subject(connection, change, now)


def _add_key(connection: sqlite3.Connection, change: AddKey) -> None:
    record = change.record
    if change.replaces is not None:
        moved = connection.execute(
            "UPDATE keys SET state = 'window' WHERE name = ? AND version = ? AND state = 'active'",
            (record.name, change.replaces),
        )
        _one(moved)
    connection.execute(
        "INSERT INTO keys"
        " (name, version, purpose, alg, state, kid, thumbprint, public_jwk, sealed, token, created_at, uses)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            record.name,
            record.version,
            record.purpose,
            record.alg,
            record.state,
            record.kid,
            record.thumbprint,
            record.public_jwk,
            change.sealed,
            record.token,
            record.created_at,
        ),
    )


def _set_subject(connection: sqlite3.Connection, change: SetSubject, now: float) -> None:
    connection.execute(
        "INSERT INTO subjects (kind, name, disabled, changed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (kind, name) DO UPDATE SET disabled = excluded.disabled, changed_at = excluded.changed_at",
        (change.kind, change.name, int(change.disabled), int(now)),
    )


def _one(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount != 1:
        raise ConflictError("Another change came first.")
