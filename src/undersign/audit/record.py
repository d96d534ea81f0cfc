"""What is recorded: one entry for each event, and the exact line of JSON it becomes.

1. An entry never holds a payload, a token, a signature or a key; hashes, names and identifiers stand for them.
2. A value of a person (a mapped name or address) is in the line as a salted commitment only; the value itself is kept
   beside the chain, where it can be erased without breaking a hash.
3. A line is one JSON object in UTF-8 without line breaks. Its bytes are what is stored, hashed and exported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from itertools import count
from secrets import token_hex
from time import time_ns
from typing import Any, Final, NamedTuple

from undersign.encoding import dump_json, encode_flat, to_utf8
from undersign.errors import PolicyError, quoted

__all__ = [
    "EVENTS",
    "OUTCOMES",
    "Caller",
    "Entry",
    "Item",
    "KeyRef",
    "Mapped",
    "Personal",
    "Position",
    "RequestIds",
    "Write",
    "commit",
    "commitment",
]

EVENTS: Final[Mapping[str, str]] = {
    "chain_opened": "the first line: names the root key of the chain",
    "rows_sealed": "the rows of an earlier release were taken over: from here on each carries a MAC",
    "restored": "the database is older than its mark beside it: what works once is refused if issued before",
    "clock_taken_back": "an operator took back the highest time seen, after a clock had jumped ahead",
    "segment_closed": "older lines were exported and verified, and are no longer in the database",
    "epoch_opened": "a short-lived key that signs heads, certified by the root",
    "start": "a process began to serve",
    "stop": "a process stopped in good order",
    "config_loaded": "a configuration file, by its hash",
    "key_created": "a key, version 1",
    "key_rotated": "a new version of a key",
    "key_state": "a key became active, window, disabled or destroyed",
    "subject_state": "a client, issuer, worker or user was disabled or enabled",
    "token_issued": "the authorization server issued a token",
    "token_denied": "an authenticated client was refused a token",
    "sign": "a worker signed",
    "sign_denied": "a caller with a good token was refused",
    "refusals": "callers that nobody knows were refused: a count for one reason, address block and window of time",
}

OUTCOMES: Final = frozenset({"intent", "done", "refused", "ok"})

TEXT_CAP: Final = 4096
"""The longest text of a line, in characters; what names a caller is refused above it when its token is verified."""
_PLAIN_CAP: Final = 128  # what is longer is looked at
DETAIL_CAP: Final = 16 * 1024  # a certificate of an epoch is the longest


class Caller(NamedTuple):
    """Who asked: always the issuer together with the subject, for a sub alone names nobody."""

    iss: str
    sub: str = ""
    client_id: str = ""
    jti: str = ""


class KeyRef(NamedTuple):
    """The key that was used."""

    name: str
    kid: str
    version: int


class Item(NamedTuple):
    """One thing that was signed, by hash, and the hash of the signature once there is one."""

    hash_alg: str
    hash: str
    sig_hash: str = ""
    ref: str = ""


class Mapped(NamedTuple):
    """A claim that went into the output: where, and a commitment to what."""

    target: str
    commitment: str


class Personal(NamedTuple):
    """What opens a commitment; kept beside the chain and erased without touching it."""

    commitment: str
    salt: str
    value: str


class RequestIds:
    """Names for requests: 32 hex digits, of which no two processes and no two requests share one.

    The first 12 are the time in milliseconds, so that the log's index grows at its end; then follow this process's own
    random number and a count. They are names, no secrets.
    """

    def __init__(self) -> None:
        self._own = token_hex(6)
        self._count = count()

    def new(self) -> str:
        """Name a request."""
        return f"{time_ns() // 1_000_000:012x}{self._own}{next(self._count):08x}"


def commit(target: str, value: str) -> tuple[Mapped, Personal]:
    """Commit to a value that went to a target, with a fresh salt of 128 bits."""
    salt = token_hex(16)
    made = commitment(target, salt, value)
    return Mapped(target, made), Personal(made, salt, value)


def commitment(target: str, salt: str, value: str) -> str:
    """Compute the commitment that opens to this value: SHA-256, in hex, of a JSON list."""
    return sha256(dump_json(["undersign-commitment-v1", target, salt, value])).hexdigest()


class Position(NamedTuple):
    """Where in which chain an entry stands; known only inside the transaction that appends it."""

    chain: str
    seq: int
    time: int
    node: str
    prev: str


class Entry(NamedTuple):
    """One event."""

    event: str
    outcome: str
    reason: str = ""
    request_id: str = ""
    worker: str = ""
    caller: Caller | None = None
    key: KeyRef | None = None
    items: tuple[Item, ...] = ()
    mapped: tuple[Mapped, ...] = ()
    detail: tuple[tuple[str, str | int], ...] = ()

    def fragment(self) -> bytes:
        """Write the members that do not depend on the position, without the braces around them.

        A text longer than its cap is cut and named by its hash, so that no caller can have a line refused by what he
        is called.

        Raises:
            PolicyError: The event or outcome is not one of the tables, or a text is not writable.
        """
        if self.event not in EVENTS or self.outcome not in OUTCOMES:
            raise PolicyError(f"There is no event {quoted(self.event)} with outcome {quoted(self.outcome)}.")
        parts = [f'"event":"{self.event}","outcome":"{self.outcome}"']
        for name, value in zip(_MEMBERS, self[2:], strict=True):
            if value:
                parts.append(f'"{name}":{_WRITERS[name](value)}')
        return to_utf8(",".join(parts))

    def to_json(self, position: Position) -> bytes:
        """Write the line that this entry is at that position."""
        return at(self.fragment(), position)


class Write:
    """An entry of the log, and the changes that are committed in the same transaction as its line.

    Attributes:
        entry: The event.
        changes: What is used up, used, kept, changed and required with it; each of a class that one of the ledger's
            rows takes (``storage.rows``), and none of them twice.
        fragment: The entry's octets, short of its place in the chain.

    Raises:
        PolicyError: The entry cannot be written down.
    """

    __slots__ = ("changes", "entry", "fragment")

    def __init__(self, entry: Entry, *changes: object) -> None:
        self.entry = entry
        self.changes = changes
        self.fragment = entry.fragment()


def at(fragment: bytes, position: Position) -> bytes:
    """Put the position in front of an entry's fragment: the line that is stored and hashed."""
    # On the path of every request: chain and node are quoted once, the rest are numbers and hex digits.
    head = (
        f'{{"v":1,"chain":{_quoted(position.chain)},"seq":{position.seq:d},"time":{position.time:d},'
        f'"node":{_quoted(position.node)},"prev":"{position.prev}"'
    )
    return head.encode() + b"," + fragment + b"}"


