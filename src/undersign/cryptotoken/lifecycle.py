"""A key's life: created, rotated, disabled, as plans.

The writer commits each plan together with its record, or not at all. Two processes may plan the same
rotation; the database has room for one new version, so one of them loses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from undersign.errors import ConflictError, KeyMaterialError, PolicyError, UnusableKeyError, quoted

from .token import PURPOSES, STATES, CryptoToken, KeyRecord, NewName, State

__all__ = [
    "AddKey",
    "Change",
    "KeyUse",
    "Plan",
    "Published",
    "SetState",
    "Wanted",
    "active",
    "create",
    "disable",
    "one_purpose",
    "rotate",
    "set_state",
]


class KeyUse(NamedTuple):
    """A change: one use of a key. Its version must be active, and below the limit, when the write commits.

    Attributes:
        limit: How often the version may be used in its life; None for no limit.
        times: How many signatures this use is; a write names a key once.
    """

    name: str
    version: int
    limit: int | None = None
    times: int = 1


class Published(NamedTuple):
    """A requirement: a key of ours that something was verified with is still published when the write commits."""

    name: str
    kid: str


@dataclass(frozen=True, slots=True)
class AddKey:
    """Add a version of a key; the version it replaces goes from active to window in the same commit."""

    record: KeyRecord
    sealed: bytes
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class SetState:
    """Change a version's state, if it is still the one that was looked at."""

    name: str
    version: int
    before: State
    after: State


Change: TypeAlias = AddKey | SetState


@dataclass(frozen=True, slots=True)
class Plan:
    """A change, and the event and details under which it is recorded."""

    change: Change
    event: str
    record: KeyRecord
    detail: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that configuration asks for."""

    name: str
    purpose: str
    alg: str


def create(token: CryptoToken, records: Iterable[KeyRecord], wanted: Wanted, *, now: int) -> Plan:
    """Plan version 1 of a key.

    Raises:
        ConflictError: A key of that name exists.
        PolicyError: The purpose is not one of the table.
        KeyMaterialError: The same key serves another purpose already.
    """
    if wanted.purpose not in PURPOSES:
        raise PolicyError(f"There is no purpose {quoted(wanted.purpose)}.", help=f"One of: {', '.join(PURPOSES)}.")
    known = tuple(records)
    if any(record.name == wanted.name for record in known):
        raise ConflictError(f"A key named {quoted(wanted.name)} exists already.")
    made = token.generate(NewName(wanted.name, 1, wanted.purpose, wanted.alg, now))
    one_purpose(known, made.record)
    return _plan(AddKey(made.record, made.sealed), "key_created", made.record)


def rotate(token: CryptoToken, records: Iterable[KeyRecord], *, name: str, now: int) -> Plan:
    """Plan the next version of a key, of the same purpose and algorithm.

    Raises:
        UnusableKeyError: The key has no active version.
        KeyMaterialError: The token gave a key that serves already.
    """
    known = tuple(records)
    current = active(known, name)
    latest = max(record.version for record in known if record.name == name)
    made = token.generate(NewName(name, latest + 1, current.purpose, current.alg, now))
    one_purpose(known, made.record)
    change = AddKey(made.record, made.sealed, replaces=current.version)
    return _plan(change, "key_rotated", made.record)


def disable(records: Iterable[KeyRecord], *, name: str, version: int) -> Plan:
    """Plan that a version is used no more; it outranks the configuration file."""
    return set_state(records, name=name, version=version, after="disabled")


def set_state(records: Iterable[KeyRecord], *, name: str, version: int, after: State) -> Plan:
    """Plan a change of state; what is destroyed stays so.

    Raises:
        UnusableKeyError: There is no such version, or it is destroyed.
    """
    found = next((record for record in records if (record.name, record.version) == (name, version)), None)
    if found is None or found.state == "destroyed" or after not in STATES:
        raise UnusableKeyError(f"Key {quoted(name)} has no version {version} whose state could become {quoted(after)}.")
    change = SetState(name, version, found.state, after)
    return _plan(change, "key_state", found, ("before", found.state), ("after", after))


def active(records: Iterable[KeyRecord], name: str) -> KeyRecord:
    """Find the version that signs.

    Raises:
        UnusableKeyError: None does.
    """
    found = [record for record in records if record.name == name and record.state == "active"]
    if not found:
        raise UnusableKeyError(f"Key {quoted(name)} has no active version.", help="Rotate it, or enable a version.")
    return max(found, key=lambda record: record.version)


def one_purpose(records: Sequence[KeyRecord], candidate: KeyRecord) -> None:
    """Refuse a key that is known already, under whatever name, version or purpose (safety rule 14).

    Raises:
        KeyMaterialError: The thumbprint is known.
    """
    for record in records:
        if record.thumbprint == candidate.thumbprint:
            raise KeyMaterialError(
                f"The key for {quoted(candidate.name)} is the key {quoted(record.name)} (purpose {record.purpose}).",
                help="One key, one purpose: make a key of its own for each.",
            )


def _plan(change: Change, event: str, record: KeyRecord, *detail: tuple[str, str]) -> Plan:
    named = (("purpose", record.purpose), ("alg", record.alg), ("thumbprint", record.thumbprint))
    return Plan(change, event, record, (*named, *detail))
