"""Verify a chain offline, against a root and a head that its server does not hold.

1. Each line is whole: strict JSON, of this chain, next in number, naming the line before it, no earlier in time.
2. Line 1 names the root key, and its fingerprint is the one that the auditor brought.
3. Each epoch's certificate is signed by the root, for this chain and at most an hour, and was recorded in that hour.
4. Each head that was brought is signed by a recorded epoch's key inside its window, and its line is there unchanged.
5. Each receipt that was brought names a line that is there, unchanged, with the same signature hashes.

What that cannot exclude is part of the answer: records after the last line, and, without a head that was kept
elsewhere, a chain cut short or written anew by whoever holds the root key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from undersign import jws
from undersign.encoding import parse_object
from undersign.errors import ChainError, KeySelectionError, PolicyError, UndersignError, quoted
from undersign.jwk import Key, load_public
from undersign.jwks import KeySource

from .chain import EPOCH_CAP, EPOCH_TYP, GENESIS, HEAD_TYP, link

__all__ = ["RECEIPT_TYP", "ChainReport", "verify_file", "verify_lines"]

RECEIPT_TYP: Final = "undersign-receipt+jwt"
CLOCK_TOLERANCE: Final = 60
_SEAL: Final = object()


class ChainReport:
    """Evidence that a chain holds together, and how far. Made by this module only.

    Attributes:
        chain: Its id.
        root: The fingerprint of its root key.
        lines: How many lines it has: it is complete up to that number.
        time: The time of the last line.
        witnessed: The number of the last line that a brought head covers; 0 without a head.
        epochs: How many epochs it records.
        receipts: How many brought receipts were found in it.
        cannot_exclude: What this verification leaves open, in words.
    """

    __slots__ = ("cannot_exclude", "chain", "epochs", "lines", "receipts", "root", "time", "witnessed")

    chain: str
    root: str
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
        return f"<ChainReport chain={self.chain} lines={self.lines} witnessed={self.witnessed}>"


def verify_file(
    path: Path,
    *,
    root: str,
    heads: Sequence[str] = (),
    receipts: Sequence[str] = (),
    receipt_keys: KeySource | None = None,
) -> ChainReport:
    """Verify an exported chain, one line of the file for each of its lines; see verify_lines."""
    try:
        with path.open("rb") as file:
            return verify_lines(file, root=root, heads=heads, receipts=receipts, receipt_keys=receipt_keys)
    except OSError as error:
        raise ChainError(f"The file {quoted(str(path))} cannot be read: {type(error).__name__}.") from error


def verify_lines(
    lines: Iterable[bytes],
    *,
    root: str,
    heads: Sequence[str] = (),
    receipts: Sequence[str] = (),
    receipt_keys: KeySource | None = None,
) -> ChainReport:
    """Verify a chain.

    Args:
        lines: Its lines in order, as they were exported; a line break at the end of each is not part of it.
        root: The fingerprint (RFC 7638 thumbprint) of its root key, from a source other than its server.
        heads: Signed heads that were kept elsewhere.
        receipts: Receipts that callers kept.
        receipt_keys: The keys that sign receipts; needed with receipts.

    Raises:
        ChainError: It does not hold together; ``seq`` names the first line that does not fit, where known.
        PolicyError: Receipts were brought without the keys that sign them.
    """
    if receipts and receipt_keys is None:
        raise PolicyError("Receipts cannot be verified without the keys that sign them.", help="Pass receipt_keys.")
    walk = _Walk(root)
    for line in lines:
        walk.step(line.rstrip(b"\r\n"))
    if not walk.hashes:
        raise ChainError("There is no line at all.", seq=1)
    witnessed = max((walk.head(head) for head in heads), default=0)
    for receipt in receipts:
        walk.receipt(receipt, receipt_keys)
    return ChainReport(
        seal=_SEAL,
        chain=walk.chain,
        root=root,
        lines=len(walk.hashes),
        time=walk.time,
        witnessed=witnessed,
        epochs=len(walk.epochs),
        receipts=len(receipts),
        cannot_exclude=tuple(_open_ends(len(walk.hashes), witnessed)),
    )


def _open_ends(lines: int, witnessed: int) -> Iterable[str]:
    yield f"records after line {lines}"
    if not witnessed:
        yield "lines cut off, or the whole chain written anew by whoever holds the root key: no head was brought"
    elif witnessed < lines:
        yield f"other lines in place of {witnessed + 1} to {lines}: no head that was brought covers them"


@dataclass(frozen=True, slots=True)
class _Epoch:
    key: Key
    seq: int
    not_before: int
    not_after: int


@dataclass(slots=True)
class _Walk:
    """The chain as far as it was read."""

    root: str
    chain: str = ""
    time: int = 0
    root_key: Key | None = None
    hashes: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    signed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    epochs: dict[str, _Epoch] = field(default_factory=dict)

    def step(self, body: bytes) -> None:
        """Take the next line."""
        seq = len(self.hashes) + 1
        members = _parsed(body, seq)
        event = members.get("event")
        # 2. Whose chain it is stands in the first line, and nowhere else.
        if (seq == 1) != (event == "chain_opened"):
            raise ChainError(f"Line {seq} is not what opens a chain, or opens it twice.", seq=seq)
        if seq == 1:
            self._open(members)
        # 1. Its place.
        self._place(members, seq)
        self.hashes.append(link(self.chain, body))
        self.times.append(self.time)
        if event == "epoch_opened":
            self._certify(members, seq)
        if event == "sign":
            self.signed[seq] = _signature_hashes(members)

    def _place(self, members: Mapping[str, Any], seq: int) -> None:
        previous = self.hashes[-1] if self.hashes else GENESIS
        if members.get("chain") != self.chain or members.get("v") != 1:
            raise ChainError(f"Line {seq} is of another chain.", seq=seq)
        if members.get("seq") != seq or type(members.get("seq")) is not int:
            raise ChainError(f"Line {seq} has the number {quoted(members.get('seq'))}.", seq=seq)
        if members.get("prev") != previous:
            raise ChainError(f"Line {seq} does not follow line {seq - 1} as it is here.", seq=seq)
        time = members.get("time")
        if type(time) is not int or time < self.time:
            raise ChainError(f"Line {seq} is earlier than the one before it.", seq=seq)
        self.time = time

    def _open(self, members: Mapping[str, Any]) -> None:
        chain = members.get("chain")
        try:
            key = load_public(str(_detail(members, "jwk")), alg="Ed25519")
        except UndersignError as error:
            raise ChainError(f"Line 1 names no root key: {error.message}", seq=1) from error
        if key.thumbprint() != self.root:
            raise ChainError(
                f"The chain's root is {key.thumbprint()}, not the one that was brought.",
                seq=1,
                help="Either the fingerprint is another chain's, or this chain was put in place of the true one.",
            )
        if not isinstance(chain, str) or not chain.isascii() or not chain:
            raise ChainError("Line 1 names no chain.", seq=1)
        self.root_key, self.chain = key, chain

    # 3. epochs

    def _certify(self, members: Mapping[str, Any], seq: int) -> None:
        if self.root_key is None:
            raise ChainError(f"Line {seq} certifies an epoch before the chain has a root.", seq=seq)
        claims = _opened(
            str(_detail(members, "certificate")), self.root_key, EPOCH_TYP, f"The certificate in line {seq}"
        )
        try:
            key = load_public(_object(claims.get("jwk")), alg="Ed25519")
        except UndersignError as error:
            raise ChainError(f"The certificate in line {seq} has no key: {error.message}", seq=seq) from error
        start, end = claims.get("not_before"), claims.get("not_after")
        if claims.get("chain") != self.chain:
            raise ChainError(f"The certificate in line {seq} is for another chain.", seq=seq)
        if type(start) is not int or type(end) is not int or not 0 < end - start <= EPOCH_CAP:
            raise ChainError(f"The certificate in line {seq} has no window of an hour at most.", seq=seq)
        if not start - CLOCK_TOLERANCE <= self.time <= end + CLOCK_TOLERANCE:
            raise ChainError(f"The certificate in line {seq} was recorded outside its window.", seq=seq)
        self.epochs[key.thumbprint()] = _Epoch(key, seq, start, end)

    # 4. heads

    def head(self, head: str) -> int:
        """Hold one head against the chain; give the number of the line that it covers."""
        epoch = self._epoch_of(head)
        claims = _opened(head, epoch.key, HEAD_TYP, "A head")
        seq, time = claims.get("seq"), claims.get("time")
        if claims.get("chain") != self.chain:
            raise ChainError("A head is of another chain.")
        if type(time) is not int or not epoch.not_before <= time <= epoch.not_after:
            raise ChainError("A head was signed outside the window of its epoch.")
        number = self._line("A head", seq, claims.get("hash"))
        if number < epoch.seq:
            raise ChainError("A head covers less than the line that certifies its own key.", seq=number)
        if self.times[number - 1] > time + CLOCK_TOLERANCE:
            raise ChainError("A head is older than the line that it covers.", seq=number)
        return number

    def _epoch_of(self, head: str) -> _Epoch:
        for epoch in self.epochs.values():
            try:
                jws.verify(head, epoch.key)
            except UndersignError:
                continue
            return epoch
        raise ChainError(
            "A head is signed by no epoch that this chain records.",
            help="It is forged, or another chain's, or this chain is not the one that it was made for.",
        )

    def _line(self, what: str, seq: object, hash_: object) -> int:
        if type(seq) is not int or seq < 1:
            raise ChainError(f"{what} names no line.")
        if seq > len(self.hashes):
            raise ChainError(
                f"{what} covers line {seq}, and the chain ends at {len(self.hashes)}: it was cut off.", seq=seq
            )
        if self.hashes[seq - 1] != hash_:
            raise ChainError(f"{what} has another line {seq} than this chain.", seq=seq)
        return seq

    # 5. receipts

    def receipt(self, receipt: str, keys: KeySource | None) -> None:
        """Hold one receipt against the chain."""
        claims = _opened(receipt, keys, RECEIPT_TYP, "A receipt")
        log = _object(claims.get("log"))
        if log.get("chain") != self.chain:
            raise ChainError("A receipt is of another chain.")
        seq = self._line("A receipt", log.get("seq"), log.get("hash"))
        items = claims.get("items")
        hashes = tuple(str(_object(item).get("sig_hash")) for item in items) if isinstance(items, list) else ()
        if hashes != self.signed.get(seq, ()):
            raise ChainError(f"A receipt has other signatures than line {seq}.", seq=seq)


def _parsed(body: bytes, seq: int) -> Mapping[str, Any]:
    try:
        return parse_object(body)
    except UndersignError as error:
        raise ChainError(f"Line {seq} is not a record: {error.message}", seq=seq) from error


def _opened(token: str, keys: Key | KeySource | None, typ: str, what: str) -> Mapping[str, Any]:
    try:
        verified = jws.verify(token, keys)  # type: ignore[arg-type]  # None is refused as a policy that is wrong
        claims = parse_object(verified.payload)
    except KeySelectionError as error:
        raise ChainError(f"{what} is signed by a key that was not brought: {error.message}") from error
    except UndersignError as error:
        raise ChainError(f"{what} does not verify: {error.message}") from error
    if verified.protected.get("typ") != typ:
        raise ChainError(f"{what} is of the type {quoted(verified.protected.get('typ'))}, not {typ}.")
    return claims


def _detail(members: Mapping[str, Any], name: str) -> object:
    return _object(members.get("detail")).get(name)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _signature_hashes(members: Mapping[str, Any]) -> tuple[str, ...]:
    items = members.get("items")
    found = [_object(item).get("sig_hash") for item in items] if isinstance(items, list) else []
    return tuple(str(hash_) for hash_ in found if hash_)
