"""The keys of this database: public halves and states, which a MAC covers, sealed private halves, counts of uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    insert,
    null,
    select,
    update,
)

from undersign.cryptotoken.lifecycle import AddKey, KeyUse, Published, SetState
from undersign.cryptotoken.token import KeyRecord
from undersign.errors import ClockBehindError, ConflictError, UndersignError, UnusableKeyError, quoted

from ..engines import ENGINES
from ..statement import Among, Execution, Number, Question, Rows, Statement
from .row import Judge, Moment, metadata

__all__ = ["ANY_SEALED", "RESEAL", "SEALED", "Keys", "is_published"]

_TABLE: Final = Table(
    "keys",
    metadata,
    Column("name", Text, nullable=False),
    Column("version", Number, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kid", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("token", Text, nullable=False),
    Column("created_at", Number, nullable=False),
    Column("uses", Number, nullable=False),
    Column("mac", LargeBinary, nullable=True),
    PrimaryKeyConstraint("name", "version"),
    UniqueConstraint("thumbprint", name="uq_keys_thumbprint"),
    CheckConstraint("state IN ('active', 'window', 'disabled', 'destroyed')", name="ck_keys_state"),
)
_ACTIVE: Final = _TABLE.c.state == "active"
_WHERE: Final[dict[str, Any]] = {f"{engine}_where": _ACTIVE for engine in ENGINES}
Index("uq_keys_one_active", _TABLE.c.name, unique=True, **_WHERE)

# In the order of KeyRecord's fields, short of the count of uses, which is no part of what is trusted.
_FIELDS: Final = (
    "name",
    "version",
    "purpose",
    "alg",
    "state",
    "kid",
    "thumbprint",
    "public_jwk",
    "token",
    "created_at",
)
_PLACE: Final = (_TABLE.c.name == bindparam("name_"), _TABLE.c.version == bindparam("version_"))
_INSERT: Final = Statement(insert(_TABLE))
_MOVE: Final = Statement(update(_TABLE).where(*_PLACE).values(state=bindparam("state_"), mac=bindparam("mac_")))
_DESTROY: Final = Statement(update(_TABLE).where(*_PLACE).values(sealed=null()))
_COUNT: Final = Statement(update(_TABLE).where(*_PLACE).values(uses=_TABLE.c.uses + bindparam("times")))
_USES: Final = Statement(select(_TABLE.c.name, _TABLE.c.version, _TABLE.c.uses).where(Among(_TABLE.c.name, "names")))
SEALED: Final = Statement(select(_TABLE.c.sealed).where(*_PLACE))
ANY_SEALED: Final = Statement(select(_TABLE.c.sealed).where(_TABLE.c.sealed.is_not(None)).limit(1))
RESEAL: Final = Statement(update(_TABLE).where(*_PLACE).values(sealed=bindparam("sealed_"), mac=bindparam("mac_")))


class Keys:
    """The keys of one batch. A trusted kind: its rows carry MACs, and the head's manifest names them all."""

    TABLE: ClassVar[Table] = _TABLE
    ALL: ClassVar[Statement] = Statement(select(*(_TABLE.c[name] for name in _FIELDS), _TABLE.c.uses, _TABLE.c.mac))

    def __init__(self) -> None:
        self._uses: dict[tuple[str, int], int] = {}
        self._used: Counter[tuple[str, int]] = Counter()
        self._executions: list[Execution] = []

    @staticmethod
    def load(row: tuple[Any, ...]) -> tuple[KeyRecord, bytes]:
        """Read a row: the record, and its MAC."""
        return KeyRecord(*row[:11]), bytes(row[11] or b"")

    @staticmethod
    def place(record: KeyRecord) -> tuple[str, int]:
        """Name a record among its kind."""
        return record.name, record.version

    @staticmethod
    def content(record: KeyRecord) -> list[Any]:
        """What the MAC of a record is over."""
        return [getattr(record, name) for name in _FIELDS]

    def judges(self) -> dict[type, Judge]:
        """Uses, requirements and changes of keys."""
        return {
            KeyUse: Judge(self._unusable, self._use),
            Published: Judge(self._unpublished, lambda *_: None),
            AddKey: Judge(self._taken_already, self._add),
            SetState: Judge(self._moved_already, self._set_state, self._outrank),
        }

    def questions(self, changes: Sequence[Any]) -> Sequence[Question]:
        """How often keys with a limit were used."""
        names = {change.name for change in changes if type(change) is KeyUse and change.limit is not None}
        return [(_USES, {"names": sorted(names)})] if names else []

    def begin(self, moment: Moment, answers: Sequence[Rows]) -> None:
        """Take note."""
        self._moment = moment
        self._uses = {(name, version): uses for rows in answers for name, version, uses in rows}

    def executions(self) -> Sequence[Execution]:
        """Count the uses, and make the changes."""
        counts: list[Execution] = [
            (_COUNT, {"name_": name, "version_": version, "times": times})
            for (name, version), times in self._used.items()
        ]
        return counts + self._executions

    # -- uses and requirements --

    def _unusable(self, use: KeyUse) -> UndersignError | None:
        if self._moment.behind:  # its line and its receipt would have a time that has not come
            return ClockBehindError("This machine's clock is behind what the database has seen.")
        place = (use.name, use.version)
        record = self._moment.trust.get(Keys, place)
        state = "unknown" if record is None else record.state
        if state != "active":
            return UnusableKeyError(
                f"Key {quoted(use.name)} version {use.version} is {state}.", help="Rotate it, or enable it."
            )
        if use.limit is not None and self._uses.get(place, 0) + self._used[place] + use.times > use.limit:
            return UnusableKeyError(
                f"Key {quoted(use.name)} has reached its limit of {use.limit} uses.", help="Rotate it."
            )
        return None

    def _use(self, use: KeyUse, _: int) -> None:
        self._used[use.name, use.version] += use.times

    def _unpublished(self, wanted: Published) -> UndersignError | None:
        return is_published(self._moment.trust.all(Keys), wanted)

    # -- changes, each with the condition that it was planned on --

    def _taken_already(self, change: AddKey) -> UndersignError | None:
        record = change.record
        known = list(self._moment.trust.all(Keys))
        active = {each.version for each in known if each.name == record.name and each.state == "active"}
        if active - {change.replaces} or (change.replaces is not None and change.replaces not in active):
            return _came_first()
        if any(Keys.place(each) == Keys.place(record) or each.thumbprint == record.thumbprint for each in known):
            return _came_first()
        return None

    def _add(self, change: AddKey, _: int) -> None:
        if change.replaces is not None:
            self._move((change.record.name, change.replaces), "window")
        trust, record = self._moment.trust, change.record
        trust.put(Keys, record)
        row = {name: getattr(record, name) for name in _FIELDS}
        self._executions.append((_INSERT, {**row, "sealed": change.sealed, "uses": 0, "mac": trust.mac(Keys, record)}))

    def _moved_already(self, change: SetState) -> UndersignError | None:
        known = self._moment.trust.get(Keys, (change.name, change.version))
        if known is None or known.state != change.before:
            return _came_first()
        others = (each for each in self._moment.trust.all(Keys) if each.name == change.name and each is not known)
        if change.after == "active" and any(each.state == "active" for each in others):
            return _came_first()
        return None

    def _set_state(self, change: SetState, _: int) -> None:
        self._move((change.name, change.version), change.after)

    def _outrank(self, change: SetState) -> None:
        place = (change.name, change.version)
        known = self._moment.trust.get(Keys, place)
        if known is not None and known.state not in {change.after, "destroyed"}:
            self._move(place, change.after)

    def _move(self, place: tuple[str, int], after: Any) -> None:
        trust = self._moment.trust
        record = trust.get(Keys, place).moved(after)
        trust.put(Keys, record)
        where = {"name_": place[0], "version_": place[1]}
        self._executions.append((_MOVE, {**where, "state_": after, "mac_": trust.mac(Keys, record)}))
        if after == "destroyed":
            self._executions.append((_DESTROY, where))


def is_published(records: Any, wanted: Published) -> UndersignError | None:
    """Why a key of ours no longer counts for what it signed; None where it does."""
    if any((record.name, record.kid) == wanted and record.state in {"active", "window"} for record in records):
        return None
    return UnusableKeyError(f"Key {quoted(wanted.name)} is no longer published in the version that signed the token.")


def _came_first() -> ConflictError:
    return ConflictError("Another change came first.", help="Look at the present state and decide again.")
