"""One write: an entry, together with all that becomes true with it, or not at all."""

from __future__ import annotations

from .record import Entry

__all__ = ["Write"]


class Write:
    """An entry of the log, and the changes that are committed in the same transaction as its line.

    Attributes:
        entry: The event.
        changes: What is used up, used, kept, changed and required with it; each of a class that one of the ledger's
            rows takes (``storage.rows``), and none of them twice.
        fragment: The entry's octets, short of its place in the chain.

    Raises:
        PolicyError: The entry cannot be written down.
    """

    __slots__ = ("changes", "entry", "fragment")

    def __init__(self, entry: Entry, *changes: object) -> None:
        self.entry = entry
        self.changes = changes
        self.fragment = entry.fragment()
