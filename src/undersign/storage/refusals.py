"""Refusals of callers that nobody knows: counted by reason, address block and minute, so that noise cannot fill a disk.

At most 64 address blocks are told apart for one reason and minute; the rest is counted together under ``*``.
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


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted together: one reason, one block of addresses, one minute."""

    reason: str
    block: str
    minute: int

    def entry(self, number: int) -> Entry:
        """Summarize as one entry of the chain."""
        detail = (("block", self.block), ("minute", self.minute * 60), ("count", number))
        return Entry("refusals", "refused", reason=self.reason, detail=detail)


class Refusals:
    """The counts that are not yet in the chain."""

    def __init__(self) -> None:
        self._counts: Counter[Count] = Counter()
        self._lock = Lock()

    def add(self, reason: str, address: str, now: float, number: int = 1) -> None:
        """Count one refusal."""
        self.put(Count(reason, block_of(address), int(now // 60)), number)

    def put(self, count: Count, number: int) -> None:
        """Count some, of one kind."""
        with self._lock:
            if count not in self._counts:
                count = self._capped(count)
            self._counts[count] += number

    def take(self, now: float, *, everything: bool = False) -> list[tuple[Count, int]]:
        """Take out the counts of the minutes that are over, or all."""
        minute = int(now // 60)
        with self._lock:
            taken = [(count, number) for count, number in self._counts.items() if everything or count.minute != minute]
            for count, _ in taken:
                del self._counts[count]
        return taken

    def _capped(self, count: Count) -> Count:
        if len(self._counts) >= BLOCK_CAP * REASON_CAP:
            return Count("*", "*", count.minute)
        same = sum(1 for other in self._counts if (other.reason, other.minute) == (count.reason, count.minute))
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
