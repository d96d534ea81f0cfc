"""One-time things and the store that uses them up (RFC 7523 section 3 item 7, RFC 9449 section 11.1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from heapq import heappop, heappush
from threading import Lock
from typing import Any, Final, NoReturn, Protocol

from .encoding import encode_strings, to_utf8
from .errors import ExpiredTokenError, PolicyError, ReplayedError, ReplayStoreError

__all__ = ["Burn", "MemoryReplayStore", "ReplayStore"]

LEEWAY: Final = 60
"""The most that a verifier may have allowed after a thing's expiry; later than that, a store refuses it unseen."""

CLOCK_TOLERANCE: Final = 5
"""What a clock may be corrected by without refusing anything."""

_FAR: Final = 2**40  # a row must end some day


class Burn:
    """A one-time thing to use up: what it is for, who issued it, what it is called, until when it could be replayed.

    Args:
        purpose: The kind of thing, such as ``"client-auth"``; equal ids of two kinds never meet.
        issuer: Who made the id; equal ids of two issuers never meet.
        id: The id, such as a ``jti``.
        expires_at: NumericDate after which the thing is refused anyway, so that its row may be forgotten.
        issued_at: NumericDate from which the thing could have been used; None where nobody knows. After a restore from
            a backup a store refuses what was issued before, since it cannot tell whether it was used.

    Attributes:
        key: The name under which it is stored: SHA-256, in hex, of a JSON list, so that no two spellings collide.
    """

    __slots__ = ("expires_at", "id", "issued_at", "issuer", "key", "purpose")

    purpose: str
    issuer: str
    id: str
    expires_at: float
    issued_at: float | None
    key: str

    def __init__(self, purpose: str, issuer: str, id: str, expires_at: float, issued_at: float | None = None) -> None:
        _set_purpose(self, purpose)
        _set_issuer(self, issuer)
        _set_id(self, id)
        _set_expires_at(self, expires_at)
        _set_issued_at(self, issued_at)
        _set_key(self, sha256(to_utf8(encode_strings(purpose, issuer, id))).hexdigest())

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A Burn is read-only."
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Burn) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Burn({self.purpose!r}, key={self.key[:12]}...)"


# The slots themselves, since the object refuses every change: one C call each, where __setattr__ looks up the name.
_set_purpose, _set_issuer, _set_id, _set_expires_at, _set_issued_at, _set_key = (
    Burn.__dict__[name].__set__ for name in ("purpose", "issuer", "id", "expires_at", "issued_at", "key")
)


class ReplayStore(Protocol):
    """What remembers one-time things, across processes and restarts where the product asks for that."""

    def consume(self, burn: Burn, /) -> None:
        """Use the thing up, atomically.

        Raises:
            ReplayedError: It was used before.
            ExpiredTokenError: It expired so long ago that a replay could not be told.
            ReplayStoreError: The store is full or out of reach, or its clock was set back; nothing was used up, and the
                caller must refuse.
            PolicyError: It has no date of expiry that a store could keep.
        """


class MemoryReplayStore:
    """A ReplayStore in this process's memory: right for one process, forgotten when it ends.

    Two processes with a store each would accept everything twice; give them one in a database instead.

    Args:
        capacity: How many things it holds; about 200 octets each. A full store refuses, it never forgets early.
        clock: The time, in seconds since 1970.

    Raises:
        PolicyError: The capacity is not a positive integer, or the clock cannot be called.
    """

    __slots__ = ("_by_expiry", "_capacity", "_clock", "_highest", "_lock", "_used")

    def __init__(self, *, capacity: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        if type(capacity) is not int or capacity < 1:
            raise PolicyError("The capacity is a positive number of things.")
        if not callable(clock):
            raise PolicyError("clock is a function that gives the time in seconds since 1970.")
        self._capacity = capacity
        self._clock = clock
        self._used: set[str] = set()
        self._by_expiry: list[tuple[float, str]] = []
        self._highest = 0.0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._used)

    def __bool__(self) -> bool:  # an empty store is a store: `given or MemoryReplayStore()` must not replace it
        return True

    def __repr__(self) -> str:
        return f"MemoryReplayStore({len(self._used)} of {self._capacity})"

    def consume(self, burn: Burn, /) -> None:
        """Use the thing up, atomically; raises as ReplayStore.consume does."""
        if not 0 <= burn.expires_at < _FAR:
            raise PolicyError("A one-time thing must have a NumericDate of expiry, so that its row may end.")
        key = burn.key
        with self._lock:
            self._advance(self._clock())
            if burn.expires_at + LEEWAY < self._highest:
                raise ExpiredTokenError("exp", "It expired before it was used.")
            if key in self._used:
                raise ReplayedError("It was used before.")
            if len(self._used) >= self._capacity:
                raise ReplayStoreError(f"The store is full: it holds {self._capacity} things.")
            self._used.add(key)
            heappush(self._by_expiry, (burn.expires_at, key))

    def _advance(self, now: float) -> None:
        """Take note of the time, and forget what would be refused as expired from now on."""
        if not now >= self._highest - CLOCK_TOLERANCE:
            raise ReplayStoreError("The clock was set back, so what works once cannot be told from a replay.")
        self._highest = max(self._highest, now)
        while self._by_expiry and self._by_expiry[0][0] + LEEWAY < self._highest:
            self._used.discard(heappop(self._by_expiry)[1])
