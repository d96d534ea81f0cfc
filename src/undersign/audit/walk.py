"""Walking a chain line by line: each whole, in its place, and naming the one before it.

A walk begins at line 1, which names the root key, or behind lines that were dealt with before: then at what a
checkpoint says of them. Time goes back at one kind of line only, the operator's command that says from when to when.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from undersign.encoding import parse_object
from undersign.errors import ChainError, UndersignError, quoted
from undersign.jwk import Key, load_public

from .certificate import Certified, certified, members_of
from .chain import GENESIS, Line, link

__all__ = ["CLOCK_TOLERANCE", "Start", "Walk"]

CLOCK_TOLERANCE: Final = 60
_HASH: Final = 32  # octets


@dataclass(frozen=True, slots=True)
class Start:
    """What comes before the first line of a walk.

    Attributes:
        seq: The number of the line before; 0 for the beginning of the chain.
        root: The chain's root key; None at the beginning, for its first line names it.
        epochs: The epochs that are known to have been certified before, by their key's thumbprint.
    """

    chain: str = ""
    seq: int = 0
    hash: str = GENESIS
    time: int = 0
    root: Key | None = None
    epochs: tuple[Certified, ...] = ()


class Walk:
    """A chain, as far as it was read.

    Args:
        root: The fingerprint of the chain's root key.
        start: What comes before its first line here.
        keep: The numbers of lines whose octets are kept.

    Attributes:
        chain: The chain's id.
        seq: The number of the last line.
        hash: Its hash.
        time: Its time.
        kept: The octets that were to be kept, by number.
        epochs: The epochs that may have signed heads, by their key's thumbprint.
    """

    def __init__(self, root: str, start: Start | None = None, *, keep: Iterable[int] = ()) -> None:
        start = start or Start()
        self.chain, self.seq, self.hash, self.time = start.chain, start.seq, start.hash, start.time
        self.epochs = {epoch.key.thumbprint(): epoch for epoch in start.epochs}
        self.kept: dict[int, bytes] = {}
        self._keep = frozenset(keep)
        self._root = root
        self._root_key = start.root
        self._start = start
        self._hashes = bytearray()
        self._times = array("q")

    @property
    def first(self) -> int:
        """The number of the first line of the walk."""
        return self._start.seq + 1

    def line(self, seq: int) -> Line:
        """The line with this number, without its octets where they were not kept."""
        if seq == self._start.seq:
            return Line(seq, b"", self._start.hash, self._start.time)
        place = seq - self.first
        hash_ = self._hashes[_HASH * place : _HASH * (place + 1)].hex()
        return Line(seq, self.kept.get(seq, b""), hash_, self._times[place])

    def step(self, body: bytes) -> None:
        """Take the next line.

        Raises:
            ChainError: It is not that.
        """
        seq = self.seq + 1
        members = _parsed(body, seq)
        event = members.get("event")
        # Whose chain it is stands in its first line, and nowhere else.
        if (seq == 1) != (event == "chain_opened"):
            raise ChainError(
                f"Line {seq} is not what opens a chain, or opens it twice.",
                seq=seq,
                help="A log that begins later needs the segments before it, or a checkpoint.",
            )
        if seq == 1:
            self._open(members)
        self._place(members, seq)
        self.seq, self.hash = seq, link(self.chain, body)
        self._hashes += bytes.fromhex(self.hash)
        self._times.append(self.time)
        if seq in self._keep:
            self.kept[seq] = body
        if event == "epoch_opened":
            self._certify(members, seq)
        elif event == "segment_closed":
            self._closed(members, seq)

    def _place(self, members: Mapping[str, Any], seq: int) -> None:
        if members.get("chain") != self.chain or members.get("v") != 1:
            raise ChainError(f"Line {seq} is of another chain.", seq=seq)
        if members.get("seq") != seq or type(members.get("seq")) is not int:
            raise ChainError(f"Line {seq} has the number {quoted(members.get('seq'))}.", seq=seq)
        if members.get("prev") != self.hash:
            raise ChainError(f"Line {seq} does not follow line {seq - 1} as it is here.", seq=seq)
        time = members.get("time")
        if type(time) is not int or not 0 <= time < 2**62:
            raise ChainError(f"Line {seq} has no time.", seq=seq)
        if members.get("event") == "clock_taken_back":
            self._take_back(members, time, seq)
        elif time < self.time:
            raise ChainError(f"Line {seq} is earlier than the one before it.", seq=seq)
        self.time = time

    def _take_back(self, members: Mapping[str, Any], time: int, seq: int) -> None:
        detail = members_of(members.get("detail"))
        before, after = detail.get("before"), detail.get("after")
        # The highest time seen may be later than that of any line: what only uses something up writes none.
        if type(before) is not int or type(after) is not int or not after == time < before or before < self.time:
            raise ChainError(f"Line {seq} takes the time back otherwise than it says.", seq=seq)

    def _open(self, members: Mapping[str, Any]) -> None:
        chain = members.get("chain")
        try:
            key = load_public(str(members_of(members.get("detail")).get("jwk")), alg="Ed25519")
        except UndersignError as error:
            raise ChainError(f"Line 1 names no root key: {error.message}", seq=1) from error
        if key.thumbprint() != self._root:
            raise ChainError(
                f"The chain's root is {key.thumbprint()}, not the one that was brought.",
                seq=1,
                help="Either the fingerprint is another chain's, or this chain was put in place of the true one.",
            )
        if not isinstance(chain, str) or not chain.isascii() or not chain:
            raise ChainError("Line 1 names no chain.", seq=1)
        self._root_key, self.chain = key, chain

    def _certify(self, members: Mapping[str, Any], seq: int) -> None:
        if self._root_key is None:
            raise ChainError(f"Line {seq} certifies an epoch before the chain has a root.", seq=seq)
        certificate = str(members_of(members.get("detail")).get("certificate"))
        epoch = certified(certificate, self._root_key, self.chain, where=f"in line {seq}", seq=seq)
        if not epoch.not_before - CLOCK_TOLERANCE <= self.time <= epoch.not_after + CLOCK_TOLERANCE:
            raise ChainError(f"The certificate in line {seq} was recorded outside its window.", seq=seq)
        self.epochs[epoch.key.thumbprint()] = epoch

    def _closed(self, members: Mapping[str, Any], seq: int) -> None:
        detail = members_of(members.get("detail"))
        through = detail.get("through")
        if type(through) is not int or not 1 <= through < seq:
            raise ChainError(f"Line {seq} closes a segment that is not before it.", seq=seq)
        if through >= self._start.seq and through > 0 and self.line(through).hash != detail.get("hash"):
            raise ChainError(f"Line {seq} closed a segment with another line {through} than this chain.", seq=seq)


def _parsed(body: bytes, seq: int) -> Mapping[str, Any]:
    try:
        return parse_object(body)
    except UndersignError as error:
        raise ChainError(f"Line {seq} is not a record: {error.message}", seq=seq) from error
