"""The kinds of row: one file each, one line each in this table; the ledger's batch asks it, and knows none by name.

``TRUSTED`` are those whose rows decide trust: they carry MACs, and the head's manifest names them all.
"""

from __future__ import annotations

from typing import Any, Final

from .burns import Burns
from .keys import Keys
from .one_time import OneTime
from .personal import Personals
from .row import Judge, Moment, RowKind, metadata
from .segments import Segments
from .subjects import Subjects

__all__ = ["CHANGES", "KINDS", "TRUSTED", "Judge", "Moment", "RowKind", "metadata"]

KINDS: Final[tuple[type[RowKind], ...]] = (Burns, Keys, OneTime, Personals, Segments, Subjects)
CHANGES: Final = frozenset(change for kind in KINDS for change in kind().judges())
TRUSTED: Final[tuple[Any, ...]] = tuple(kind for kind in KINDS if hasattr(kind, "ALL"))