# What stands in many lines is written once: names of callers, keys and workers, the details of a kind of request.


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return encode_flat(cut(text))


def _text(text: str) -> str:
    return f'"{text}"' if _is_plain(text) else _quoted(text)


@lru_cache(maxsize=1024, typed=True)
def _object(members: Caller | KeyRef) -> str:
    return encode_flat(_texts(members._asdict(), TEXT_CAP))


@lru_cache(maxsize=256)
def _details(detail: tuple[tuple[str, str | int], ...]) -> str:
    return encode_flat(_texts(dict(detail), DETAIL_CAP))


def _objects(objects: tuple[Item, ...] | tuple[Mapped, ...]) -> str:
    """Write what differs in each line, and is nearly always plain words and hex digits."""
    written = [
        "{" + ",".join([f'"{name}":{_text(text)}' for name, text in each._asdict().items() if text]) + "}"
        for each in objects
    ]
    return f"[{','.join(written)}]"


def _is_plain(text: str) -> bool:
    return len(text) <= _PLAIN_CAP and (not text or text.isalnum()) and text.isascii()


def _texts(members: Mapping[str, str | int], cap: int) -> dict[str, str | int]:
    """Leave out what is empty, and cut what is too long; a number is never left out."""
    found = {name: value for name, value in members.items() if value or value == 0}
    return {name: cut(value, cap) if isinstance(value, str) else value for name, value in found.items()}


def cut(text: str, cap: int = TEXT_CAP) -> str:
    """Shorten a text that is too long to its beginning and the hash of the whole, so that equal ones can be told."""
    if len(text) <= cap:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: cap - 80]}... sha256:{digest}"


_WRITERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "reason": _text,
    "request_id": _text,
    "worker": _text,
    "caller": _object,
    "key": _object,
    "items": _objects,
    "map": _objects,
    "detail": _details,
}
_MEMBERS: Final = tuple(_WRITERS)  # in the order of Entry's fields, the first two apart
