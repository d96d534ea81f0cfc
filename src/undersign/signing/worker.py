"""A worker: one named, configured signing service (DESIGN section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

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


class Workers(dict[str, Worker]):
    """Every worker, by name; asking for one that is not there raises UnknownWorkerError."""

    def __missing__(self, name: str) -> NoReturn:
        raise UnknownWorkerError("There is no such worker.")
