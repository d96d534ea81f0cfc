"""Who was disabled by a recorded command; it outranks the configuration file (safety rule 18)."""

from __future__ import annotations

from sqlalchemy import select

from undersign.audit.record import Entry

from .engine import Database
from .schema import subjects
from .write import SetSubject, Write

__all__ = ["disabled", "set_subject"]


def disabled(database: Database, kind: str) -> frozenset[str]:
    """Read the names of this kind (client, issuer, worker, user) that are disabled now."""
    wanted = select(subjects.c.name).where(subjects.c.kind == kind, subjects.c.disabled != 0)
    with database.read() as connection:
        return frozenset(connection.execute(wanted).scalars())


def set_subject(kind: str, name: str, *, disabled: bool) -> Write:
    """Make the write that disables a client, issuer, worker or user, or enables it again."""
    detail = (("kind", kind), ("name", name), ("disabled", int(disabled)))
    return Write(Entry("subject_state", "ok", detail=detail), changes=(SetSubject(kind, name, disabled),))
