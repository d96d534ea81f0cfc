"""A ledger in memory, for tests of what runs above it: it takes writes as the real one does, or refuses when told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from undersign.access.standing import Enabled
from undersign.audit.chain import GENESIS, Line, link
from undersign.audit.record import Position, Write, at
from undersign.audit.sealed import MAKER, Committed
from undersign.errors import AccessError, ReplayedError, UndersignError
from undersign.replay import Burn

CHAIN = "c" * 32


def committed(write: Write, seq: int = 2) -> Committed:
    """The committed line of a write."""
    body = at(write.fragment, Position(CHAIN, seq, 1, "n", GENESIS))
    return Committed(MAKER, Line(seq, body, link(CHAIN, body), 1))


@dataclass
class MemoryLedger:
    """Burns and subjects in memory.

    Attributes:
        refusing: What the next commits are refused with; None takes the write.
        asked: What was asked of it, in order: seen, commit, count.
    """

    burnt: set[str] = field(default_factory=set)
    disabled: set[Enabled] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    refusing: list[UndersignError | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def seen(self, changes: tuple[object, ...]) -> None:
        """Refuse what was used."""
        self.asked.append("seen")
        if any(isinstance(change, Burn) and change.key in self.burnt for change in changes):
            raise ReplayedError("Used before.")

    async def commit(self, write: Write) -> Committed:
        """Take the write, whole or not at all."""
        with self.lock:
            self.asked.append("commit")
            error = self.refusing.pop(0) if self.refusing else None
            burns = {change.key for change in write.changes if isinstance(change, Burn)}
            if error is None and burns & self.burnt:
                error = ReplayedError("Used before.")
            if error is None and self.disabled & {change for change in write.changes if isinstance(change, Enabled)}:
                error = AccessError("Disabled.")
            if error is not None:
                raise error
            self.burnt |= burns
            self.writes.append(write)
            return committed(write, len(self.writes) + 1)

    def count(self, reason: str, address: str) -> None:
        """Count."""
        self.asked.append("count")
        self.counted.append(f"{reason} {address}")
