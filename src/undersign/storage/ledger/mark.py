"""A mark beside the database: how far this machine has seen the chain reach (safety rule 8).

A database that was restored from a backup has forgotten what was used up since, and nothing in it says so. The mark is
outside of it, beside the master key. At a start the two are compared: a database that does not reach its mark was
restored, and then nothing counts that was issued before and works once. Without a mark, as on the first start of a
machine, what was issued after the last line and before the start is not believed either. A snapshot of the whole
machine takes the mark back too; that cannot be told from here.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from .lines import StoredHead

__all__ = ["Mark", "doubt"]

_OCTETS: Final = 256  # always as long, so that a write replaces the one before it whole


class Mark:
    """One file; several processes of one machine share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def note(self, head: StoredHead) -> None:
        """Note a head that was committed; a mark that cannot be written is one that says less, and stops nobody."""
        text = json.dumps({"chain": head.chain, "seq": head.seq, "hash": head.hash, "time": head.time})
        with suppress(OSError):
            if self._file is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            os.pwrite(self._file, text.encode().ljust(_OCTETS - 1) + b"\n", 0)

    def read(self, chain: str) -> tuple[int, str] | None:
        """The number and hash of the line that was noted for this chain; None where there is no such mark."""
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_bytes())
            if found["chain"] == chain:
                return int(found["seq"]), str(found["hash"])
        return None

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def doubt(head: StoredHead, mark: Mark | None, hash_there: str | None, *, now: float) -> tuple[str, StoredHead]:
    """Say at a start what this database may have forgotten.

    Args:
        head: The head as it is now.
        mark: This machine's; None where none is kept.
        hash_there: The hash of the line with the mark's number; None where the chain has none.
        now: The time of the start.

    Returns:
        Why something may have been forgotten, empty where nothing was, and the head with what is refused from now on.
    """
    noted = None if mark is None else mark.read(head.chain)
    if noted is None:
        start = head.time
        if head.unsure_to + _DAY > now:
            start = min(start, head.unsure_from)
        return "", head._replace(unsure_from=start, unsure_to=int(now)) if int(now) > start else head
    seq, hash_ = noted
    # A line that was closed is not there; behind it there is the line that closed it.
    if seq <= head.closed < head.seq or hash_there == hash_:
        return "", head
    return f"it ends at line {head.seq}, the mark is at {seq}", head._replace(unsure_from=-1, unsure_to=int(now) + 1)


_DAY: Final = 24 * 3600
