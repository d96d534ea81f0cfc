"""Older lines that leave the database: the change, and how its line records it."""

from __future__ import annotations

from typing import NamedTuple

from .record import Entry, Write

__all__ = ["CloseSegment", "closing"]


class CloseSegment(NamedTuple):
    """A change: remove the lines from ``first`` to ``through``, the last of which has this hash."""

    first: int
    through: int
    hash: str


def closing(segment: CloseSegment, *, sha256: str, epoch: str) -> Write:
    """The write that records and removes a segment.

    Args:
        segment: Which.
        sha256: The hash, in hex, of the file that it was exported to.
        epoch: The name of the epoch whose key signed the checkpoint.
    """
    detail = (
        ("first", segment.first),
        ("through", segment.through),
        ("hash", segment.hash),
        ("sha256", sha256),
        ("epoch", epoch),
    )
    return Write(Entry("segment_closed", "ok", detail=detail), segment)
