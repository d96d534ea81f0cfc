"""The ledger: takes writes from any thread or loop, and says what came of them; also a ReplayStore."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias

from undersign.audit.chain import Line
from undersign.audit.record import Write
from undersign.audit.sealed import MAKER, Committed
from undersign.errors import PolicyError, ReplayedError, ReplayStoreError, StorageError, UndersignError
from undersign.replay import Burn

from ..database import Database
from ..engines import Connection
from ..envelope import Envelope
from ..rows import CHANGES
from ..rows.burns import USED
from ..statement import Rows
from .job import Job
from .mark import Mark
from .reading import Reading
from .refusals import WINDOW, Refusals
from .writer import Site, Writer, connected, outage

__all__ = ["Ledger"]

QUEUE_CAP: Final = 10_000
_FAR: Final = 2**40
_NO_LINE: Final = Line(0, b"", "", 0)  # for what no line records
Asked: TypeAlias = "tuple[list[str], asyncio.Future[None]]"


class Ledger:
    """One database's ledger, in one process.

    Args:
        database: Where; its chain must have been opened.
        envelope: The master key, bound to the database's chain.
        node: The name of this process's machine in the lines it writes.
        clock: The time, in seconds since 1970.
        refusal_window: For how many seconds refusals are counted before their sum goes into the chain.
        mark: Where the head is noted beside the database; None for nowhere.

    Attributes:
        reading: What is read at each use, with the trusted rows of now.
    """

    def __init__(
        self,
        database: Database,
        envelope: Envelope,
        *,
        node: str = "",
        clock: Callable[[], float] = time.time,
        refusal_window: int = WINDOW,
        mark: Mark | None = None,
    ) -> None:
        self.reading = Reading(database, envelope)
        self._database = database
        self._clock = clock
        self._refusals = Refusals(refusal_window)
        self._writer = Writer(database, self.reading, self._refusals, Site(envelope, node, clock, mark), _tell)
        self._looking: Connection | None = None  # where a read takes microseconds, it is asked on the loop
        self._asked: dict[asyncio.AbstractEventLoop, list[Asked]] = {}

    def start(self) -> Self:
        """Begin to take writes.

        Raises:
            StorageError: The database cannot be opened, has no chain, or its trusted rows are not what was written.
        """
        self._writer.start()
        self._looking = connected(self._database) if self._database.engine.local else None
        return self

    def submit(self, write: Write) -> Future[Committed]:
        """Hand in a write; the future has its committed line, or the verdict that refused it.

        Raises:
            PolicyError: The write names a change that the ledger does not take, or one twice.
        """
        future: Future[Committed] = Future()
        self._put(Job(future, write, write.changes))
        return future

    def commit(self, write: Write) -> asyncio.Future[Committed]:
        """Hand in a write from a running loop; to be awaited. As ``submit``."""
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._put(Job(future, write, write.changes))
        return future

    async def seen(self, changes: tuple[object, ...]) -> None:
        """Refuse what is on record as used, before any work is done for it; the commit asks again.

        What is asked in one turn of a loop is looked up in one go.

        Raises:
            ReplayedError: It was used before.
            StorageError: The database cannot be read.
        """
        keys = [change.key for change in changes if type(change) is Burn]
        if keys:
            loop = asyncio.get_running_loop()
            asked = self._asked.get(loop)
            if asked is None:
                asked = self._asked[loop] = []
                loop.call_soon(self._look, loop)
            future: asyncio.Future[None] = loop.create_future()
            asked.append((keys, future))
            await future

    def consume(self, burn: Burn, /) -> None:
        """Use one thing up, and wait for it (the ReplayStore protocol).

        Raises:
            ReplayedError: It was used before.
            ExpiredTokenError: It is too old to be used.
            ReplayStoreError: The store cannot take it.
        """
        future: Future[Committed] = Future()
        self._put(Job(future, None, (burn,)))
        try:
            future.result()
        except StorageError as error:
            raise ReplayStoreError(error.message, help=error.help) from error

    def count(self, reason: str, address: str) -> None:
        """Count the refusal of a caller that nobody knows; the sum goes into the chain when its window is over."""
        self._refusals.add(reason, address, self._clock())

    def flush(self) -> None:
        """Write the sums of what was counted so far into the chain, and wait until they are committed.

        Raises:
            StorageError: They could not be committed; they are kept for the next summary.
        """
        # The empty job comes first: what the writer took out itself a moment ago is committed before it.
        empty: Future[Committed] = Future()
        jobs = [Job(empty, None, ()), *self._writer.summaries(everything=True)]
        for job in jobs:
            self._put(job)
        for job in jobs:
            if isinstance(job.waiting, Future):
                job.waiting.result()

    def check_running(self) -> None:
        """Say whether writes are taken.

        Raises:
            StorageError: The ledger was closed, or its thread has ended.
        """
        if not self._writer.open:
            raise StorageError("The ledger is not running.")

    def close(self) -> None:
        """Commit what was handed in, and stop."""
        self._writer.close()
        if self._looking is not None:
            self._looking.close()

    def __enter__(self) -> Self:
        return self if self._writer.open else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, job: Job) -> None:
        _check_changes(job.changes)
        writer = self._writer
        with writer.gate:
            if writer.open and writer.queue.qsize() < QUEUE_CAP:
                writer.queue.put(job)
                return
            why = "More writes are waiting than this server takes." if writer.open else "The ledger is not running."
        writer.refuse([job], StorageError(why))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        asked = self._asked.pop(loop)
        question = {"keys": [key for keys, _ in asked for key in keys]}
        failures = (*self._database.engine.outages, StorageError)
        if self._looking is None:
            looked = loop.run_in_executor(None, partial(self._database.ask, USED, **question))
            looked.add_done_callback(lambda done: _found(asked, done.result, failures))
        else:
            looking = self._looking
            _found(asked, lambda: looking.ask((USED, question))[0], failures)


def _check_changes(changes: tuple[object, ...]) -> None:
    for number, change in enumerate(changes):
        if type(change) not in CHANGES:
            raise PolicyError(f"{type(change).__name__} is no change that this ledger takes.")
        if type(change) is Burn and not 0 <= change.expires_at < _FAR:
            raise PolicyError("A one-time thing must have a NumericDate of expiry, so that its row may end.")
        for other in changes[:number]:
            if type(other) is type(change) and other == change:
                raise PolicyError("A write names a change twice.")


def _found(asked: list[Asked], answer: Callable[[], Rows], failures: tuple[type[Exception], ...]) -> None:
    """Tell who asked whether what they asked for is on record."""
    used: set[str] = set()
    error: UndersignError | None = None
    try:
        used = {key for (key,) in answer()}
    except failures as failure:
        error = failure if isinstance(failure, UndersignError) else outage(failure)
    for keys, future in asked:
        if future.done():
            continue  # who asked went away
        if error is None and used.isdisjoint(keys):
            future.set_result(None)
        else:
            future.set_exception(error or ReplayedError("It was used before."))


def _tell(jobs: list[Job]) -> None:
    for job in jobs:
        if job.waiting.done():
            continue  # who waited went away
        if job.verdict is not None:
            job.waiting.set_exception(job.verdict)
        else:
            job.waiting.set_result(Committed(MAKER, job.line or _NO_LINE))
