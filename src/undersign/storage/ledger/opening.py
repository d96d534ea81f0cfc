"""Finding or making the chain of a database; taking over one of the first release; starting after a restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from undersign import jwk
from undersign.access.standing import SetEnabled
from undersign.audit.chain import GENESIS
from undersign.audit.record import Entry, KeyRef
from undersign.cryptotoken.lifecycle import Plan
from undersign.cryptotoken.token import KeyRecord
from undersign.errors import StorageError, UndersignError, quoted
from undersign.replay import LEEWAY

from ..database import Database
from ..engines import Connection
from ..envelope import Envelope, Place
from ..rows import TRUSTED, Moment
from ..rows.keys import ANY_SEALED, RESEAL, SEALED, Keys
from ..rows.subjects import SEAL, Subjects
from ..statement import Execution
from ..trust import Draft, Picture, manifest_of
from .lines import (
    ADD,
    FIRST,
    LOCK,
    MOVE,
    StoredHead,
    appended,
    begins_soundly,
    believed,
    head_of,
    leads_to,
    moved,
    were_rows_sealed,
)
from .mark import Mark, Noted

__all__ = ["OpenedChain", "open_chain", "place_of", "taken_back", "writing"]

_SEALED_ROWS: Final = ("rows", "sealed")


@dataclass(frozen=True, slots=True)
class OpenedChain:
    """The chain of a database.

    Attributes:
        id: Its id.
        root: The thumbprint of the root key that its first line names.
        envelope: The master key, bound to it.
    """

    id: str
    root: str
    envelope: Envelope


def open_chain(
    database: Database,
    master: Envelope,
    make_root: Callable[[Envelope], Plan],
    *,
    now: float,
    node: str = "",
    mark: Mark | None = None,
) -> OpenedChain:
    """Find the database's chain, or make it: its root key and a first line that names it, in one transaction.

    Args:
        database: Where.
        master: The master key, bound to no chain yet.
        make_root: Plans the root key, sealed by the envelope that it is given.
        now: The time.
        node: The name of this process's machine in the lines.
        mark: This machine's mark; see ``mark``.

    Raises:
        StorageError: The database could not take the write, or what decides trust in it is not believed.
    """
    with writing(database) as connection:
        (rows,) = connection.begin((LOCK, {}))
        head = head_of(rows)
        envelope = master.of("" if head is None else head.chain)
        noted = None if mark is None else mark.read(envelope)
        if head is None:
            return _make(connection, master, make_root, now, node)
        check_master(connection, envelope)
        opening = _Opening(connection, envelope, head, node, now)
        if head.manifest or head.mac:
            believed(head, envelope)
        else:
            opening.take_over(is_new=mark is None or not mark.is_there())
        picture = opening.compare(noted)
        head = opening.finish()
        if mark is not None and picture is not None:
            mark.note(head, picture, envelope, anew=True)
    return OpenedChain(head.chain, head.root, envelope)


def taken_back(database: Database, master: Envelope, *, now: float, node: str = "") -> tuple[int, int] | None:
    """Take back the highest time seen, after a clock had jumped ahead: a recorded operator's command.

    What works once and was issued before now is refused from here on, for what was used up in the meantime may have
    been forgotten by the time that never was.

    Args:
        database: Whose.
        master: The master key, bound to no chain yet.
        now: The time that is right.
        node: The name of this process's machine in the line.

    Returns:
        The highest time before and after; None where it is not ahead of now.
    """
    with writing(database) as connection:
        (rows,) = connection.begin((LOCK, {}))
        found = head_of(rows)
        envelope = master.of(found.chain if found else "")
        head = believed(found, envelope)
        if head.time <= int(now):
            return None
        before = head.time
        entry = Entry("clock_taken_back", "ok", detail=(("before", before), ("after", int(now))))
        head = head._replace(time=int(now), unsure_from=-1, unsure_to=int(now) + LEEWAY + 1)
        head, row = appended(head, entry, node, time=int(now))
        connection.finish([(ADD, [row]), (MOVE, moved(head, envelope))])
    return before, head.time


def check_master(connection: Connection, envelope: Envelope) -> None:
    """Refuse a master key that is not the one that this database was made with, by the name that each seal bears.

    Raises:
        StorageError: It is another.
    """
    (rows,) = connection.ask((ANY_SEALED, {}))
    if rows and not envelope.has_sealed(bytes(rows[0][0])):
        raise StorageError(
            "The master key is not the one that this database was made with.",
            help="Point [storage] master_key at that one; nothing else opens what it sealed.",
        )


def place_of(record: KeyRecord) -> Place:
    """Where the private half of a key is sealed for."""
    return Place("keys", record.name, record.version, record.purpose, record.alg, record.thumbprint)


@contextmanager
def writing(database: Database) -> Iterator[Connection]:
    """Give a connection of one's own; what was begun on it and not finished is rolled back.

    Raises:
        StorageError: The database cannot be opened, or could not take the write.
    """
    outages = database.engine.outages
    try:
        connection = database.connect()
    except outages as error:
        raise StorageError(f"The database cannot be opened: {type(error).__name__}.") from error
    try:
        yield connection
    except outages as error:
        raise StorageError(f"The database could not take the write: {type(error).__name__}.") from error
    finally:
        connection.close()


def _make(
    connection: Connection, master: Envelope, make_root: Callable[[Envelope], Plan], now: float, node: str
) -> OpenedChain:
    identifier, time = token_hex(16), int(now)
    envelope = master.of(identifier)
    plan = make_root(envelope)
    record = plan.record
    trust = Draft(Picture(0, b"", {kind: {} for kind in TRUSTED}, {kind: {} for kind in TRUSTED}), envelope)
    keys = Keys()
    keys.begin(Moment(now, time, False, (0, 0), 0, trust, envelope), ())
    keys.judges()[type(plan.change)].take(plan.change, 1)
    picture = trust.picture()
    detail = (("root", record.thumbprint), ("jwk", record.public_jwk), _SEALED_ROWS)
    entry = Entry("chain_opened", "ok", key=KeyRef(record.name, record.kid, record.version), detail=detail)
    head = StoredHead(identifier, record.thumbprint, 0, GENESIS, time, picture.generation, picture.manifest)
    head, row = appended(head, entry, node, time=time)
    first = {**moved(head, envelope), "one": 1, "id": identifier, "root": head.root}
    connection.finish([*keys.executions(), (ADD, [row]), (FIRST, first)])
    return OpenedChain(identifier, record.thumbprint, envelope)


class _Opening:
    """The opening of a chain that is there: what is taken over, doubted and written, in one transaction."""

    def __init__(self, connection: Connection, envelope: Envelope, head: StoredHead, node: str, now: float) -> None:
        self._connection = connection
        self._envelope = envelope
        self._head = head
        self._node = node
        self._now = now
        self._executions: list[Execution] = []
        self._lines: list[tuple[Any, ...]] = []

    def take_over(self, *, is_new: bool) -> None:
        """Give the rows of the first release their MACs, and seal their private halves to this database.

        The first release believed its rows; this is the one moment at which ours does, and only as far as it must: a
        public key counts where its private half, which was sealed, proves it.
        """
        connection, envelope = self._connection, self._envelope
        if not is_new or were_rows_sealed(connection) or not begins_soundly(connection, self._head):
            raise StorageError(
                "What says which rows decide trust was taken out of the database.",
                help="Restore it from a backup. If you did, with one of the first release, remove the mark.",
            )
        keys, subjects = connection.ask((Keys.ALL, {}), (Subjects.ALL, {}))
        macs: dict[Any, dict[Any, bytes]] = {kind: {} for kind in TRUSTED}
        for record, _ in map(Keys.load, keys):
            macs[Keys][Keys.place(record)] = mac = envelope.mac(Keys.TABLE.name, Keys.content(record))
            where = {"name_": record.name, "version_": record.version}
            self._executions.append(
                (RESEAL, {**where, "sealed_": _resealed(connection, record, envelope), "mac_": mac})
            )
        for subject, _ in map(Subjects.load, subjects):
            macs[Subjects][Subjects.place(subject)] = mac = envelope.mac(Subjects.TABLE.name, Subjects.content(subject))
            self._executions.append((SEAL, {"kind_": subject.kind, "name_": subject.name, "mac_": mac}))
        self._head = self._head._replace(generation=1, manifest=manifest_of(1, macs, envelope))
        self._append(Entry("rows_sealed", "ok", detail=(("generation", 1),)))

    def compare(self, noted: Noted | None) -> Picture | None:
        """Hold the database against this machine's mark, and doubt what it may have forgotten.

        Returns:
            The trusted rows as they are from now on, where the database was restored.

        Raises:
            StorageError: The rows that decide trust went back, and the chain did not.
        """
        head, now = self._head, int(self._now)
        if noted is None:
            start = min(head.time, head.unsure_from) if head.unsure_to else head.time
            self._head = head._replace(unsure_from=start, unsure_to=max(now, head.unsure_to)) if now > start else head
            return None
        # A line that was closed is not there; behind it there is the line that closed it.
        closed = noted.seq <= head.closed < head.seq
        reaches = closed or leads_to(self._connection, noted.seq, noted.hash, head)
        if reaches and noted.generation > head.generation:
            raise StorageError(
                "The rows that decide trust have gone back to an earlier state, and the chain has not.",
                help="Somebody changed the database; restore it from a backup.",
            )
        if reaches:
            return None
        picture = self._outranked(noted)
        self._head = head._replace(
            unsure_from=-1,
            unsure_to=now + LEEWAY + 1,
            restored_at=head.seq,
            generation=picture.generation,
            manifest=picture.manifest,
        )
        detail = (("mark", noted.seq), ("refused_until", now + LEEWAY + 1))
        self._append(Entry("restored", "ok", reason=f"the database ended at line {head.seq}", detail=detail))
        return picture

    def _outranked(self, noted: Noted) -> Picture:
        """Disable and destroy again what the mark says was so: backups do not outrank that (safety rule 18)."""
        head = self._head
        found = self._connection.ask(*((kind.ALL, {}) for kind in TRUSTED))
        old = Picture.verified(head.generation, head.manifest, TRUSTED, found, self._envelope)
        trust, kinds = Draft(old, self._envelope), (Keys(), Subjects())
        for kind in kinds:
            kind.begin(Moment(self._now, head.time, False, (0, 0), 0, trust, self._envelope), ())
        for change in noted.outranking:
            kinds[isinstance(change, SetEnabled)].judges()[type(change)].outrank(change)
        self._executions += [execution for kind in kinds for execution in kind.executions()]
        # Beyond every generation that was before the restore, so that none of those is taken for the present one.
        return trust.picture(after=max(noted.generation, head.generation))

    def finish(self) -> StoredHead:
        """Write it."""
        lines: list[Execution] = [(ADD, self._lines)] if self._lines else []
        self._connection.finish([*self._executions, *lines, (MOVE, moved(self._head, self._envelope))])
        return self._head

    def _append(self, entry: Entry) -> None:
        time = max(self._head.time, int(self._now))
        self._head, row = appended(self._head, entry, self._node, time=time)
        self._lines.append(row)


def _resealed(connection: Connection, record: KeyRecord, envelope: Envelope) -> bytes | None:
    ((found,),) = connection.ask((SEALED, {"name_": record.name, "version_": record.version}))
    if record.state == "destroyed" and found[0] is None:
        return None
    place = place_of(record)
    try:
        secret = envelope.open_first(bytes(found[0] or b""), place)
        proved = jwk.load(secret, alg=record.alg).public().thumbprint()
        if not proved == record.thumbprint == record.public().thumbprint():
            raise StorageError("Its halves do not belong together.")
    except UndersignError as error:
        raise StorageError(
            f"Key {quoted(record.name)} version {record.version} is not what the first release wrote: {error.message}",
            help="Somebody changed the database; restore it from a backup.",
        ) from error
    return envelope.seal(secret, place)
