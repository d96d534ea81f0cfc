"""What a worker made."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Made"]


@dataclass(frozen=True, slots=True)
class Made:
    """The result of a worker.

    Attributes:
        detached: Whether the document is left out of the result.
    """

    octets: bytes = field(repr=False)
    media_type: str
    detached: bool
