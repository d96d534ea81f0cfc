"""The chain: each line is named by a hash over its chain, and names the line before it; epochs sign its heads.

1. hash = SHA-256 over "undersign-audit-v1", NUL, the chain's id, NUL, the line's bytes; line 1 has 64 zeros as prev.
2. Line 1 names the chain's root key. The root signs certificates of epoch keys, and nothing else.
3. An epoch key lives in memory for an hour at most, signs heads, and is gone; its certificate is a line of the chain,
   written before the first head. Who takes the server over later cannot sign for an hour that has passed.
4. Where older lines leave the database, an epoch signs a checkpoint: what they came to. It is of another type than a
   head, and neither passes for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from undersign import jwk, jws
from undersign.encoding import dump_json
from undersign.errors import PolicyError, UnusableKeyError
from undersign.jwk import Key

from .record import Entry

__all__ = ["CHECKPOINT_TYP", "EPOCH_CAP", "EPOCH_TYP", "GENESIS", "HEAD_TYP", "Epoch", "Head", "Line", "link"]

HEAD_TYP: Final = "undersign-audit-head+jwt"
CHECKPOINT_TYP: Final = "undersign-audit-checkpoint+jwt"
EPOCH_TYP: Final = "undersign-audit-epoch+jwt"
EPOCH_CAP: Final = 3600

GENESIS: Final = "0" * 64
_DOMAIN: Final = b"undersign-audit-v1\0"


@dataclass(frozen=True, slots=True)
class Line:
    """One committed line: its exact bytes and their hash."""

    seq: int
    body: bytes
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain reaches: the last line's number, hash and time."""

    chain: str
    seq: int
    hash: str
    time: int


def link(chain: str, body: bytes) -> str:
    """Compute the hash, in hex, that names this line in this chain."""
    return sha256(_DOMAIN + chain.encode("ascii", "strict") + b"\0" + body).hexdigest()


class Epoch:
    """An hour, at most, and the key that signs heads in it; the key is nowhere but in this object."""

    def __init__(self, key: Key, certificate: str, window: tuple[int, int]) -> None:
        self._key = key
        self.certificate = certificate
        self.not_before, self.not_after = window

    @classmethod
    def open(cls, chain: str, root: jws.Signer, *, now: float, lifetime: int = EPOCH_CAP) -> Epoch:
        """Make an epoch key and have the root certify it for this chain and time."""
        if not 0 < lifetime <= EPOCH_CAP:
            raise PolicyError(f"An epoch lasts {EPOCH_CAP} seconds at most.")
        key = jwk.generate("Ed25519")
        window = (int(now), int(now) + lifetime)
        claims = {
            "chain": chain,
            "epoch": key.thumbprint(),
            "jwk": key.public().to_jwk(),
            "not_before": window[0],
            "not_after": window[1],
        }
        certificate = jws.sign(dump_json(claims), root, header={"typ": EPOCH_TYP})
        return cls(key, str(certificate), window)

    def entry(self) -> Entry:
        """Give the entry to commit before the first head is signed."""
        detail = (("epoch", self._key.thumbprint()), ("certificate", self.certificate))
        return Entry("epoch_opened", "ok", detail=detail)

    @property
    def name(self) -> str:
        """The thumbprint of its key."""
        return self._key.thumbprint()

    def sign(self, head: Head) -> str:
        """Sign a head.

        Raises:
            UnusableKeyError: The epoch is over, or has not begun.
        """
        return self._signed(_members(head), head.time, HEAD_TYP)

    def checkpoint(self, end: Head, *, line_time: int, root: Key) -> str:
        """Sign where a segment ends; raises as ``sign`` does.

        Args:
            end: The number and hash of the segment's last line, and the time now.
            line_time: When that line was written.
            root: The chain's root key, of which the public half is written down.
        """
        more = {"line_time": line_time, "root": root.public().to_jwk(), "certificate": self.certificate}
        return self._signed(_members(end) | more, end.time, CHECKPOINT_TYP)

    def _signed(self, claims: dict[str, object], time: int, typ: str) -> str:
        if not self.not_before <= time <= self.not_after:
            raise UnusableKeyError("The audit epoch is over.", help="Open another.")
        return str(jws.sign(dump_json(claims), self._key, header={"typ": typ}))


def _members(head: Head) -> dict[str, object]:
    return {"chain": head.chain, "seq": head.seq, "hash": head.hash, "time": head.time}
