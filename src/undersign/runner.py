"""One way to serve a request: whoever asks, whatever is asked (DESIGN section 4, "seam").

1. Who asks is identified, before anything is read that only somebody known may send. A key that is not known yet is
   sought once more in its source.
2. The process decides: everything that can be checked without writing. What is on record as used goes no further.
3. Where a use of the key could be seen from outside this process, it is reserved: all that it uses up is committed
   with the intent.
4. The process performs, and seals what it made: nobody has seen it.
5. The write that names it is committed, with all that is used up. Only that line opens the seal.
6. Whatever refuses on the way is recorded: as a line where somebody is known, as a count where nobody is.
   A key that was rotated meanwhile is read anew, and the request decided anew, once; nothing was used up.

This module and ``web`` are the only ones that await. It knows no process and no database by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from .audit.reason import reason_of
from .audit.record import Write
from .audit.sealed import Committed, Sealed
from .errors import (
    FetchError,
    ReplayStoreError,
    StorageError,
    UndersignError,
    UnusableKeyError,
)
from .jwa.signature import ALGORITHMS

__all__ = ["POINTS", "Decision", "Ledger", "Process", "Runner"]

POINTS: Final = ("before_reserve", "after_reserve", "after_sign", "after_done")
"""The points of a request at which the tests have a server killed."""

_LARGE: Final = 256 * 1024  # octets that take longer to hash than a thread takes to be asked
_NOT_THE_CALLERS: Final = (StorageError, ReplayStoreError, FetchError, UnusableKeyError)

Out = TypeVar("Out")


class Decision(Protocol):
    """What a process decided.

    Attributes:
        changes: All that is used up, used and required; committed with the line.
        reservation: The write that must be committed before the key is used; None where the key is in this process.
        alg: The algorithm of the key.
        size: How many octets are to be signed.
    """

    @property
    def changes(self) -> tuple[object, ...]: ...
    @property
    def reservation(self) -> Write | None: ...
    @property
    def alg(self) -> str: ...
    @property
    def size(self) -> int: ...


class Process(Protocol):
    """A process: what one kind of request takes."""

    def identify(self, request: Any, /) -> Any:
        """Find out who asks, and give the evidence.

        Raises:
            UndersignError: Nobody who is known.
        """

    def decide(self, who: Any, request: Any, /) -> Any:
        """Check the request whole; write nothing.

        Raises:
            UndersignError: It is refused.
        """

    def perform(self, decision: Any, reserved: Committed | None, /) -> Sealed[Any]:
        """Make the result and seal it.

        Raises:
            UndersignError: It cannot be made.
        """

    def verdict(self, error: UndersignError, /) -> UndersignError:
        """What the caller is told where a commit refused."""

    def refusal(self, error: UndersignError, who: Any, request: Any, /) -> Write | None:
        """The write that records a refusal of somebody known; None for one of nobody known, which is counted."""

    def renew(self) -> None:
        """Read anew which keys sign."""


class Ledger(Protocol):
    """Where it is all recorded."""

    def commit(self, write: Write) -> Awaitable[Committed]:
        """Wait until the write is on disk, or raise its verdict."""

    async def seen(self, changes: tuple[object, ...]) -> None:
        """Refuse what is on record as used."""

    def count(self, reason: str, address: str) -> None:
        """Count a refusal of somebody unknown."""


class Runner:
    """Takes processes through their commits.

    Args:
        ledger: Where.
        at: Called at each of ``POINTS``; None where nothing is.
    """

    def __init__(self, ledger: Ledger, at: Callable[[str], None] | None = None) -> None:
        self._ledger = ledger
        self._at = at

    async def identify(self, process: Process, request: Any) -> Any:
        """Find out who asks.

        Raises:
            UndersignError: Nobody who is known; it is counted.
        """
        try:
            try:
                return process.identify(request)
            except UndersignError as error:
                refresh = _refresh_of(error)
                if refresh is None:
                    raise
            await refresh()
            return process.identify(request)
        except UndersignError as error:
            self.refused(error, request.address)
            raise

    async def serve(self, process: Process, who: Any, request: Any) -> tuple[Any, Committed]:
        """Decide, perform, commit; the result, and its committed line.

        Raises:
            UndersignError: The request is refused, which is on record, or the database could not take the write.
        """
        at, renewed = self._at or _nowhere, False
        while True:
            reserved = None
            try:
                decision: Decision = process.decide(who, request)
                at("before_reserve")
                if decision.reservation is None:
                    await self._ledger.seen(decision.changes)
                else:
                    reserved = await self._ledger.commit(decision.reservation)
                at("after_reserve")
                if _is_short(decision):
                    sealed = process.perform(decision, reserved)
                else:
                    loop = asyncio.get_running_loop()
                    sealed = await loop.run_in_executor(None, process.perform, decision, reserved)
                at("after_sign")
                committed = await self._ledger.commit(sealed.write)
                at("after_done")
                return sealed.open(committed), committed
            except UndersignError as error:
                if renewed or reserved is not None or not isinstance(error, UnusableKeyError):
                    told = process.verdict(error)
                    if told is not error:
                        told.__cause__ = error
                    await self.record(process, told, who, request)
                    raise told from told.__cause__
            # Rotated or disabled by another process since this one looked; the refused commit has used nothing up.
            await asyncio.get_running_loop().run_in_executor(None, process.renew)
            renewed = True

    async def record(self, process: Process, error: UndersignError, who: Any, request: Any) -> None:
        """Record a refusal.

        Raises:
            UndersignError: What the refusal itself uses up was used before, or it could not be recorded.
        """
        write = process.refusal(error, who, request)
        if write is None:
            self.refused(error, request.address)
            return
        try:
            await self._ledger.commit(write)
        except UndersignError as worse:
            told = process.verdict(worse)
            self.refused(worse, request.address)
            raise told from worse

    def refused(self, error: UndersignError, address: str) -> None:
        """Count a refusal of somebody unknown; what is no fault of his is not counted."""
        if not isinstance(error, _NOT_THE_CALLERS):
            self._ledger.count(reason_of(error), address)


def _nowhere(_: str) -> None:
    """Where no test wants a point."""


def _is_short(decision: Decision) -> bool:
    """Whether the work is done at once, since a thread takes longer to be asked.

    Measured: a thread costs 20 to 45 us, which HMAC, Ed25519 and P-256 do not last; RSA in line takes a quarter of
    the server's rate away. A key outside this process is always waited for elsewhere.
    """
    row = ALGORITHMS.get(decision.alg)
    short = row is not None and (row.kty in {"oct", "OKP"} or row.crv == "P-256")
    return short and decision.size <= _LARGE and decision.reservation is None


def _refresh_of(error: UndersignError) -> Callable[[], Awaitable[None]] | None:
    """How to seek a key once more: the source that did not know it, behind whatever the caller is told."""
    cause: BaseException | None = error
    while isinstance(cause, UndersignError):
        refresh: Callable[[], Awaitable[None]] | None = getattr(getattr(cause, "source", None), "refresh", None)
        if refresh is not None:
            return refresh
        cause = cause.__cause__
    return None
