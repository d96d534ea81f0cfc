"""What opens the chain's commitments; rows may be erased, lines may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from sqlalchemy import Column, Table, Text

from undersign.audit.record import Personal

from ..statement import Execution, InsertMany, Number, Question, Rows
from .row import Judge, Moment, metadata

__all__ = ["Personals"]

_TABLE: Final = Table(
    "personal",
    metadata,
    Column("commitment", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("seq", Number, nullable=False),
)
_INSERT: Final = InsertMany(_TABLE)


class Personals:
    """The personal values of one batch; each has a salt of its own, so none is there already."""

    TABLE: ClassVar[Table] = _TABLE

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, str, str, int]] = {}

    def judges(self) -> dict[type, Judge]:
        """A Personal is always kept."""
        return {Personal: Judge(lambda _: None, self._keep)}

    def questions(self, changes: Sequence[Personal]) -> Sequence[Question]:  # noqa: ARG002 - the Protocol's
        """Nothing."""
        return ()

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Nothing to know."""

    def _keep(self, kept: Personal, seq: int) -> None:
        self._kept[kept.commitment] = (kept.commitment, kept.salt, kept.value, seq)

    def executions(self) -> Sequence[Execution]:
        """Keep them."""
        return [(_INSERT, list(self._kept.values()))] if self._kept else []
