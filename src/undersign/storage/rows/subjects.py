"""What outranks the configuration file: who was disabled, by a recorded command (safety rule 18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple

from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, Table, Text, bindparam, delete, insert, select, update

from undersign.access.standing import Enabled, SetEnabled
from undersign.errors import AccessError, UndersignError, quoted

from ..statement import Execution, Number, Question, Rows, Statement
from .row import Judge, Moment, metadata

__all__ = ["SEAL", "Subject", "Subjects", "refusal"]

_TABLE: Final = Table(
    "subjects",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("disabled", Number, nullable=False),
    Column("changed_at", Number, nullable=False),
    Column("mac", LargeBinary, nullable=True),
    PrimaryKeyConstraint("kind", "name"),
)
_PLACE: Final = (_TABLE.c.kind == bindparam("kind_"), _TABLE.c.name == bindparam("name_"))
_REMOVE: Final = Statement(delete(_TABLE).where(*_PLACE))
_INSERT: Final = Statement(insert(_TABLE))
SEAL: Final = Statement(update(_TABLE).where(*_PLACE).values(mac=bindparam("mac_")))


class Subject(NamedTuple):
    """A client, issuer, worker or user that a command disabled, or enabled again."""

    kind: str
    name: str
    disabled: int
    changed_at: int


class Subjects:
    """The subjects of one batch. A trusted kind: its rows carry MACs, and the head's manifest names them all."""

    TABLE: ClassVar[Table] = _TABLE
    ALL: ClassVar[Statement] = Statement(select(_TABLE))

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str], Subject] = {}

    @staticmethod
    def load(row: tuple[Any, ...]) -> tuple[Subject, bytes]:
        """Read a row: the record, and its MAC."""
        return Subject(*row[:4]), bytes(row[4] or b"")

    @staticmethod
    def place(record: Subject) -> tuple[str, str]:
        """Name a record among its kind."""
        return record.kind, record.name

    @staticmethod
    def content(record: Subject) -> list[Any]:
        """What the MAC of a record is over."""
        return list(record)

    def judges(self) -> dict[type, Judge]:
        """A requirement, and the change that it is about."""
        return {
            Enabled: Judge(self._verdict, lambda *_: None),
            SetEnabled: Judge(lambda _: None, self._set, self._outrank),
        }

    def questions(self, changes: Sequence[Any]) -> Sequence[Question]:  # noqa: ARG002 - the trusted rows are known
        """Nothing: the head's manifest says whether the rows that are known are those that are there."""
        return ()

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:  # noqa: ARG002 - the Protocol's
        """Take note."""
        self._moment = moment

    def _verdict(self, wanted: Enabled) -> UndersignError | None:
        return refusal(self._moment.trust.get(Subjects, wanted), wanted)

    def _set(self, change: SetEnabled, _: int) -> None:
        record = Subject(change.kind, change.name, int(not change.enabled), int(self._moment.now))
        self._moment.trust.put(Subjects, record)
        self._changed[self.place(record)] = record

    def _outrank(self, change: SetEnabled) -> None:
        known = self._moment.trust.get(Subjects, (change.kind, change.name))
        if known is None or not known.disabled:
            self._set(change, 0)

    def executions(self) -> Sequence[Execution]:
        """Replace the rows that changed."""
        found: list[Execution] = []
        for record in self._changed.values():
            found.append((_REMOVE, {"kind_": record.kind, "name_": record.name}))
            found.append((_INSERT, {**record._asdict(), "mac": self._moment.trust.mac(Subjects, record)}))
        return found


def refusal(record: Subject | None, wanted: Enabled) -> UndersignError | None:
    """Why this subject may not act; None where it may."""
    if record is not None and record.disabled:
        return AccessError(f"The {wanted.kind} {quoted(wanted.name)} is disabled.")
    return None
