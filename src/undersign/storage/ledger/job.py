"""A write on its way to the batch, and the one who waits for it: a coroutine of some loop, or a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from undersign.audit.chain import Line
from undersign.audit.record import Write
from undersign.audit.sealed import Committed
from undersign.errors import UndersignError

from .refusals import Count

__all__ = ["Job", "Waiting"]

Waiting: TypeAlias = "asyncio.Future[Committed] | Future[Committed]"


@dataclass(slots=True, eq=False)
class Job:
    """A write, or changes that no line records, and what came of it.

    Attributes:
        waiting: Who is told.
        counted: What the write sums up, so that it can be put back if it is not committed.
        line: Its line, once it was settled and not refused.
        verdict: Why it was refused.
    """

    waiting: Waiting
    write: Write | None
    changes: tuple[object, ...]
    counted: Count | None = None
    number: int = 0
    line: Line | None = None
    verdict: UndersignError | None = None
