"""The writer: one thread per process that commits what is waiting, all in one transaction (group commit).

Every write waits for one fsync at most, and shares it with the others that wait. A commit whose outcome is not known
counts as used and releases nothing: its writes fail with StorageError and are not tried again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Self

from undersign.audit.chain import Line
from undersign.errors import PolicyError, ReplayStoreError, StorageError, UndersignError
from undersign.replay import Burn

from .batch import Batch, prune, read_head
from .engine import Database, begin_immediate
from .refusals import WINDOW, Refusals
from .write import Change, Job, KeyUse, SetSubject, Subject, Write

__all__ = ["Change", "KeyUse", "SetSubject", "Subject", "Write", "Writer"]

BATCH_CAP: Final = 256
QUEUE_CAP: Final = 10_000
IDLE: Final = 1.0
_FAR: Final = 2**40


class Writer:
    """Takes writes from any thread; also a ReplayStore.

    Args:
        database: Where; its chain must have been opened.
        node: The name of this process's machine in the lines it writes.
        clock: The time, in seconds since 1970.
        refusal_window: For how many seconds refusals are counted before their sum goes into the chain.
    """

    def __init__(
        self,
        database: Database,
        *,
        node: str = "",
        clock: Callable[[], float] = time.time,
        refusal_window: int = WINDOW,
    ) -> None:
        self._database = database
        self._node = node
        self._clock = clock
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._refusals = Refusals(refusal_window)
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._gate = Lock()
        self._open = False
        self._pruned = 0.0

    # -- for callers, from any thread --

    def start(self) -> Self:
        """Begin to take writes.

        Raises:
            StorageError: The database cannot be opened, or has no chain.
        """
        self._connection = self._connect()
        try:
            read_head(self._connection)
        except (StorageError, sqlite3.Error):
            self._disconnect()
            raise
        self._open = True
        self._thread = Thread(target=self._serve, name="undersign-writer", daemon=True)
        self._thread.start()
        return self

    def submit(self, write: Write) -> Future[Line]:
        """Hand in a write; the future has its committed line, or the verdict that refused it.

        Raises:
            PolicyError: The entry cannot be written down; nothing was handed in.
        """
        return self._put(Job.of(write))

    def consume(self, burn: Burn, /) -> None:
        """Use one thing up, and wait for it (the ReplayStore protocol).

        Raises:
            ReplayedError: It was used before.
            ExpiredTokenError: It is too old to be used.
            ReplayStoreError: The store cannot take it.
        """
        try:
            self._put(Job(None, b"", {burn.key: burn})).result()
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
        for future in [self._put(job) for job in (Job(None, b"", {}), *self._summaries(everything=True))]:
            future.result()

    def close(self) -> None:
        """Commit what was handed in, and stop."""
        with self._gate:
            was_open, self._open = self._open, False
            if was_open:
                self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self if self._open else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, job: Job) -> Future[Line]:
        if not all(0 <= burn.expires_at < _FAR for burn in job.burns.values()):
            raise PolicyError("A one-time thing must have a NumericDate of expiry, so that its row may end.")
        with self._gate:
            if not self._open:
                self._refuse([job], StorageError("The writer is not running."))
            elif self._queue.qsize() >= QUEUE_CAP:
                self._refuse([job], StorageError("More writes are waiting than this server takes."))
            else:
                self._queue.put(job)
        return job.future

    # -- in the writer's thread --

    def _serve(self) -> None:
        running = True
        try:
            while running:
                jobs, running = self._waiting()
                jobs += self._summaries(everything=not running)
                while jobs:
                    self._commit(jobs[:BATCH_CAP])
                    del jobs[:BATCH_CAP]
        finally:
            with self._gate:
                self._open = False
            self._fail_waiting()
            self._disconnect()

    def _waiting(self) -> tuple[list[Job], bool]:
        """Wait for a job, then take all that came meanwhile."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=IDLE)
            while job is not None:
                jobs.append(job)
                if len(jobs) >= BATCH_CAP:
                    return jobs, True
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _summaries(self, *, everything: bool) -> list[Job]:
        jobs = []
        for count, number in self._refusals.take(self._clock(), everything=everything):
            write = Write(count.entry(number))
            jobs.append(Job(write, write.entry.fragment(), {}, counted=count, number=number))
        return jobs

    def _commit(self, jobs: list[Job]) -> None:
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        now = self._clock()
        try:
            connection = self._connection = self._connection or self._connect()
            begin_immediate(connection)
            Batch(connection, jobs, now, self._node).settle()
            self._prune(connection, now)
            connection.execute("COMMIT")
        except (sqlite3.Error, StorageError) as error:
            # Whether a failed COMMIT reached the disk is not known: nothing is released, nothing is tried again.
            self._disconnect()
            self._refuse(jobs, StorageError(f"The database could not take the write: {type(error).__name__}."))
        except BaseException as error:
            self._disconnect()
            self._refuse(jobs, StorageError(f"The writer stopped: {type(error).__name__}."))
            raise
        else:
            for job in jobs:
                _resolve(job)

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        if not self._pruned <= now < self._pruned + 60:
            prune(connection, now)
            self._pruned = now

    def _refuse(self, jobs: list[Job], error: UndersignError) -> None:
        for job in jobs:
            if job.counted is not None:
                self._refusals.put(job.counted, job.number)
            job.future.set_exception(error)

    def _fail_waiting(self) -> None:
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(StorageError("The writer is not running."))

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._database.connect()
        except sqlite3.Error as error:
            raise StorageError(f"The database cannot be opened: {type(error).__name__}.") from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()  # rolls back what is open
            except sqlite3.Error:
                return


def _resolve(job: Job) -> None:
    if job.verdict is not None:
        job.future.set_exception(job.verdict)
    else:
        job.future.set_result(job.line or Line(0, b"", "", 0))
