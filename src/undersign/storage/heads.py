"""Signed heads and checkpoints of this database's chain: epochs are opened, recorded and dropped as time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from undersign.audit.chain import EPOCH_CAP, Epoch, Head, Line, link
from undersign.audit.record import Write
from undersign.errors import StorageError
from undersign.jwk import Key
from undersign.jws import Signer

from .database import Database
from .ledger.ledger import Ledger
from .ledger.lines import head_line

__all__ = ["HeadSigner"]


class HeadSigner:
    """Signs heads and checkpoints with an epoch key that is in this object only.

    Args:
        database: Whose chain.
        ledger: Records each epoch before its first head.
        chain: The chain's id.
        root: Certifies epochs, and nothing else.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        *,
        chain: str,
        root: Signer,
        clock: Callable[[], float] = time.time,
        lifetime: int = EPOCH_CAP,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._chain = chain
        self._root = root
        self._clock = clock
        self._lifetime = lifetime
        self._epoch: Epoch | None = None
        self._signed = 0
        self._gate = Lock()

    def sign(self) -> str:
        """Sign the head as it is now; blocking, so async code calls it in a thread.

        Raises:
            StorageError: The chain cannot be read, or a new epoch not be recorded.
        """
        with self._gate:
            epoch, now = self._current()
            head, line = self._ledger.reading.refresh(), head_line(self._database)
            if line is None or line.seq < max(head.seq, self._signed):
                raise StorageError("The database lost its last line, or lines that were signed for.")
            if link(self._chain, line.body) != line.hash or (line.seq == head.seq and line.hash != head.hash):
                raise StorageError("The last line was changed in the database.", help="Restore it from a backup.")
            self._signed = line.seq
            return epoch.sign(Head(self._chain, line.seq, line.hash, now))

    def checkpoint(self, end: Line, root: Key) -> tuple[str, str]:
        """Sign where a segment ends; raises as ``sign`` does.

        Args:
            end: The segment's last line.
            root: The root's public key.

        Returns:
            The checkpoint, and the name of the epoch that signed it.
        """
        with self._gate:
            epoch, now = self._current()
            made = epoch.checkpoint(Head(self._chain, end.seq, end.hash, now), line_time=end.time, root=root)
            return made, epoch.name

    def _current(self) -> tuple[Epoch, int]:
        now = int(self._clock())
        epoch = self._epoch
        if epoch is None or not epoch.not_before <= now <= epoch.not_after:
            # Its line would have the highest time seen, which must lie in the epoch's own hour.
            self._ledger.reading.check_clock(now)
            epoch = Epoch.open(self._chain, self._root, now=now, lifetime=self._lifetime)
            self._ledger.submit(Write(epoch.entry())).result()
            self._epoch = epoch
        return epoch, now
