"""The keys of a database: their records as they are now, their sealed private halves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from undersign.audit.record import Entry, KeyRef, Write
from undersign.cryptotoken.lifecycle import Plan, Wanted, active, create
from undersign.cryptotoken.token import CryptoToken, KeyRecord
from undersign.errors import ConflictError, KeyMaterialError, StorageError, quoted

from .database import Database
from .envelope import Envelope
from .ledger.ledger import Ledger
from .ledger.opening import place_of
from .ledger.reading import Reading
from .rows.keys import SEALED, Keys
from .rows.subjects import Subjects
from .trust import Picture

__all__ = ["KeyVault", "disabled", "ensure_key", "records", "write_of"]


@dataclass(frozen=True, slots=True)
class KeyVault:
    """The sealed private halves of software keys."""

    database: Database
    envelope: Envelope

    def seal(self, record: KeyRecord, secret: bytes) -> bytes:
        """Seal a private half for its row."""
        return self.envelope.seal(secret, place_of(record))

    def unseal(self, record: KeyRecord) -> bytes:
        """Read and open the private half of a row.

        Raises:
            StorageError: There is none, or it does not belong there.
        """
        found = self.database.ask(SEALED, name_=record.name, version_=record.version)
        if not found or found[0][0] is None:
            raise StorageError(
                f"Key {quoted(record.name)} version {record.version} has no private half here.", help="Rotate it."
            )
        return self.envelope.open(bytes(found[0][0]), place_of(record))


def records(picture: Picture, name: str | None = None) -> tuple[KeyRecord, ...]:
    """All versions of all keys, or of one, in order."""
    return tuple(record for record in picture.all(Keys) if name is None or record.name == name)


def disabled(picture: Picture, kind: str) -> frozenset[str]:
    """The names of this kind (client, issuer, worker, user) that are disabled."""
    return frozenset(each.name for each in picture.all(Subjects) if each.kind == kind and each.disabled)


def ensure_key(reading: Reading, ledger: Ledger, token: CryptoToken, wanted: Wanted, *, now: float) -> KeyRecord:
    """Find the active version of a key, or make version 1; whichever process is first makes it.

    Raises:
        UnusableKeyError: It exists, and none of its versions is active: what was disabled stays so.
        KeyMaterialError: It exists with another purpose or algorithm.
    """
    if not records(reading.now(), wanted.name):
        with suppress(ConflictError):  # another process was first
            ledger.submit(write_of(create(token, records(reading.now()), wanted, now=int(now)))).result()
    record = active(records(reading.now()), wanted.name)
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
    return Write(entry, plan.change)
