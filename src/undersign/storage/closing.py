"""Closing a segment of the log: older lines go to a file, and leave the database when the file is known to be whole.

1. The lines are written to a new file, which is on disk before anything else happens.
2. The file is read again and verified, line by line; what it comes to is signed as a checkpoint, in a file of its own.
3. One commit records all that and removes the lines; it holds what was exported against what is there under its lock.

Ended anywhere before the commit, the lines are in the database still. After it, both files are whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from undersign.audit.chain import Line
from undersign.audit.checkpoint import verify_checkpoint
from undersign.audit.segment import CloseSegment, closing
from undersign.audit.walk import Start, Walk
from undersign.encoding import parse_object
from undersign.errors import ChainError, PolicyError, StorageError, UndersignError, quoted
from undersign.jwk import Key

from .database import Database
from .heads import HeadSigner
from .ledger.ledger import Ledger
from .ledger.lines import StoredHead, lines_after

__all__ = ["ClosedSegment", "Files", "close_segment", "start_of"]


@dataclass(frozen=True, slots=True)
class Files:
    """Where a segment and its checkpoint go; neither is there yet."""

    segment: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A segment that was closed.

    Attributes:
        sha256: The hash, in hex, of its file.
        line: The number of the line that records it.
    """

    first: int
    through: int
    sha256: str
    line: int


def close_segment(
    database: Database, ledger: Ledger, heads: HeadSigner, *, root: Key, through: int, files: Files
) -> ClosedSegment:
    """Close the lines that are there, up to one.

    Args:
        database: Whose.
        ledger: Its ledger, which takes writes.
        heads: Signs the checkpoint.
        root: The public key of the chain's root.
        through: The number of the last line to close.
        files: Where to.

    Raises:
        PolicyError: There is nothing to close, or a file is there already.
        ChainError: The lines do not hold together; then nothing is removed, and no file is left.
        StorageError: A file cannot be written, or the database not be read or written. If it was the last commit whose
            outcome is not known, the files are kept.
        ConflictError: Another segment was closed meanwhile; the files are kept.
    """
    head = ledger.reading.refresh()
    first = head.closed + 1
    if not first <= through <= head.seq:
        raise PolicyError(
            f"There is nothing to close up to line {through}: lines {first} to {head.seq} are here.",
            help="Say --through N, or --keep N with a smaller N.",
        )
    with _removing(files) as made:
        with _new(files.segment, made) as file:
            for line in _lines(database, head.closed, through):
                file.write(line.body + b"\n")
        walk, digest = _verified(files.segment, head, root)
        if walk.seq != through:
            raise ChainError(f"The file ends at line {walk.seq}, not at {through}.", seq=walk.seq)
        checkpoint, epoch = heads.checkpoint(walk.line(through), root)
        with _new(files.checkpoint, made) as file:
            file.write(checkpoint.encode() + b"\n")
        verify_checkpoint(files.checkpoint.read_text("ascii").strip(), root=head.root)
    segment = CloseSegment(first, through, walk.hash)
    committed = ledger.submit(closing(segment, sha256=digest, epoch=epoch)).result()
    return ClosedSegment(first, through, digest, committed.line.seq)


def start_of(head: StoredHead, root: Key, first: bytes) -> Start | None:
    """Where a walk over the lines of a database begins; behind a closed segment, with what its first line names."""
    if not head.closed:
        return None
    return Start(head.chain, head.closed, str(parse_object(first).get("prev")), 0, root)


def _lines(database: Database, after: int, through: int) -> Iterator[Line]:
    while after < through and (found := lines_after(database, after, limit=min(1000, through - after))):
        yield from found
        after = found[-1].seq


def _verified(path: Path, head: StoredHead, root: Key) -> tuple[Walk, str]:
    """Walk over the file as it is on disk."""
    hashed, walk = sha256(), None
    with path.open("rb") as file:
        for line in file:
            hashed.update(line)
            body = line.rstrip(b"\n")
            walk = walk or Walk(head.root, start_of(head, root, body))
            walk.step(body)
    if walk is None:
        raise ChainError("The lines that the head counts are not there.", seq=head.closed + 1)
    return walk, hashed.hexdigest()


@contextmanager
def _new(path: Path, made: list[Path]) -> Iterator[BinaryIO]:
    """Write a new file, its owner's only, and have it on disk."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            made.append(path)
            yield file
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"{quoted(str(path))} cannot be written: {error.strerror}.", help="Check the folder."
        ) from error


@contextmanager
def _removing(files: Files) -> Iterator[list[Path]]:
    """Refuse where a file is there already; where something fails, leave none behind that was made here."""
    both = (files.segment, files.checkpoint)
    if files.segment == files.checkpoint:
        raise PolicyError("The segment and its checkpoint are two files.")
    for path in both:
        if path.exists() or path.is_symlink():
            raise PolicyError(
                f"{quoted(str(path))} is there already.",
                help="Choose another name. If a run before was cut off, `undersign audit export` shows which lines are "
                "still in the database; remove the file only if its lines are.",
            )
    made: list[Path] = []
    try:
        yield made
    except UndersignError:
        for path in made:
            with suppress(OSError):
                path.unlink()
        raise
