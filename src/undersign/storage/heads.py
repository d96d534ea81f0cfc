"""Signed heads of this database's chain: epochs are opened, recorded and dropped as time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from undersign.audit.chain import EPOCH_CAP, Epoch, Head
from undersign.audit.record import Write
from undersign.errors import StorageError
from undersign.jws import Signer

from .database import Database
from .ledger.ledger import Ledger
from .ledger.lines import head_line

__all__ = ["HeadSigner"]


class HeadSigner:
    """Signs heads with an epoch key that is in this object only.

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
        self._gate = Lock()

    def sign(self) -> str:
        """Sign the head as it is now; blocking, so async code calls it in a thread.

        Raises:
            StorageError: The chain cannot be read, or a new epoch not be recorded.
        """
        with self._gate:
            now = int(self._clock())
            epoch = self._epoch
            if epoch is None or not epoch.not_before <= now <= epoch.not_after:
                epoch = Epoch.open(self._chain, self._root, now=now, lifetime=self._lifetime)
                self._ledger.submit(Write(epoch.entry())).result()
                self._epoch = epoch
            line = head_line(self._database)
            if line is None:
                raise StorageError("The database has no audit chain, or it lost its last line.")
            return epoch.sign(Head(self._chain, line.seq, line.hash, now))
