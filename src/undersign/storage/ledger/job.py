"""A write on its way to the batch, and the one who waits for it: a coroutine of some loop, or a thread."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TypeAlias

from undersign.audit.chain import Line
from undersign.audit.sealed import MAKER, Committed
from undersign.audit.write import Write
from undersign.errors import UndersignError

from .refusals import Count

__all__ = ["Job", "Waiting", "resolve"]

Waiting: TypeAlias = "asyncio.Future[Committed] | Future[Committed]"
_NO_LINE = Line(0, b"", "", 0)


class Job:
    """A write, or changes that no line records, and what came of it.

    Attributes:
        waiting: Who is told.
        counted: What the write sums up, so that it can be put back if it is not committed.
        line: Its line, once it was settled and not refused.
        verdict: Why it was refused.
    """

    __slots__ = ("changes", "counted", "line", "number", "verdict", "waiting", "write")

    def __init__(self, waiting: Waiting, write: Write | None, changes: tuple[object, ...] = ()) -> None:
        self.waiting = waiting
        self.write = write
        self.changes = changes if write is None else write.changes
        self.counted: Count | None = None
        self.number = 0
        self.line: Line | None = None
        self.verdict: UndersignError | None = None


def resolve(jobs: Iterable[Job]) -> None:
    """Tell everybody what came of their jobs; each loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
    for job in jobs:
        if isinstance(job.waiting, Future):
            _tell(job)
        else:
            loops[job.waiting.get_loop()].append(job)
    for loop, waiting in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, waiting)


def _tell_all(jobs: list[Job]) -> None:
    for job in jobs:
        _tell(job)


def _tell(job: Job) -> None:
    if job.waiting.done():
        return  # who waited went away
    if job.verdict is not None:
        job.waiting.set_exception(job.verdict)
    else:
        job.waiting.set_result(Committed(MAKER, job.line or _NO_LINE))
