"""One write: an event together with all that must become true with it, or not at all."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from undersign.audit.chain import Line
from undersign.audit.record import Entry, Personal
from undersign.cryptotoken.lifecycle import AddKey, SetState
from undersign.errors import UndersignError
from undersign.replay import Burn

from .refusals import Count

__all__ = ["Change", "Job", "KeyUse", "SetSubject", "Subject", "Write"]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One use of a key: its version must be active, and below the limit, when the write commits."""

    name: str
    version: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A client, issuer, worker or user; the write is refused when it was disabled."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class SetSubject:
    """Disable a client, issuer, worker or user, or enable it again."""

    kind: str
    name: str
    disabled: bool


Change: TypeAlias = AddKey | SetState | SetSubject


@dataclass(frozen=True, slots=True)
class Write:
    """An entry, and what is used up, used, kept, changed and required with it."""

    entry: Entry
    burns: tuple[Burn, ...] = ()
    uses: tuple[KeyUse, ...] = ()
    personal: tuple[Personal, ...] = ()
    changes: tuple[Change, ...] = ()
    enabled: tuple[Subject, ...] = ()


@dataclass(slots=True)
class Job:
    """A write on its way: its entry as bytes, its burns by key, its future, and its verdict once it was settled."""

    write: Write | None
    fragment: bytes
    burns: dict[str, Burn]
    counted: Count | None = None
    number: int = 0
    future: Future[Line] = field(default_factory=Future)
    line: Line | None = None
    verdict: UndersignError | None = None

    @classmethod
    def of(cls, write: Write) -> Job:
        """Prepare in the caller's thread all that does not need the database."""
        return cls(write, write.entry.fragment(), {burn.key: burn for burn in write.burns})
