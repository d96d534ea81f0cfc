"""Stored one-time values: by the hash of their secret, what is bound to them sealed, used up exactly once.

A row stays until it ends, with the line that used it up, so that a second use can be told from a value that never was;
what was bound to it goes with the use, so that resetting the row does not bring it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import Column, Index, LargeBinary, Table, Text, bindparam, delete, select, update

from undersign.access.one_time import Keep, Kept, UseUp
from undersign.encoding import dump_json, parse_object
from undersign.errors import ConflictError, ExpiredTokenError, ReplayedError, ReplayStoreError, UndersignError

from ..envelope import Envelope, Place
from ..statement import Among, Execution, InsertMany, Number, Question, Rows, Statement
from .row import Judge, Moment, metadata

__all__ = ["FIND", "OneTime", "found"]

_TABLE: Final = Table(
    "one_time",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("used", Number, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_one_time_expires_at", "expires_at"),
)
FIND: Final = Statement(select(_TABLE).where(Among(_TABLE.c.reference, "references")))
_INSERT: Final = InsertMany(_TABLE)
_USE: Final = Statement(
    update(_TABLE).where(_TABLE.c.reference == bindparam("reference_")).values(used=bindparam("by"), sealed=b"")
)
_OLDEST: Final = select(_TABLE.c.reference).where(_TABLE.c.expires_at < bindparam("before")).limit(bindparam("most"))
_PRUNE: Final = Statement(delete(_TABLE).where(_TABLE.c.reference.in_(_OLDEST)))
_PRUNE_AFTER: Final = 3600


class OneTime:
    """The stored one-time values of one batch."""

    TABLE: ClassVar[Table] = _TABLE

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Any, ...]] = {}
        self._kept: dict[str, tuple[Any, ...]] = {}
        self._used: dict[str, int] = {}

    def judges(self) -> dict[type, Judge]:
        """A value is kept once, and used up once."""
        return {Keep: Judge(self._there_already, self._keep), UseUp: Judge(self._not_there, self._use_up)}

    def questions(self, changes: Sequence[Keep | UseUp]) -> Sequence[Question]:
        """The rows that are spoken of, as they are under the lock."""
        return [(FIND, {"references": [change.reference for change in changes]})] if changes else []

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Take note."""
        self._moment = moment
        self._rows = {row[0]: row for rows in answers for row in rows}

    def _there_already(self, change: Keep) -> UndersignError | None:
        if change.reference in self._rows or change.reference in self._kept:
            return ConflictError("There is a value of that secret already.", help="Make another secret.")
        return None

    def _keep(self, change: Keep, seq: int) -> None:
        sealed = self._moment.envelope.seal(
            dump_json(dict(change.bound)), _place(change.reference, change.purpose, change.expires_at, seq)
        )
        self._kept[change.reference] = (change.reference, change.purpose, change.expires_at, seq, 0, sealed)

    def _not_there(self, change: UseUp) -> UndersignError | None:
        if self._moment.behind:
            return ReplayStoreError("The clock was set back, so what works once cannot be told from a replay.")
        row = self._rows.get(change.reference) or self._kept.get(change.reference)
        if row is None or (row[1], row[3]) != (change.purpose, change.seq):
            return ReplayedError("It is not there, or another is in its place.")
        if row[2] <= self._moment.now:
            return ExpiredTokenError("exp", "It ended before it was used.")
        if row[4] or change.reference in self._used:
            return ReplayedError("It was used before.")
        if row[3] <= self._moment.restored_at:
            return ReplayedError("It is of before a restore of this database, so it cannot be told from a used one.")
        return None

    def _use_up(self, change: UseUp, seq: int) -> None:
        self._used[change.reference] = seq

    def executions(self) -> Sequence[Execution]:
        """Keep, use up, and forget what ended an hour ago."""
        found_: list[Execution] = []
        if self._kept:
            found_.append((_INSERT, list(self._kept.values())))
        found_ += [(_USE, {"reference_": reference, "by": seq}) for reference, seq in self._used.items()]
        if self._moment.prune:
            before = int(min(self._moment.now, self._moment.time)) - _PRUNE_AFTER
            found_.append((_PRUNE, {"before": before, "most": self._moment.prune}))
        return found_


def found(rows: Rows, envelope: Envelope, now: float) -> Kept:
    """Make of the row that was found what it says; the commit asks it again.

    Raises:
        ReplayedError: It was used, or never was.
        ExpiredTokenError: It ended.
        StorageError: The row was changed, or belongs elsewhere.
    """
    if not rows:
        raise ReplayedError("There is no such value.")
    reference, purpose, expires_at, seq, used, sealed = rows[0]
    if used:
        raise ReplayedError("It was used before.")
    bound = parse_object(envelope.open(bytes(sealed), _place(reference, purpose, expires_at, seq)))
    if expires_at <= now:
        raise ExpiredTokenError("exp", "It ended.")
    return Kept(purpose, reference, bound, expires_at, seq)


def _place(reference: str, purpose: str, expires_at: int, seq: int) -> Place:
    return Place("one_time", reference, seq, purpose, str(expires_at))
