"""Verify a chain offline, against a root and a head that its server does not hold.

1. Each line is whole: strict JSON, of this chain, next in number, naming the line before it, no earlier in time but
   where an operator's recorded command took the time back (``walk``).
2. Line 1 names the root key, and its fingerprint is the one that the auditor brought. Where older lines are elsewhere,
   a checkpoint stands for them: its root is that one, and it was signed by an epoch which that root certified.
3. Each epoch's certificate is signed by the root, for this chain and at most an hour, and was recorded in that hour.
4. Each head that was brought is signed by a recorded epoch's key inside its window, and its line is there unchanged.
5. Each receipt that was brought names a line of a signature that is there, and says what that line says, whole.

What that cannot exclude is part of the answer: records after the last line, and, without a head that was kept
elsewhere, a chain cut short or written anew by whoever holds the root key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from undersign import jws
from undersign.encoding import parse_object
from undersign.errors import ChainError, FetchError, PolicyError, UndersignError, quoted
from undersign.jwks import KeySource

from .certificate import Certified, members_of, opened
from .chain import HEAD_TYP
from .checkpoint import Checkpoint, verify_checkpoint
from .receipt import RECEIPT_TYP, receipt_claims
from .walk import CLOCK_TOLERANCE, Start, Walk

__all__ = ["ChainReport", "verify_file", "verify_lines"]

_SEAL: Final = object()


class ChainReport:
    """Evidence that a chain holds together, and how far. Made by this module only.

    Attributes:
        chain: Its id.
        root: The fingerprint of its root key.
        first: The number of the first line that was verified; 1, or the one after the checkpoint that was brought.
        lines: The number of its last line: it is complete from the first up to that one.
        time: The time of the last line.
        witnessed: The number of the last line that a brought head covers; 0 without a head.
        epochs: How many epochs it records.
        receipts: How many brought receipts were found in it.
        cannot_exclude: What this verification leaves open, in words.
    """

    __slots__ = ("cannot_exclude", "chain", "epochs", "first", "lines", "receipts", "root", "time", "witnessed")

    chain: str
    root: str
    first: int
    lines: int
    time: int
    witnessed: int
    epochs: int
    receipts: int
    cannot_exclude: tuple[str, ...]

    def __init__(self, *, seal: object = None, **facts: object) -> None:
        if seal is not _SEAL:
            raise TypeError("A ChainReport is made by verify_lines only.")
        for name in self.__slots__:
            object.__setattr__(self, name, facts[name])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A ChainReport is read-only.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("A ChainReport is not subclassed.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A ChainReport is not copied or pickled: verify the file where it is needed.")

    def __repr__(self) -> str:
        return f"<ChainReport chain={self.chain} lines={self.first}-{self.lines} witnessed={self.witnessed}>"


def verify_file(
    *paths: Path,
    root: str,
    checkpoint: str | None = None,
    heads: Sequence[str] = (),
    receipts: Sequence[str] = (),
    receipt_keys: KeySource | None = None,
) -> ChainReport:
    """Verify an exported chain, one line of a file for each of its lines, its segments in order; see verify_lines.

    Raises:
        ChainError: It does not hold together.
        FetchError: A file cannot be read, which says nothing of the chain.
        PolicyError: Receipts were brought without the keys that sign them.
    """
    return verify_lines(
        _lines_of(paths),
        root=root,
        checkpoint=checkpoint,
        heads=heads,
        receipts=receipts,
        receipt_keys=receipt_keys,
    )


def verify_lines(
    lines: Iterable[bytes],
    *,
    root: str,
    checkpoint: str | None = None,
    heads: Sequence[str] = (),
    receipts: Sequence[str] = (),
    receipt_keys: KeySource | None = None,
) -> ChainReport:
    """Verify a chain.

    Args:
        lines: Its lines in order, as they were exported; a line break at the end of each is not part of it.
        root: The fingerprint (RFC 7638 thumbprint) of its root key, from a source other than its server.
        checkpoint: What stands for the lines before the first of these, where that is not line 1.
        heads: Signed heads that were kept elsewhere.
        receipts: Receipts that callers kept.
        receipt_keys: The keys that sign receipts; needed with receipts.

    Raises:
        ChainError: It does not hold together; ``seq`` names the first line that does not fit, where known.
        PolicyError: Receipts were brought without the keys that sign them.
    """
    if receipts and receipt_keys is None:
        raise PolicyError(
            "Receipts cannot be verified without the keys that sign them.",
            help="Pass receipt_keys (--receipt-keys FILE).",
        )
    said = [opened(receipt, receipt_keys, RECEIPT_TYP, "A receipt") for receipt in receipts]
    before = None if checkpoint is None else verify_checkpoint(checkpoint, root=root)
    walk = Walk(root, _start(before), keep=filter(None, map(_receipted, said)))
    for line in lines:
        walk.step(line.rstrip(b"\r\n"))
    if walk.seq < walk.first:
        raise ChainError("There is no line at all.", seq=walk.first)
    witnessed = max((_hold_head(head, walk) for head in heads), default=0)
    for claims in said:
        _hold_receipt(claims, walk)
    return ChainReport(
        seal=_SEAL,
        chain=walk.chain,
        root=root,
        first=walk.first,
        lines=walk.seq,
        time=walk.time,
        witnessed=witnessed,
        epochs=len(walk.epochs),
        receipts=len(receipts),
        cannot_exclude=tuple(_open_ends(walk, witnessed)),
    )


def _lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        try:
            with path.open("rb") as file:
                yield from file
        except OSError as error:
            raise FetchError(
                f"The file {quoted(str(path))} cannot be read: {error.strerror or type(error).__name__}.",
                help="Check its name, and whether you may read it.",
            ) from error


def _start(before: Checkpoint | None) -> Start | None:
    if before is None:
        return None
    return Start(before.chain, before.seq, before.hash, before.line_time, before.root, (before.epoch,))


def _open_ends(walk: Walk, witnessed: int) -> Iterable[str]:
    if walk.first > 1:
        yield f"anything about the lines before {walk.first}: the checkpoint stands for them; bring their segments"
    yield f"records after line {walk.seq}"
    if not witnessed:
        yield "lines cut off, or the whole chain written anew by whoever holds the root key: no head was brought"
    elif witnessed < walk.seq:
        yield f"other lines in place of {witnessed + 1} to {walk.seq}: no head that was brought covers them"


# 4. heads


def _hold_head(head: str, walk: Walk) -> int:
    """Hold one head against the chain; give the number of the line that it covers."""
    epoch = _epoch_of(head, walk)
    claims = opened(head, epoch.key, HEAD_TYP, "A head")
    time = claims.get("time")
    if claims.get("chain") != walk.chain:
        raise ChainError("A head is of another chain.")
    if type(time) is not int or not epoch.not_before <= time <= epoch.not_after:
        raise ChainError("A head was signed outside the window of its epoch.")
    seq = _line("A head", claims, walk)
    if seq < epoch.seq:
        raise ChainError("A head covers less than the line that certifies its own key.", seq=seq)
    if walk.line(seq).time > time + CLOCK_TOLERANCE:
        raise ChainError("A head is older than the line that it covers.", seq=seq)
    return seq


def _epoch_of(head: str, walk: Walk) -> Certified:
    for epoch in walk.epochs.values():
        try:
            jws.verify(head, epoch.key)
        except UndersignError:
            continue
        return epoch
    raise ChainError(
        "A head is signed by no epoch that this chain records.",
        help="Was this exported before the head was signed? Export it again. Else the head is forged, or another "
        "chain's, or of an epoch whose line is in a segment that was not brought.",
    )


def _line(what: str, named: Mapping[str, Any], walk: Walk) -> int:
    seq = named.get("seq")
    if type(seq) is not int or seq < 1:
        raise ChainError(f"{what} names no line.")
    if seq > walk.seq:
        raise ChainError(
            f"{what} covers line {seq}, and the chain ends at {walk.seq}: it was exported earlier, or cut off.",
            seq=seq,
            help=f"Export it again. If line {seq} is missing still, it was cut off: keep both, they are evidence.",
        )
    if seq < walk.first:
        raise ChainError(f"{what} is of line {seq}, before the first line here.", seq=seq, help="Bring its segment.")
    if walk.line(seq).hash != named.get("hash"):
        raise ChainError(f"{what} has another line {seq} than this chain.", seq=seq)
    return seq


# 5. receipts


def _receipted(claims: Mapping[str, Any]) -> int:
    seq = members_of(claims.get("log")).get("seq")
    return seq if type(seq) is int else 0


def _hold_receipt(claims: Mapping[str, Any], walk: Walk) -> None:
    """Hold one receipt against the chain: what it says is what the line says, but for who says it."""
    log = members_of(claims.get("log"))
    if log.get("chain") != walk.chain:
        raise ChainError("A receipt is of another chain.")
    line = walk.line(_line("A receipt", log, walk))
    expected = receipt_claims(parse_object(line.body), line, "")
    del expected["iss"]
    said = {name: value for name, value in claims.items() if name != "iss"}
    wrong = sorted(name for name in expected.keys() | said.keys() if _spelled(said, name) != _spelled(expected, name))
    if wrong:
        names = ", ".join(quoted(name) for name in wrong)
        raise ChainError(f"A receipt says otherwise than line {line.seq}: {names}.", seq=line.seq)


def _spelled(members: Mapping[str, Any], name: str) -> str | None:
    # As JSON, in which 1, 1.0 and true differ, and the order of members does not count.
    return json.dumps(members[name], sort_keys=True) if name in members else None
