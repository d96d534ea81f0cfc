"""Rows that decide trust are not believed because they stand in a table (DESIGN section 4, "rows are not trusted").

1. Each row of a trusted kind carries a MAC under the master key, over the chain's id, its kind and its whole content:
   nobody without that key can add one, or change or move one.
2. The head of the chain carries a generation, which every change of a trusted row moves on, and a manifest: a MAC over
   the generation and the MACs of all trusted rows. So none can be taken away or put back either.
3. A process keeps the rows of the generation that it has verified. Whether they are those of now is asked at each use,
   by the head that is read with it: under the lock in each commit, by a read of its own where nothing is written.
4. A generation never goes back while the process lives; across its end, the mark beside the master key knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Protocol

from sqlalchemy import Table

from undersign.errors import StorageError

from .envelope import Envelope
from .statement import Rows, Statement

__all__ = ["Draft", "Picture", "TrustedKind", "manifest_of"]

_CHANGED: Final = "Rows that decide trust were changed in the database, by somebody without the master key."
_HELP: Final = "Restore the database from a backup; what it says now is not believed."


class TrustedKind(Protocol):
    """A kind of row whose rows decide trust."""

    TABLE: Table
    ALL: Statement

    def load(self, row: tuple[Any, ...], /) -> tuple[Any, bytes]:
        """Read a row: the record, and its MAC."""

    def place(self, record: Any, /) -> Any:
        """Name a record among its kind."""

    def content(self, record: Any, /) -> list[Any]:
        """What the MAC of a record is over."""


class Picture:
    """The trusted rows of one generation, verified. Read-only; shared between threads.

    Attributes:
        generation: Which.
        manifest: The MAC that stands in the head.
    """

    __slots__ = ("_macs", "_records", "generation", "manifest")

    def __init__(
        self,
        generation: int,
        manifest: bytes,
        records: Mapping[Any, Mapping[Any, Any]],
        macs: Mapping[Any, Mapping[Any, bytes]],
    ) -> None:
        self.generation = generation
        self.manifest = manifest
        self._records = records
        self._macs = macs

    @classmethod
    def verified(
        cls, generation: int, manifest: bytes, kinds: Sequence[Any], rows: Sequence[Rows], envelope: Envelope
    ) -> Picture:
        """Verify what was read.

        Raises:
            StorageError: It is not what was written under this master key, as a whole.
        """
        records: dict[Any, dict[Any, Any]] = {}
        macs: dict[Any, dict[Any, bytes]] = {}
        for kind, found in zip(kinds, rows, strict=True):
            records[kind], macs[kind] = {}, {}
            for row in found:
                record, mac = kind.load(row)
                if not compare_digest(mac, _mac(kind, record, envelope)):
                    raise StorageError(_CHANGED, help=_HELP)
                records[kind][kind.place(record)] = record
                macs[kind][kind.place(record)] = mac
        if not compare_digest(manifest, manifest_of(generation, macs, envelope)):
            raise StorageError(_CHANGED, help=_HELP)
        return cls(generation, manifest, records, macs)

    def get(self, kind: Any, place: Any) -> Any:
        """One record; None where there is none."""
        return self._records[kind].get(tuple(place))

    def all(self, kind: Any) -> Iterable[Any]:
        """All records of a kind, in the order of their places."""
        found = self._records[kind]
        return [found[place] for place in sorted(found)]


class Draft:
    """A picture, and what a batch changes of it."""

    def __init__(self, picture: Picture, envelope: Envelope) -> None:
        self._picture = picture
        self._envelope = envelope
        self._records: dict[Any, dict[Any, Any]] = {}
        self._macs: dict[Any, dict[Any, bytes]] = {}

    @property
    def changed(self) -> bool:
        """Whether the batch changed anything."""
        return bool(self._records)

    def get(self, kind: Any, place: Any) -> Any:
        """One record, as it is after what was taken so far; None where there is none."""
        own = self._records.get(kind)
        return self._picture.get(kind, place) if own is None else own.get(tuple(place))

    def all(self, kind: Any) -> Iterable[Any]:
        """All records of a kind, as they are now."""
        own = self._records.get(kind)
        return self._picture.all(kind) if own is None else [own[place] for place in sorted(own)]

    def put(self, kind: Any, record: Any) -> None:
        """Add or replace a record."""
        if kind not in self._records:
            self._records[kind] = dict(self._picture._records[kind])  # noqa: SLF001 - a draft is a picture in the making
            self._macs[kind] = dict(self._picture._macs[kind])  # noqa: SLF001
        place = kind.place(record)
        self._records[kind][place] = record
        self._macs[kind][place] = _mac(kind, record, self._envelope)

    def mac(self, kind: Any, record: Any) -> bytes:
        """The MAC of a record that was put."""
        return self._macs[kind][kind.place(record)]

    def picture(self, *, after: int | None = None) -> Picture:
        """The picture of the next generation; the present one where nothing was changed.

        Args:
            after: A generation beyond which the next one is to be, whether something was changed or not.
        """
        if not self.changed and after is None:
            return self._picture
        old = self._picture
        generation, macs = (old.generation if after is None else after) + 1, {**old._macs, **self._macs}  # noqa: SLF001
        return Picture(
            generation,
            manifest_of(generation, macs, self._envelope),
            {**old._records, **self._records},  # noqa: SLF001
            macs,
        )


def manifest_of(generation: int, macs: Mapping[Any, Mapping[Any, bytes]], envelope: Envelope) -> bytes:
    """Compute the manifest of a generation."""
    named = sorted((kind.TABLE.name, mac) for kind, found in macs.items() for mac in found.values())
    digest = sha256(b"".join(name.encode() + b"\0" + mac for name, mac in named)).hexdigest()
    return envelope.mac("manifest", [generation, digest])


def _mac(kind: Any, record: Any, envelope: Envelope) -> bytes:
    return envelope.mac(kind.TABLE.name, kind.content(record))
