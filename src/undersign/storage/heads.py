"""Signed heads and checkpoints of this database's chain: epochs are opened, recorded and dropped as time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from undersign.audit.chain import EPOCH_CAP, Epoch, Head, Line
from undersign.audit.record import Write
from undersign.jwk import Key
from undersign.jws import Signer

from .ledger.ledger import Ledger

__all__ = ["HeadSigner"]


class HeadSigner:
    """Signs heads and checkpoints with an epoch key that is in this object only.

    Args:
        ledger: Records each epoch before its first head.
        chain: The chain's id.
        root: Certifies epochs, and nothing else.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        chain: str,
        root: Signer,
        clock: Callable[[], float] = time.time,
        lifetime: int = EPOCH_CAP,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._root = root
        self._clock = clock
        self._lifetime = lifetime
        self._epoch: Epoch | None = None
        self._gate = Lock()

    def sign(self) -> str:
        """Sign the head as it is now; blocking, so async code calls it in a thread.

        Raises:
            StorageError: The chain cannot be read, or a new epoch not be recorded.
        """
        with self._gate:
            epoch, now = self._current()
            line = self._ledger.reading.last_line()
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
