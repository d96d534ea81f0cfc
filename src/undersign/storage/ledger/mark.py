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
    """A file that each commit writes to, and beside it one of states, which is replaced whole when a state changes.

    Several processes of one machine share both.
    """

    def __init__(self, path: Path, *, replaceable: bool = False) -> None:
        """Keep the mark at a path; ``replaceable`` lets another database take the place of the one that was noted."""
        self.path = path
        self._states = path.with_name(path.name + ".states")
        self._replaceable = replaceable
        self._file: int | None = None
        self._picture: Picture | None = None

    def note(self, head: StoredHead, picture: Picture, envelope: Envelope) -> None:
        """Note a head that was committed; a mark that cannot be written is one that says less, and stops nobody."""
        seen = [head.seq, head.hash, head.generation]
        noted = {"chain": head.chain, "seen": seen, "mac": envelope.mac("mark", seen).hex()}
        with suppress(OSError):
            if self._file is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if picture is not self._picture:
                _replace(self._states, json.dumps(_sealed(picture, envelope)))
                self._picture = picture
            os.pwrite(self._file, json.dumps(noted).encode().ljust(_OCTETS - 1) + b"\n", 0)

    def read(self, envelope: Envelope) -> Noted | None:
        """What was noted; None where there is no mark.

        Args:
            envelope: The master key, bound to the chain that is there; to "" where there is none.

        Raises:
            StorageError: The mark is of another chain, or is there and says nothing.
        """
        try:
            octets = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            octets = b""
        try:
            noted = json.loads(octets[:_OCTETS])
            chain, (seq, hash_, generation) = str(noted["chain"]), noted["seen"]
            sound = compare_digest(bytes.fromhex(noted["mac"]), envelope.mac("mark", noted["seen"]))
            states = _opened(self._states.read_bytes(), envelope) if sound else ()
        except (OSError, ValueError, KeyError, TypeError):
            chain, sound = "", False
            seq, hash_, generation, states = 0, "", "", ()
        if sound and chain == envelope.chain:
            return Noted(seq, hash_, generation, states)
        if self._replaceable:
            return None
        raise StorageError(
            "This machine's mark is of another database than the one that is there, or cannot be read.",
            help=f"If the database was replaced on purpose, remove the mark: {quoted(self.path.name)}, beside the "
            "master key. What works once and was used before may then work again.",
        )

    def is_there(self) -> bool:
        """Whether this machine has a mark, of whatever chain."""
        return self.path.exists()

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _replace(path: Path, text: str) -> None:
    """Replace a file whole, its owner's only, so that no reader and no kill sees a part of it."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _sealed(picture: Picture, envelope: Envelope) -> dict[str, Any]:
    keys = [[k.name, k.version, k.state] for k in picture.all(Keys) if k.state in _GONE]
    subjects = [[s.kind, s.name] for s in picture.all(Subjects) if s.disabled]
    return {"keys": keys, "subjects": subjects, "mac": envelope.mac("states", [keys, subjects]).hex()}


def _opened(octets: bytes, envelope: Envelope) -> tuple[SetState | SetEnabled, ...]:
    """The states that the mark holds.

    Raises:
        ValueError: Somebody else wrote them.
    """
    found = json.loads(octets)
    keys, subjects = found["keys"], found["subjects"]
    if not compare_digest(bytes.fromhex(found["mac"]), envelope.mac("states", [keys, subjects])):
        raise ValueError("The states are not ours.")
    states = [SetState(name, version, "active", after) for name, version, after in keys]
    return (*states, *(SetEnabled(kind, name, enabled=False) for kind, name in subjects))
