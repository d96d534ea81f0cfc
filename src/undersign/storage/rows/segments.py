"""Closing a segment: older lines, exported and verified before, leave with the very line that records it.

What was exported is held against what is there under the lock: the segment begins where the last one ended, and its
last line has the hash that was verified. The removal and the line that records it are one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from sqlalchemy import Table, bindparam, delete, select

from undersign.audit.segment import CloseSegment
from undersign.errors import ConflictError, UndersignError

from ..statement import Execution, Question, Rows, Statement
from .chain import audit_lines
from .row import Judge, Moment

__all__ = ["Segments"]

_LAST: Final = Statement(select(audit_lines.c.seq, audit_lines.c.hash).where(audit_lines.c.seq == bindparam("through")))
_REMOVE: Final = Statement(delete(audit_lines).where(audit_lines.c.seq <= bindparam("through")))


class Segments:
    """The segments that one batch closes: one at most."""

    TABLE: ClassVar[Table] = audit_lines

    def __init__(self) -> None:
        self._through = 0

    def judges(self) -> dict[type, Judge]:
        """A segment is closed once, as it was verified."""
        return {CloseSegment: Judge(self._verdict, self._close)}

    def questions(self, changes: Sequence[CloseSegment]) -> Sequence[Question]:
        """What the last lines of these segments are."""
        return [(_LAST, {"through": change.through}) for change in changes]

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Take note."""
        self._moment = moment
        self._hashes = {seq: hash_ for rows in answers for seq, hash_ in rows}

    def _verdict(self, change: CloseSegment) -> UndersignError | None:
        if self._through or change.first != self._moment.closed + 1 or change.through < change.first:
            return ConflictError("Another segment was closed meanwhile.", help="Export the log anew.")
        if self._hashes.get(change.through) != change.hash:
            return ConflictError(
                f"Line {change.through} is not the one that was exported.",
                help="Somebody changed the database; what was exported is evidence: keep it.",
            )
        return None

    def _close(self, change: CloseSegment, _: int) -> None:
        self._through = change.through

    def executions(self) -> Sequence[Execution]:
        """Remove the lines, and note how far."""
        if not self._through:
            return []
        self._moment.moved["closed"] = self._through
        return [(_REMOVE, {"through": self._through})]
