"""A worker: one named, configured signing service (DESIGN section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from undersign.errors import UnknownWorkerError

from .authorizers import Authorizer
from .mapping import MapEntry

__all__ = ["Worker", "Workers"]


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker, as configuration has it.

    Attributes:
        format: What it makes, a name in ``workers.KINDS``.
        key: The configured name of its key, which is no other worker's.
        issuers: The configured names of the issuers whose tokens it knows; empty where it is for anyone.
        bind: What an authorization is bound to, one of ``usage.BINDS``.
        type: The ``typ`` of what it makes; empty for none.
        detached_from: From how many octets on a signature is detached unless the caller says otherwise.
        configuration: SHA-256, in hex, of its configuration; stands in each receipt.
    """

    name: str
    format: str
    key: str
    authorizer: Authorizer
    issuers: tuple[str, ...]
    mapping: tuple[MapEntry, ...]
    bind: str
    type: str
    detached_from: int
    configuration: str


@dataclass(frozen=True, slots=True)
class Workers:
    """Every worker, by name."""

    by_name: Mapping[str, Worker] = field(default_factory=lambda: MappingProxyType({}))

    def find(self, name: str) -> Worker:
        """The worker of this name.

        Raises:
            UnknownWorkerError: There is none.
        """
        worker = self.by_name.get(name)
        if worker is None:
            raise UnknownWorkerError("There is no such worker.")
        return worker
