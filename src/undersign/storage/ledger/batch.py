"""Settling a batch inside one transaction: each write has its own verdict, and a refused one leaves no trace.

1. Lock: the transaction begins with the ledger's lock, so what is read here is the truth until it ends. The head must
   not lie behind what this process has seen committed: a database that went back is not written to.
2. Trust: the rows that decide trust are those of the head's generation, verified; where another process changed them,
   they are read and verified anew.
3. Verdicts: each write is judged in its turn, by the kinds of row that its changes belong to, against what is on
   record and what the writes before it took. All of its changes are taken, or none.
4. Lines: seq, time and prev are given here, and the head moves with them, in the commit of all that was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from undersign.audit.chain import Line, link
from undersign.audit.record import Position, at
from undersign.errors import StorageError

from ..engines import Connection
from ..envelope import Envelope
from ..rows import KINDS, TRUSTED, Moment, RowKind
from ..rows.row import CLOCK_TOLERANCE, Judge
from ..statement import Execution, Rows
from ..trust import Draft, Picture
from .job import Job
from .lines import ADD, LOCK, MOVE, StoredHead, believed, check_reaches, head_of, moved, row_of

__all__ = ["Ground", "Settled", "settle"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a batch stands on.

    Attributes:
        seen: How far this process and this machine have seen the chain reach.
        picture: The trusted rows that it has verified.
        prune: How many rows that ended may be forgotten.
    """

    envelope: Envelope
    node: str
    now: float
    seen: tuple[tuple[int, str], ...]
    picture: Picture | None
    prune: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What a batch came to; true once it is committed."""

    head: StoredHead
    picture: Picture


def settle(connection: Connection, jobs: Sequence[Job], ground: Ground) -> Settled:
    """Settle the jobs and commit.

    Raises:
        StorageError: The database is not one that may be written to.
    """
    kinds = [kind() for kind in KINDS]
    read, answers = _begin(connection, kinds, jobs)
    head = believed(read, ground.envelope)
    picture = _picture(connection, head, ground)
    for seen in ground.seen:
        check_reaches(head, seen)
    time = max(head.time, int(ground.now))
    moment = Moment(
        now=ground.now,
        time=time,
        behind=ground.now < head.time - CLOCK_TOLERANCE,
        unsure=(head.unsure_from, head.unsure_to),
        restored_at=head.restored_at,
        trust=Draft(picture, ground.envelope),
        envelope=ground.envelope,
        prune=ground.prune,
        closed=head.closed,
    )
    for kind, answered in zip(kinds, answers, strict=True):
        kind.begin(moment, answered)
    head, rows = _judge(jobs, _judges(kinds), head._replace(time=time), ground.node)
    picture = moment.trust.picture()
    executions: list[Execution] = [execution for kind in kinds for execution in kind.executions()]
    head = head._replace(generation=picture.generation, manifest=picture.manifest, **moment.moved)
    if rows:
        executions.append((ADD, rows))
    connection.finish([*executions, (MOVE, moved(head, ground.envelope))])
    return Settled(head, picture)


def _begin(
    connection: Connection, kinds: Sequence[RowKind], jobs: Sequence[Job]
) -> tuple[StoredHead | None, list[Sequence[Rows]]]:
    """Take the lock, and ask in one go what all kinds must know."""
    by_class: dict[type, list[Any]] = {}
    for job in jobs:
        for change in job.changes:
            by_class.setdefault(type(change), []).append(change)
    questions = [kind.questions([c for each in kind.judges() for c in by_class.get(each, ())]) for kind in kinds]
    first, *rest = connection.begin((LOCK, {}), *(question for asked in questions for question in asked))
    answers = iter(rest)
    return head_of(first), [[next(answers) for _ in asked] for asked in questions]


def _picture(connection: Connection, head: StoredHead, ground: Ground) -> Picture:
    """The trusted rows of the head's generation: those that are known, or read and verified now."""
    known = ground.picture
    if known is not None and (known.generation, known.manifest) == (head.generation, head.manifest):
        return known
    if known is not None and head.generation <= known.generation:
        raise StorageError(
            "The rows that decide trust have gone back to an earlier state.",
            help="Somebody changed the database, or restored it while the server ran.",
        )
    found = connection.ask(*((kind.ALL, {}) for kind in TRUSTED))
    return Picture.verified(head.generation, head.manifest, TRUSTED, found, ground.envelope)


def _judges(kinds: Sequence[RowKind]) -> dict[type, Judge]:
    return {each: judge for kind in kinds for each, judge in kind.judges().items()}


def _judge(
    jobs: Sequence[Job], judges: dict[type, Judge], head: StoredHead, node: str
) -> tuple[StoredHead, list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    seq, last = head.seq, head.hash
    for job in jobs:
        job.verdict = next(filter(None, (judges[type(c)].verdict(c) for c in job.changes)), None)
        if job.verdict is not None:
            continue
        if job.write is not None:
            seq += 1
            body = at(job.write.fragment, Position(head.chain, seq, head.time, node, last))
            last = link(head.chain, body)
            job.line = Line(seq, body, last, head.time)
            rows.append(row_of(job.write.entry, job.line))
        for change in job.changes:
            judges[type(change)].take(change, seq if job.write is not None else 0)
    return head._replace(seq=seq, hash=last), rows
