"""The keys of this database: their records, their sealed private halves, their state as it is now."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, get_args

from sqlalchemy import Row, select

from undersign.audit.record import Entry, KeyRef
from undersign.cryptotoken.lifecycle import Plan, Wanted, active, create
from undersign.cryptotoken.token import CryptoToken, KeyRecord, State
from undersign.errors import ConflictError, KeyMaterialError, StorageError, quoted

from .engine import Database
from .envelope import Envelope, Place
from .schema import keys
from .write import Write
from .writer import Writer

__all__ = ["KeyStore", "ensure_key", "write_of"]


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Reads the key table; also the vault of software keys. Nothing is remembered between two calls."""

    database: Database
    envelope: Envelope

    def records(self, name: str | None = None) -> tuple[KeyRecord, ...]:
        """Read all versions of all keys, or of one."""
        wanted = select(keys).order_by(keys.c.name, keys.c.version)
        if name is not None:
            wanted = wanted.where(keys.c.name == name)
        with self.database.read() as connection:
            return tuple(map(_record, connection.execute(wanted)))

    def active(self, name: str) -> KeyRecord:
        """Find the version of a key that signs now.

        Raises:
            UnusableKeyError: None does.
        """
        return active(self.records(name), name)

    def published(self, *names: str) -> tuple[KeyRecord, ...]:
        """Find the versions of these keys that belong in a key set: active ones, and those in their window."""
        return tuple(KeyRecord(*row) for name in names for row in self.database.ask(_PUBLISHED, (name,)))

    def seal(self, record: KeyRecord, secret: bytes) -> bytes:
        """Seal a private half for its row."""
        return self.envelope.seal(secret, _place(record))

    def unseal(self, record: KeyRecord) -> bytes:
        """Read and open the private half of a row.

        Raises:
            StorageError: There is none, or it does not belong there.
        """
        wanted = select(keys.c.sealed).where(keys.c.name == record.name, keys.c.version == record.version)
        with self.database.read() as connection:
            sealed = connection.execute(wanted).scalar_one_or_none()
        if sealed is None:
            raise StorageError(
                f"Key {quoted(record.name)} version {record.version} has no private half here.", help="Rotate it."
            )
        return self.envelope.open(bytes(sealed), _place(record))


def ensure_key(store: KeyStore, writer: Writer, token: CryptoToken, wanted: Wanted, *, now: float) -> KeyRecord:
    """Find the active version of a key, or make version 1; whichever process is first makes it.

    Raises:
        UnusableKeyError: It exists, and none of its versions is active: what was disabled stays so.
        KeyMaterialError: It exists with another purpose or algorithm.
    """
    if not store.records(wanted.name):
        with suppress(ConflictError):  # another process was first
            writer.submit(write_of(create(token, store.records(), wanted, now=int(now)))).result()
    record = store.active(wanted.name)
    if (record.purpose, record.alg) != (wanted.purpose, wanted.alg):
        raise KeyMaterialError(
            f"Key {quoted(wanted.name)} is {record.alg} for {record.purpose}, not {wanted.alg} for {wanted.purpose}.",
            help="A key never changes purpose or algorithm: give the new one a name of its own.",
        )
    return record


def write_of(plan: Plan) -> Write:
    """Turn a planned change of a key into the write that makes and records it."""
    record = plan.record
    entry = Entry(plan.event, "ok", key=KeyRef(record.name, record.kid, record.version), detail=plan.detail)
    return Write(entry, changes=(plan.change,))


# Asked for each token of an issuer that is this very process; in the order of KeyRecord's fields.
_PUBLISHED: Final = (
    "SELECT name, version, purpose, alg, state, kid, thumbprint, public_jwk, token, created_at, uses FROM keys"
    " WHERE name = ? AND state IN ('active', 'window') ORDER BY version"
)


def _place(record: KeyRecord) -> Place:
    return Place("keys", record.name, record.version, record.purpose, record.alg)


def _record(row: Row[str, int, str, str, str, str, str, str, bytes | None, str, int, int]) -> KeyRecord:
    return KeyRecord(
        name=row.name,
        version=row.version,
        purpose=row.purpose,
        alg=row.alg,
        state=_state(row.state),
        kid=row.kid,
        thumbprint=row.thumbprint,
        public_jwk=row.public_jwk,
        token=row.token,
        created_at=row.created_at,
        uses=row.uses,
    )


def _state(text: str) -> State:
    for state in get_args(State):
        if state == text:
            known: State = state
            return known
    raise StorageError(f"The database holds a key in the unknown state {quoted(text)}.")
