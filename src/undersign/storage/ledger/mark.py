"""A mark beside the database: how far this machine has seen the chain reach, and what was disabled (rules 8 and 18).

A database that was restored from a backup has forgotten what was used up since, and who was disabled since, and nothing
in it says so. The mark is outside of it, beside the master key. At a start the two are compared. A database that does
not reach its mark was restored: then nothing counts that was issued before and works once, and what was disabled or
destroyed is so again. Without a mark, as on the first start of a machine, what was issued after the last line and
before the start is not believed either. A snapshot of the whole machine takes the mark back too; that cannot be told
from here.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, NamedTuple

from undersign.access.standing import SetEnabled
from undersign.cryptotoken.lifecycle import SetState
from undersign.errors import StorageError, quoted

from ..envelope import Envelope
from ..rows.keys import Keys
from ..rows.subjects import Subjects
from ..trust import Picture
from .lines import StoredHead

__all__ = ["Mark", "Noted"]

_OCTETS: Final = 256  # of the part that each commit writes: always as long, so that a write replaces the one before
_GONE: Final = frozenset({"disabled", "destroyed"})


class Noted(NamedTuple):
    """What the mark says of a chain.

    Attributes:
        outranking: What was disabled or destroyed, as the changes that would make it so.
    """

    seq: int
    hash: str
    generation: int
    outranking: tuple[SetState | SetEnabled, ...]


class Mark:
    """One file; several processes of one machine share it."""

    def __init__(self, path: Path, *, replaceable: bool = False) -> None:
        """Keep the mark in a file; ``replaceable`` lets another database take the place of the one that was noted."""
        self.path = path
        self._replaceable = replaceable
        self._file: int | None = None
        self._picture: Picture | None = None

    def note(self, head: StoredHead, picture: Picture, envelope: Envelope) -> None:
        """Note a head that was committed; a mark that cannot be written is one that says less, and stops nobody."""
        seen = {"chain": head.chain, "seq": head.seq, "hash": head.hash, "generation": head.generation}
        with suppress(OSError):
            if self._file is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if picture is not self._picture:
                rest = json.dumps(_sealed(picture, envelope)).encode()
                os.pwrite(self._file, rest, _OCTETS)
                os.ftruncate(self._file, _OCTETS + len(rest))
                self._picture = picture
            os.pwrite(self._file, json.dumps(seen).encode().ljust(_OCTETS - 1) + b"\n", 0)

    def check(self, chain: str) -> None:
        """Refuse a database that another one was put in the place of, or that is gone.

        Args:
            chain: The id of the chain that is there; empty where there is none.

        Raises:
            StorageError: The mark is of another chain.
        """
        noted = ""
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted = str(json.loads(self.path.read_bytes()[:_OCTETS])["chain"])
        if noted and noted != chain and not self._replaceable:
            raise StorageError(
                "The database is not the one that this machine has served: its mark is of another chain.",
                help=f"If that is meant, remove the mark, {quoted(self.path.name)}, beside the master key.",
            )

    def read(self, envelope: Envelope) -> Noted | None:
        """What was noted for the envelope's chain; None where there is no such mark."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            octets = self.path.read_bytes()
            seen = json.loads(octets[:_OCTETS])
            if seen["chain"] == envelope.chain:
                found = _opened(octets[_OCTETS:], envelope)
                return Noted(int(seen["seq"]), str(seen["hash"]), int(seen["generation"]), found)
        return None

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _sealed(picture: Picture, envelope: Envelope) -> dict[str, Any]:
    keys = [[k.name, k.version, k.state] for k in picture.all(Keys) if k.state in _GONE]
    subjects = [[s.kind, s.name] for s in picture.all(Subjects) if s.disabled]
    return {"keys": keys, "subjects": subjects, "mac": envelope.mac("mark", [keys, subjects]).hex()}


def _opened(octets: bytes, envelope: Envelope) -> tuple[SetState | SetEnabled, ...]:
    """The states that the mark holds; none where somebody else wrote them."""
    found = json.loads(octets)
    keys, subjects = found["keys"], found["subjects"]
    if not compare_digest(bytes.fromhex(found["mac"]), envelope.mac("mark", [keys, subjects])):
        return ()
    states = [SetState(name, version, "active", after) for name, version, after in keys]
    return (*states, *(SetEnabled(kind, name, enabled=False) for kind, name in subjects))
