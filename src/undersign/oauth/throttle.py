"""Who fails at the token endpoint again and again is slowed down, by address and never by client (RFC 6749 2.3.1).

Anybody can send a wrong assertion for a known client, so a count by client would let a stranger lock that client out.
Each address has a bucket of tries; a failure takes one out, time puts it back, a success costs nothing. The buckets are
this process's own, and of bounded number: the one least recently failed from is forgotten first.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from threading import Lock
from typing import Final

from undersign.errors import SlowDownError

__all__ = ["Throttle"]

TRIES: Final = 20  # failures in a row before an address has to wait
PER_SECOND: Final = 1.0  # tries that come back
ADDRESSES: Final = 4096
_SITE: Final = 64  # bits of an IPv6 address that one household has


class Throttle:
    """The failures of each address, short of those that time has forgiven.

    Attributes:
        spent: Tries spent by each name of addresses, and when that was so; while it is empty nobody has to wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def check(self, address: str) -> None:
        """Let an address try.

        Raises:
            SlowDownError: It has no try left.
        """
        with self._lock:
            spent = self._now_spent(_name(address))
        if spent > TRIES - 1:
            wait = ceil((spent - (TRIES - 1)) / PER_SECOND)
            raise SlowDownError("Too many requests from this address were refused.", retry_after=wait)

    def failed(self, address: str) -> None:
        """Take a try from an address."""
        name = _name(address)
        if not name:
            return
        with self._lock:
            self.spent[name] = (min(self._now_spent(name) + 1, TRIES), self._clock())
            self.spent.move_to_end(name)
            if len(self.spent) > ADDRESSES:
                self.spent.popitem(last=False)

    def _now_spent(self, name: str) -> float:
        spent, at = self.spent.get(name, (0.0, 0.0))
        return max(0.0, spent - (self._clock() - at) * PER_SECOND)


def _name(address: str) -> str:
    """What is slowed down together; nothing where the address tells nobody apart, as a proxy's on this machine."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return "" if parsed.is_loopback else str(ip_network((parsed, _SITE), strict=False))
        parsed = parsed.ipv4_mapped
    return "" if parsed.is_loopback else str(parsed)
