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
from typing import Final, NamedTuple

from undersign.audit.record import Write
from undersign.errors import StorageError, UndersignError

from ..database import Database
from ..engines import Connection
from ..envelope import Envelope
from .batch import Ground, Settled, settle
from .job import Job
from .mark import Mark
from .reading import Reading
from .refusals import Refusals

__all__ = ["Site", "Writer", "connected", "outage"]

BATCH_CAP: Final = 256
IDLE: Final = 1.0
LINGERS: Final = 12  # pauses, at most
PRUNE_EVERY: Final = 1.0
PRUNE_LEAST: Final = 1000


class Site(NamedTuple):
    """Where and when a ledger writes: see Ledger for each."""

    envelope: Envelope
    node: str
    clock: Callable[[], float]
    mark: Mark | None


class Writer:
    """The thread of one ledger.

    Attributes:
        queue: What waits; None ends the thread.
        gate: Held by whoever looks at ``open`` to put something into the queue.
        open: Whether something that is put into the queue will be taken out.
    """

    def __init__(
        self, database: Database, reading: Reading, refusals: Refusals, site: Site, tell: Callable[[list[Job]], None]
    ) -> None:
        self.queue: SimpleQueue[Job | None] = SimpleQueue()
        self.gate = Lock()
        self.open = False
        self._database = database
        self._site = site
        self._reading = reading
        self._refusals = refusals
        self._tell = tell
        self._failures: tuple[type[Exception], ...] = (*database.engine.outages, StorageError)
        self._thread: Thread | None = None
        self._connection: Connection | None = None
        self._pruned = 0.0
        self._burnt = 0

    def start(self) -> None:
        """Begin.

        Raises:
            StorageError: The database cannot be opened, has no chain, or its trusted rows are not what was written.
        """
        self._connection = connected(self._database)
        try:
            self._reading.refresh()
        except StorageError:
            self.disconnect()
            raise
        self.open = True
        self._thread = Thread(target=self._serve, name="undersign-ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Commit what was handed in, and stop."""
        with self.gate:
            was_open, self.open = self.open, False
            if was_open:
                self.queue.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._site.mark is not None:
            self._site.mark.close()

    def refuse(self, jobs: list[Job], error: UndersignError) -> None:
        """Refuse jobs that will not be committed; what they sum up is kept for the next summary."""
        for job in jobs:
            if job.counted is not None:
                self._refusals.put(job.counted, job.number)
            job.verdict, job.line = error, None
        self._resolve(jobs)

    def summaries(self, *, everything: bool) -> list[Job]:
        """What was counted in windows that are over, or all of it."""
        jobs = []
        for count, number in self._refusals.take(self._site.clock(), everything=everything):
            jobs.append(Job(Future(), Write(count.entry(number)), (), count, number))
        return jobs

    def commit(self, jobs: list[Job]) -> None:
        """Settle jobs as one batch, and tell everybody what came of it."""
        ground = self._ground(self._site.clock(), jobs)
        try:
            settled = self._settle(jobs, ground)
        except self._failures as error:
            # Whether a failed COMMIT reached the disk is not known: nothing is released, nothing is tried again.
            self.disconnect()
            self.refuse(jobs, error if isinstance(error, StorageError) else outage(error))
        except BaseException as error:
            self.disconnect()
            self.refuse(jobs, StorageError(f"The ledger stopped: {type(error).__name__}."))
            raise
        else:
            self._reading.saw(settled.head, (0, ""))
            self._reading.know(settled.picture)
            if self._site.mark is not None:
                self._site.mark.note(settled.head, settled.picture, self._site.envelope)
            self._resolve(jobs)

    def disconnect(self) -> None:
        """Let go of the connection; what is open on it is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _serve(self) -> None:
        running, busy = True, False
        try:
            while running:
                jobs, running = self._waiting(linger=busy)
                jobs += self.summaries(everything=not running)
                busy = len(jobs) > 1
                while jobs:
                    self.commit(jobs[:BATCH_CAP])
                    del jobs[:BATCH_CAP]
        finally:
            with self.gate:
                self.open = False
            self.refuse(self._left(), StorageError("The ledger takes no writes: it is not running."))
            self.disconnect()

    def _waiting(self, *, linger: bool) -> tuple[list[Job], bool]:
        """Wait for a job, then take all that came meanwhile."""
        jobs: list[Job] = []
        try:
            job = self.queue.get(timeout=IDLE)
            if linger and job is not None:
                self._linger()
            while job is not None:
                jobs.append(job)
                if len(jobs) >= BATCH_CAP:
                    return jobs, True
                job = self.queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _linger(self) -> None:
        """Wait while more comes, some milliseconds at most."""
        before = -1
        for _ in range(LINGERS):
            waiting = self.queue.qsize()
            if waiting == before:
                return
            before = waiting
            time.sleep(self._database.engine.pause)

    def _left(self) -> list[Job]:
        left: list[Job] = []
        while not self.queue.empty():
            job = self.queue.get_nowait()
            left += [] if job is None else [job]
        return left

    def _settle(self, jobs: list[Job], ground: Ground) -> Settled:
        """Settle on the connection that is open; on another one where that died before anything was begun on it."""
        kept = self._connection
        connection = self._connection = kept or connected(self._database)
        try:
            return settle(connection, jobs, ground)
        except self._database.engine.outages:
            if kept is None or kept.begun:
                raise
        self.disconnect()
        connection = self._connection = connected(self._database)
        return settle(connection, jobs, ground)

    def _ground(self, now: float, jobs: list[Job]) -> Ground:
        self._burnt += sum(len(job.changes) for job in jobs)
        prune = 0
        if not self._pruned <= now < self._pruned + PRUNE_EVERY:
            prune, self._burnt, self._pruned = PRUNE_LEAST + 2 * self._burnt, 0, now
        picture, site = self._reading.known, self._site
        seen = (self._reading.seen, *([site.mark.reached(site.envelope)] if site.mark else []))
        return Ground(site.envelope, site.node, now, seen, picture, prune)

    def _resolve(self, jobs: Iterable[Job]) -> None:
        """Have everybody told what came of their jobs; each loop is woken once."""
        loops: dict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
        for job in jobs:
            if isinstance(job.waiting, Future):
                self._tell([job])
            else:
                loops[job.waiting.get_loop()].append(job)
        for loop, waiting in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._tell, waiting)


def connected(database: Database) -> Connection:
    """Open a connection.

    Raises:
        StorageError: It cannot be opened.
    """
    try:
        return database.connect()
    except database.engine.outages as error:
        raise StorageError(f"The database cannot be opened: {type(error).__name__}.") from error


def outage(error: BaseException) -> StorageError:
    """What is told of an outage."""
    return StorageError(f"The database could not take the write: {type(error).__name__}.")
