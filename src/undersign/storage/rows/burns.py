"""One-time things that were used: each by the hash that names it, until nothing could replay it (safety rule 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Table, Text, bindparam, delete, select

from undersign.errors import ExpiredTokenError, ReplayedError, ReplayStoreError, UndersignError
from undersign.replay import LEEWAY, Burn

from ..statement import Among, Execution, InsertMany, Number, Question, Rows, Statement
from .row import Judge, Moment, metadata

__all__ = ["PRUNE_AFTER", "USED", "Burns"]

PRUNE_AFTER: Final = 3600  # a burn is forgotten one hour after it expired

_TABLE: Final = Table(
    "burns",
    metadata,
    Column("key", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Number, nullable=False),
    Index("ix_burns_expires_at", "expires_at"),
)
USED: Final = Statement(select(_TABLE.c.key).where(Among(_TABLE.c.key, "keys")))
_INSERT: Final = InsertMany(_TABLE)
_OLDEST: Final = select(_TABLE.c.key).where(_TABLE.c.expires_at < bindparam("before")).limit(bindparam("most"))
_PRUNE: Final = Statement(delete(_TABLE).where(_TABLE.c.key.in_(_OLDEST)))


class Burns:
    """The one-time things of one batch."""

    TABLE: ClassVar[Table] = _TABLE

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._taken: dict[str, Burn] = {}

    def judges(self) -> dict[type, Judge]:
        """A Burn is taken once."""
        return {Burn: Judge(self._verdict, self._take)}

    def questions(self, changes: Sequence[Burn]) -> Sequence[Question]:
        """Which of them were used before."""
        return [(USED, {"keys": [burn.key for burn in changes]})] if changes else []

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Take note."""
        self._moment = moment
        self._used = {key for rows in answers for (key,) in rows}

    def _verdict(self, burn: Burn) -> UndersignError | None:
        moment, key = self._moment, burn.key
        if moment.behind:
            return ReplayStoreError("The clock was set back, so what works once cannot be told from a replay.")
        if burn.expires_at + LEEWAY < moment.now:
            return ExpiredTokenError("exp", "It expired while the request was being served.")
        if key in self._used or key in self._taken:
            return ReplayedError("It was used before.")
        if _unsure(burn.issued_at, moment):
            return ReplayedError(
                "It was issued at a time whose uses this database may have lost, so it cannot be told from a replay.",
                help="Get a new one.",
            )
        return None

    def _take(self, burn: Burn, _: int) -> None:
        self._taken[burn.key] = burn

    def executions(self) -> Sequence[Execution]:
        """Remember what was used; forget what ended an hour ago, by the highest time seen or our own clock's."""
        found: list[Execution] = []
        if self._taken:
            rows = [(key, burn.purpose, int(burn.expires_at) + 1) for key, burn in self._taken.items()]
            found.append((_INSERT, rows))
        if self._moment.prune:
            before = int(min(self._moment.now, self._moment.time)) - PRUNE_AFTER
            found.append((_PRUNE, {"before": before, "most": self._moment.prune}))
        return found


def _unsure(issued_at: float | None, moment: Moment) -> bool:
    start, end = moment.unsure
    if issued_at is None:  # only what lives for minutes does not say when it was issued
        return start < end and moment.now <= end + _LONGEST
    return start < issued_at <= end


_LONGEST: Final = 3600
