"""Whether somebody or something may still act: asked at each use, and outranking the configuration file (rule 18)."""

from __future__ import annotations

from typing import Final, NamedTuple

from undersign.audit.record import Entry, Write

__all__ = ["KINDS", "Enabled", "SetEnabled", "set_enabled"]

KINDS: Final = ("client", "issuer", "worker", "user")


class Enabled(NamedTuple):
    """A requirement: this client, issuer, worker or user is not disabled when the write commits."""

    kind: str
    name: str


class SetEnabled(NamedTuple):
    """A change: disable a client, issuer, worker or user, or enable it again."""

    kind: str
    name: str
    enabled: bool


def set_enabled(kind: str, name: str, *, enabled: bool) -> Write:
    """The write that disables a client, issuer, worker or user, or enables it again."""
    detail = (("kind", kind), ("name", name), ("disabled", int(not enabled)))
    return Write(Entry("subject_state", "ok", detail=detail), SetEnabled(kind, name, enabled))
