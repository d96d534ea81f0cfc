"""Refusals of callers that nobody knows: counted by reason, address block and window, so that noise cannot fill a disk.

A window is a minute unless configuration says otherwise. At most 64 address blocks are told apart for one reason and
window; the rest is counted together under ``*``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Final

from undersign.audit.record import Entry

__all__ = ["Count", "Refusals", "block_of"]

BLOCK_CAP: Final = 64
REASON_CAP: Final = 64
WINDOW: Final = 60  # seconds


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted together: one reason, one block of addresses, the time from ``since`` on."""

    reason: str
    block: str
    since: int

    def entry(self, number: int) -> Entry:
        """Summarize as one entry of the chain."""
        detail = (("block", self.block), ("since", self.since), ("count", number))
        return Entry("refusals", "refused", reason=self.reason, detail=detail)


class Refusals:
    """The counts that are not yet in the chain."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._counts: Counter[Count] = Counter()
        self._lock = Lock()

    def add(self, reason: str, address: str, now: float, number: int = 1) -> None:
        """Count one refusal."""
        self.put(Count(reason, block_of(address), self._since(now)), number)

    def put(self, count: Count, number: int) -> None:
        """Count some, of one kind."""
        with self._lock:
            if count not in self._counts:
                count = self._capped(count)
            self._counts[count] += number

    def take(self, now: float, *, everything: bool = False) -> list[tuple[Count, int]]:
        """Take out the counts of the windows that are over, or all."""
        running = self._since(now)
        with self._lock:
            taken = [(count, number) for count, number in self._counts.items() if everything or count.since != running]
            for count, _ in taken:
                del self._counts[count]
        return taken

    def _since(self, now: float) -> int:
        return int(now // self._window) * self._window

    def _capped(self, count: Count) -> Count:
        if len(self._counts) >= BLOCK_CAP * REASON_CAP:
            return Count("*", "*", count.since)
        same = sum(1 for other in self._counts if (other.reason, other.since) == (count.reason, count.since))
        return replace(count, block="*") if same >= BLOCK_CAP else count


def block_of(address: str) -> str:
    """Name the block that an address is in: /24, or /48 for IPv6; ``unknown`` for what is no address."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = 48 if isinstance(parsed, IPv6Address) else 24
    return str(ip_network((parsed, bits), strict=False))
