"""What a kind of row is: one table, what may be asked of it, and the changes it takes, each with its condition.

A kind lives for one batch. The batch asks all its questions first, in one go, under the ledger's lock. Then it judges
the changes of each write, in order, against what was answered and what the batch has taken so far; it takes all of a
write's changes, or none; and at the end it executes what was taken. The batch knows no kind, and no kind another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from sqlalchemy import MetaData, Table

from undersign.errors import UndersignError

from ..envelope import Envelope
from ..statement import Execution, Question, Rows
from ..trust import Draft

__all__ = ["CLOCK_TOLERANCE", "Judge", "Moment", "RowKind", "metadata"]

CLOCK_TOLERANCE = 5  # seconds that a clock may be corrected by, or two hosts differ by, without refusing anything

metadata = MetaData()


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for a whole batch.

    Attributes:
        now: This process's clock.
        time: The highest time that the ledger has seen, this clock included.
        behind: Whether this clock is behind that by more than may be corrected: then nothing is used up.
        unsure: From when to when one-time things were issued whose use may have been lost with the database's tail.
        restored_at: The number of the last line that was there when the database was restored; 0 where it never was.
        trust: The rows that decide trust, as they are after what was taken so far.
        envelope: Seals for this database.
        closed: The number of the last line that was exported and removed; 0 where none was.
        moved: What kinds of row change of the head, by its names.
        prune: How many rows that ended may be forgotten in this batch.
    """

    now: float
    time: int
    behind: bool
    unsure: tuple[int, int]
    restored_at: int
    trust: Draft
    envelope: Envelope
    prune: int = 0
    closed: int = 0
    moved: dict[str, Any] = field(default_factory=dict)


class Judge(NamedTuple):
    """How one class of changes is dealt with.

    Attributes:
        verdict: Why a change is refused; None where it may be taken.
        take: Take a change, with the number of the line that records it (0 where none does).
        outrank: Take a change that disables or destroys whatever the present state, where it is not so already.
    """

    verdict: Callable[[Any], UndersignError | None]
    take: Callable[[Any, int], None]
    outrank: Callable[[Any], None] = lambda _: None


Judges: TypeAlias = Mapping[type, Judge]


class RowKind(Protocol):
    """One kind of row, in one batch.

    Attributes:
        TABLE: Its table; migrations make it, and a test holds the two against each other.
    """

    TABLE: ClassVar[Table]

    def judges(self) -> Judges:
        """The changes it takes, by class."""

    def questions(self, changes: Sequence[Any]) -> Sequence[Question]:
        """What must be known before these changes are judged; asked under the lock."""

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Take note of the answers, in the order of the questions."""

    def executions(self) -> Sequence[Execution]:
        """What is to be executed for all that was taken."""
