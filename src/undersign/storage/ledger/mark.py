"""A mark beside the database: how far this machine has seen the chain reach, and what was disabled (rules 8 and 18).

A database that was restored from a backup has forgotten what was used up since, and who was disabled since, and nothing
in it says so. The mark is outside of it, beside the master key. At a start the two are compared. A database that does
not reach its mark was restored: then nothing counts that was issued before and works once, and what was disabled or
destroyed is so again. Each commit is held against it too, so that what one process of a machine has seen, all have.
Without a mark, as on the first start of a machine, what was issued after the last line and before the start is not
believed either. A snapshot of the whole machine takes the mark back too; that cannot be told from here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, NamedTuple

from undersign.access.standing import SetEnabled
from undersign.cryptotoken.lifecycle import SetState
from undersign.errors import StorageError, UndersignError, quoted

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

    def note(self, head: StoredHead, picture: Picture, envelope: Envelope, *, anew: bool = False) -> None:
        """Note a head that was committed; a mark that cannot be written is one that says less, and stops nobody.

        Args:
            head: The head.
            picture: The trusted rows as they are with it.
            envelope: The master key, bound to the chain.
            anew: The database was restored: what was noted is replaced even where it reaches further.
        """
        seen = [head.seq, head.hash, head.generation]
        noted = {"chain": head.chain, "seen": seen, "mac": envelope.mac("mark", seen).hex()}
        with suppress(OSError), self._held() as file:
            before = None if anew else _seen(os.pread(file, _OCTETS, 0), envelope)
            if before is not None and before[0] >= head.seq:
                return  # another process of this machine committed later, and was here first
            if picture is not self._picture:
                if anew or _generation(self._states, envelope) < picture.generation:
                    _replace(self._states, json.dumps(_sealed(picture, envelope)))
                self._picture = picture
            os.pwrite(file, json.dumps(noted).encode().ljust(_OCTETS - 1) + b"\n", 0)

    def reached(self, envelope: Envelope) -> tuple[int, str]:
        """How far this machine has seen the chain reach: a line's number and hash, or 0 where nothing says so."""
        with suppress(OSError), self._held() as file:
            found = _seen(os.pread(file, _OCTETS, 0), envelope)
            return found[:2] if found else (0, "")
        return 0, ""

    def read(self, envelope: Envelope) -> Noted | None:
        """What was noted; None where there is no mark.

        Args:
            envelope: The master key, bound to the chain that is there; to "" where there is none.

        Raises:
            StorageError: The mark is of another chain, or is there and says nothing.
        """
        if not self.is_there():
            return None
        states = None
        try:
            with self._held() as file:
                found = _seen(os.pread(file, _OCTETS, 0), envelope)
                if found:
                    states = _opened(self._states, envelope)
        except OSError as error:
            raise StorageError(
                f"This machine's mark cannot be read: {type(error).__name__}.",
                help=f"Let the user that runs the server read and write {quoted(self.path.name)} and what is beside "
                "it under that name.",
            ) from error
        # The states are written before the mark that goes with them, so they may be newer, and never older.
        if found and states and states[0] >= found[2]:
            return Noted(*found, states[1])
        if self._replaceable:
            return None
        raise StorageError(
            "This machine's mark is of another database than the one that is there, or cannot be read.",
            help=f"If the database was replaced on purpose, remove the mark: {quoted(self.path.name)}, beside the "
            "master key. What works once and was used before may then work again.",
        )

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Give the file to one process at a time, so that nobody reads a part of what another writes."""
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        flock(self._file, LOCK_EX)
        try:
            yield self._file
        finally:
            flock(self._file, LOCK_UN)

    def is_there(self) -> bool:
        """Whether this machine has a mark, of whatever chain."""
        try:
            return self.path.stat().st_size > 0  # it is empty where its first writing was cut off
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _replace(path: Path, text: str) -> None:
    """Replace a file whole, its owner's only, so that no reader and no kill sees a part of it."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        with suppress(OSError):  # a command that root runs takes the file from nobody
            there = path.stat()
            os.fchown(file.fileno(), there.st_uid, there.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _seen(octets: bytes, envelope: Envelope) -> tuple[int, str, int] | None:
    """The line's number and hash and the generation that a mark of this chain names; None where it is none."""
    noted = _sound(octets, "mark", envelope)
    if noted is None or noted.get("chain") != envelope.chain:
        return None
    seq, hash_, generation = noted["seen"]
    return seq, hash_, generation


def _sealed(picture: Picture, envelope: Envelope) -> dict[str, Any]:
    keys = [[k.name, k.version, k.state] for k in picture.all(Keys) if k.state in _GONE]
    subjects = [[s.kind, s.name] for s in picture.all(Subjects) if s.disabled]
    seen = [picture.generation, keys, subjects]
    return {"seen": seen, "mac": envelope.mac("states", seen).hex()}


def _opened(path: Path, envelope: Envelope) -> tuple[int, tuple[SetState | SetEnabled, ...]] | None:
    """The generation of the states that were noted, and they; None where somebody else wrote them, or nobody."""
    try:
        found = _sound(path.read_bytes(), "states", envelope)
    except FileNotFoundError:
        return None
    if found is None:
        return None
    generation, keys, subjects = found["seen"]
    states = [SetState(name, version, "active", after) for name, version, after in keys]
    return generation, (*states, *(SetEnabled(kind, name, enabled=False) for kind, name in subjects))


def _generation(path: Path, envelope: Envelope) -> int:
    found = _opened(path, envelope)
    return found[0] if found else -1


def _sound(octets: bytes, kind: str, envelope: Envelope) -> dict[str, Any] | None:
    """Parse what carries our MAC; what parses and carries it is of the shape that we wrote."""
    try:
        found = json.loads(octets)
        sound = compare_digest(bytes.fromhex(found["mac"]), envelope.mac(kind, found["seen"]))
    except (ValueError, LookupError, TypeError, RecursionError, UndersignError):
        return None
    return found if sound else None
