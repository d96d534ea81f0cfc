"""The ledger's writer: one thread per process that commits what is waiting, all in one transaction (group commit).

Every write waits for one fsync at most, and shares it with the others that wait. A commit whose outcome is not known
counts as used and releases nothing: its writes fail with StorageError and are not tried again. Where the last batch had
more than one write, the writer lingers as long as more comes, a few milliseconds at most, so that under load batches
grow and everybody's loop is interrupted less; who is alone never waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Self

from undersign.audit.chain import Line
from undersign.audit.record import Write
from undersign.audit.sealed import MAKER, Committed
from undersign.errors import PolicyError, ReplayedError, ReplayStoreError, StorageError, UndersignError
from undersign.replay import Burn

from ..database import Database
from ..engines import Connection
from ..envelope import Envelope
from ..rows import CHANGES
from ..rows.burns import IS_USED
from .batch import Ground, Settled, settle
from .job import Job, Waiting
from .mark import Mark
from .reading import Reading
from .refusals import WINDOW, Refusals

__all__ = ["Ledger"]

BATCH_CAP: Final = 256
QUEUE_CAP: Final = 10_000
IDLE: Final = 1.0
LINGER: Final = 0.0015  # seconds, and at most so often
LINGERS: Final = 5
PRUNE_EVERY: Final = 1.0
PRUNE_LEAST: Final = 1000
_FAR: Final = 2**40
_NO_LINE: Final = Line(0, b"", "", 0)  # for what no line records


class Ledger:
    """Takes writes from any thread or loop; also a ReplayStore.

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
        self._envelope = envelope
        self._node = node
        self._clock = clock
        self._mark = mark
        self._failures: tuple[type[Exception], ...] = (*database.engine.outages, StorageError)
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._refusals = Refusals(refusal_window)
        self._thread: Thread | None = None
        self._connection: Connection | None = None
        self._looking: Connection | None = None  # for one loop: where a read takes microseconds, it is asked there
        self._gate = Lock()
        self._open = False
        self._pruned = 0.0
        self._burnt = 0
        self._seen = 0

    # -- for callers, from any thread --

    def start(self) -> Self:
        """Begin to take writes.

        Raises:
            StorageError: The database cannot be opened, has no chain, or its trusted rows are not what was written.
        """
        self._connection = self._connect()
        self._looking = self._connect() if self._database.engine.local else None
        try:
            self._seen = self.reading.refresh().seq
        except StorageError:
            self._disconnect()
            raise
        self._open = True
        self._thread = Thread(target=self._serve, name="undersign-ledger", daemon=True)
        self._thread.start()
        return self

    def submit(self, write: Write) -> Future[Committed]:
        """Hand in a write; the future has its committed line, or the verdict that refused it."""
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

        Raises:
            ReplayedError: It was used before.
            StorageError: The database cannot be read.
        """
        questions = [(IS_USED, {"one": change.key}) for change in changes if type(change) is Burn]
        if not questions:
            return
        try:
            if self._looking is None:
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(None, self._database.ask_all, *questions)
            else:
                found = self._looking.ask(*questions)
        except self._database.engine.outages as error:
            raise _outage(error) from error
        if any(found):
            raise ReplayedError("It was used before.")

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
        jobs = [Job(Future(), None, ()), *self._summaries(everything=True)]
        for job in jobs:
            self._put(job)
        for job in jobs:
            _result(job.waiting)

    def close(self) -> None:
        """Commit what was handed in, and stop."""
        with self._gate:
            was_open, self._open = self._open, False
            if was_open:
                self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._looking is not None:
            self._looking.close()
        if self._mark is not None:
            self._mark.close()

    def __enter__(self) -> Self:
        return self if self._open else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, job: Job) -> None:
        for number, change in enumerate(job.changes):
            if type(change) not in CHANGES:
                raise PolicyError(f"{type(change).__name__} is no change that this ledger takes.")
            if type(change) is Burn and not 0 <= change.expires_at < _FAR:
                raise PolicyError("A one-time thing must have a NumericDate of expiry, so that its row may end.")
            for other in job.changes[:number]:
                if type(other) is type(change) and other == change:
                    raise PolicyError("A write names a change twice.")
        with self._gate:
            if not self._open:
                job.verdict = StorageError("The ledger takes no writes: it is not running.")
            elif self._queue.qsize() >= QUEUE_CAP:
                job.verdict = StorageError("More writes are waiting than this server takes.")
            else:
                self._queue.put(job)
                return
        self._keep_counts([job])
        _resolve([job])

    # -- in the writer's thread --

    def _serve(self) -> None:
        running, busy = True, False
        try:
            while running:
                jobs, running = self._waiting(linger=busy)
                jobs += self._summaries(everything=not running)
                busy = len(jobs) > 1
                while jobs:
                    self._commit(jobs[:BATCH_CAP])
                    del jobs[:BATCH_CAP]
        finally:
            with self._gate:
                self._open = False
            self._refuse(self._left(), StorageError("The ledger takes no writes: it is not running."))
            self._disconnect()

    def _waiting(self, *, linger: bool) -> tuple[list[Job], bool]:
        """Wait for a job, then take all that came meanwhile."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=IDLE)
            if linger and job is not None:
                self._linger()
            while job is not None:
                jobs.append(job)
                if len(jobs) >= BATCH_CAP:
                    return jobs, True
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _linger(self) -> None:
        """Wait while more comes, some milliseconds at most."""
        before = -1
        for _ in range(LINGERS):
            waiting = self._queue.qsize()
            if waiting == before:
                return
            before = waiting
            time.sleep(LINGER)

    def _left(self) -> list[Job]:
        left: list[Job] = []
        while not self._queue.empty():
            job = self._queue.get_nowait()
            left += [] if job is None else [job]
        return left

    def _summaries(self, *, everything: bool) -> list[Job]:
        jobs = []
        for count, number in self._refusals.take(self._clock(), everything=everything):
            jobs.append(Job(Future(), Write(count.entry(number)), (), count, number))
        return jobs

    def _commit(self, jobs: list[Job]) -> None:
        ground = self._ground(self._clock(), jobs)
        try:
            settled = self._settle(jobs, ground)
        except self._failures as error:
            # Whether a failed COMMIT reached the disk is not known: nothing is released, nothing is tried again.
            self._disconnect()
            self._refuse(jobs, error if isinstance(error, StorageError) else _outage(error))
        except BaseException as error:
            self._disconnect()
            self._refuse(jobs, StorageError(f"The ledger stopped: {type(error).__name__}."))
            raise
        else:
            self._seen = settled.head.seq
            self.reading.know(settled.picture)
            if self._mark is not None:
                self._mark.note(settled.head, settled.picture, self._envelope)
            _resolve(jobs)

    def _settle(self, jobs: list[Job], ground: Ground) -> Settled:
        """Settle on the connection that is open; on another one where that died before anything was begun on it."""
        kept = self._connection
        connection = self._connection = kept or self._connect()
        try:
            return settle(connection, jobs, ground)
        except self._database.engine.outages:
            if kept is None or kept.begun:
                raise
        self._disconnect()
        connection = self._connection = self._connect()
        return settle(connection, jobs, ground)

    def _ground(self, now: float, jobs: list[Job]) -> Ground:
        self._burnt += sum(len(job.changes) for job in jobs)
        prune = 0
        if not self._pruned <= now < self._pruned + PRUNE_EVERY:
            prune, self._burnt, self._pruned = PRUNE_LEAST + 2 * self._burnt, 0, now
        picture = self.reading.known
        return Ground(self._envelope, self._node, now, self._seen, picture, prune)

    def _refuse(self, jobs: list[Job], error: UndersignError) -> None:
        self._keep_counts(jobs)
        for job in jobs:
            job.verdict, job.line = error, None
        _resolve(jobs)

    def _keep_counts(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.counted is not None:
                self._refusals.put(job.counted, job.number)

    def _connect(self) -> Connection:
        try:
            return self._database.connect()
        except self._database.engine.outages as error:
            raise StorageError(f"The database cannot be opened: {type(error).__name__}.") from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back what is open


def _resolve(jobs: Iterable[Job]) -> None:
    """Tell everybody what came of their jobs; each loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
    for job in jobs:
        if isinstance(job.waiting, Future):
            _tell([job])
        else:
            loops[job.waiting.get_loop()].append(job)
    for loop, waiting in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell, waiting)


def _tell(jobs: list[Job]) -> None:
    for job in jobs:
        if job.waiting.done():
            continue  # who waited went away
        if job.verdict is not None:
            job.waiting.set_exception(job.verdict)
        else:
            job.waiting.set_result(Committed(MAKER, job.line or _NO_LINE))


def _outage(error: BaseException) -> StorageError:
    return StorageError(f"The database could not take the write: {type(error).__name__}.")


def _result(waiting: Waiting) -> Committed:
    if isinstance(waiting, Future):
        return waiting.result()
    raise TypeError("A coroutine's write is awaited.")
